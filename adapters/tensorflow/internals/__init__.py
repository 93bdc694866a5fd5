"""What reaches into private names of TensorFlow: `forward_mode` and `any_size`, and `as_eager` for `nnparity passes`.

The former are for speed, and for derivatives that do not depend on what came before.
Without the names `forward_mode` leaves TensorFlow as it comes, and `as_eager` cannot be imported, which is told.
"""

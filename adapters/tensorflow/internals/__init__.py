"""What reaches into private names of TensorFlow: `forward_mode` with `any_size` for speed and for
derivatives that do not depend on what came before, `as_eager` for `nnparity passes`.

Without the names `forward_mode` leaves TensorFlow as it comes, and `as_eager` cannot be imported, which is told.
"""

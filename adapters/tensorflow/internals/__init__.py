"""What reaches into private names of TensorFlow: `forward_mode` for speed alone, `as_eager` for `nnparity passes`.

Without the names `forward_mode` leaves TensorFlow as it comes, and `as_eager` cannot be imported, which is told.
"""

"""What reaches into private names of TensorFlow: `forward_mode` for speed alone, `as_eager` for `nnparity passes`."""

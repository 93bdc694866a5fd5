"""TensorFlow's own kernels, eager and as graphs: `backend` differentiates, the other modules have the formulas.

`known.toml` records what released versions do differently. Nothing here knows an expected value.
"""

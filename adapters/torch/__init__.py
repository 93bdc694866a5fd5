"""PyTorch's own kernels, eager and compiled: `backend` differentiates, the other modules have the formulas.

`known.toml` records what released versions do differently. Nothing here knows an expected value.
"""

"""PyTorch's own kernels, eager, on a GPU with TF32 too: `backend` differentiates, other modules have the formulas.

`known.toml` records what released versions do differently. Nothing here knows an expected value.
"""

"""PaddlePaddle's own kernels on the CPU: `backend` says what they refuse, the other modules have the formulas.

`known.toml` records what released versions do differently. Nothing here knows an expected value.
"""

"""tinygrad's own operations on the CPU: `backend` differentiates, the other modules have the formulas.

`known.toml` records what released versions do differently. Nothing here knows an expected value.
"""

"""nnparity: is a disagreement between two neural-network implementations rounding, a convention, or a bug?

Each formula is written once in plain NumPy, the frameworks' own kernels run on the same inputs,
and outputs, gradients and second-order products are judged against derived tolerances.
"""

__version__ = "0.1.0"

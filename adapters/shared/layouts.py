"""Axes of images and kernels, and the parameters of the listings as Keras lays them out.

The spec has images (n, c, h, w), kernels (o, c, p, q) and matrices (out, in); channels-last frameworks have
(n, h, w, c), (p, q, c, o) and (in, out). `transpose` is the framework's own; nothing is computed here.
"""

from collections.abc import Callable
from typing import Any

from nnparity.adapters.kernel import Tensor

NHWC, NCHW = (0, 2, 3, 1), (0, 3, 1, 2)
HWIO, OIHW = (2, 3, 1, 0), (3, 2, 0, 1)
Transpose = Callable[..., Any]


def dense_weights(transpose: Transpose, weights: list[Tensor]) -> list[Tensor]:
    """Matrices and biases in turn, matrices as (in, out)."""
    return [transpose(w) if len(w.shape) == 2 else w for w in weights]


def cnn_weights(transpose: Transpose, weights: list[Tensor]) -> list[Tensor]:
    """Kernels as (p, q, c, o), matrices as (in, out), each with its bias behind it."""
    return [transpose(w, HWIO) if len(w.shape) == 4 else w for w in dense_weights(transpose, weights)]

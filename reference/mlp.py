"""Section 3.1 of the primer: the multilayer perceptron's layer and its error function."""

from typing import Any

import numpy as np

from nnparity.reference.registry import formula


@formula("dense")
def dense(x: Any, w: Any, b: Any, *, bias: float = 1.0) -> Any:
    """y_j = sum_i w_ji x_i + b_j, for each row of x."""
    product = np.einsum("ni,ji->nj", x, w)
    return product + (b if bias == 1 else bias * b) if bias else product


@dense.vjp
def _(g: Any, x: Any, w: Any, b: Any, *, bias: float = 1.0) -> Any:
    """dx = g w, dw = g^T x, db = the sum of g over the rows."""
    db = np.sum(g, axis=0)
    return np.einsum("nj,ji->ni", g, w), np.einsum("nj,ni->ji", g, x), db if bias == 1 else bias * db


@formula("mse")
def mse(y: Any, t: Any, *, factor: float = 2.0, mean: bool = False) -> Any:
    """E = 1/(2n) sum_k (y_k - t_k)^2, summed over the n samples as well."""
    return np.sum(np.square(y - t)) / _divisor(y, factor, mean)


@mse.vjp
def _(g: Any, y: Any, t: Any, *, factor: float = 2.0, mean: bool = False) -> Any:
    """dE/dy = (y - t) / n = -dE/dt."""
    dy = g * (y - t) * 2 / _divisor(y, factor, mean)
    return dy, -dy


def _divisor(y: Any, factor: float, mean: bool) -> float:
    return factor * (y.shape[0] * y.shape[1] if mean else y.shape[0])

"""Section 3.1 of the primer: the multilayer perceptron's layer and its error function."""

from typing import Any

import numpy as np

from nnparity.reference.arrays import Array, Float
from nnparity.reference.formulas.activation import sigma
from nnparity.reference.readings import constant, count
from nnparity.reference.registry import formula


@formula("dense", matrices=["w"])
def dense(
    x: Float[Array, "n i"], w: Float[Array, "j i"], b: Float[Array, "j"], *, bias: float = 1.0
) -> Float[Array, "n j"]:
    """y_j = sum_i w_ji x_i + b_j, for each row of x. Primer 3.1.3."""
    product = np.einsum("ni,ji->nj", x, w)
    return product + (b if bias == 1 else bias * b) if bias else product


@dense.vjp
def _(
    g: Float[Array, "n j"], x: Float[Array, "n i"], w: Float[Array, "j i"], b: Float[Array, "j"], *, bias: float = 1.0
) -> tuple[Float[Array, "n i"], Float[Array, "j i"], Float[Array, "j"]]:
    """dx = g w, dw = g^T x, db = the sum of g over the rows."""
    db = np.sum(g, axis=0)
    return np.einsum("nj,ji->ni", g, w), np.einsum("nj,ni->ji", g, x), db if bias == 1 else bias * db


@formula("mse")
def mse(
    y: Float[Array, "n k"],
    t: Float[Array, "n k"],
    *,
    factor: float = 2.0,
    mean: bool = False,
    doubled: bool = False,
    by_rows: bool = False,
) -> Float[Array, ""]:
    """E = 1/(2n) sum_k (y_k - t_k)^2, summed over the n samples as well. Primer 3.1.3.

    `by_rows`: of the mean of each sample, as a loss is that leaves the mean over samples to others.
    """
    if by_rows:
        return np.sum(np.mean(np.square(y - t), axis=1)) * (y.shape[1] / _divisor(y, factor, mean))
    return np.sum(np.square(y - t)) / _divisor(y, factor, mean)


@mse.vjp
def _(
    g: Float[Array, ""],
    y: Float[Array, "n k"],
    t: Float[Array, "n k"],
    *,
    factor: float = 2.0,
    mean: bool = False,
    doubled: bool = False,
    by_rows: bool = False,
) -> tuple[Float[Array, "n k"], Float[Array, "n k"]]:
    """dE/dy = (y - t) / n = -dE/dt; the difference may be doubled first, and overflow before it is divided."""
    if by_rows:
        dy = 2 * (y - t) * (g * (y.shape[1] / _divisor(y, factor, mean)) / float(y.shape[1]))
        return dy, -dy
    if doubled:
        dy = 2 * (y - t) * (g / _divisor(y, factor, mean))
        return dy, -dy
    dy = g * (y - t) * 2 / _divisor(y, factor, mean)
    return dy, -dy


def _divisor(y: Float[Array, "n k"], factor: float, mean: bool) -> Any:
    """What the sum of squares is divided by: `factor` times the number of samples, or of their entries."""
    return count(factor * float(y.shape[0] * y.shape[1] if mean else y.shape[0]), y)


@formula("mlp_backprop")
def mlp_backprop(
    x: Float[Array, "n i"],
    w1: Float[Array, "m i"],
    b1: Float[Array, "m"],
    w2: Float[Array, "k m"],
    b2: Float[Array, "k"],
    t: Float[Array, "n k"],
    *,
    slope: bool = True,
    hidden_slope: bool = True,
    factor: float = 2.0,
) -> tuple[
    Float[Array, "n m"],
    Float[Array, "n k"],
    Float[Array, ""],
    Float[Array, "n k"],
    Float[Array, "n m"],
    Float[Array, "k m"],
    Float[Array, "k"],
    Float[Array, "m i"],
    Float[Array, "m"],
]:
    """Back-propagation of 3.1.2, step by step, by the primer's names.

    Returns:
        h, y, E, the deltas of the output and of the hidden layer, the gradients of W2, b2, W1 and b1.
    """
    h = sigma(dense(x, w1, b1))
    y = sigma(dense(h, w2, b2))
    error = mse(y, t, factor=factor)
    each = constant(2.0, y) / _divisor(y, factor, False)  # one number for all, and so is its rounding
    miss = (y - t) * each
    delta_out = miss * (y * (1 - y)) if slope else miss
    through = np.einsum("nk,km->nm", delta_out, w2)
    delta_hidden = through * (h * (1 - h)) if hidden_slope else through
    dw2, dw1 = np.einsum("nk,nm->km", delta_out, h), np.einsum("nm,ni->mi", delta_hidden, x)
    return h, y, error, delta_out, delta_hidden, dw2, np.sum(delta_out, axis=0), dw1, np.sum(delta_hidden, axis=0)

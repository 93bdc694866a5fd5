"""Layer normalisation, of listing 4.4 of the primer, with second derivatives as they are wrong in places."""

import numpy as np

from nnparity.reference.arrays import Array, Float
from nnparity.reference.readings.numbers import detached
from nnparity.reference.registry import formula


@formula("layer_norm")
def layer_norm(
    x: Float[Array, "n d"],
    gamma: Float[Array, "d"],
    beta: Float[Array, "d"],
    *,
    eps: float = 1e-12,
    unbiased: bool = False,
    scaled: bool = True,
    centred: bool = True,
    by_sums: bool = False,
    fixed_mean: bool = False,
    one_pass: bool = False,
    closed: bool = False,
    expanded: bool = False,
    saved_statistics: bool = False,
) -> Float[Array, "n d"]:
    """(x - mean) / sqrt(var + eps) * gamma + beta, over the last axis. Primer 4.4."""
    if saved_statistics:
        return _with_saved_statistics(x, gamma, beta, eps)
    normal, _ = _normalised(x, eps, unbiased, centred, one_pass, expanded)
    return normal * gamma + beta if scaled else normal + beta


def _row_mean(x: Float[Array, "n d"]) -> Float[Array, "n 1"]:
    return np.sum(x, axis=-1, keepdims=True) / x.shape[-1]


def _normalised(
    x: Float[Array, "n d"], eps: float, unbiased: bool, by_mean: bool, one_pass: bool, expanded: bool
) -> tuple[Float[Array, "n d"], Float[Array, "n 1"]]:
    """The normalised rows and their standard deviations. `expanded`: x / sigma - mean / sigma."""
    mean = _row_mean(x)
    centred = x - mean if by_mean else x
    squares = np.sum(np.square(x if one_pass else centred), axis=-1, keepdims=True) / (x.shape[-1] - unbiased)
    variance = squares - np.square(mean) if one_pass else squares
    deviation = np.sqrt(variance + eps)
    return x / deviation - mean / deviation if expanded else centred / deviation, deviation


@layer_norm.vjp
def _(
    g: Float[Array, "n d"],
    x: Float[Array, "n d"],
    gamma: Float[Array, "d"],
    beta: Float[Array, "d"],
    *,
    eps: float = 1e-12,
    unbiased: bool = False,
    scaled: bool = True,
    centred: bool = True,
    by_sums: bool = False,
    fixed_mean: bool = False,
    one_pass: bool = False,
    closed: bool = False,
    expanded: bool = False,
    saved_statistics: bool = False,
) -> tuple[Float[Array, "n d"], Float[Array, "d"], Float[Array, "d"]]:
    """dx = (gg - mean(gg) - n mean(gg n)) / sigma, with gg = g gamma and n the normalised rows.

    `by_sums`, where x is finite and g is not: mean(gg n) from the sums of gg and gg x, of which infinities make NaN.
    `fixed_mean`: that of the variance is a constant, so that the n outside of a mean has too large a derivative.
    `closed`: the second derivative by x is that of `_second`.
    `one_pass`: the variance is mean(x^2) - mean(x)^2, and either part brings a gradient of its own.
    `expanded`: mean(gg n) from the sums as well, and n mean(gg n) as x by that, less the mean by that.
    `saved_statistics`: the second derivative by x is that of `_with_saved_statistics`.
    """
    d = x.shape[-1]
    normal, deviation = _normalised(x, eps, unbiased, centred, one_pass, expanded)
    dgamma = np.sum(g * normal, axis=0) if scaled else 0 * gamma
    if closed or saved_statistics:
        normal, deviation = detached(normal), detached(deviation)
    gg = g * gamma if scaled else g
    mean = _row_mean(gg)
    along = np.sum(gg * normal, axis=-1, keepdims=True) / (d - unbiased)
    if by_sums or expanded:
        whole = np.sum(x, axis=-1, keepdims=True) * mean
        along = (np.sum(gg * x, axis=-1, keepdims=True) - whole) / deviation / (d - unbiased)
    if one_pass or expanded:
        through = along / deviation / deviation
        return (gg - mean) / deviation - (x * through - _row_mean(x) * through), dgamma, np.sum(g, axis=0)
    outside = (x - detached(_row_mean(x))) / deviation if fixed_mean else normal
    if saved_statistics:
        return _second_with_saved_statistics(gg, x, normal, deviation), dgamma, np.sum(g, axis=0)
    dx = ((gg - mean if centred else gg) - outside * along) / deviation
    if closed:
        dx = dx + _second(gg, detached(x), x - detached(x), eps)
    return dx, dgamma, np.sum(g, axis=0)


def _with_saved_statistics(
    x: Float[Array, "n d"], gamma: Float[Array, "d"], beta: Float[Array, "d"], eps: float
) -> Float[Array, "n d"]:
    """Right, and so is its forward derivative; that holds the mean and 1 / sigma for constants of differentiation.

    So the second derivative is that of J(x) v = (v - mean(v)) / sigma + (x - mean) s(x, v) by the x that is seen there,
    with s = -mean((x - mean) (v - mean(v))) / sigma^3. PyTorch 2.13, `layer_norm_jvp` in FunctionsManual.cpp.
    Half way along v the second derivative of x + J(x) v by the length of v is that of J(x) v by x, once.
    """
    normal, deviation = _normalised(detached(x), eps, False, True, False, False)
    along, centred = x - detached(x), normal * deviation
    moved = (along - _row_mean(along)) / deviation
    moved = moved + (centred + along / 2) * _inverse_moved(centred + along / 2, along, deviation)
    turned = gamma - detached(gamma)
    return (normal + moved) * detached(gamma) + (normal + (along / deviation + moved) / 2) * turned + beta


def _second_with_saved_statistics(
    gg: Float[Array, "n d"], x: Float[Array, "n d"], normal: Float[Array, "n d"], deviation: Float[Array, "n 1"]
) -> Float[Array, "n d"]:
    """dx, whose derivative is the gradient of the sum of gg J(x) v by x: see `_with_saved_statistics`."""
    fixed, along, centred = detached(gg), x - detached(x), normal * deviation
    there = (fixed - _row_mean(fixed) - normal * _row_mean(fixed * normal)) / deviation
    turn = (along - _row_mean(along)) * _row_mean(fixed * centred) / deviation / deviation / deviation
    return there + fixed * _inverse_moved(centred, along, deviation) - turn + (gg - fixed) / deviation


def _inverse_moved(
    centred: Float[Array, "n d"], along: Float[Array, "n d"], deviation: Float[Array, "n 1"]
) -> Float[Array, "n 1"]:
    """What 1 / sigma changes by when x goes along."""
    return -_row_mean(centred * (along - _row_mean(along))) / deviation / deviation / deviation


def _second(
    gg: Float[Array, "n d"], x: Float[Array, "n d"], along: Float[Array, "n d"], eps: float
) -> Float[Array, "n d"]:
    """What dx changes by when x goes `along`, in one formula with powers of 1 / sigma, whose terms may cancel.

    PyTorch 2.13, `layer_norm_double_backward` in FunctionsManual.cpp.
    """
    d = x.shape[-1]

    def total(part: Float[Array, "n d"]) -> Float[Array, "n 1"]:
        return np.sum(part, axis=-1, keepdims=True)

    centred = x - _row_mean(x)
    inverse = 1 / np.sqrt(_row_mean(np.square(centred)) + eps)
    square, cube = inverse * inverse, inverse * inverse * inverse
    whole, way, moment, turn = total(gg), total(along), total(gg * centred), total(along * centred)
    within = whole * way / d - total(gg * along) + 3 / d * (square * moment * turn)
    return centred * cube * within / d + turn * cube / d * (whole / d - gg) + moment * cube / d * (way / d - along)

"""Section 2.2 of the primer: activation functions."""

import numpy as np

from nnparity.reference.arrays import Array, Float
from nnparity.reference.readings.numbers import logistic, tanh_derivative
from nnparity.reference.registry import formula

#: Straight lines that stand for the curve: their slope, and where they end.
HARD = {"hard": (1 / 6, 3.0), "steeper hard": (0.2, 2.5)}
#: What x is multiplied by, by mistake.
STEEPNESS = {"minus": -1.0, "twice": 2.0}


def sigma(x: Float[Array, "..."]) -> Float[Array, "..."]:
    """The logistic function 1 / (1 + e^-x); the gates of 3.3.3 use it too."""
    return logistic(x)


@formula("sigmoid")
def sigmoid(x: Float[Array, "*n d"], *, kind: str = "logistic") -> Float[Array, "*n d"]:
    """y = 1 / (1 + e^-x). Primer 2.2."""
    if kind in HARD:
        slope, end = HARD[kind]
        return np.where(np.absolute(x) < end, x * slope + 0.5, np.where(x > 0, 1.0, 0.0))
    return sigma(STEEPNESS[kind] * x if kind in STEEPNESS else x)


@sigmoid.vjp
def _(g: Float[Array, "*n d"], x: Float[Array, "*n d"], *, kind: str = "logistic") -> Float[Array, "*n d"]:
    """dy/dx = y (1 - y)."""
    if kind in HARD:
        slope, end = HARD[kind]
        return np.where(np.absolute(x) < end, g * slope, 0.0)
    y = sigmoid(x, kind=kind)
    return (STEEPNESS[kind] * g if kind in STEEPNESS else g) * (y * (1 - y))


@formula("tanh")
def tanh(x: Float[Array, "*n d"], *, kind: str = "tanh") -> Float[Array, "*n d"]:
    """y = (e^x - e^-x) / (e^x + e^-x). Primer 2.2."""
    if kind == "hard":
        return np.where(np.absolute(x) < 1, x, np.where(x > 0, 1.0, -1.0))
    if kind == "lecun":
        return 1.7159 * np.tanh(x * 2 / 3)
    return np.tanh(x / 2 if kind == "half" else x)


@tanh.vjp
def _(g: Float[Array, "*n d"], x: Float[Array, "*n d"], *, kind: str = "tanh") -> Float[Array, "*n d"]:
    """dy/dx = 1 - y^2, rewritten as (1 + y)(1 - y) for the kind "product"."""
    if kind == "hard":
        return np.where(np.absolute(x) < 1, g, 0.0)
    if kind == "product":
        y = np.tanh(x)
        return (g + g * y) * (1 - y)
    if kind == "lecun":
        return g * (1.7159 * 2 / 3) * tanh_derivative(np.tanh(x * 2 / 3))
    if kind == "half":
        return g / 2 * tanh_derivative(np.tanh(x / 2))
    return g * tanh_derivative(np.tanh(x))


@formula("relu")
def relu(
    x: Float[Array, "*n d"],
    *,
    slope: float = 0.0,
    ceiling: float = np.inf,
    keep: bool = False,
    at_zero: float = 0.0,
    at_nan: float = 0.0,
) -> Float[Array, "*n d"]:
    """y = max(0, x). Primer 2.2.

    Args:
        x: the input.
        slope: y / x where x is negative.
        ceiling: the largest y.
        keep: x unless x < 0, instead of 0 unless x > 0; they differ at -0 and NaN.
        at_zero: the derivative at 0, which the VJP takes: any number from 0 to 1 is a subgradient.
        at_nan: the derivative at NaN.
    """
    if keep:
        return np.where(x < 0, 0.0, x)
    y = np.where(x > 0, x, slope * x if slope else 0.0)
    return np.where(x > ceiling, ceiling, y) if ceiling < np.inf else y


@relu.vjp
def _(
    g: Float[Array, "*n d"],
    x: Float[Array, "*n d"],
    *,
    slope: float = 0.0,
    ceiling: float = np.inf,
    keep: bool = False,
    at_zero: float = 0.0,
    at_nan: float = 0.0,
) -> Float[Array, "*n d"]:
    """dy/dx = 1 where x > 0, else 0; at 0 itself any number from 0 to 1 is a subgradient, and 0 is taken."""
    if at_zero or at_nan:
        return np.where(x > 0, g, np.where(x < 0, 0.0, np.where(np.equal(x, 0), at_zero * g, at_nan * g)))
    dx = np.where(x > 0, g, slope * g if slope else 0.0)
    return np.where(x > ceiling, 0.0, dx) if ceiling < np.inf else dx

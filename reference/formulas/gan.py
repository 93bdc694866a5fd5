"""Section 6.11 of the primer: the adversarial losses, of the probabilities that the discriminator gives.

`real` is D(x) on data, `fake` is D(G(z)) on generated samples (Goodfellow et al., arXiv:1406.2661, equation 1).
"""

from typing import Any

import numpy as np

from nnparity.reference.arrays import Array, Float
from nnparity.reference.readings import constant, count, detached
from nnparity.reference.registry import formula

#: What ATen adds to a probability, and to what it lacks of 1, in the derivative of its gradient.
EPSILON = 1e-12


@formula("gan_discriminator_loss")
def gan_discriminator_loss(
    real: Float[Array, "n"],
    fake: Float[Array, "n"],
    *,
    swapped: bool = False,
    half: bool = False,
    mean: bool = True,
    sign: float = 1.0,
    code: str = "",
) -> Float[Array, ""]:
    """L = -1/n sum [log D(x) + log(1 - D(G(z)))]. Primer 6.11."""
    real, fake = (fake, real) if swapped else (real, fake)
    total = np.sum(_cross_entropy(real, 1.0, code)) + np.sum(_cross_entropy(fake, 0.0, code))
    return total / _divisor(real, half, mean, sign)


def _divisor(x: Float[Array, "n"], half: bool, mean: bool, sign: float = 1.0) -> Any:
    return count(sign * (x.shape[0] if mean else 1) * (2 if half else 1), x)


@gan_discriminator_loss.vjp
def _(
    g: Float[Array, ""],
    real: Float[Array, "n"],
    fake: Float[Array, "n"],
    *,
    swapped: bool = False,
    half: bool = False,
    mean: bool = True,
    sign: float = 1.0,
    code: str = "",
) -> tuple[Float[Array, "n"], Float[Array, "n"]]:
    """dL/dD(x) = -1 / (n D(x)), dL/dD(G(z)) = 1 / (n (1 - D(G(z))))."""
    n = _divisor(real, half, mean, sign)
    towards_one, towards_zero = (fake, real) if swapped else (real, fake)
    gradients = _gradient(g, towards_one, 1.0, n, code), _gradient(g, towards_zero, 0.0, n, code)
    return gradients[::-1] if swapped else gradients


def _cross_entropy(p: Float[Array, "n"], target: float, code: str) -> Float[Array, "n"]:
    """-t log p - (1 - t) log(1 - p), for a target of 0 or 1; as a "quotient" with another derivative by p.

    That is (p - t) / ((p + ε)(1 - p + ε)), as in PyTorch 2.13 where the gradient is differentiated by its cotangent:
    `binary_cross_entropy_double_backward_grad_output` in FunctionsManual.cpp. The second one is that of `_turned`.
    """
    if code != "quotient":
        return -np.log(_argument(p, target, code))
    fixed = detached(p)
    epsilon = constant(EPSILON, fixed)
    slope = (fixed - target) / ((fixed + epsilon) * (1 - fixed + epsilon))
    return _cross_entropy(fixed, target, "") + (p - fixed) * (slope + _turned(p, target) / 2)


def _argument(p: Float[Array, "n"], target: float, code: str) -> Float[Array, "n"]:
    """What the logarithm is taken of: p or 1 - p; "guarded" by EPSILON, so that it is never 0."""
    share = p if target else 1 - p
    return share + constant(EPSILON, p) if code == "guarded" else share


def _gradient(g: Float[Array, ""], p: Float[Array, "n"], target: float, n: Any, code: str) -> Float[Array, "n"]:
    """g / n times the derivative of the cross-entropy -t log p - (1 - t) log(1 - p), for a target of 0 or 1.

    g is divided by n before all else, as the derivative of a mean is: that rounding is in all elements alike. The
    "product" g (p - t) over p (1 - p) may be subnormal: ATen, `binary_cross_entropy_backward`.
    """
    each = g / n
    if code == "product":
        return each * (p - target) / (p * (1 - p))
    fixed = detached(p) if code in TURNING else p
    share = _argument(fixed, target, code)
    gradient = -each / share if target else each / share
    return gradient + TURNING[code](each, p, target) if code in TURNING else gradient


def _by_reciprocals(each: Float[Array, ""], p: Float[Array, "n"], target: float) -> Float[Array, "n"]:
    """0, whose derivative along v is v g / n times 1 / p² (1 / (1 - p)² for t = 0): v g / n may be subnormal.

    TensorFlow 2.21 differentiates log by g times a reciprocal, and that one by -v g times its square (ReciprocalGrad).
    """
    fixed = detached(p)
    reciprocal = 1 / _argument(fixed, target, "")
    return each * (p - fixed) * reciprocal * reciprocal


def _by_quotient(each: Float[Array, ""], p: Float[Array, "n"], target: float) -> Float[Array, "n"]:
    """0, whose derivative is g / n times that of `_turned`."""
    return each * _turned(p, target)


#: What codes differentiate the gradient's own derivative by p with: 0 itself, so that the gradient stays what it is.
TURNING = {"quotient": _by_quotient, "reciprocal": _by_reciprocals}


def _turned(p: Float[Array, "n"], target: float) -> Float[Array, "n"]:
    """0, whose derivative is that of the cross-entropy -t log p - (1 - t) log(1 - p), twice, in one quotient.

    (p² - 2pt + t) / ((p + ε)² (1 - p + ε)²): 1 / p² for t = 1 and 1 / (1 - p)² for t = 0, but for ε and for the digits
    that the numerator loses. PyTorch 2.13, `binary_cross_entropy_double_backward` in FunctionsManual.cpp.
    """
    fixed = detached(p)
    epsilon = constant(EPSILON, fixed)
    over = fixed * fixed - 2 * fixed * target + target
    return (p - fixed) * (over / (np.square(fixed + epsilon) * np.square(1 - fixed + epsilon)))


def minimax(fake: Float[Array, "n"], mean: bool = True, code: str = "") -> Float[Array, ""]:
    """1/n sum log(1 - D(G(z))): what the generator lowers in the game of the paper."""
    return -negative_minimax(fake, mean, code)


def nonsaturating(fake: Float[Array, "n"], mean: bool = True, code: str = "") -> Float[Array, ""]:
    """-1/n sum log D(G(z)): the same fixed point, with a gradient where the generator is bad."""
    return np.sum(_cross_entropy(fake, 1.0, code)) / _divisor(fake, False, mean)


def negative_minimax(fake: Float[Array, "n"], mean: bool = True, code: str = "") -> Float[Array, ""]:
    """-1/n sum log(1 - D(G(z))): minimax with the sign of a loss that is to be lowered, and so the wrong one."""
    return np.sum(_cross_entropy(fake, 0.0, code)) / _divisor(fake, False, mean)


GENERATOR = {"minimax": minimax, "nonsaturating": nonsaturating, "negative minimax": negative_minimax}


def _back(g: Float[Array, ""], fake: Float[Array, "n"], kind: str, mean: bool, code: str) -> Float[Array, "n"]:
    signed, target = -g if kind == "minimax" else g, 1.0 if kind == "nonsaturating" else 0.0
    return _gradient(signed, fake, target, _divisor(fake, False, mean), code)


@formula("gan_generator_minimax")
def gan_generator_minimax(
    fake: Float[Array, "n"],
    *,
    kind: str = "minimax",
    mean: bool = True,
    code: str = "",
) -> Float[Array, ""]:
    """L = 1/n sum log(1 - D(G(z))). Primer 6.11."""
    return GENERATOR[kind](fake, mean, code)


@gan_generator_minimax.vjp
def _(
    g: Float[Array, ""],
    fake: Float[Array, "n"],
    *,
    kind: str = "minimax",
    mean: bool = True,
    code: str = "",
) -> Float[Array, "n"]:
    """dL/dD = -1 / (n (1 - D))."""
    return _back(g, fake, kind, mean, code)


@formula("gan_generator_nonsaturating")
def gan_generator_nonsaturating(
    fake: Float[Array, "n"],
    *,
    kind: str = "nonsaturating",
    mean: bool = True,
    code: str = "",
) -> Float[Array, ""]:
    """L = -1/n sum log D(G(z)). Primer 6.11."""
    return GENERATOR[kind](fake, mean, code)


@gan_generator_nonsaturating.vjp
def _(
    g: Float[Array, ""],
    fake: Float[Array, "n"],
    *,
    kind: str = "nonsaturating",
    mean: bool = True,
    code: str = "",
) -> Float[Array, "n"]:
    """dL/dD = -1 / (n D)."""
    return _back(g, fake, kind, mean, code)

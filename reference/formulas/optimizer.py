"""Optimisers: gradient descent (3.1.3), its mini-batch form (6.4), Adam (listings 4.2 and 4.3)."""

from fractions import Fraction
from functools import partial
from typing import Any

import numpy as np

from nnparity.reference.arrays import Array, Float
from nnparity.reference.readings.numbers import constant, count, host_scalar
from nnparity.reference.registry import formula

#: Parameters, and the running means of their gradient and of its square.
State = tuple[Float[Array, "*p"], Float[Array, "*p"], Float[Array, "*p"]]


@formula("gradient_descent")
def gradient_descent(
    w: Float[Array, "*p"],
    g: Float[Array, "*p"],
    *,
    lr: float = 0.01,
    sign: float = 1.0,
    momentum: float = 1.0,
    decay: float = 0.0,
) -> Float[Array, "*p"]:
    """w - lr g. Primer 3.1.3."""
    return w - (sign * momentum * lr) * (g + decay * w if decay else g)


@formula("minibatch_gradient_descent")
def minibatch_gradient_descent(
    w: Float[Array, "*p"],
    g: Float[Array, "m *p"],
    *,
    lr: float = 0.01,
    mean: bool = True,
    root: bool = False,
    sign: float = 1.0,
) -> Float[Array, "*p"]:
    """w - lr times the mean of the gradients g of the batch's samples. Primer 6.4."""
    total = np.sum(g, axis=0)
    if root:
        return w - lr * (total / np.sqrt(constant(g.shape[0], g)))
    return w - sign * lr * (total / count(g.shape[0], g) if mean else total)


def moments(
    m: Float[Array, "*p"],
    v: Float[Array, "*p"],
    g: Float[Array, "*p"],
    beta1: float,
    beta2: float,
    incremental: bool = False,
) -> tuple[Float[Array, "*p"], Float[Array, "*p"]]:
    """The running means of g and of its square; `incremental`: moved by (1 - beta) of what they are away from it."""
    lacking = host_scalar(1 - Fraction(beta1), m), host_scalar(1 - Fraction(beta2), v)
    if incremental:
        return m + (g - m) * lacking[0], v + (np.square(g) - v) * lacking[1]
    return beta1 * m + lacking[0] * g, beta2 * v + lacking[1] * np.square(g)


def corrections(
    beta1: float, beta2: float, step: int, like: Float[Array, "*p"], powered: bool = False, single: str = ""
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """1 - beta^t: what the running means lack after t steps from zero.

    The host rounds beta^t, which is a large part of the small difference that is left. `powered`: not the host, but
    the parameters' dtype, which rounds the beta besides. `single`: the "betas" are float32 numbers, or their
    "powers" too, as a power function gives them that rounds once.
    """
    if single:
        beta1, beta2 = (float(np.float32(beta)) for beta in (beta1, beta2))
    if single == "powers":
        beta1, beta2, step = float(np.float32(beta1**step)), float(np.float32(beta2**step)), 1
    if powered:
        one = constant(1.0, like)
        return 1 - _power(beta1 * one, step), 1 - _power(beta2 * one, step)
    first, second = (host_scalar(partial(_lacking, beta, step, like), like, 1 - beta**step) for beta in (beta1, beta2))
    return first, second


def _lacking(beta: float, step: int, like: Float[Array, "*p"]) -> Float[Array, ""]:
    return 1 - _power(constant(beta, like), step)


def _power(base: Float[Array, ""], exponent: int) -> Float[Array, ""]:
    """base^exponent by squarings."""
    if exponent == 1:
        return base
    half = np.square(_power(base, exponent // 2))
    return half * base if exponent % 2 else half


def _but(idle: Any, before: State, after: State) -> State:
    """The state after a step, but where parameters are left as they were."""
    if idle is False:
        return after
    w, m, v = (np.where(idle, old, new) for old, new in zip(before, after, strict=True))
    return w, m, v


@formula("adam")
def adam(
    w: Float[Array, "*p"],
    m: Float[Array, "*p"],
    v: Float[Array, "*p"],
    g: Float[Array, "*p"],
    *,
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    step: int,
    correct: bool = True,
    inside: bool = False,
    ahead: int = 0,
    decay: float = 0.0,
    lazy: bool = False,
    incremental: bool = False,
) -> State:
    """One step of algorithm 1 of Kingma & Ba, arXiv:1412.6980. Primer 4.2.

    Args:
        w: the parameters.
        m: the running mean of the gradient, zero before the first step.
        v: the running mean of its square, likewise.
        g: the gradient of this step.
        lr: the rate, alpha in the paper.
        beta1: how much of m is kept.
        beta2: how much of v is kept.
        eps: what keeps the divisor from zero.
        step: counts from 1.
        correct: whether m and v are divided by what they lack from having begun at zero.
        inside: whether eps is added under the root.
        ahead: how many steps too many are counted.
        decay: what part of the rate the parameters shrink by.
        lazy: whether nothing becomes of parameters whose gradient is 0, as where it is kept as a list of rows.
        incremental: whether the means are moved by a part of what they are away, see `moments`.

    Returns:
        w, m and v after the step.
    """
    before, idle = (w, m, v), lazy and np.equal(g, 0)
    m, v = moments(m, v, g, beta1, beta2, incremental)
    first, second = corrections(beta1, beta2, step + ahead, m) if correct else (1, 1)
    size = np.sqrt(v / second + eps) if inside else np.sqrt(v / second) + eps
    w = w - lr * decay * w if decay else w
    return _but(idle, before, (w - lr * (m / first) / size, m, v))


@formula("adam_eps_hat")
def adam_eps_hat(
    w: Float[Array, "*p"],
    m: Float[Array, "*p"],
    v: Float[Array, "*p"],
    g: Float[Array, "*p"],
    *,
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    step: int,
    correct: bool = True,
    inside: bool = False,
    ahead: int = 0,
    powered: bool = False,
    single: str = "",
    lazy: bool = False,
    incremental: bool = False,
) -> State:
    """The form at the end of section 2 of the paper: one corrected rate, and eps beside the uncorrected root.

    Primer 4.2.
    """
    before, idle = (w, m, v), lazy and np.equal(g, 0)
    m, v = moments(m, v, g, beta1, beta2, incremental)
    first, second = corrections(beta1, beta2, step + ahead, m, powered, single) if correct else (1, 1)
    rate = lr * np.sqrt(second) / first
    return _but(idle, before, (w - rate * m / (np.sqrt(v + eps) if inside else np.sqrt(v) + eps), m, v))

"""Optimisers: gradient descent (3.1.3), its mini-batch form (6.4), Adam (listings 4.2 and 4.3)."""

from fractions import Fraction
from typing import Any

import numpy as np

from nnparity.reference.readings.numbers import hyper
from nnparity.reference.registry import formula


@formula("gradient_descent")
def gradient_descent(w: Any, g: Any, *, lr: float = 0.01, sign: float = 1.0, momentum: float = 1.0) -> Any:
    """w - lr g."""
    return w - (sign * momentum * lr) * g


@formula("minibatch_gradient_descent")
def minibatch_gradient_descent(w: Any, g: Any, *, lr: float = 0.01, mean: bool = True) -> Any:
    """w - lr times the mean of the gradients g of the batch's samples."""
    total = np.sum(g, axis=0)
    return w - lr * (total / g.shape[0] if mean else total)


@formula("adam")
def adam(
    w: Any,
    m: Any,
    v: Any,
    g: Any,
    *,
    lr: float = 0.001,
    beta1: float = 0.9,
    beta2: float = 0.999,
    eps: float = 1e-7,
    step: int = 1,
    hat: bool = False,
    correct: bool = True,
    inside: bool = False,
) -> Any:
    """One step of algorithm 1 of Kingma & Ba, arXiv:1412.6980; `step` counts from 1."""
    b1, b2 = Fraction(beta1), Fraction(beta2)
    m = beta1 * m + hyper(1 - b1, m) * g
    v = beta2 * v + hyper(1 - b2, v) * np.square(g)
    first, second = (hyper(1 - b1**step, m), hyper(1 - b2**step, v)) if correct else (1, 1)
    if hat:  # the form of section 2 of the paper: one scalar, and eps beside the uncorrected root
        return w - lr * (np.sqrt(constant_like(second, v)) / first) * m / (np.sqrt(v) + eps), m, v
    size = np.sqrt(v / second + eps) if inside else np.sqrt(v / second) + eps
    return w - lr * (m / first) / size, m, v


def constant_like(value: Any, like: Any) -> Any:
    """A scalar as an array of the kind of `like`, so that its root is rounded as that kind rounds."""
    return value + 0 * like

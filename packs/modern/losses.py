"""Losses in plain NumPy, each with its VJP under it."""

from fractions import Fraction
from typing import Any

import numpy as np

from nnparity.reference.formulas.loss import chosen, log_softmax, onehot
from nnparity.reference.readings.numbers import constant, host_scalar
from nnparity.reference.registry import formula

Array = Any


def _divisor(y: Array, delta: float, mean: bool, smooth: bool) -> Array:
    return constant(y.size if mean else 1, y) * (delta if smooth else 1.0)


@formula("huber")
def huber(
    y: Array, t: Array, *, delta: float = 1.0, mean: bool = True, smooth: bool = False, linear: bool = True
) -> Array:
    """The mean of d²/2 where |d| <= δ, of δ (|d| - δ/2) beyond, with d = y - t."""
    d = y - t
    squares = np.square(d) / 2
    losses = np.where(np.absolute(d) <= delta, squares, delta * (np.absolute(d) - delta / 2)) if linear else squares
    return np.sum(losses) / _divisor(y, delta, mean, smooth)


@huber.vjp
def _(
    g: Array, y: Array, t: Array, *, delta: float = 1.0, mean: bool = True, smooth: bool = False, linear: bool = True
) -> tuple[Array, Array]:
    """dE/dy = d, cut at -δ and δ, over the number of elements."""
    d = y - t
    beyond = np.where(d > 0, delta, np.where(d < 0, -delta, d))
    cut = np.where(np.absolute(d) <= delta, d, beyond) if linear else d
    dy = g * cut / _divisor(y, delta, mean, smooth)
    return dy, -dy


def _shares(z: Array, smoothing: float, others: bool) -> tuple[Array, Array]:
    """What the label keeps beside the even share of each class, and that share.

    Exact: in float64 1 - 0.1 and ten tenths of 0.1 do not add up to 1, and then the VJP would not be that of the loss.
    """
    s = Fraction(smoothing)
    share = s / (z.shape[1] - others)
    return host_scalar(1 - s - share if others else 1 - s, z), host_scalar(share, z)


@formula("smoothed_cross_entropy")
def smoothed_cross_entropy(
    z: Array, labels: Array, *, smoothing: float = 0.1, mean: bool = True, others: bool = False
) -> Array:
    """-1/n sum of (1 - s) log p at the label and s/k log p of all classes, p = softmax(z)."""
    logs = log_softmax(z)
    own, share = _shares(z, smoothing, others)
    spread = share * np.sum(logs, axis=1, keepdims=True)
    return -np.sum(own * chosen(logs, labels) + spread) / (z.shape[0] if mean else 1)


@smoothed_cross_entropy.vjp
def _(g: Array, z: Array, labels: Array, *, smoothing: float = 0.1, mean: bool = True, others: bool = False) -> Array:
    """dL/dz = (p - q) / n, where q is what the labels have become: its numbers add up to 1."""
    own, share = _shares(z, smoothing, others)
    q = own * onehot(labels, z.shape[1]) + share
    return g * (np.exp(log_softmax(z)) - q) / (z.shape[0] if mean else 1)

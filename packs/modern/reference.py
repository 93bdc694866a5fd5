"""The formulas of this pack in plain NumPy, each with its VJP under it."""

import math
from fractions import Fraction
from typing import Any

import numpy as np

from nnparity.reference.formulas.loss import chosen, log_softmax, onehot
from nnparity.reference.readings.numbers import constant, host_scalar, logistic
from nnparity.reference.registry import formula

Array = Any


@formula("silu")
def silu(x: Array, *, gated: bool = True, slope: float = 1.0) -> Array:
    """y = x σ(x)."""
    gate = logistic(x if slope == 1 else slope * x)
    return x * gate if gated else gate


@silu.vjp
def _(g: Array, x: Array, *, gated: bool = True, slope: float = 1.0) -> Array:
    """dy/dx = σ + x σ (1 - σ)."""
    gate = logistic(x if slope == 1 else slope * x)
    steep = gate * (1 - gate) if slope == 1 else slope * (gate * (1 - gate))
    return g * (gate + x * steep if gated else steep)


@formula("softplus")
def softplus(x: Array, *, logarithm: bool = True, base: float = 0.0) -> Array:
    """y = ln(1 + e^x), written so that nothing overflows: max(x, 0) + ln(1 + e^-|x|)."""
    if not logarithm:
        return np.exp(x)
    y = np.maximum(x, 0) + np.log(1 + np.exp(-np.absolute(x)))
    return y / np.log(base) if base else y


@softplus.vjp
def _(g: Array, x: Array, *, logarithm: bool = True, base: float = 0.0) -> Array:
    """dy/dx = σ(x)."""
    if not logarithm:
        return g * np.exp(x)
    dx = g * logistic(x)
    return dx / np.log(base) if base else dx


def _halves(x: Array, w: Array, v: Array, swapped: bool) -> tuple[Array, Array]:
    a, b = np.einsum("ni,ji->nj", x, w), np.einsum("ni,ji->nj", x, v)
    return (b, a) if swapped else (a, b)


@formula("swiglu")
def swiglu(x: Array, w: Array, v: Array, *, swapped: bool = False, gate: str = "silu") -> Array:
    """y = SiLU(x w^T) (x v^T)."""
    a, b = _halves(x, w, v, swapped)
    return (silu(a) if gate == "silu" else logistic(a)) * b


@swiglu.vjp
def _(
    g: Array, x: Array, w: Array, v: Array, *, swapped: bool = False, gate: str = "silu"
) -> tuple[Array, Array, Array]:
    """Back through the product, the gate and both layers."""
    a, b = _halves(x, w, v, swapped)
    gated = gate == "silu"
    da = silu.gradients(g * b, a, gated=gated)[0]
    db = g * silu(a, gated=gated)
    dw, dv = (db, da) if swapped else (da, db)
    dx = np.einsum("nj,ji->ni", dw, w) + np.einsum("nj,ji->ni", dv, v)
    return dx, np.einsum("nj,ni->ji", dw, x), np.einsum("nj,ni->ji", dv, x)


def _root(x: Array, eps: float, centred: bool, outside: bool) -> tuple[Array, Array]:
    """The rows, centred if they are, and what they are divided by."""
    x = x - np.mean(x, axis=-1, keepdims=True) if centred else x
    mean = np.mean(np.square(x), axis=-1, keepdims=True)
    return x, np.sqrt(mean) + eps if outside else np.sqrt(mean + eps)


@formula("rms_norm")
def rms_norm(
    x: Array, gamma: Array, *, eps: float = 1e-6, centred: bool = False, outside: bool = False, scaled: bool = True
) -> Array:
    """y = x / sqrt(mean(x²) + ε) γ."""
    x, root = _root(x, eps, centred, outside)
    return x / root * gamma if scaled else x / root


@rms_norm.vjp
def _(
    g: Array,
    x: Array,
    gamma: Array,
    *,
    eps: float = 1e-6,
    centred: bool = False,
    outside: bool = False,
    scaled: bool = True,
) -> tuple[Array, Array]:
    """dx = (gg - y mean(gg y)) / root, with gg = g γ and y the normalised rows."""
    x, root = _root(x, eps, centred, outside)
    y = x / root
    gg = g * gamma if scaled else g
    inner = root - eps if outside else root
    dx = gg / root - y * np.mean(gg * y, axis=-1, keepdims=True) / inner
    if centred:
        dx = dx - np.mean(dx, axis=-1, keepdims=True)
    return dx, np.sum(g * y, axis=0) if scaled else 0 * gamma


def _groups(x: Array, groups: int, eps: float, unbiased: bool) -> tuple[Array, Array]:
    """The normalised groups, a row each, and their standard deviations."""
    rows = np.reshape(x, (x.shape[0] * groups, math.prod(x.shape[1:]) // groups))
    d = rows.shape[-1]
    centred = rows - np.mean(rows, axis=-1, keepdims=True)
    variance = np.sum(np.square(centred), axis=-1, keepdims=True) / (d - unbiased)
    deviation = np.sqrt(variance + eps)
    return centred / deviation, deviation


def _by_channel(gamma: Array) -> Array:
    return np.reshape(gamma, (1, -1, 1, 1))


@formula("group_norm")
def group_norm(
    x: Array, gamma: Array, beta: Array, *, groups: int = 2, eps: float = 1e-5, unbiased: bool = False
) -> Array:
    """(x - mean) / sqrt(var + ε) γ + β, over the channels of a group and their pixels."""
    normal, _ = _groups(x, groups, eps, unbiased)
    return np.reshape(normal, x.shape) * _by_channel(gamma) + _by_channel(beta)


@group_norm.vjp
def _(
    g: Array, x: Array, gamma: Array, beta: Array, *, groups: int = 2, eps: float = 1e-5, unbiased: bool = False
) -> tuple[Array, Array, Array]:
    """dx = (gg - mean(gg) - n mean(gg n)) / σ for each group, with gg = g γ and n the normalised group."""
    normal, deviation = _groups(x, groups, eps, unbiased)
    d = normal.shape[-1]
    gg = np.reshape(g * _by_channel(gamma), normal.shape)
    along = np.sum(gg * normal, axis=-1, keepdims=True) / (d - unbiased)
    dx = (gg - np.mean(gg, axis=-1, keepdims=True) - normal * along) / deviation
    dgamma = np.sum(g * np.reshape(normal, x.shape), axis=(0, 2, 3))
    return np.reshape(dx, x.shape), dgamma, np.sum(g, axis=(0, 2, 3))


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

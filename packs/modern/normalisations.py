"""Normalisations in plain NumPy, each with its VJP under it."""

import math
from typing import Any

import numpy as np

from nnparity.reference.readings.numbers import detached
from nnparity.reference.registry import formula

Array = Any


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


def _groups(x: Array, groups: int, eps: float, unbiased: bool, held: bool = False) -> tuple[Array, Array]:
    """The normalised groups, a row each, and their standard deviations; with the mean held constant, where it is."""
    rows = np.reshape(x, (x.shape[0] * groups, math.prod(x.shape[1:]) // groups))
    d = rows.shape[-1]
    mean = np.mean(rows, axis=-1, keepdims=True)
    centred = rows - (detached(mean) if held else mean)
    variance = np.sum(np.square(centred), axis=-1, keepdims=True) / (d - unbiased)
    deviation = np.sqrt(variance + eps)
    return centred / deviation, deviation


def _by_channel(gamma: Array) -> Array:
    return np.reshape(gamma, (1, -1, 1, 1))


@formula("group_norm")
def group_norm(
    x: Array,
    gamma: Array,
    beta: Array,
    *,
    groups: int = 2,
    eps: float = 1e-5,
    unbiased: bool = False,
    held: bool = False,
) -> Array:
    """(x - mean) / sqrt(var + ε) γ + β, over the channels of a group and their pixels."""
    normal, _ = _groups(x, groups, eps, unbiased)
    return np.reshape(normal, x.shape) * _by_channel(gamma) + _by_channel(beta)


@group_norm.vjp
def _(
    g: Array,
    x: Array,
    gamma: Array,
    beta: Array,
    *,
    groups: int = 2,
    eps: float = 1e-5,
    unbiased: bool = False,
    held: bool = False,
) -> tuple[Array, Array, Array]:
    """dx = (gg - mean(gg) - n mean(gg n)) / σ for each group, with gg = g γ and n the normalised group.

    Where the variance was computed with the mean `held` constant, so is it in the n before the mean.
    """
    normal, deviation = _groups(x, groups, eps, unbiased)
    d = normal.shape[-1]
    gg = np.reshape(g * _by_channel(gamma), normal.shape)
    along = np.sum(gg * normal, axis=-1, keepdims=True) / (d - unbiased)
    back = _groups(x, groups, eps, unbiased, held)[0] if held else normal
    dx = (gg - np.mean(gg, axis=-1, keepdims=True) - back * along) / deviation
    dgamma = np.sum(g * np.reshape(normal, x.shape), axis=(0, 2, 3))
    return np.reshape(dx, x.shape), dgamma, np.sum(g, axis=(0, 2, 3))

"""Losses and penalties: cross-entropy (2.2, 4.2, 6.5), L1 and L2 (6.3), the losses of the GAN (6.11)."""

import math
from typing import Any

import numpy as np

from nnparity.reference.arrays import Array, Float, Int
from nnparity.reference.formulas.transformer import shifted, softmax, softmax_back
from nnparity.reference.readings.numbers import constant, count, detached
from nnparity.reference.registry import formula

#: The least probability that Keras takes the logarithm of, its `epsilon`.
LEAST = 1e-7


def _per(x: Float[Array, "n ..."], mean: bool | str) -> Any:
    """What a sum over the samples is divided by; "all" stands for the number of their entries."""
    return count(math.prod(x.shape) if mean == "all" else int(x.shape[0]) if mean else 1, x)


def onehot(labels: Int[Array, "n"], classes: int) -> Float[Array, "n k"]:
    """Rows with a single 1 at the label."""
    return np.where(labels[..., None] == np.arange(classes), 1.0, 0.0)


def log_softmax(z: Float[Array, "n k"], shift: bool = True) -> Float[Array, "n k"]:
    """z - max - log sum e^(z - max): the logarithm of softmax, which may itself underflow.

    Without the shift it is infinite beside an infinite logit, where inf - inf is NaN.
    """
    z = shifted(z) if shift else z
    return z - np.log(np.sum(np.exp(z), axis=-1, keepdims=True))


def _shares(z: Float[Array, "n k"], shift: bool, squared: bool) -> Float[Array, "n k"]:
    """softmax(z), as the gradient of log_softmax has it.

    `squared`: its derivative by s, the sum of the powers, is e / s² with s² in the dtype: `jax.nn.log_softmax`.
    """
    if not squared:
        return np.exp(log_softmax(z, shift))
    powers = np.exp(shifted(z))
    total = np.sum(powers, axis=-1, keepdims=True)
    fixed = detached(total)
    return powers * (1 / fixed - (total - fixed) * (1 / (fixed * fixed)))


@formula("cross_entropy")
def cross_entropy(
    p: Float[Array, "n k"],
    t: Float[Array, "n k"],
    *,
    mean: bool | str = True,
    base: float = np.e,
    normalised: bool = False,
    bound: bool = False,
    clipped: bool = False,
) -> Float[Array, ""]:
    """L = -1/n sum t log p. Primer 6.5. `clipped`: no share is less than LEAST; `bound` is for the derivative alone."""
    if normalised:
        share = p / np.sum(p, axis=-1, keepdims=True)
        p = _clipped(share) if clipped else share
    total = -np.sum(t * np.log(p)) / _per(p, mean)
    return total if base == np.e else total / np.log(base)


@cross_entropy.vjp
def _(
    g: Float[Array, ""],
    p: Float[Array, "n k"],
    t: Float[Array, "n k"],
    *,
    mean: bool | str = True,
    base: float = np.e,
    normalised: bool = False,
    bound: bool = False,
    clipped: bool = False,
) -> Float[Array, "n k"]:
    """dL/dp = -t / (n p)."""
    if normalised:
        total = np.sum(p, axis=-1, keepdims=True)
        share = p / total
        dp = -g / _per(p, mean) * t / (_clipped(share) if clipped else share)
        dp = _halved(np.where(share < LEAST, 0.0, dp) if clipped else dp, p, bound)
        dp = _quotient_back(dp, p, total)
    else:
        dp = -g / _per(p, mean) * t / p
    return dp if base == np.e else dp / np.log(base)


def _halved(dp: Float[Array, "n k"], p: Float[Array, "n k"], bound: bool) -> Float[Array, "n k"]:
    """With `bound`, half of it where p is 1: the upper end of what p is clipped to, where some halve a derivative."""
    return np.where(p >= 1, dp / 2, dp) if bound else dp


def _quotient_back(g: Float[Array, "n k"], p: Float[Array, "n k"], total: Float[Array, "n 1"]) -> Float[Array, "n k"]:
    """p / total pulled back to p, of which total is the sum; the two terms of the rule may cancel."""
    return g / total - np.sum(g * (p / total / total), axis=-1, keepdims=True)


@formula("cross_entropy_logits")
def cross_entropy_logits(
    z: Float[Array, "n k"],
    t: Float[Array, "n k"],
    *,
    mean: bool | str = True,
    twice: bool = False,
    shift: bool = True,
    squared: bool = False,
    unit_sum: str = "",
) -> Float[Array, ""]:
    """L = -1/n sum t log softmax(z). Primer 6.5.

    `unit_sum` takes the targets of a sample to sum to 1: in the gradient, or ("loss") here too: log sum e^z - sum t z.
    """
    z = softmax(z) if twice else z
    if unit_sum == "loss":
        return (np.sum((z - log_softmax(z, shift))[:, 0]) - np.sum(t * z)) / _per(z, mean)
    return -np.sum(t * log_softmax(z, shift)) / _per(z, mean)


@cross_entropy_logits.vjp
def _(
    g: Float[Array, ""],
    z: Float[Array, "n k"],
    t: Float[Array, "n k"],
    *,
    mean: bool | str = True,
    twice: bool = False,
    shift: bool = True,
    squared: bool = False,
    unit_sum: str = "",
) -> Float[Array, "n k"]:
    """dL/dz = (softmax(z) sum t - t) / n; the targets of a sample sum to 1 only up to rounding, or to its weight."""
    y = softmax(z) if twice else z
    total = 1.0 if unit_sum else np.sum(t, axis=-1, keepdims=True)
    dy = g * (_shares(y, shift, squared) * total - t) / _per(z, mean)
    return softmax_back(dy, y) if twice else dy


@formula("sparse_cross_entropy")
def sparse_cross_entropy(
    p: Float[Array, "n k"],
    labels: Int[Array, "n"],
    *,
    mean: bool | str = True,
    normalised: bool = False,
    logits: bool = False,
    bound: bool = False,
    elsewhere: str = "0/p",
) -> Float[Array, ""]:
    """L = -1/n sum log p at the label. Primer 4.2. As logits, log p are normalised by their softmax."""
    if logits:
        return sparse_cross_entropy_logits(np.log(_clipped(p)), labels, mean=mean)
    p = p / np.sum(p, axis=-1, keepdims=True) if normalised else p
    return -np.sum(np.log(chosen(p, labels))) / _per(p, mean)


def _clipped(p: Float[Array, "n k"]) -> Float[Array, "n k"]:
    return np.where(p < LEAST, constant(LEAST, p), p)


def chosen(x: Float[Array, "n k"], labels: Int[Array, "n"]) -> Float[Array, "n 1"]:
    """The entry at the label, row by row."""
    return np.take_along_axis(x, labels[:, None], axis=1)


@sparse_cross_entropy.vjp
def _(
    g: Float[Array, ""],
    p: Float[Array, "n k"],
    labels: Int[Array, "n"],
    *,
    mean: bool | str = True,
    normalised: bool = False,
    logits: bool = False,
    bound: bool = False,
    elsewhere: str = "0/p",
) -> Float[Array, "n k"]:
    """dL/dp = -1 / (n p) at the label, 0 elsewhere: as 0/p, which is NaN where p is 0, or as 0 outright."""
    if logits:
        (dz,) = sparse_cross_entropy_logits.gradients(g, np.log(_clipped(p)), labels, mean=mean)
        return np.where(p < LEAST, 0.0, dz / _clipped(p))
    label = onehot(labels, p.shape[1])
    total = np.sum(p, axis=-1, keepdims=True)
    dp = -g / _per(p, mean) * label / (p / total if normalised else p)
    dp = _halved(np.where(label > 0, dp, 0.0) if elsewhere == "0" else dp, p, bound)
    return _quotient_back(dp, p, total) if normalised else dp


@formula("sparse_cross_entropy_logits")
def sparse_cross_entropy_logits(
    z: Float[Array, "n k"],
    labels: Int[Array, "n"],
    *,
    mean: bool | str = True,
    twice: bool = False,
    shift: bool = True,
    squared: bool = False,
) -> Float[Array, ""]:
    """L = -1/n sum log softmax(z) at the label. Primer 4.2."""
    z = softmax(z) if twice else z
    return -np.sum(chosen(log_softmax(z, shift), labels)) / _per(z, mean)


@sparse_cross_entropy_logits.vjp
def _(
    g: Float[Array, ""],
    z: Float[Array, "n k"],
    labels: Int[Array, "n"],
    *,
    mean: bool | str = True,
    twice: bool = False,
    shift: bool = True,
    squared: bool = False,
) -> Float[Array, "n k"]:
    """dL/dz = (softmax(z) - onehot) / n."""
    y = softmax(z) if twice else z
    dy = g * (_shares(y, shift, squared) - onehot(labels, z.shape[1])) / _per(z, mean)
    return softmax_back(dy, y) if twice else dy


@formula("l1_penalty")
def l1_penalty(
    w: Float[Array, "*p"],
    *,
    lam: float = 0.01,
    mean: bool = False,
    squared: bool = False,
    factor: float = 1.0,
    at_zero: float = 0.0,
    at_nan: float = 0.0,
) -> Float[Array, ""]:
    """R = lam sum |w|. Primer 6.3."""
    return factor * lam * np.sum(np.square(w) if squared else np.absolute(w)) / _per(w, mean)


@l1_penalty.vjp
def _(
    g: Float[Array, ""],
    w: Float[Array, "*p"],
    *,
    lam: float = 0.01,
    mean: bool = False,
    squared: bool = False,
    factor: float = 1.0,
    at_zero: float = 0.0,
    at_nan: float = 0.0,
) -> Float[Array, "*p"]:
    """dR/dw = lam sign(w); at 0 any number from -lam to lam is a subgradient, and 0 is taken."""
    step = factor * lam * g / _per(w, mean)
    if squared:
        return 2 * step * w
    corner = np.where(np.equal(w, 0), at_zero * step, at_nan * step) if at_zero or at_nan else 0.0
    return np.where(w > 0, step, np.where(w < 0, -step, corner))


@formula("l2_penalty")
def l2_penalty(
    w: Float[Array, "*p"],
    *,
    lam: float = 0.01,
    factor: float = 1.0,
    root: bool = False,
    doubled: bool = False,
    mean: bool = False,
) -> Float[Array, ""]:
    """R = lam sum w^2. Primer 6.3."""
    squares = np.sum(np.square(w))
    return lam * np.sqrt(squares) if root else factor * lam * squares / _per(w, mean)


@l2_penalty.vjp
def _(
    g: Float[Array, ""],
    w: Float[Array, "*p"],
    *,
    lam: float = 0.01,
    factor: float = 1.0,
    root: bool = False,
    doubled: bool = False,
    mean: bool = False,
) -> Float[Array, "*p"]:
    """dR/dw = 2 lam w; w may be doubled first, which overflows before lam makes it small."""
    if doubled:
        return 2 * w * (lam * g)
    return lam * g * w / np.sqrt(np.sum(np.square(w))) if root else 2 * factor * lam * g * w / _per(w, mean)

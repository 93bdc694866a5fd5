"""Listing 4.4 of the primer: what BERT is made of, besides the attention of 3.4.3 and its normalisation."""

import math
from typing import Any

import numpy as np
from scipy import special

from nnparity.reference.arrays import Array, Float, Int
from nnparity.reference.formulas.transformer import (
    again,
    of_keys,
    scale,
    scored,
    scores_back,
    shifted,
    softmax,
    softmax_back,
)
from nnparity.reference.readings.numbers import constant, logistic
from nnparity.reference.registry import formula

#: Steepness of the logistic function that stands for the gate.
LOGISTIC = {"quick": 1.702, "silu": 1.0}


@formula("gelu")
def gelu(x: Float[Array, "*n d"], *, kind: str = "exact") -> Float[Array, "*n d"]:
    """x/2 (1 + erf(x / sqrt 2)). Primer 4.4."""
    return x * _gate(x, kind)


def _gate(x: Float[Array, "*n d"], kind: str) -> Float[Array, "*n d"]:
    """The share of x that passes: the normal distribution's cumulative function, or an approximation of it."""
    if kind in LOGISTIC:
        return logistic(LOGISTIC[kind] * x)
    if kind == "tanh":
        return (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x * np.square(x)))) / 2
    return (1 + special.erf(x / np.sqrt(constant(2.0, x)))) / 2


@gelu.vjp
def _(g: Float[Array, "*n d"], x: Float[Array, "*n d"], *, kind: str = "exact") -> Float[Array, "*n d"]:
    """dy/dx = Phi(x) + x phi(x)."""
    gate = _gate(x, kind)
    if kind in LOGISTIC:
        return g * (gate + LOGISTIC[kind] * x * gate * (1 - gate))
    if kind == "tanh":
        slope = math.sqrt(2 / math.pi) * (1 + 3 * 0.044715 * np.square(x))
        return g * (gate + 2 * x * gate * (1 - gate) * slope)
    density = np.exp(-np.square(x / np.sqrt(constant(2.0, x)))) / np.sqrt(2 * constant(math.pi, x))
    return g * (gate + x * density)


@formula("embedding")
def embedding(
    ids: Int[Array, "n t"], table: Float[Array, "v d"], *, padding: int = -1, shift: int = 0, scaled: bool = False
) -> Float[Array, "n t d"]:
    """The rows of the table at the ids. Primer 4.4."""
    rows = np.take(table, (ids + shift) % table.shape[0], axis=0)
    return rows * np.sqrt(constant(table.shape[1], table)) if scaled else rows


@embedding.vjp
def _(
    g: Float[Array, "n t d"],
    ids: Int[Array, "n t"],
    table: Float[Array, "v d"],
    *,
    padding: int = -1,
    shift: int = 0,
    scaled: bool = False,
) -> Float[Array, "v d"]:
    """Each row receives the sum of g over the places where it was taken."""
    rows = np.arange(table.shape[0])
    hits = np.where((((ids + shift) % table.shape[0])[..., None] == rows) & (rows != padding), 1.0, 0.0)
    dtable = np.einsum("ntv,ntd->vd", hits, g)
    return dtable * np.sqrt(constant(table.shape[1], table)) if scaled else dtable


@formula("masked_attention")
def masked_attention(
    q: Float[Array, "b t d"],
    k: Float[Array, "b s d"],
    v: Float[Array, "b s e"],
    mask: Int[Array, "b s"],
    *,
    masked: bool = True,
    inverted: bool = False,
    scaling: str = "root of d",
    added: float = 0.0,
    by_output: bool = False,
    flash: bool = False,
    **special: Any,
) -> Float[Array, "b t e"]:
    """Attention that gives padded keys (mask 0) no weight; `special` is for infinities and NaN, see `_masked`.

    `added` is what their scores have on top where that is no infinity. Primer 4.4.
    """
    p = _masked(q, k, _keep(mask, masked, inverted), scaling, added=added, **special)
    return np.einsum("bts,bse->bte", p, v)


def _keep(mask: Int[Array, "b s"], masked: bool, inverted: bool) -> Int[Array, "b 1 s"]:
    kept = (mask == 0) if inverted else (mask != 0)
    return kept[:, None, :] | (not masked)


def _masked(
    q: Float[Array, "b t d"],
    k: Float[Array, "b s d"],
    keep: Int[Array, "b 1 s"],
    scaling: str,
    *,
    added: float = 0.0,
    shift: bool = True,
    padded: str = "0/sum",
    nothing: str = "0/0",
) -> Float[Array, "b t s"]:
    """softmax over the keys that are kept; e^-inf = 0 for the others.

    NaN, infinities and rows of padding tell the answers of the last two arguments apart.

    Args:
        q: queries.
        k: keys.
        keep: which keys are no padding.
        scaling: what the scores are divided by, see `scale`.
        added: what is added to the scores of the others, which are looked at then, where that is no infinity.
        shift: whether the largest score is subtracted first.
        padded: padded keys weigh "0/sum", or "0" outright, and then they are not looked at.
        nothing: a query without any key gets weights of "0/0", of "0", or their "mean".

    Returns:
        The weight of every key for every query.
    """
    scores = scored(q, k, scaling)
    if added:
        return softmax(np.where(keep, scores, scores + constant(added, scores)))
    scores = np.where(keep, scores, -np.inf) if padded == "0" else of_keys(scores, keep)
    scores = shifted(scores) if shift else scores
    powers = np.where(keep, np.exp(scores), 0.0)
    p = powers / np.sum(powers, axis=-1, keepdims=True)
    p = np.where(keep, p, 0.0) if padded == "0" else p
    if nothing == "0/0":
        return p
    return np.where(keep.any(-1, keepdims=True), p, 0.0 if nothing == "0" else 1 / keep.shape[-1])


@masked_attention.vjp
def _(
    g: Float[Array, "b t e"],
    q: Float[Array, "b t d"],
    k: Float[Array, "b s d"],
    v: Float[Array, "b s e"],
    mask: Int[Array, "b s"],
    *,
    masked: bool = True,
    inverted: bool = False,
    scaling: str = "root of d",
    added: float = 0.0,
    by_output: bool = False,
    flash: bool = False,
    **special: Any,
) -> tuple[Float[Array, "b t d"], Float[Array, "b s d"], Float[Array, "b s e"]]:
    """As of attention: a weight of zero passes nothing back."""
    keep = _keep(mask, masked, inverted)
    p = _masked(q, k, keep, scaling, added=added, **special)
    output = np.einsum("bts,bse->bte", p, v) if by_output or flash else None
    p = again(scored(q, k, scaling), keep) if flash else p
    ds = scores_back(g, p, v, output=output) / scale(q.shape[-1], scaling, q)
    ds = np.where(keep, ds, 0.0) if special else ds  # a score that is not looked at has no derivative
    dq, dk = np.einsum("bts,bsd->btd", ds, k), np.einsum("bts,btd->bsd", ds, q)
    return dq, dk, np.einsum("bts,bte->bse", p, g)


def project(h: Float[Array, "b t d"], w: Float[Array, "d e"], b: Float[Array, "e"]) -> Float[Array, "b t e"]:
    """h W + b."""
    return np.einsum("btd,de->bte", h, w) + b


def project_back(
    g: Float[Array, "b t e"], h: Float[Array, "b t d"], w: Float[Array, "d e"]
) -> tuple[Float[Array, "b t d"], Float[Array, "d e"], Float[Array, "e"]]:
    """The gradients of h, W and b."""
    return np.einsum("bte,de->btd", g, w), np.einsum("btd,bte->de", h, g), np.sum(g, axis=(0, 1))


def split(x: Float[Array, "b t d"], heads: int) -> Float[Array, "b t heads d//heads"]:
    """(b, t, d) into (b, t, heads, d/heads)."""
    return x.reshape((*x.shape[:2], heads, x.shape[2] // heads))


def _heads(
    q: Float[Array, "b t heads e"], k: Float[Array, "b s heads e"], scaling: str
) -> tuple[Float[Array, "b heads t s"], Float[Array, ""]]:
    """The scores (b, heads, t, s), and what they were divided by."""
    divisor = scale(q.shape[2] * q.shape[3] if scaling == "d" else q.shape[3], "root of d", q)
    return np.einsum("bthd,bshd->bhts", q, k) / divisor, divisor


@formula("multi_head_attention", matrices=["wq", "wk", "wv", "wo"])
def multi_head_attention(
    h: Float[Array, "b t d"],
    wq: Float[Array, "d d"],
    bq: Float[Array, "d"],
    wk: Float[Array, "d d"],
    bk: Float[Array, "d"],
    wv: Float[Array, "d d"],
    bv: Float[Array, "d"],
    wo: Float[Array, "d d"],
    bo: Float[Array, "d"],
    *,
    heads: int = 2,
    scaling: str = "head",
    out_bias: float = 1.0,
    flash: bool = False,
) -> Float[Array, "b t d"]:
    """Attention in each head on its share of the projections, put together and projected once more. Primer 4.4."""
    q, k, v = (split(project(h, w, b), heads) for w, b in ((wq, bq), (wk, bk), (wv, bv)))
    p = softmax(_heads(q, k, scaling)[0])
    joined = np.einsum("bhts,bshd->bthd", p, v).reshape(h.shape)
    return project(joined, wo, bo if out_bias else 0 * bo)


@multi_head_attention.vjp
def _(
    g: Float[Array, "b t d"],
    h: Float[Array, "b t d"],
    wq: Float[Array, "d d"],
    bq: Float[Array, "d"],
    wk: Float[Array, "d d"],
    bk: Float[Array, "d"],
    wv: Float[Array, "d d"],
    bv: Float[Array, "d"],
    wo: Float[Array, "d d"],
    bo: Float[Array, "d"],
    *,
    heads: int = 2,
    scaling: str = "head",
    out_bias: float = 1.0,
    flash: bool = False,
) -> tuple[
    Float[Array, "b t d"],
    Float[Array, "d d"],
    Float[Array, "d"],
    Float[Array, "d d"],
    Float[Array, "d"],
    Float[Array, "d d"],
    Float[Array, "d"],
    Float[Array, "d d"],
    Float[Array, "d"],
]:
    """Back through the output projection, every head, and the three projections, whose gradients of h add up."""
    q, k, v = (split(project(h, w, b), heads) for w, b in ((wq, bq), (wk, bk), (wv, bv)))
    scores, divisor = _heads(q, k, scaling)
    p = softmax(scores)
    joined = np.einsum("bhts,bshd->bthd", p, v).reshape(h.shape)
    djoined, dwo, dbo = project_back(g, joined, wo)
    do, dp = split(djoined, heads), np.einsum("bthd,bshd->bhts", split(djoined, heads), v)
    if flash:
        p = again(scores)
        ds = p * (dp - np.einsum("bthd,bthd->bht", do, split(joined, heads))[..., None]) / divisor
    else:
        ds = softmax_back(dp, p) / divisor
    parts = (
        np.einsum("bhts,bshd->bthd", ds, k),
        np.einsum("bhts,bthd->bshd", ds, q),
        np.einsum("bhts,bthd->bshd", p, do),
    )
    (hq, dwq, dbq), (hk, dwk, dbk), (hv, dwv, dbv) = (
        project_back(part.reshape(h.shape), h, w) for part, w in zip(parts, (wq, wk, wv), strict=True)
    )
    return hq + hk + hv, dwq, dbq, dwk, dbk, dwv, dbv, dwo, dbo if out_bias else 0 * dbo

"""Attention and the rotation of positions in plain NumPy, each with its VJP under it."""

from typing import Any

import numpy as np

from nnparity.reference.formulas.transformer import attention
from nnparity.reference.readings.numbers import constant
from nnparity.reference.registry import formula

Array = Any


def _turn(x: Array, sign: float, base: float, first: int, halves: bool) -> Array:
    """Each pair rotated by its angle: position times base^(-i/d)."""
    n, t, width = x.shape
    d = width // 2
    rates = np.exp(np.log(constant(base, x)) * (-np.arange(d) / d))
    angles = np.arange(first, first + t)[:, None] * rates
    cos, sin = np.cos(angles), sign * np.sin(angles)
    pairs = np.reshape(x, (n, t, 2, d) if halves else (n, t, d, 2))
    a, b = (pairs[:, :, 0], pairs[:, :, 1]) if halves else (pairs[..., 0], pairs[..., 1])
    return np.reshape(np.stack([a * cos - b * sin, a * sin + b * cos], axis=2 if halves else 3), x.shape)


@formula("rope")
def rope(x: Array, *, base: float = 10000.0, sign: float = 1.0, first: int = 0, halves: bool = False) -> Array:
    """Neighbours rotated by t base^(-i/d)."""
    return _turn(x, sign, base, first, halves)


@rope.vjp
def _(g: Array, x: Array, *, base: float = 10000.0, sign: float = 1.0, first: int = 0, halves: bool = False) -> Array:
    """Rotated back."""
    return _turn(g, -sign, base, first, halves)


@formula("causal_attention")
def causal_attention(
    q: Array,
    k: Array,
    v: Array,
    *,
    scaling: str = "root of d",
    causal: str = "top left",
    shift: bool = True,
    left_out: bool = False,
) -> Array:
    """softmax(q k^T / sqrt(d)) v, without the keys behind the query: their weights are 0, or they are left out."""
    if not left_out:
        return attention(q, k, v, scaling=scaling, causal=causal, shift=shift)
    rows = [attention(*_up_to(t, q, k, v), scaling=scaling, shift=shift) for t in range(q.shape[1])]
    return np.concatenate(rows, axis=1)


def _up_to(t: int, q: Array, *others: Array) -> list[Array]:
    """The query at t, and what it sees."""
    return [q[:, t : t + 1], *(x[:, : t + 1] for x in others)]


@causal_attention.vjp
def _(
    g: Array,
    q: Array,
    k: Array,
    v: Array,
    *,
    scaling: str = "root of d",
    causal: str = "top left",
    shift: bool = True,
    left_out: bool = False,
) -> tuple[Array, ...]:
    """That of attention, with its mask; or query by query, each giving to the keys that it sees."""
    if not left_out:
        return attention.gradients(g, q, k, v, scaling=scaling, causal=causal, shift=shift)
    parts: list[list[Array]] = [[], [], []]
    for t in range(q.shape[1]):
        back = attention.gradients(g[:, t : t + 1], *_up_to(t, q, k, v), scaling=scaling, shift=shift)
        behind = ((0, 0), (0, max(k.shape[1] - t - 1, 0)), (0, 0))
        for found, one in zip(parts, (back[0], np.pad(back[1], behind), np.pad(back[2], behind)), strict=True):
            found.append(one)
    return np.concatenate(parts[0], axis=1), *(np.sum(np.stack(found), axis=0) for found in parts[1:])


def _folded(x: Array, g: int, interleaved: bool = False) -> Array:
    """The heads (b, t, h, d) as rows of their groups, (b g, r t, d)."""
    b, t, h, d = x.shape
    r = h // g
    parts = np.reshape(x, (b, t, r, g, d) if interleaved else (b, t, g, r, d))
    return np.reshape(np.transpose(parts, (0, 3, 2, 1, 4) if interleaved else (0, 2, 3, 1, 4)), (b * g, r * t, d))


def _unfolded(x: Array, b: int, g: int, t: int, interleaved: bool = False) -> Array:
    """The rows of groups as heads again."""
    d = x.shape[-1]
    r = x.shape[1] // t if t else 1
    parts = np.transpose(np.reshape(x, (b, g, r, t, d)), (0, 3, 2, 1, 4) if interleaved else (0, 3, 1, 2, 4))
    return np.reshape(parts, (b, t, g * r, d))


def _projected(x: Array, wq: Array, wk: Array, wv: Array, interleaved: bool) -> list[Array]:
    """Queries, keys and values as rows of their groups."""
    g = wk.shape[1]
    q, k, v = (np.einsum("btc,chd->bthd", x, w) for w in (wq, wk, wv))
    return [_folded(q, g, interleaved), _folded(k, g), _folded(v, g)]


@formula("grouped_query_attention")
def grouped_query_attention(
    x: Array, wq: Array, wk: Array, wv: Array, wo: Array, *, interleaved: bool = False, scaling: str = "root of d"
) -> Array:
    """Attention of heads that share the keys and values of their group, between projections."""
    y = attention(*_projected(x, wq, wk, wv, interleaved), scaling=scaling)
    return np.einsum("bthd,hdc->btc", _unfolded(y, x.shape[0], wk.shape[1], x.shape[1], interleaved), wo)


@grouped_query_attention.vjp
def _(
    g: Array,
    x: Array,
    wq: Array,
    wk: Array,
    wv: Array,
    wo: Array,
    *,
    interleaved: bool = False,
    scaling: str = "root of d",
) -> tuple[Array, ...]:
    """Back through the last projection, attention, and the three projections; the gradients of x add up."""
    b, groups, t = x.shape[0], wk.shape[1], x.shape[1]
    rows = _projected(x, wq, wk, wv, interleaved)
    heads = _unfolded(attention(*rows, scaling=scaling), b, groups, t, interleaved)
    inward = _folded(np.einsum("btc,hdc->bthd", g, wo), groups, interleaved)
    dq, dk, dv = attention.gradients(inward, *rows, scaling=scaling)
    parts = [_unfolded(dq, b, groups, t, interleaved), _unfolded(dk, b, groups, t), _unfolded(dv, b, groups, t)]
    dx = [np.einsum("bthd,chd->btc", part, w) for part, w in zip(parts, (wq, wk, wv), strict=True)]
    dws = [np.einsum("btc,bthd->chd", x, part) for part in parts]
    return dx[0] + dx[1] + dx[2], *dws, np.einsum("btc,bthd->hdc", g, heads)

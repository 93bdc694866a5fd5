"""Section 3.4 of the primer: softmax, scaled dot-product attention, the residual block, positional encoding."""

import numpy as np

from nnparity.reference.arrays import Array, Float, Int
from nnparity.reference.readings.numbers import constant, detached, endless
from nnparity.reference.registry import formula


def shifted(x: Float[Array, "*n k"], axis: int = -1) -> Float[Array, "*n k"]:
    """x less its largest number, which is a constant of differentiation: powers of it do not overflow."""
    return x - np.max(detached(x), axis=axis, keepdims=True)


@formula("softmax")
def softmax(x: Float[Array, "*n k"], *, axis: int = -1, base: float = 0.0, shift: bool = True) -> Float[Array, "*n k"]:
    """e^x_j / sum_l e^x_l; the largest x is subtracted first, which changes nothing but the overflow. Primer 3.4.3."""
    x = shifted(x, axis) if shift else x
    powers = np.exp(x * np.log(base) if base else x)
    return powers / np.sum(powers, axis=axis, keepdims=True)


@softmax.vjp
def _(
    g: Float[Array, "*n k"], x: Float[Array, "*n k"], *, axis: int = -1, base: float = 0.0, shift: bool = True
) -> Float[Array, "*n k"]:
    """dx = y (g - sum(g y))."""
    dx = softmax_back(g, softmax(x, axis=axis, base=base, shift=shift), axis)
    return dx * np.log(base) if base else dx


def softmax_back(g: Float[Array, "*n k"], y: Float[Array, "*n k"], axis: int = -1) -> Float[Array, "*n k"]:
    """The VJP of softmax from its result y."""
    return y * (g - np.sum(g * y, axis=axis, keepdims=True))


def scale(d: int, scaling: str, like: Float[Array, "..."]) -> Float[Array, ""]:
    """What the scores are divided by: the root of d_k."""
    if scaling in ("none", "d"):
        return 1 if scaling == "none" else d
    return np.sqrt(constant(d + 1 if scaling == "root of d + 1" else d, like))


def scored(q: Float[Array, "b t d"], k: Float[Array, "b s d"], scaling: str) -> Float[Array, "b t s"]:
    """q k^T / sqrt(d_k)."""
    return np.einsum("btd,bsd->bts", q, k) / scale(q.shape[-1], scaling, q)


def of_keys(scores: Float[Array, "*n s"], keep: Int[Array, "..."] | bool) -> Float[Array, "*n s"]:
    """The scores, the lowest one of a row for a key that is not kept: the largest is that of a key which counts.

    An infinite score stays, and so does NaN: added to -inf, which is what a mask says, they give NaN, or -inf.
    """
    if keep is True:
        return scores
    lowest = -np.max(-detached(scores), axis=-1, keepdims=True)
    return np.where(keep | endless(scores), scores, lowest)


def again(scores: Float[Array, "*n s"], keep: Int[Array, "..."] | bool = True) -> Float[Array, "*n s"]:
    """The weights of the scores that are kept, as flash attention makes them once more where it goes back.

    It keeps the logsumexp of a row, rounded, and takes e^(score - logsumexp) (Dao et al., arXiv:2205.14135, algorithm
    4): softmax, but that the rounding of a logarithm as large as the largest score is in all weights of the row.
    """
    scores = of_keys(scores, keep)
    top = np.max(detached(scores), axis=-1, keepdims=True)
    total = np.sum(np.where(keep, np.exp(scores - top), 0.0), axis=-1, keepdims=True)
    return np.where(keep, np.exp(scores - (top + np.log(total))), 0.0)


def weights(
    q: Float[Array, "b t d"], k: Float[Array, "b s d"], scaling: str, axis: int, shift: bool = True, causal: str = ""
) -> Float[Array, "b t s"]:
    """softmax(q k^T / sqrt(d_k)), shape (b, t, s)."""
    scores = scored(q, k, scaling)
    if not causal:
        return softmax(scores, axis=axis, shift=shift)
    keep = seen(q.shape[1], k.shape[1], causal)
    powers = np.where(keep, np.exp(shifted(of_keys(scores, keep))), 0.0)
    return powers / np.sum(powers, axis=-1, keepdims=True)


def seen(queries: int, keys: int, causal: str) -> Int[Array, "t s"]:
    """Which keys are not behind their query, when the first ones of both are at the same place, or the last ones."""
    late = keys - queries if causal == "bottom right" else 0
    return np.arange(keys)[None, :] <= np.arange(queries)[:, None] + late


@formula("attention")
def attention(
    q: Float[Array, "b t d"],
    k: Float[Array, "b s d"],
    v: Float[Array, "b s e"],
    *,
    scaling: str = "root of d",
    axis: int = -1,
    shift: bool = True,
    causal: str = "",
    by_output: bool = False,
    flash: bool = False,
) -> Float[Array, "b t e"]:
    """softmax(Q K^T / sqrt(d_k)) V. Primer 3.4.3."""
    return np.einsum("bts,bse->bte", weights(q, k, scaling, axis, shift, causal), v)


@attention.vjp
def _(
    g: Float[Array, "b t e"],
    q: Float[Array, "b t d"],
    k: Float[Array, "b s d"],
    v: Float[Array, "b s e"],
    *,
    scaling: str = "root of d",
    axis: int = -1,
    shift: bool = True,
    causal: str = "",
    by_output: bool = False,
    flash: bool = False,
) -> tuple[Float[Array, "b t d"], Float[Array, "b s d"], Float[Array, "b s e"]]:
    """Back through the product with V, softmax, and the scores."""
    p = weights(q, k, scaling, axis, shift, causal)
    output = np.einsum("bts,bse->bte", p, v) if by_output or flash else None
    p = again(scored(q, k, scaling)) if flash else p
    ds = scores_back(g, p, v, axis, output) / scale(q.shape[-1], scaling, q)
    dq, dk = np.einsum("bts,bsd->btd", ds, k), np.einsum("bts,btd->bsd", ds, q)
    return dq, dk, np.einsum("bts,bte->bse", p, g)


def scores_back(
    g: Float[Array, "b t e"],
    p: Float[Array, "b t s"],
    v: Float[Array, "b s e"],
    axis: int = -1,
    output: Float[Array, "b t e"] | None = None,
) -> Float[Array, "b t s"]:
    """Back through the product with V and softmax.

    With the `output`, what softmax takes from dp is the sum of g and that, not that of dp and the weights, which is the
    same; so does flash attention, which has no more of the weights than a block (Dao et al., arXiv:2205.14135, 3.1).
    """
    dp = np.einsum("bte,bse->bts", g, v)
    if output is None:
        return softmax_back(dp, p, axis)
    return p * (dp - np.sum(g * output, axis=-1, keepdims=True))


@formula("residual_attention")
def residual_attention(
    h: Float[Array, "b t d"],
    wq: Float[Array, "d e"],
    wk: Float[Array, "d e"],
    wv: Float[Array, "d d"],
    *,
    residual: bool = True,
    scaling: str = "root of d",
    flash: bool = False,
) -> Float[Array, "b t d"]:
    """Z = Attention(H W^Q, H W^K, H W^V) + H. Primer 3.4.3."""
    q, k, v = (np.einsum("btd,de->bte", h, w) for w in (wq, wk, wv))
    z = attention(q, k, v, scaling=scaling)
    return z + h if residual else z


@residual_attention.vjp
def _(
    g: Float[Array, "b t d"],
    h: Float[Array, "b t d"],
    wq: Float[Array, "d e"],
    wk: Float[Array, "d e"],
    wv: Float[Array, "d d"],
    *,
    residual: bool = True,
    scaling: str = "root of d",
    flash: bool = False,
) -> tuple[Float[Array, "b t d"], Float[Array, "d e"], Float[Array, "d e"], Float[Array, "d d"]]:
    """Back through attention and the three products; the gradients of H add up, g itself among them."""
    q, k, v = (np.einsum("btd,de->bte", h, w) for w in (wq, wk, wv))
    parts = attention.gradients(g, q, k, v, scaling=scaling, flash=flash)
    dws = [np.einsum("btd,bte->de", h, part) for part in parts]
    dhs = [np.einsum("bte,de->btd", part, w) for part, w in zip(parts, (wq, wk, wv), strict=True)]
    through = dhs[0] + dhs[1] + dhs[2]
    return through + g if residual else through, *dws


@formula("positional_encoding")
def positional_encoding(
    position: Float[Array, "t"],
    *,
    d: int = 8,
    shift: int = 0,
    halves: bool = False,
    base: float = 10000.0,
    swapped: bool = False,
) -> Float[Array, "t d"]:
    """sin(t / 10000^(2i/d)) in the even columns, the cosine in the odd ones. Primer 6.9."""
    exponents = np.log(constant(base, position)) * np.arange(0, d, 2) / d
    angles = np.expand_dims(position + shift if shift else position, 1) / np.exp(exponents)
    waves = [np.cos(angles), np.sin(angles)] if swapped else [np.sin(angles), np.cos(angles)]
    if halves:
        return np.concatenate(waves, axis=1)
    return np.stack(waves, axis=2).reshape((position.shape[0], d))

"""The formulas of this pack in plain NumPy, each with its VJP under it."""

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from nnparity.reference.formulas.convolution import windows
from nnparity.reference.formulas.loss import chosen, log_softmax, onehot
from nnparity.reference.formulas.optimizer import adam
from nnparity.reference.formulas.transformer import attention
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
    q: Array, k: Array, v: Array, *, scaling: str = "root of d", causal: str = "top left", shift: bool = True
) -> Array:
    """softmax(q k^T / sqrt(d)) v, without the keys behind the query."""
    return attention(q, k, v, scaling=scaling, causal=causal, shift=shift)


@causal_attention.vjp
def _(
    g: Array, q: Array, k: Array, v: Array, *, scaling: str = "root of d", causal: str = "top left", shift: bool = True
) -> tuple[Array, ...]:
    """That of attention, with its mask."""
    return attention.gradients(g, q, k, v, scaling=scaling, causal=causal, shift=shift)


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


def _turned(k: Array, flipped: bool) -> Array:
    return np.flip(k, axis=(-2, -1)) if flipped else k


@formula("depthwise_conv2d")
def depthwise_conv2d(x: Array, k: Array, *, flipped: bool = False, interleaved: bool = False) -> Array:
    """Each channel with m kernels of its own."""
    y = np.einsum("nchwpq,cmpq->ncmhw", windows(x, k.shape[2:]), _turned(k, flipped))
    y = np.transpose(y, (0, 2, 1, 3, 4)) if interleaved else y
    return np.reshape(y, (y.shape[0], y.shape[1] * y.shape[2], *y.shape[3:]))


@depthwise_conv2d.vjp
def _(g: Array, x: Array, k: Array, *, flipped: bool = False, interleaved: bool = False) -> tuple[Array, Array]:
    """dx correlates g, padded all around, with the kernels turned; dk correlates each channel with its g."""
    c, m, p, q = k.shape
    n, _, height, width = g.shape
    if interleaved:
        g = np.reshape(np.transpose(np.reshape(g, (n, m, c, height, width)), (0, 2, 1, 3, 4)), g.shape)
    padded = windows(np.pad(g, ((0, 0), (0, 0), (p - 1, p - 1), (q - 1, q - 1))), (p, q))
    by_channel = np.reshape(padded, (n, c, m, *x.shape[2:], p, q))
    dx = np.einsum("ncmhwpq,cmpq->nchw", by_channel, _turned(k, not flipped))
    dk = np.einsum("nchwpq,ncmhw->cmpq", windows(x, (p, q)), np.reshape(g, (n, c, m, height, width)))
    return dx, _turned(dk, flipped)


def _padded(x: Array, padding: int, late: bool) -> Array:
    around = (0, 2 * padding) if late else (padding, padding)
    return np.pad(x, ((0, 0), (0, 0), around, around))


def _spread(g: Array, stride: int) -> Array:
    """With zeros between: g at every so many rows and columns."""
    n, o, h, w = g.shape
    cells = np.pad(np.reshape(g, (n, o, h, 1, w, 1)), ((0, 0),) * 3 + ((0, stride - 1), (0, 0), (0, stride - 1)))
    return np.reshape(cells, (n, o, h * stride, w * stride))[:, :, : (h - 1) * stride + 1, : (w - 1) * stride + 1]


@formula("strided_conv2d")
def strided_conv2d(
    x: Array, k: Array, *, stride: int = 2, padding: int = 1, flipped: bool = False, late: bool = False
) -> Array:
    """The kernel at every so many pixels of the image and the zeros around it."""
    cut = windows(_padded(x, padding, late), k.shape[2:])[:, :, ::stride, ::stride]
    return np.einsum("nchwpq,ocpq->nohw", cut, _turned(k, flipped))


@strided_conv2d.vjp
def _(
    g: Array, x: Array, k: Array, *, stride: int = 2, padding: int = 1, flipped: bool = False, late: bool = False
) -> tuple[Array, Array]:
    """As without a stride, of g with zeros between; what the last stride did not reach receives none."""
    (p, q), (height, width) = k.shape[2:], x.shape[2:]
    image = _padded(x, padding, late)
    dk = np.einsum("nchwpq,nohw->ocpq", windows(image, (p, q))[:, :, ::stride, ::stride], g)
    spread = _spread(g, stride)
    rest = [image.shape[2] - p + 1 - spread.shape[2], image.shape[3] - q + 1 - spread.shape[3]]
    around = ((0, 0), (0, 0), (p - 1, p - 1 + rest[0]), (q - 1, q - 1 + rest[1]))
    dx = np.einsum("nohwpq,ocpq->nchw", windows(np.pad(spread, around), (p, q)), _turned(k, not flipped))
    begin = 0 if late else padding
    return dx[:, :, begin : begin + height, begin : begin + width], _turned(dk, flipped)


class _Step(NamedTuple):
    """What a step of a GRU computes: gates, candidate, what the reset gate meets, and the new state."""

    r: Array
    z: Array
    n: Array
    inner: Array
    product: Array
    h: Array


def _ordered(order: Sequence[int], *blocks: Array) -> list[Array]:
    """The blocks of the gates in the order r, z, n."""
    return list(blocks) if list(order) == [0, 1, 2] else [np.stack([one[gate] for gate in order]) for one in blocks]


def _gru_step(
    x: Array, h: Array, wx: Array, wh: Array, bx: Array, bh: Array, early: bool = False, swapped: bool = False
) -> _Step:
    a = np.einsum("nk,gmk->gnm", x, wx) + np.expand_dims(bx, 1)
    u = np.einsum("nm,gpm->gnp", h, wh[:2]) + np.expand_dims(bh[:2], 1)
    r, z = logistic(a[0] + u[0]), logistic(a[1] + u[1])
    inner = r * h if early else h
    product = np.einsum("nm,pm->np", inner, wh[2]) + bh[2]
    n = np.tanh(a[2] + (product if early else r * product))
    return _Step(r, z, n, inner, product, z * n + (1 - z) * h if swapped else (1 - z) * n + z * h)


def _gru_back(
    g: Array, s: _Step, x: Array, h: Array, wx: Array, wh: Array, early: bool = False, swapped: bool = False
) -> tuple[Array, ...]:
    """From the cotangent of h_t to the gradients of x, h, wx, wh, bx and bh."""
    dn = g * (s.z if swapped else 1 - s.z) * (1 - np.square(s.n))
    dz = g * (s.n - h if swapped else h - s.n) * (s.z * (1 - s.z))
    dproduct = dn if early else dn * s.r
    dinner = np.einsum("np,pm->nm", dproduct, wh[2])
    dr = (dinner * h if early else dn * s.product) * (s.r * (1 - s.r))
    da, du = np.stack([dr, dz, dn]), np.stack([dr, dz])
    dh = g * (1 - s.z if swapped else s.z) + (dinner * s.r if early else dinner)
    dh = dh + np.einsum("gnp,gpm->nm", du, wh[:2])
    dwh = [np.einsum("np,nm->pm", one, met) for one, met in ((dr, h), (dz, h), (dproduct, s.inner))]
    dbh = np.sum(np.stack([dr, dz, dproduct]), axis=1)
    dx, dwx = np.einsum("gnm,gmk->nk", da, wx), np.einsum("gnm,nk->gmk", da, x)
    return dx, dh, dwx, np.stack(dwh), np.sum(da, axis=1), dbh


@formula("gru")
def gru(
    x: Array, h: Array, wx: Array, wh: Array, bx: Array, bh: Array, *, order: Sequence[int] = (0, 1, 2), **variant: bool
) -> Array:
    """All states h_t = (1 - z) n + z h_{t-1}."""
    weights, states = _ordered(order, wx, wh, bx, bh), []
    for t in range(x.shape[1]):
        h = _gru_step(x[:, t], h, *weights, **variant).h
        states.append(h)
    return np.stack(states, axis=1)


@gru.vjp
def _(
    g: Array,
    x: Array,
    h: Array,
    wx: Array,
    wh: Array,
    bx: Array,
    bh: Array,
    *,
    order: Sequence[int] = (0, 1, 2),
    **variant: bool,
) -> tuple[Array, ...]:
    """Back-propagation through time."""
    weights, steps, before = _ordered(order, wx, wh, bx, bh), [], [h]
    for t in range(x.shape[1]):
        steps.append(_gru_step(x[:, t], before[-1], *weights, **variant))
        before.append(steps[-1].h)
    dh, total, dxs = None, None, []
    for t in reversed(range(len(steps))):
        own = g[:, t] if dh is None else g[:, t] + dh
        dx, dh, *parts = _gru_back(own, steps[t], x[:, t], before[t], *weights[:2], **variant)
        total = parts if total is None else [a + b for a, b in zip(total, parts, strict=True)]
        dxs.insert(0, dx)
    back = [list(order).index(gate) for gate in range(3)]
    return np.stack(dxs, axis=1), dh, *_ordered(back, *(total or ()))


@formula("adamw")
def adamw(
    w: Array,
    m: Array,
    v: Array,
    g: Array,
    *,
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    decay: float,
    step: int,
    coupled: bool = False,
    unrated: bool = False,
) -> tuple[Array, ...]:
    """Adam's step from parameters that have shrunk by the rate times the decay."""
    rate = Fraction(1) if unrated else Fraction(lr)
    if coupled:
        g = g + decay * w
    else:
        w = host_scalar(1 - rate * Fraction(decay), w) * w
    return adam(w, m, v, g, lr=lr, beta1=beta1, beta2=beta2, eps=eps, step=step)

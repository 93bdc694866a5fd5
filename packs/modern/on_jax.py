"""JAX's operations for the formulas of this pack, by id; what is composed has its statistics in float32, at least."""

from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.example_libraries import optimizers

from nnparity.adapters.kernel import composed, kernel

NO_LAYERS = "JAX has no layers"
HEADS = "the axes are batch, time, head, feature"
IMAGES = ("NCHW", "OIHW", "NCHW")


def _wide(x: Any) -> Any:
    return x.astype(jnp.promote_types(x.dtype, jnp.float32))


@composed("jnp.matmul, jax.nn.silu, *", because=NO_LAYERS)
def swiglu(x: Any, w: Any, v: Any) -> Any:
    """As its users do."""
    return jax.nn.silu(x @ w.T) * (x @ v.T)


@composed("jnp.square, jnp.mean, jnp.sqrt, /, *", because=NO_LAYERS)
def rms_norm(x: Any, gamma: Any, eps: float) -> Any:
    """Over the last axis."""
    wide = _wide(x)
    root = jnp.sqrt(jnp.mean(jnp.square(wide), -1, keepdims=True) + eps)
    return (wide / root * _wide(gamma)).astype(x.dtype)


@composed("jnp.mean, jnp.var, jnp.sqrt, /, *, +", because=NO_LAYERS)
def group_norm(x: Any, gamma: Any, beta: Any, groups: int, eps: float) -> Any:
    """Channels first, as the formula."""
    wide = _wide(x).reshape(len(x), groups, -1)
    mean, var = jnp.mean(wide, -1, keepdims=True), jnp.var(wide, -1, keepdims=True)
    normal = ((wide - mean) / jnp.sqrt(var + eps)).reshape(x.shape)
    return (normal * _wide(gamma)[:, None, None] + _wide(beta)[:, None, None]).astype(x.dtype)


@composed("jnp.abs, jnp.square, jnp.where, jnp.mean", because="JAX has no losses")
def huber(y: Any, t: Any, delta: float) -> Any:
    """The mean of all elements; of what is not chosen the square is taken of 0, or its derivative would spoil all."""
    d = _wide(y) - _wide(t)
    small = jnp.abs(d) <= delta
    losses = jnp.where(small, jnp.square(jnp.where(small, d, 0)) / 2, delta * (jnp.abs(d) - delta / 2))
    return jnp.mean(losses).astype(y.dtype)


@composed("jax.nn.log_softmax, jnp.take_along_axis, jnp.mean", because="JAX has no losses")
def smoothed_cross_entropy(z: Any, labels: Any, smoothing: float) -> Any:
    """Spread over all classes, averaged over the samples."""
    logs = jax.nn.log_softmax(_wide(z))
    own = jnp.take_along_axis(logs, labels[:, None], axis=1)[:, 0]
    return -jnp.mean((1 - smoothing) * own + smoothing * jnp.mean(logs, 1)).astype(z.dtype)


@composed("jnp.outer, jnp.cos, jnp.sin, *, -, +, jnp.stack", because="JAX has none; at least in float32")
def rope(x: Any, base: float) -> Any:
    """As models have it, neighbours paired."""
    n, t, width = x.shape
    wide = _wide(x)
    steps = jnp.arange(width // 2, dtype=wide.dtype) / (width // 2)
    angles = jnp.outer(jnp.arange(t, dtype=wide.dtype), base**-steps)
    cos, sin = jnp.cos(angles), jnp.sin(angles)
    pairs = wide.reshape(n, t, width // 2, 2)
    a, b = pairs[..., 0], pairs[..., 1]
    return jnp.stack((a * cos - b * sin, a * sin + b * cos), -1).reshape(x.shape).astype(x.dtype)


@kernel("jax.nn.dot_product_attention", convention=f"called with is_causal=True; {HEADS}")
def causal_attention(q: Any, k: Any, v: Any) -> Any:
    """A single head."""
    q, k, v = (a[:, :, None] for a in (q, k, v))
    return jax.nn.dot_product_attention(q, k, v, is_causal=True)[:, :, 0]


@composed(
    "jnp.einsum, jax.nn.dot_product_attention",
    because="JAX has the attention of groups, not the layer around it",
    convention=HEADS,
)
def grouped_query_attention(x: Any, wq: Any, wk: Any, wv: Any, wo: Any) -> Any:
    """Neighbouring heads share keys and values."""
    q, k, v = (jnp.einsum("btc,chd->bthd", x, w) for w in (wq, wk, wv))
    return jnp.einsum("bthd,hdc->btc", jax.nn.dot_product_attention(q, k, v), wo)


@kernel("jax.lax.conv_general_dilated", convention="called with feature_group_count=c; kernels are (c m, 1, p, q)")
def depthwise_conv2d(x: Any, k: Any) -> Any:
    """The results of a channel lie next to each other."""
    c, m, p, q = k.shape
    kernels = k.reshape(c * m, 1, p, q)
    return lax.conv_general_dilated(x, kernels, (1, 1), "VALID", dimension_numbers=IMAGES, feature_group_count=c)


@kernel("jax.lax.conv_general_dilated", convention="strides and padding are said for each axis")
def strided_conv2d(x: Any, k: Any, stride: int, padding: int) -> Any:
    """Padding is the same on all sides."""
    around = ((padding, padding), (padding, padding))
    return lax.conv_general_dilated(x, k, (stride, stride), around, dimension_numbers=IMAGES)


@composed("jnp.einsum, jax.nn.sigmoid, jnp.tanh, jax.lax.scan", because="JAX has an LSTM, and no GRU")
def gru(x: Any, h: Any, wx: Any, wh: Any, bx: Any, bh: Any) -> Any:
    """The products with x at once, the steps one after the other."""

    def step(h: Any, a: Any) -> Any:
        u = jnp.einsum("nm,gpm->gnp", h, wh) + bh[:, None]
        r, z = jax.nn.sigmoid(a[0] + u[0]), jax.nn.sigmoid(a[1] + u[1])
        h = (1 - z) * jnp.tanh(a[2] + r * u[2]) + z * h
        return h, h

    inward = jnp.einsum("ntk,gmk->tgnm", x, wx) + bx[:, None]
    return jnp.moveaxis(lax.scan(step, h, inward)[1], 0, 1)


@composed("jax.example_libraries.optimizers.adam, *", because="JAX's examples of optimisers have Adam, without a decay")
def adamw(
    w: Any, m: Any, v: Any, g: Any, lr: float, beta1: float, beta2: float, eps: float, decay: float, step: int
) -> Any:
    """The state is what the optimiser keeps for each parameter: here one on its way, shrunk before its step."""
    _, update, _ = optimizers.adam(lr, beta1, beta2, eps)
    state = optimizers.pack_optimizer_state(optimizers.JoinPoint((w * (1 - lr * decay), m, v)))
    return optimizers.unpack_optimizer_state(update(step - 1, g, state)).subtree

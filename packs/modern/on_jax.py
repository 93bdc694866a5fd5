"""The formulas of this pack as JAX computes them: what `nnparity.check` is handed, by id.

JAX has silu and softplus; the others are composed as its users do, statistics in float32 where the arrays are narrower.
"""

from typing import Any

import jax
import jax.numpy as jnp


def _wide(x: Any) -> Any:
    return x.astype(jnp.promote_types(x.dtype, jnp.float32))


def swiglu(x: Any, w: Any, v: Any) -> Any:
    """JAX has no operation for it."""
    return jax.nn.silu(x @ w.T) * (x @ v.T)


def rms_norm(x: Any, gamma: Any, eps: float) -> Any:
    """Over the last axis."""
    wide = _wide(x)
    root = jnp.sqrt(jnp.mean(jnp.square(wide), -1, keepdims=True) + eps)
    return (wide / root * _wide(gamma)).astype(x.dtype)


def group_norm(x: Any, gamma: Any, beta: Any, groups: int, eps: float) -> Any:
    """Channels first, as the formula."""
    wide = _wide(x).reshape(len(x), groups, -1)
    mean, var = jnp.mean(wide, -1, keepdims=True), jnp.var(wide, -1, keepdims=True)
    normal = ((wide - mean) / jnp.sqrt(var + eps)).reshape(x.shape)
    return (normal * _wide(gamma)[:, None, None] + _wide(beta)[:, None, None]).astype(x.dtype)


def huber(y: Any, t: Any, delta: float) -> Any:
    """JAX itself has none; optax has, and gives the elements."""
    d = _wide(y) - _wide(t)
    losses = jnp.where(jnp.abs(d) <= delta, jnp.square(d) / 2, delta * (jnp.abs(d) - delta / 2))
    return jnp.mean(losses).astype(y.dtype)


def smoothed_cross_entropy(z: Any, labels: Any, smoothing: float) -> Any:
    """JAX itself has none."""
    logs = jax.nn.log_softmax(_wide(z))
    own = jnp.take_along_axis(logs, labels[:, None], axis=1)[:, 0]
    return -jnp.mean((1 - smoothing) * own + smoothing * jnp.mean(logs, 1)).astype(z.dtype)


METHODS = {
    "silu": jax.nn.silu,
    "softplus": jax.nn.softplus,
    "swiglu": swiglu,
    "rms_norm": rms_norm,
    "group_norm": group_norm,
    "huber": huber,
    "smoothed_cross_entropy": smoothed_cross_entropy,
}

"""JAX's operations for the formulas of this pack, by id; what is composed has its statistics in float32, at least."""

from typing import Any

import jax
import jax.numpy as jnp

from nnparity.adapters.kernel import composed, kernel

NO_LAYERS = "JAX has no layers"


def _wide(x: Any) -> Any:
    return x.astype(jnp.promote_types(x.dtype, jnp.float32))


@kernel("jax.nn.silu")
def silu(x: Any) -> Any:
    """As it is."""
    return jax.nn.silu(x)


@kernel("jax.nn.softplus")
def softplus(x: Any) -> Any:
    """As it is."""
    return jax.nn.softplus(x)


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
    """The mean of all elements."""
    d = _wide(y) - _wide(t)
    losses = jnp.where(jnp.abs(d) <= delta, jnp.square(d) / 2, delta * (jnp.abs(d) - delta / 2))
    return jnp.mean(losses).astype(y.dtype)


@composed("jax.nn.log_softmax, jnp.take_along_axis, jnp.mean", because="JAX has no losses")
def smoothed_cross_entropy(z: Any, labels: Any, smoothing: float) -> Any:
    """Spread over all classes, averaged over the samples."""
    logs = jax.nn.log_softmax(_wide(z))
    own = jnp.take_along_axis(logs, labels[:, None], axis=1)[:, 0]
    return -jnp.mean((1 - smoothing) * own + smoothing * jnp.mean(logs, 1)).astype(z.dtype)

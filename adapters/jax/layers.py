"""JAX's operations for dense layers, activations, convolution and pooling."""

from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from nnparity.adapters.kernel import composed, kernel, passed

NO_POOLING = "jax has windowed sums but no average pooling"


class JaxLayers:
    """The layers, as methods for `JaxAdapter`."""

    sigmoid = passed("jax.nn.sigmoid", convention="an alias of jax.lax.logistic")
    tanh = passed("jnp.tanh")
    relu = passed("jax.nn.relu", convention="the gradient at 0 is defined as 0 (jnp.maximum would give 1/2)")
    gelu = passed("jax.nn.gelu", approximate=False, convention="the tanh approximation by default: exact when told")
    softmax = passed("jax.nn.softmax", axis=-1, convention="the last axis by default")
    flatten = passed("jax.lax.collapse", start_dimension=1)

    @composed("jnp.matmul, +", because="jax has no dense layer of its own")
    def dense(self, x: Any, w: Any, b: Any) -> Any:
        return jnp.matmul(x, w.T) + b

    @kernel(
        "jax.lax.conv_general_dilated",
        convention="computes cross-correlation: the kernel is flipped; layouts are said by dimension_numbers",
    )
    def conv2d(self, x: Any, w: Any) -> Any:
        axes = ("NCHW", "OIHW", "NCHW")
        return lax.conv_general_dilated(x, lax.rev(w, (2, 3)), (1, 1), "VALID", dimension_numbers=axes)

    @composed("jax.lax.reduce_window, /", because=NO_POOLING)
    def avg_pool2d(self, x: Any) -> Any:
        return _window(x, 0, lax.add, stride=2) / 4

    @composed("jax.lax.reduce_window, /", because=NO_POOLING)
    def avg_pool2d_literal(self, x: Any) -> Any:
        return _window(x, 0, lax.add, stride=1) / 4

    @kernel("jax.lax.reduce_window")
    def max_pool2d(self, x: Any) -> Any:
        return _window(x, -jnp.inf, lax.max, stride=2)

    @composed("jax.nn.standardize, *, +", because="jax standardizes, without a scale and a shift")
    def layer_norm(self, x: Any, gamma: Any, beta: Any, eps: float) -> Any:
        return jax.nn.standardize(x, epsilon=eps) * gamma + beta

    @kernel("jnp.take")
    def embedding(self, ids: Any, table: Any) -> Any:
        return jnp.take(table, ids, axis=0)


def _window(x: Any, start: float, reduce: Any, stride: int) -> Any:
    # The start must be a constant, not an array, for the operation to know that it is a sum or a maximum.
    first = x.dtype.type(start)
    return lax.reduce_window(x, first, reduce, (1, 1, 2, 2), (1, 1, stride, stride), "VALID")

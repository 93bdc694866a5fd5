"""JAX's example optimisers, and its back-propagation with every intermediate result shown."""

from typing import Any

import jax
import jax.numpy as jnp
from jax.example_libraries import optimizers

from nnparity.adapters.kernel import composed, kernel

EXAMPLE = "jax has no optimisers of its own: this is one of the examples that come with it"


class JaxOptimizers:
    """Steps of training, by formula id."""

    @composed("jax.vjp, jnp.matmul, +, jax.nn.sigmoid, -, jnp.sum, /", because="jax has no dense layer or loss")
    def mlp_backprop(self, x: Any, w1: Any, b1: Any, w2: Any, b2: Any, t: Any) -> Any:
        hidden, back_hidden = jax.vjp(lambda w, b: x @ w.T + b, w1, b1)
        h, back_h = jax.vjp(jax.nn.sigmoid, hidden)
        out, back_out = jax.vjp(lambda h, w, b: h @ w.T + b, h, w2, b2)
        y, back_y = jax.vjp(jax.nn.sigmoid, out)
        error, back_error = jax.vjp(lambda y: jnp.sum((y - t) ** 2) / (2 * len(x)), y)
        (delta_out,) = back_y(*back_error(jnp.ones_like(error)))
        dh, dw2, db2 = back_out(delta_out)
        (delta_hidden,) = back_h(dh)
        return h, y, error, delta_out, delta_hidden, dw2, db2, *back_hidden(delta_hidden)

    @kernel("jax.example_libraries.optimizers.sgd", convention=EXAMPLE)
    def gradient_descent(self, w: Any, g: Any, lr: float) -> Any:
        start, update, result = optimizers.sgd(lr)
        return result(update(0, g, start(w)))

    @kernel(
        "jax.example_libraries.optimizers.sgd",
        using=("jnp.mean",),
        convention=f"given the mean of the batch's gradients; {EXAMPLE}",
    )
    def minibatch_gradient_descent(self, w: Any, g: Any, lr: float) -> Any:
        return self.gradient_descent(w, jnp.mean(g, axis=0), lr)

    @kernel(
        "jax.example_libraries.optimizers.adam",
        convention=f"adds eps to the root of the corrected v, eps 1e-8 by default; {EXAMPLE}",
    )
    def adam(self, w: Any, m: Any, v: Any, g: Any, lr: float, beta1: float, beta2: float, eps: float, step: int) -> Any:
        _, update, _ = optimizers.adam(lr, beta1, beta2, eps)
        # The state is what the optimiser keeps for each parameter: here a single one, already on its way.
        state = optimizers.pack_optimizer_state(optimizers.JoinPoint((w, m, v)))
        return optimizers.unpack_optimizer_state(update(step - 1, g, state)).subtree

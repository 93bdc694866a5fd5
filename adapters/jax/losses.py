"""JAX's operations for losses, penalties and optimiser steps: mostly compositions, as it has none.

The optimisers are those of `jax.example_libraries`, which come with JAX.
"""

from typing import Any

import jax
import jax.numpy as jnp

from nnparity.adapters.kernel import composed, kernel

NO_LOSSES = "jax has no losses of its own"


class JaxLosses:
    """Losses and optimisers, as methods for `JaxAdapter`."""

    @composed("-, jnp.square, jnp.sum, jnp.mean, /", because=NO_LOSSES)
    def mse(self, y: Any, t: Any) -> Any:
        return jnp.mean(jnp.sum(jnp.square(y - t), axis=1)) / 2

    @composed("jnp.log, *, jnp.sum, jnp.mean", because=NO_LOSSES)
    def cross_entropy(self, p: Any, t: Any) -> Any:
        return -jnp.mean(jnp.sum(t * jnp.log(p), axis=1))

    @composed("jax.nn.log_softmax, *, jnp.sum, jnp.mean", because=NO_LOSSES)
    def cross_entropy_logits(self, z: Any, t: Any) -> Any:
        return -jnp.mean(jnp.sum(t * jax.nn.log_softmax(z), axis=1))

    @composed("jnp.log, jnp.take_along_axis, jnp.mean", because=NO_LOSSES)
    def sparse_cross_entropy(self, p: Any, labels: Any) -> Any:
        return -_picked(jnp.log(p), labels)

    @composed("jax.nn.log_softmax, jnp.take_along_axis, jnp.mean", because=NO_LOSSES)
    def sparse_cross_entropy_logits(self, z: Any, labels: Any) -> Any:
        return -_picked(jax.nn.log_softmax(z), labels)

    @kernel("jnp.linalg.vector_norm", convention="jax has no penalties of its own: the norm is multiplied by λ")
    def l1_penalty(self, w: Any, lam: float) -> Any:
        return lam * jnp.linalg.vector_norm(w, ord=1)

    @composed("jnp.square, jnp.sum, *", because=NO_LOSSES)
    def l2_penalty(self, w: Any, lam: float) -> Any:
        return lam * jnp.sum(jnp.square(w))

    @composed("jnp.log, jnp.mean", because=NO_LOSSES)
    def gan_discriminator_loss(self, real: Any, fake: Any) -> Any:
        return -(jnp.mean(jnp.log(real)) + jnp.mean(jnp.log(1 - fake)))

    @composed("jnp.log, jnp.mean", because=NO_LOSSES)
    def gan_generator_minimax(self, fake: Any) -> Any:
        return jnp.mean(jnp.log(1 - fake))

    @composed("jnp.log, jnp.mean", because=NO_LOSSES)
    def gan_generator_nonsaturating(self, fake: Any) -> Any:
        return -jnp.mean(jnp.log(fake))


def _picked(rows: Any, labels: Any) -> Any:
    """The mean over the samples of the entry at the label."""
    return jnp.mean(jnp.take_along_axis(rows, labels[:, None], axis=1))

"""Keras's losses and penalties."""

from typing import Any

from keras import losses, ops, regularizers

from nnparity.adapters.kernel import kernel

CLIPPED = "clips probabilities to [1e-7, 1 - 1e-7]"
NORMALISED = f"divides p by its sum first; {CLIPPED}"
LOGARITHM = f"takes the softmax of log p: it divides by the sum; {CLIPPED}"


class KerasLosses:
    """Losses and penalties, by formula id."""

    @kernel(
        "keras.losses.mean_squared_error",
        convention="a mean over the outputs of a sample, without a half: averaged, times half their number",
    )
    def mse(self, y: Any, t: Any) -> Any:
        return ops.mean(losses.mean_squared_error(t, y)) * (y.shape[1] / 2)

    @kernel("keras.losses.categorical_crossentropy", convention=NORMALISED)
    def cross_entropy(self, p: Any, t: Any) -> Any:
        return ops.mean(losses.categorical_crossentropy(t, p))

    @kernel("keras.losses.categorical_crossentropy", convention="called with from_logits=True")
    def cross_entropy_logits(self, z: Any, t: Any) -> Any:
        return ops.mean(losses.categorical_crossentropy(t, z, from_logits=True))

    @kernel("keras.losses.sparse_categorical_crossentropy", convention=LOGARITHM)
    def sparse_cross_entropy(self, p: Any, labels: Any) -> Any:
        return ops.mean(losses.sparse_categorical_crossentropy(labels, p))

    @kernel("keras.losses.sparse_categorical_crossentropy", convention="called with from_logits=True")
    def sparse_cross_entropy_logits(self, z: Any, labels: Any) -> Any:
        return ops.mean(losses.sparse_categorical_crossentropy(labels, z, from_logits=True))

    @kernel("keras.regularizers.L1")
    def l1_penalty(self, w: Any, lam: float) -> Any:
        return regularizers.L1(lam)(w)

    @kernel("keras.regularizers.L2")
    def l2_penalty(self, w: Any, lam: float) -> Any:
        return regularizers.L2(lam)(w)

    @kernel("keras.losses.binary_crossentropy", convention=f"called against ones or zeros; {CLIPPED}")
    def gan_discriminator_loss(self, real: Any, fake: Any) -> Any:
        return _judged(real, 1) + _judged(fake, 0)

    @kernel("keras.losses.binary_crossentropy", convention=f"called against ones or zeros; {CLIPPED}")
    def gan_generator_minimax(self, fake: Any) -> Any:
        return -_judged(fake, 0)

    @kernel("keras.losses.binary_crossentropy", convention=f"called against ones or zeros; {CLIPPED}")
    def gan_generator_nonsaturating(self, fake: Any) -> Any:
        return _judged(fake, 1)


def _judged(probability: Any, label: int) -> Any:
    """The mean over the batch of -log p, or of -log(1 - p), p clipped."""
    return losses.binary_crossentropy(ops.full_like(probability, label), probability)

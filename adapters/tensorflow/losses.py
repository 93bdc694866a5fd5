"""TensorFlow's operations for losses, penalties and optimiser steps: `tf.nn`, else `tf.keras`."""

from typing import Any

import tensorflow as tf

from nnparity.adapters.keras.losses import CLIPPED, LOGARITHM, NORMALISED
from nnparity.adapters.kernel import kernel

AVERAGED = "one for each sample: averaged"


class TensorflowLosses:
    """Losses and optimisers, as methods for `TensorflowAdapter`."""

    @kernel("tf.nn.l2_loss", convention="half the sum of squares: divided by n")
    def mse(self, y: Any, t: Any) -> Any:
        return tf.nn.l2_loss(y - t) / len(y)

    @kernel(
        "tf.keras.losses.categorical_crossentropy",
        convention=f"{NORMALISED}; {AVERAGED}",
    )
    def cross_entropy(self, p: Any, t: Any) -> Any:
        return tf.reduce_mean(tf.keras.losses.categorical_crossentropy(t, p))

    @kernel(
        "tf.nn.softmax_cross_entropy_with_logits",
        convention=f"its gradient takes the targets to sum to exactly 1; {AVERAGED}",
    )
    def cross_entropy_logits(self, z: Any, t: Any) -> Any:
        return tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(t, z))

    @kernel(
        "tf.keras.losses.sparse_categorical_crossentropy",
        convention=f"{LOGARITHM}; {AVERAGED}",
    )
    def sparse_cross_entropy(self, p: Any, labels: Any) -> Any:
        return tf.reduce_mean(tf.keras.losses.sparse_categorical_crossentropy(labels, p))

    @kernel("tf.nn.sparse_softmax_cross_entropy_with_logits", convention=AVERAGED)
    def sparse_cross_entropy_logits(self, z: Any, labels: Any) -> Any:
        return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, z))

    @kernel("tf.keras.regularizers.L1")
    def l1_penalty(self, w: Any, lam: float) -> Any:
        return tf.keras.regularizers.L1(lam)(w)

    @kernel("tf.nn.l2_loss", convention="half the sum of squares: multiplied by 2λ")
    def l2_penalty(self, w: Any, lam: float) -> Any:
        return 2 * lam * tf.nn.l2_loss(w)

    @kernel("tf.keras.losses.binary_crossentropy", convention=f"called against ones or zeros; {CLIPPED}")
    def gan_discriminator_loss(self, real: Any, fake: Any) -> Any:
        return _judged(real, 1) + _judged(fake, 0)

    @kernel("tf.keras.losses.binary_crossentropy", convention=f"called against ones or zeros; {CLIPPED}")
    def gan_generator_minimax(self, fake: Any) -> Any:
        return -_judged(fake, 0)

    @kernel("tf.keras.losses.binary_crossentropy", convention=f"called against ones or zeros; {CLIPPED}")
    def gan_generator_nonsaturating(self, fake: Any) -> Any:
        return _judged(fake, 1)


def _judged(probability: Any, label: int) -> Any:
    """The mean over the batch of -log p, or of -log(1 - p), p clipped."""
    labels = tf.ones_like(probability) if label else tf.zeros_like(probability)
    return tf.keras.losses.binary_crossentropy(labels, probability)

"""MLX's losses, and its norm and reductions for penalties."""

from typing import Any

import mlx.core as mx
from mlx import nn

from nnparity.adapters.kernel import composed, kernel, passed

MEAN = "no reduction by default: the mean is asked for"
CLAMPED = "called against ones or zeros; it clamps the logarithms at -100"


class MlxLosses:
    """Losses and penalties, as methods for `MlxAdapter`."""

    @kernel(
        "mlx.nn.losses.mse_loss",
        convention="its mean divides by n·k and has no half: the sums of the samples are averaged and halved",
    )
    def mse(self, y: Any, t: Any) -> Any:
        return mx.mean(mx.sum(nn.losses.mse_loss(y, t, reduction="none"), axis=1)) / 2

    @composed("mlx.core.log, *, mlx.core.sum, mlx.core.mean", because="MLX's cross entropies take logits")
    def cross_entropy(self, p: Any, t: Any) -> Any:
        return -mx.mean(mx.sum(t * mx.log(p), axis=1))

    cross_entropy_logits = passed(
        "mlx.nn.losses.cross_entropy",
        reduction="mean",
        convention=f"it takes the targets of a sample to add up to 1; {MEAN}",
    )

    @kernel("mlx.nn.losses.nll_loss", using=("mlx.core.log",), convention=MEAN)
    def sparse_cross_entropy(self, p: Any, labels: Any) -> Any:
        return nn.losses.nll_loss(mx.log(p), labels, reduction="mean")

    sparse_cross_entropy_logits = passed("mlx.nn.losses.cross_entropy", reduction="mean", convention=MEAN)

    @kernel("mlx.core.linalg.norm", convention="MLX has no penalties of its own: the norm is multiplied by λ")
    def l1_penalty(self, w: Any, lam: float) -> Any:
        return lam * mx.linalg.norm(w, ord=1)

    @composed("mlx.core.square, mlx.core.sum, *", because="MLX has weight decay in its optimisers, not as a loss")
    def l2_penalty(self, w: Any, lam: float) -> Any:
        return lam * mx.sum(mx.square(w))

    @kernel("mlx.nn.losses.binary_cross_entropy", convention=CLAMPED)
    def gan_discriminator_loss(self, real: Any, fake: Any) -> Any:
        return judged(real, 1) + judged(fake, 0)

    @kernel("mlx.nn.losses.binary_cross_entropy", convention=CLAMPED)
    def gan_generator_minimax(self, fake: Any) -> Any:
        return -judged(fake, 0)

    @kernel("mlx.nn.losses.binary_cross_entropy", convention=CLAMPED)
    def gan_generator_nonsaturating(self, fake: Any) -> Any:
        return judged(fake, 1)


def judged(probability: Any, label: int) -> Any:
    """The mean over the batch of -log p, or of -log(1 - p)."""
    against = mx.full(probability.shape, label, probability.dtype)
    return nn.losses.binary_cross_entropy(probability, against, with_logits=False)

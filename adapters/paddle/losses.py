"""PaddlePaddle's losses, and its norm and reductions for penalties."""

from typing import Any

import paddle
from paddle.nn import functional as F

from nnparity.adapters.kernel import composed, kernel, passed

PROBABILITIES = "told that it is given probabilities, and not logits"


class PaddleLosses:
    """Losses and penalties, as methods for `PaddleAdapter`."""

    @kernel(
        "paddle.nn.functional.mse_loss",
        convention="its mean divides by n·k and has no half: it sums, and the sum is divided by 2n",
    )
    def mse(self, y: Any, t: Any) -> Any:
        return F.mse_loss(y, t, reduction="sum") / (2 * len(y))

    cross_entropy = passed(
        "paddle.nn.functional.cross_entropy", soft_label=True, use_softmax=False, convention=PROBABILITIES
    )
    cross_entropy_logits = passed(
        "paddle.nn.functional.cross_entropy",
        soft_label=True,
        convention="its gradient takes the targets of a sample to add up to 1",
    )
    sparse_cross_entropy = passed("paddle.nn.functional.cross_entropy", use_softmax=False, convention=PROBABILITIES)
    sparse_cross_entropy_logits = passed("paddle.nn.functional.cross_entropy")

    @kernel("paddle.linalg.vector_norm", convention="Paddle has no penalties of its own: the norm is multiplied by λ")
    def l1_penalty(self, w: Any, lam: float) -> Any:
        return lam * paddle.linalg.vector_norm(w, 1)

    @composed("paddle.square, paddle.sum, *", because="Paddle has weight decay in its optimisers, not as a loss")
    def l2_penalty(self, w: Any, lam: float) -> Any:
        return lam * paddle.square(w).sum()

    @kernel("paddle.nn.functional.binary_cross_entropy", convention="called against ones and zeros")
    def gan_discriminator_loss(self, real: Any, fake: Any) -> Any:
        return judged(real, 1) + judged(fake, 0)

    @kernel("paddle.nn.functional.binary_cross_entropy", convention="called against zeros")
    def gan_generator_minimax(self, fake: Any) -> Any:
        return -judged(fake, 0)

    @kernel("paddle.nn.functional.binary_cross_entropy", convention="called against ones")
    def gan_generator_nonsaturating(self, fake: Any) -> Any:
        return judged(fake, 1)


def judged(probability: Any, label: int) -> Any:
    """The mean over the batch of -log p, or of -log(1 - p)."""
    return F.binary_cross_entropy(probability, paddle.full_like(probability, label))

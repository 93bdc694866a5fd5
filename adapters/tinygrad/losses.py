"""tinygrad's losses, and its reductions for penalties."""

from typing import Any

from tinygrad import Tensor

from nnparity.adapters.kernel import composed, kernel, passed


class TinygradLosses:
    """Losses and penalties, as methods for `TinygradAdapter`."""

    @composed("-, tinygrad.Tensor.square, tinygrad.Tensor.sum, /", because="tinygrad has no squared error")
    def mse(self, y: Any, t: Any) -> Any:
        return (y - t).square().sum() / (2 * len(y))

    @composed("tinygrad.Tensor.log, *, tinygrad.Tensor.sum, /", because="tinygrad's cross entropies take logits")
    def cross_entropy(self, p: Any, t: Any) -> Any:
        return -(t * p.log()).sum() / len(p)

    cross_entropy_logits = passed("tinygrad.Tensor.cross_entropy", convention="takes probabilities as its target")

    @kernel("tinygrad.Tensor.nll_loss", using=("tinygrad.Tensor.log",))
    def sparse_cross_entropy(self, p: Any, labels: Any) -> Any:
        return Tensor.nll_loss(p.log(), labels)

    sparse_cross_entropy_logits = passed("tinygrad.Tensor.sparse_categorical_crossentropy")

    @composed("tinygrad.Tensor.abs, tinygrad.Tensor.sum, *", because="tinygrad has no penalties and no norms")
    def l1_penalty(self, w: Any, lam: float) -> Any:
        return w.abs().sum() * lam

    @composed("tinygrad.Tensor.square, tinygrad.Tensor.sum, *", because="tinygrad has no penalties and no norms")
    def l2_penalty(self, w: Any, lam: float) -> Any:
        return w.square().sum() * lam

    @kernel("tinygrad.Tensor.binary_crossentropy", convention="called against ones and zeros")
    def gan_discriminator_loss(self, real: Any, fake: Any) -> Any:
        return judged(real, 1) + judged(fake, 0)

    @kernel("tinygrad.Tensor.binary_crossentropy", convention="called against zeros")
    def gan_generator_minimax(self, fake: Any) -> Any:
        return -judged(fake, 0)

    @kernel("tinygrad.Tensor.binary_crossentropy", convention="called against ones")
    def gan_generator_nonsaturating(self, fake: Any) -> Any:
        return judged(fake, 1)


def judged(probability: Any, label: int) -> Any:
    """The mean over the batch of -log p, or of -log(1 - p)."""
    return Tensor.binary_crossentropy(probability, Tensor.full_like(probability, label))

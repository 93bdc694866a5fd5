"""PyTorch's kernels for losses, penalties and optimiser steps."""

from typing import Any

import torch
from torch.nn import functional as F

from nnparity.adapters.kernel import composed, kernel


class TorchLosses:
    """Losses and optimisers, as methods for `TorchAdapter`."""

    @kernel("torch.nn.functional.mse_loss")
    def mse(self, y: Any, t: Any) -> Any:
        return F.mse_loss(y, t, reduction="sum") / (2 * len(y))

    @composed("torch.log, *, torch.sum, /", because="torch's cross entropies take logits")
    def cross_entropy(self, p: Any, t: Any) -> Any:
        return -(t * torch.log(p)).sum() / len(p)

    @kernel("torch.nn.functional.cross_entropy")
    def cross_entropy_logits(self, z: Any, t: Any) -> Any:
        return F.cross_entropy(z, t)

    @kernel("torch.nn.functional.nll_loss of torch.log")
    def sparse_cross_entropy(self, p: Any, labels: Any) -> Any:
        return F.nll_loss(torch.log(p), labels)

    @kernel("torch.nn.functional.cross_entropy")
    def sparse_cross_entropy_logits(self, z: Any, labels: Any) -> Any:
        return F.cross_entropy(z, labels)

    @kernel("torch.linalg.vector_norm")
    def l1_penalty(self, w: Any, lam: float) -> Any:
        return lam * torch.linalg.vector_norm(w, ord=1)

    @composed("torch.square, torch.sum", because="torch has weight decay in its optimisers, not as a loss")
    def l2_penalty(self, w: Any, lam: float) -> Any:
        return lam * torch.square(w).sum()

    @kernel("torch.nn.functional.binary_cross_entropy")
    def gan_discriminator_loss(self, real: Any, fake: Any) -> Any:
        return _judged(real, 1) + _judged(fake, 0)

    @kernel("torch.nn.functional.binary_cross_entropy")
    def gan_generator_minimax(self, fake: Any) -> Any:
        return -_judged(fake, 0)

    @kernel("torch.nn.functional.binary_cross_entropy")
    def gan_generator_nonsaturating(self, fake: Any) -> Any:
        return _judged(fake, 1)


def _judged(probability: Any, label: int) -> Any:
    """The mean over the batch of -log p, or of -log(1 - p), as torch clamps it: at most 100."""
    return F.binary_cross_entropy(probability, torch.full_like(probability, label))

"""PyTorch's kernels for losses, penalties and optimiser steps."""

from types import MappingProxyType
from typing import Any

import torch
from packaging.version import Version
from torch.nn import functional as F

from nnparity.adapters.kernel import composed, kernel, passed

CLAMPED = "called against ones or zeros; it clamps the logarithms at -100"
_NO_SQUARES = "before 2.6 PyTorch's mse_loss has no bfloat16 on the CPU, and no derivative in float16"
#: What older releases refuse.
REFUSED = MappingProxyType(
    {
        ("mse", "bfloat16", "*", "cpu:*"): _NO_SQUARES,
        **{("mse", "float16", quantity, "cpu:*"): _NO_SQUARES for quantity in ("grad*", "jvp*", "hvp*")},
        **{("mlp_backprop", dtype, "*", "cpu:*"): _NO_SQUARES for dtype in ("bfloat16", "float16")},
    }
    if Version(torch.__version__) < Version("2.6")
    else {}
)


class TorchLosses:
    """Losses and optimisers, as methods for `TorchAdapter`."""

    @kernel(
        "torch.nn.functional.mse_loss",
        convention="its mean divides by n·k and has no half: it sums, and the sum is divided by 2n",
    )
    def mse(self, y: Any, t: Any) -> Any:
        return F.mse_loss(y, t, reduction="sum") / (2 * len(y))

    @composed("torch.log, *, torch.sum, /", because="torch's cross entropies take logits")
    def cross_entropy(self, p: Any, t: Any) -> Any:
        return -(t * torch.log(p)).sum() / len(p)

    cross_entropy_logits = passed("torch.nn.functional.cross_entropy", convention="takes probabilities as its target")

    @kernel("torch.nn.functional.nll_loss", using=("torch.log",))
    def sparse_cross_entropy(self, p: Any, labels: Any) -> Any:
        return F.nll_loss(torch.log(p), labels)

    sparse_cross_entropy_logits = passed("torch.nn.functional.cross_entropy")

    @kernel("torch.linalg.vector_norm", convention="torch has no penalties of its own: the norm is multiplied by λ")
    def l1_penalty(self, w: Any, lam: float) -> Any:
        return lam * torch.linalg.vector_norm(w, ord=1)

    @composed(
        "torch.square, torch.sum, *",
        because="torch has weight decay in its optimisers, not as a loss",
        convention="the weight_decay of torch.optim.SGD is the gradient of λ/2 Σ w²: half of this one",
    )
    def l2_penalty(self, w: Any, lam: float) -> Any:
        return lam * torch.square(w).sum()

    @kernel("torch.nn.functional.binary_cross_entropy", convention=CLAMPED)
    def gan_discriminator_loss(self, real: Any, fake: Any) -> Any:
        return _judged(real, 1) + _judged(fake, 0)

    @kernel("torch.nn.functional.binary_cross_entropy", convention=CLAMPED)
    def gan_generator_minimax(self, fake: Any) -> Any:
        return -_judged(fake, 0)

    @kernel("torch.nn.functional.binary_cross_entropy", convention=CLAMPED)
    def gan_generator_nonsaturating(self, fake: Any) -> Any:
        return _judged(fake, 1)


def _judged(probability: Any, label: int) -> Any:
    """The mean over the batch of -log p, or of -log(1 - p), as torch clamps it: at most 100."""
    return F.binary_cross_entropy(probability, torch.full_like(probability, label))

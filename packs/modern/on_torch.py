"""The formulas of this pack as PyTorch computes them: what `nnparity.check` is handed, by id.

Outputs and gradients conform in all dtypes. Asked for ``quantities=("jvp", "hvp")``, group normalisation in float16 on
small numbers gives NaN in PyTorch 2.13.0.
"""

from typing import Any

import torch
from torch.nn import functional as F  # noqa: N812  (to everybody who reads torch)


def swiglu(x: Any, w: Any, v: Any) -> Any:
    """PyTorch has no operation for it."""
    return F.silu(F.linear(x, w)) * F.linear(x, v)


def softplus(x: Any) -> Any:
    """Above a threshold, 20, PyTorch returns x itself, which in float64 is off by e^-20."""
    return F.softplus(x, threshold=40)


def rms_norm(x: Any, gamma: Any, eps: float) -> Any:
    """Over the last axis."""
    return F.rms_norm(x, gamma.shape, gamma, eps)


def group_norm(x: Any, gamma: Any, beta: Any, groups: int, eps: float) -> Any:
    """Channels first, as the formula."""
    return F.group_norm(x, groups, gamma, beta, eps)


def huber(y: Any, t: Any, delta: float) -> Any:
    """Its mean is over all elements."""
    return F.huber_loss(y, t, delta=delta)


def smoothed_cross_entropy(z: Any, labels: Any, smoothing: float) -> Any:
    """Averaged over the samples, and spread over all classes, as the formula."""
    return F.cross_entropy(z, labels, label_smoothing=smoothing)


METHODS = {
    "silu": torch.nn.functional.silu,
    "softplus": softplus,
    "swiglu": swiglu,
    "rms_norm": rms_norm,
    "group_norm": group_norm,
    "huber": huber,
    "smoothed_cross_entropy": smoothed_cross_entropy,
}

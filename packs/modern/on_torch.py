"""PyTorch's kernels for the formulas of this pack, by id."""

from typing import Any

from torch.nn import functional as F  # noqa: N812  (to everybody who reads torch)

from nnparity.adapters.kernel import composed, kernel


@kernel("torch.nn.functional.silu")
def silu(x: Any) -> Any:
    """As it is."""
    return F.silu(x)


@kernel("torch.nn.functional.softplus", convention="above a threshold, 20, it returns x itself: called with 40")
def softplus(x: Any) -> Any:
    """Above the default threshold a float64 would be off by e^-20."""
    return F.softplus(x, threshold=40)


@composed("torch.nn.functional.linear, torch.nn.functional.silu, *", because="PyTorch has no operation for it")
def swiglu(x: Any, w: Any, v: Any) -> Any:
    """As its users do."""
    return F.silu(F.linear(x, w)) * F.linear(x, v)


@kernel("torch.nn.functional.rms_norm", convention="eps is that of the dtype by default: the formula's is given")
def rms_norm(x: Any, gamma: Any, eps: float) -> Any:
    """Over the last axis."""
    return F.rms_norm(x, gamma.shape, gamma, eps)


@kernel("torch.nn.functional.group_norm")
def group_norm(x: Any, gamma: Any, beta: Any, groups: int, eps: float) -> Any:
    """Channels first, as the formula."""
    return F.group_norm(x, groups, gamma, beta, eps)


@kernel("torch.nn.functional.huber_loss", convention="its mean is over all elements")
def huber(y: Any, t: Any, delta: float) -> Any:
    """Not torch.nn.functional.smooth_l1_loss, which divides by delta."""
    return F.huber_loss(y, t, delta=delta)


@kernel("torch.nn.functional.cross_entropy", convention="spread over all classes, averaged over the samples")
def smoothed_cross_entropy(z: Any, labels: Any, smoothing: float) -> Any:
    """From logits."""
    return F.cross_entropy(z, labels, label_smoothing=smoothing)

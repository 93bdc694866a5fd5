"""PyTorch's kernels for the formulas of this pack, by id."""

from typing import Any

import torch
from torch.nn import functional as F  # noqa: N812  (to everybody who reads torch)

from nnparity.adapters.kernel import composed, kernel

HEADS = "the axes are batch, head, time, feature"


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


@composed("torch.outer, torch.cos, torch.sin, *, -, +, torch.stack", because="PyTorch has none; at least in float32")
def rope(x: Any, base: float) -> Any:
    """As models have it, neighbours paired."""
    n, t, width = x.shape
    wide = torch.promote_types(x.dtype, torch.float32)
    steps = torch.arange(width // 2, dtype=wide, device=x.device) / (width // 2)
    angles = torch.outer(torch.arange(t, dtype=wide, device=x.device), base**-steps)
    cos, sin = angles.cos(), angles.sin()
    a, b = x.to(wide).reshape(n, t, width // 2, 2).unbind(-1)
    return torch.stack((a * cos - b * sin, a * sin + b * cos), -1).flatten(2).to(x.dtype)


@kernel("torch.nn.functional.scaled_dot_product_attention", convention=f"called with is_causal=True; {HEADS}")
def causal_attention(q: Any, k: Any, v: Any) -> Any:
    """A single head."""
    q, k, v = (a.unsqueeze(1) for a in (q, k, v))
    return F.scaled_dot_product_attention(q, k, v, is_causal=True).squeeze(1)


@composed(
    "torch.matmul, torch.nn.functional.scaled_dot_product_attention",
    because="PyTorch has the attention of groups, enable_gqa=True, not the layer around it",
    convention=HEADS,
)
def grouped_query_attention(x: Any, wq: Any, wk: Any, wv: Any, wo: Any) -> Any:
    """Neighbouring heads share keys and values."""
    q, k, v = ((x @ w.flatten(1)).unflatten(-1, w.shape[1:]).transpose(1, 2) for w in (wq, wk, wv))
    y = F.scaled_dot_product_attention(q, k, v, enable_gqa=True)
    return y.transpose(1, 2).flatten(2) @ wo.flatten(0, 1)


@kernel("torch.nn.functional.conv2d", convention="called with groups=c; kernels are (c m, 1, p, q)")
def depthwise_conv2d(x: Any, k: Any) -> Any:
    """The results of a channel lie next to each other."""
    return F.conv2d(x, k.flatten(0, 1).unsqueeze(1), groups=len(k))


@kernel("torch.nn.functional.conv2d")
def strided_conv2d(x: Any, k: Any, stride: int, padding: int) -> Any:
    """Padding is the same on all sides."""
    return F.conv2d(x, k, stride=stride, padding=padding)


@kernel("torch.gru", convention="the function behind torch.nn.GRU; its gates are in the formula's order r, z, n")
def gru(x: Any, h: Any, wx: Any, wh: Any, bx: Any, bh: Any) -> Any:
    """Biases, one layer, no dropout, in training, one direction, batch first."""
    parameters = (wx.flatten(0, 1), wh.flatten(0, 1), bx.flatten(), bh.flatten())
    return torch.gru(x, h[None], parameters, True, 1, 0.0, True, False, True)[0]


@kernel("torch.optim.AdamW", convention="adds eps to the root of the corrected v")
def adamw(
    w: Any, m: Any, v: Any, g: Any, lr: float, beta1: float, beta2: float, eps: float, decay: float, step: int
) -> Any:
    """The state is what the optimiser keeps for each parameter: here one on its way."""
    w, m, v = w.clone().requires_grad_(), m.clone(), v.clone()
    w.grad = g
    optimizer = torch.optim.AdamW([w], lr=lr, betas=(beta1, beta2), eps=eps, weight_decay=decay)
    optimizer.state[w] = {"step": torch.tensor(step - 1.0), "exp_avg": m, "exp_avg_sq": v}
    optimizer.step()
    return w, m, v

"""PyTorch's kernels for dense layers, activations, convolution and pooling."""

from typing import Any

from torch.nn import functional as F

from nnparity.adapters.kernel import kernel, passed


class TorchLayers:
    """The layers, as methods for `TorchAdapter`."""

    dense = passed("torch.nn.functional.linear", convention="its matrix is (out, in), as the formula's")
    sigmoid = passed("torch.sigmoid")
    tanh = passed("torch.tanh")
    relu = passed("torch.nn.functional.relu", convention="the gradient at 0 is 0")
    gelu = passed("torch.nn.functional.gelu")
    softmax = passed("torch.nn.functional.softmax", dim=-1, convention="the axis must be said")
    avg_pool2d = passed("torch.nn.functional.avg_pool2d", kernel_size=2)
    avg_pool2d_literal = passed("torch.nn.functional.avg_pool2d", kernel_size=2, stride=1)
    max_pool2d = passed(
        "torch.nn.functional.max_pool2d", kernel_size=2, convention="the first of equal elements receives the gradient"
    )
    flatten = passed("torch.flatten", start_dim=1, convention="channels first, as the formula")
    embedding = passed(
        "torch.nn.functional.embedding", convention="called without padding_idx, with which a row receives no gradient"
    )

    @kernel(
        "torch.nn.functional.conv2d", convention="computes cross-correlation: the kernel is flipped before the call"
    )
    def conv2d(self, x: Any, w: Any) -> Any:
        return F.conv2d(x, w.flip(-2, -1))

    @kernel("torch.nn.functional.layer_norm", convention="eps is 1e-5 by default: the formula's is given")
    def layer_norm(self, x: Any, gamma: Any, beta: Any, eps: float) -> Any:
        return F.layer_norm(x, gamma.shape, gamma, beta, eps)

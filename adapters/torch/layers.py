"""PyTorch's kernels for dense layers, activations, convolution and pooling.

Convention met: PyTorch convolves without flipping the kernel.
"""

from typing import Any

import torch
from torch.nn import functional as F

from nnparity.adapters.kernel import kernel


class TorchLayers:
    """The layers, as methods for `TorchAdapter`."""

    @kernel("torch.nn.functional.linear")
    def dense(self, x: Any, w: Any, b: Any) -> Any:
        return F.linear(x, w, b)

    @kernel("torch.sigmoid")
    def sigmoid(self, x: Any) -> Any:
        return torch.sigmoid(x)

    @kernel("torch.tanh")
    def tanh(self, x: Any) -> Any:
        return torch.tanh(x)

    @kernel("torch.nn.functional.relu")
    def relu(self, x: Any) -> Any:
        return F.relu(x)

    @kernel("torch.nn.functional.gelu")
    def gelu(self, x: Any) -> Any:
        return F.gelu(x)

    @kernel("torch.nn.functional.softmax")
    def softmax(self, x: Any) -> Any:
        return F.softmax(x, dim=-1)

    @kernel("torch.nn.functional.conv2d")
    def conv2d(self, x: Any, w: Any) -> Any:
        return F.conv2d(x, w.flip(-2, -1))

    @kernel("torch.nn.functional.avg_pool2d")
    def avg_pool2d(self, x: Any) -> Any:
        return F.avg_pool2d(x, 2)

    @kernel("torch.nn.functional.avg_pool2d")
    def avg_pool2d_literal(self, x: Any) -> Any:
        return F.avg_pool2d(x, 2, stride=1)

    @kernel("torch.nn.functional.max_pool2d")
    def max_pool2d(self, x: Any) -> Any:
        return F.max_pool2d(x, 2)

    @kernel("torch.flatten")
    def flatten(self, x: Any) -> Any:
        return torch.flatten(x, start_dim=1)

    @kernel("torch.nn.functional.layer_norm")
    def layer_norm(self, x: Any, gamma: Any, beta: Any, eps: float) -> Any:
        return F.layer_norm(x, gamma.shape, gamma, beta, eps)

    @kernel("torch.nn.functional.embedding")
    def embedding(self, ids: Any, table: Any) -> Any:
        return F.embedding(ids, table)

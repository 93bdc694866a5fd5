"""tinygrad's operations for dense layers, activations, convolution, pooling, normalisation and embedding."""

from typing import Any

from tinygrad import Tensor, nn

from nnparity.adapters.kernel import kernel, passed


class TinygradLayers:
    """The layers, as methods for `TinygradAdapter`."""

    sigmoid = passed("tinygrad.Tensor.sigmoid")
    tanh = passed("tinygrad.Tensor.tanh")
    relu = passed("tinygrad.Tensor.relu")
    gelu = passed("tinygrad.Tensor.gelu", approximate="none", convention="the tanh approximation by default")
    softmax = passed("tinygrad.Tensor.softmax", convention="the last axis by default")
    flatten = passed("tinygrad.Tensor.flatten", start_dim=1)
    avg_pool2d = passed("tinygrad.Tensor.avg_pool2d", convention="windows of 2x2 that move by two by default")
    avg_pool2d_literal = passed("tinygrad.Tensor.avg_pool2d", stride=1)
    max_pool2d = passed("tinygrad.Tensor.max_pool2d", convention="windows of 2x2 that move by two by default")

    @kernel("tinygrad.Tensor.linear", convention="takes w as (in, out): it is transposed")
    def dense(self, x: Any, w: Any, b: Any) -> Any:
        return Tensor.linear(x, w.transpose(), b)

    @kernel("tinygrad.Tensor.conv2d", convention="computes cross-correlation: the kernel is flipped before the call")
    def conv2d(self, x: Any, w: Any) -> Any:
        return Tensor.conv2d(x, w.flip((2, 3)))

    @kernel("tinygrad.nn.LayerNorm", convention="eps 1e-5 by default")
    def layer_norm(self, x: Any, gamma: Any, beta: Any, eps: float) -> Any:
        return normalized(x, gamma, beta, eps)

    @kernel("tinygrad.nn.Embedding")
    def embedding(self, ids: Any, table: Any) -> Any:
        return looked_up(ids, table)


def normalized(x: Any, gamma: Any, beta: Any, eps: float) -> Any:
    """A layer with these parameters, called."""
    layer = nn.LayerNorm(x.shape[-1], eps)
    layer.weight, layer.bias = gamma, beta
    return layer(x)


def looked_up(ids: Any, table: Any) -> Any:
    """A layer with this table, called."""
    layer = nn.Embedding(*table.shape)
    layer.weight = table
    return layer(ids)

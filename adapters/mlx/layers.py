"""MLX's operations for dense layers, activations, convolution, pooling, normalisation and embedding."""

from typing import Any

import mlx.core as mx
from mlx import nn

from nnparity.adapters.kernel import Unsupported, kernel, passed
from nnparity.adapters.shared.layouts import NCHW, NHWC

CHANNELS = "channels last: images are transposed"


class MlxLayers:
    """The layers, as methods for `MlxAdapter`."""

    sigmoid = passed("mlx.core.sigmoid")
    tanh = passed("mlx.core.tanh")
    relu = passed("mlx.nn.relu")
    gelu = passed("mlx.nn.gelu", convention="exact; the approximations are functions of their own")
    softmax = passed("mlx.core.softmax", axis=-1, convention="over all axes by default")
    flatten = passed("mlx.core.flatten", start_axis=1)

    @kernel("mlx.nn.Linear")
    def dense(self, x: Any, w: Any, b: Any) -> Any:
        return linear(x, w, b)

    @kernel(
        "mlx.core.conv_general",
        convention="cross-correlation unless told to flip; kernels are (out, height, width, in), channels last",
    )
    def conv2d(self, x: Any, w: Any) -> Any:
        if len(x) == 0:
            raise Unsupported("MLX divides by the size of an empty batch: SIGFPE ends the process")
        y = mx.conv_general(x.transpose(*NHWC), w.transpose(*NHWC), flip=True)
        return y.transpose(*NCHW)

    @kernel("mlx.nn.AvgPool2d", convention=CHANNELS)
    def avg_pool2d(self, x: Any) -> Any:
        return nn.AvgPool2d(2, 2)(x.transpose(*NHWC)).transpose(*NCHW)

    @kernel("mlx.nn.AvgPool2d", convention=CHANNELS)
    def avg_pool2d_literal(self, x: Any) -> Any:
        return nn.AvgPool2d(2, 1)(x.transpose(*NHWC)).transpose(*NCHW)

    @kernel("mlx.nn.MaxPool2d", convention=CHANNELS)
    def max_pool2d(self, x: Any) -> Any:
        return nn.MaxPool2d(2, 2)(x.transpose(*NHWC)).transpose(*NCHW)

    @kernel("mlx.core.fast.layer_norm", convention="the function behind mlx.nn.LayerNorm")
    def layer_norm(self, x: Any, gamma: Any, beta: Any, eps: float) -> Any:
        return mx.fast.layer_norm(x, gamma, beta, eps)

    @kernel("mlx.nn.Embedding", convention="a negative index counts from the end")
    def embedding(self, ids: Any, table: Any) -> Any:
        return looked_up(ids, table)


def linear(x: Any, w: Any, b: Any) -> Any:
    """A layer with these parameters, called; w is (out, in)."""
    layer = nn.Linear(1, 1)
    layer.weight, layer.bias = w, b
    return layer(x)


def looked_up(ids: Any, table: Any) -> Any:
    """A layer with this table, called."""
    layer = nn.Embedding(*table.shape)
    layer.weight = table
    return layer(ids)

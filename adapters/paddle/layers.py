"""PaddlePaddle's kernels for dense layers, activations, convolution, pooling, normalisation and embedding."""

from typing import Any

from paddle.nn import functional as F

from nnparity.adapters.kernel import kernel, passed


class PaddleLayers:
    """The layers, as methods for `PaddleAdapter`."""

    sigmoid = passed("paddle.nn.functional.sigmoid")
    tanh = passed("paddle.nn.functional.tanh")
    relu = passed("paddle.nn.functional.relu")
    gelu = passed("paddle.nn.functional.gelu", convention="exact by default")
    softmax = passed("paddle.nn.functional.softmax", convention="the last axis by default")
    avg_pool2d = passed("paddle.nn.functional.avg_pool2d", kernel_size=2)
    avg_pool2d_literal = passed("paddle.nn.functional.avg_pool2d", kernel_size=2, stride=1)
    max_pool2d = passed("paddle.nn.functional.max_pool2d", kernel_size=2)
    flatten = passed("paddle.flatten", start_axis=1, convention="channels first, as the formula")
    embedding = passed("paddle.nn.functional.embedding")

    @kernel("paddle.nn.functional.linear", convention="takes w as (in, out): it is transposed")
    def dense(self, x: Any, w: Any, b: Any) -> Any:
        return F.linear(x, w.T, b)

    @kernel(
        "paddle.nn.functional.conv2d", convention="computes cross-correlation: the kernel is flipped before the call"
    )
    def conv2d(self, x: Any, w: Any) -> Any:
        return F.conv2d(x, w.flip([2, 3]))

    @kernel("paddle.nn.functional.layer_norm", convention="eps is 1e-5 by default: the formula's is given")
    def layer_norm(self, x: Any, gamma: Any, beta: Any, eps: float) -> Any:
        return F.layer_norm(x, list(gamma.shape), gamma, beta, eps)

"""ONNX's operators for dense layers, activations, convolution, pooling and normalisation."""

from typing import Any

from nnparity.adapters.kernel import kernel, passed
from nnparity.adapters.onnxruntime.operators import TYPES, onnx

#: Before the first element, for a slice that runs backwards.
BEFORE = -(1 << 31)


class OnnxLayers:
    """The layers, as methods for `OnnxRuntimeAdapter`."""

    sigmoid = passed("ai.onnx.Sigmoid")
    tanh = passed("ai.onnx.Tanh")
    relu = passed("ai.onnx.Relu")
    gelu = passed("ai.onnx.Gelu", convention="exact unless told otherwise")
    softmax = passed("ai.onnx.Softmax", convention="the last axis by default")
    flatten = passed("ai.onnx.Flatten", convention="from the second axis on by default")
    avg_pool2d = passed("ai.onnx.AveragePool", kernel_shape=[2, 2], strides=[2, 2])
    avg_pool2d_literal = passed("ai.onnx.AveragePool", kernel_shape=[2, 2], convention="moves by one by default")
    max_pool2d = passed("ai.onnx.MaxPool", kernel_shape=[2, 2], strides=[2, 2])

    @kernel("ai.onnx.Gemm", convention="transB: w is (out, in)")
    def dense(self, x: Any, w: Any, b: Any) -> Any:
        return onnx.Gemm(x, w, b, transB=1)

    @kernel("ai.onnx.Conv", convention="computes cross-correlation: a slice that runs backwards flips the kernel")
    def conv2d(self, x: Any, w: Any) -> Any:
        return onnx.Conv(x, onnx.Slice(w, [-1, -1], [BEFORE, BEFORE], [2, 3], [-1, -1]))

    @kernel(
        "ai.onnx.LayerNormalization",
        convention="eps 1e-5 by default; stash_type, the dtype of mean and variance, is float32 or the wider float64",
    )
    def layer_norm(self, x: Any, gamma: Any, beta: Any, eps: float) -> Any:
        return normalized(x, gamma, beta, eps)

    @kernel("ai.onnx.Gather", convention="a negative index counts from the end")
    def embedding(self, ids: Any, table: Any) -> Any:
        return onnx.Gather(table, ids)


def normalized(x: Any, gamma: Any, beta: Any, eps: float) -> Any:
    """Over the last axis."""
    stash = TYPES["float64" if x.graph.dtype == "float64" else "float32"]
    return onnx.LayerNormalization(x, gamma, beta, epsilon=eps, stash_type=stash)

"""Keras's layers and activations for dense layers, convolution and pooling.

Conventions met: images are NHWC and kernels HWIO, the default in Keras and that of the primer's listings;
`keras.layers.Conv2D` does not flip the kernel, and a dense kernel is (in, out).
"""

from typing import Any

from keras import activations, ops

from nnparity.adapters.keras.layer_cache import call, dtype_of, float_of, layer
from nnparity.adapters.kernel import kernel


class KerasLayers:
    """The layers, by formula id."""

    @kernel("keras.layers.Dense")
    def dense(self, x: Any, w: Any, b: Any) -> Any:
        made = layer("Dense", float_of(x, w), (None, x.shape[1]), units=w.shape[0])
        return call(made, [ops.transpose(w), b], x)

    @kernel("keras.activations.sigmoid")
    def sigmoid(self, x: Any) -> Any:
        return activations.sigmoid(x)

    @kernel("keras.activations.tanh")
    def tanh(self, x: Any) -> Any:
        return activations.tanh(x)

    @kernel("keras.activations.relu")
    def relu(self, x: Any) -> Any:
        return activations.relu(x)

    @kernel("keras.activations.gelu")
    def gelu(self, x: Any) -> Any:
        return activations.gelu(x, approximate=False)

    @kernel("keras.activations.softmax")
    def softmax(self, x: Any) -> Any:
        return activations.softmax(x, axis=-1)

    @kernel("keras.layers.Conv2D")
    def conv2d(self, x: Any, w: Any) -> Any:
        options = {"filters": w.shape[0], "kernel_size": tuple(w.shape[2:]), "use_bias": False}
        made = layer("Conv2D", float_of(x, w), (None, None, None, x.shape[1]), **options)
        return _nchw(call(made, [ops.transpose(ops.flip(ops.flip(w, 2), 3), (2, 3, 1, 0))], _nhwc(x)))

    @kernel("keras.layers.AveragePooling2D")
    def avg_pool2d(self, x: Any) -> Any:
        return _pooled("AveragePooling2D", x, stride=2)

    @kernel("keras.layers.AveragePooling2D")
    def avg_pool2d_literal(self, x: Any) -> Any:
        return _pooled("AveragePooling2D", x, stride=1)

    @kernel("keras.layers.MaxPooling2D")
    def max_pool2d(self, x: Any) -> Any:
        return _pooled("MaxPooling2D", x, stride=2)

    @kernel("keras.layers.Flatten")
    def flatten(self, x: Any) -> Any:
        return call(layer("Flatten", dtype_of(x), tuple(x.shape)), [], x)

    @kernel("keras.layers.LayerNormalization")
    def layer_norm(self, x: Any, gamma: Any, beta: Any, eps: float) -> Any:
        made = layer("LayerNormalization", float_of(x, gamma), (None, x.shape[1]), epsilon=eps)
        return call(made, [gamma, beta], x)

    @kernel("keras.layers.Embedding")
    def embedding(self, ids: Any, table: Any) -> Any:
        rows, width = table.shape
        return call(layer("Embedding", dtype_of(table), (None, None), input_dim=rows, output_dim=width), [table], ids)


def _pooled(name: str, x: Any, stride: int) -> Any:
    made = layer(name, dtype_of(x), (None, None, None, x.shape[1]), pool_size=2, strides=stride)
    return _nchw(call(made, [], _nhwc(x)))


def _nhwc(x: Any) -> Any:
    return ops.transpose(x, (0, 2, 3, 1))


def _nchw(x: Any) -> Any:
    return ops.transpose(x, (0, 3, 1, 2))

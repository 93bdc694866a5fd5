"""Keras's layers and activations for dense layers, convolution and pooling."""

from typing import Any

from keras import ops

from nnparity.adapters.keras.layer_cache import call, dtype_of, float_of, layer
from nnparity.adapters.kernel import kernel, passed
from nnparity.adapters.shared.layouts import HWIO, NCHW, NHWC

CHANNELS_FIRST = (
    "given channels first, as the formula: behind channels last the same numbers come in another order, "
    "and a model ported between the two permutes its first dense layer"
)
#: The default in Keras, and that of the primer's listings.
IMAGES = "images are channels last: they are transposed there and back"


class KerasLayers:
    """The layers, by formula id."""

    sigmoid = passed("keras.activations.sigmoid")
    tanh = passed("keras.activations.tanh")
    relu = passed("keras.activations.relu")
    gelu = passed("keras.activations.gelu", approximate=False)
    softmax = passed("keras.activations.softmax", axis=-1, convention="the last axis by default")

    @kernel("keras.layers.Dense", convention="its kernel is (in, out): the transpose of the formula's w")
    def dense(self, x: Any, w: Any, b: Any) -> Any:
        made = layer("Dense", float_of(x, w), (None, x.shape[1]), units=w.shape[0])
        return call(made, [ops.transpose(w), b], x)

    @kernel(
        "keras.layers.Conv2D",
        convention=f"computes cross-correlation: the kernel is flipped, and is (p, q, c, o); {IMAGES}",
    )
    def conv2d(self, x: Any, w: Any) -> Any:
        options = {"filters": w.shape[0], "kernel_size": tuple(w.shape[2:]), "use_bias": False}
        made = layer("Conv2D", float_of(x, w), (None, None, None, x.shape[1]), **options)
        return _nchw(call(made, [ops.transpose(ops.flip(ops.flip(w, 2), 3), HWIO)], nhwc(x)))

    @kernel("keras.layers.AveragePooling2D", convention=IMAGES)
    def avg_pool2d(self, x: Any) -> Any:
        return _pooled("AveragePooling2D", x, stride=2)

    @kernel("keras.layers.AveragePooling2D", convention=IMAGES)
    def avg_pool2d_literal(self, x: Any) -> Any:
        return _pooled("AveragePooling2D", x, stride=1)

    @kernel("keras.layers.MaxPooling2D", convention=IMAGES)
    def max_pool2d(self, x: Any) -> Any:
        return _pooled("MaxPooling2D", x, stride=2)

    @kernel("keras.layers.Flatten", convention=CHANNELS_FIRST)
    def flatten(self, x: Any) -> Any:
        return call(layer("Flatten", dtype_of(x), tuple(x.shape)), [], x)

    @kernel("keras.layers.LayerNormalization", convention="eps is 1e-3 by default: the formula's is given")
    def layer_norm(self, x: Any, gamma: Any, beta: Any, eps: float) -> Any:
        made = layer("LayerNormalization", float_of(x, gamma), (None, x.shape[1]), epsilon=eps)
        return call(made, [gamma, beta], x)

    @kernel("keras.layers.Embedding")
    def embedding(self, ids: Any, table: Any) -> Any:
        rows, width = table.shape
        return call(layer("Embedding", dtype_of(table), (None, None), input_dim=rows, output_dim=width), [table], ids)


def _pooled(name: str, x: Any, stride: int) -> Any:
    made = layer(name, dtype_of(x), (None, None, None, x.shape[1]), pool_size=2, strides=stride)
    return _nchw(call(made, [], nhwc(x)))


def nhwc(x: Any) -> Any:
    """Channels last."""
    return ops.transpose(x, NHWC)


def _nchw(x: Any) -> Any:
    return ops.transpose(x, NCHW)

"""TensorFlow's operations for dense layers, activations, convolution and pooling."""

from typing import Any

import tensorflow as tf

from nnparity.adapters.kernel import kernel, passed
from nnparity.adapters.shared.layouts import HWIO, NCHW, NHWC

CHANNELS_FIRST = (
    "given channels first, as the formula: behind NHWC the same numbers come in another order, "
    "and a model ported between the two permutes its first dense layer"
)
IMAGES = "images are NHWC: they are transposed there and back"


class TensorflowLayers:
    """The layers, as methods for `TensorflowAdapter`."""

    sigmoid = passed("tf.nn.sigmoid")
    tanh = passed("tf.nn.tanh")
    relu = passed("tf.nn.relu", convention="the gradient at 0 is 0")
    gelu = passed("tf.nn.gelu", convention="exact by default")
    softmax = passed("tf.nn.softmax", axis=-1, convention="the last axis by default")

    @kernel("tf.nn.bias_add", using=("tf.linalg.matmul",), convention="w is transposed in the product, by transpose_b")
    def dense(self, x: Any, w: Any, b: Any) -> Any:
        return tf.nn.bias_add(tf.linalg.matmul(x, w, transpose_b=True), b)

    @kernel("tf.nn.conv2d", convention=f"computes cross-correlation: the kernel is flipped, and is HWIO; {IMAGES}")
    def conv2d(self, x: Any, w: Any) -> Any:
        flipped = tf.transpose(tf.reverse(w, (2, 3)), HWIO)
        return _nchw(tf.nn.conv2d(nhwc(x), flipped, 1, "VALID"))

    @kernel("tf.nn.avg_pool2d", convention=IMAGES)
    def avg_pool2d(self, x: Any) -> Any:
        return _nchw(tf.nn.avg_pool2d(nhwc(x), 2, 2, "VALID"))

    @kernel("tf.nn.avg_pool2d", convention=IMAGES)
    def avg_pool2d_literal(self, x: Any) -> Any:
        return _nchw(tf.nn.avg_pool2d(nhwc(x), 2, 1, "VALID"))

    @kernel("tf.nn.max_pool2d", convention=IMAGES)
    def max_pool2d(self, x: Any) -> Any:
        return _nchw(tf.nn.max_pool2d(nhwc(x), 2, 2, "VALID"))

    @kernel("tf.reshape", convention=CHANNELS_FIRST)
    def flatten(self, x: Any) -> Any:
        return tf.reshape(x, (x.shape[0], -1))

    @kernel("tf.keras.ops.layer_normalization")
    def layer_norm(self, x: Any, gamma: Any, beta: Any, eps: float) -> Any:
        return tf.keras.ops.layer_normalization(x, gamma, beta, axis=-1, epsilon=eps)

    @kernel("tf.nn.embedding_lookup")
    def embedding(self, ids: Any, table: Any) -> Any:
        return tf.nn.embedding_lookup(table, ids)


def nhwc(x: Any) -> Any:
    """Channels last."""
    return tf.transpose(x, NHWC)


def _nchw(x: Any) -> Any:
    return tf.transpose(x, NCHW)

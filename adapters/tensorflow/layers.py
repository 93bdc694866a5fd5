"""TensorFlow's operations for dense layers, activations, convolution and pooling.

Conventions met: images are NHWC and kernels HWIO, and `tf.nn.conv2d` does not flip the kernel.
"""

from typing import Any

import tensorflow as tf

from nnparity.adapters.kernel import kernel


class TensorflowLayers:
    """The layers, as methods for `TensorflowAdapter`."""

    @kernel("tf.linalg.matmul, tf.nn.bias_add")
    def dense(self, x: Any, w: Any, b: Any) -> Any:
        return tf.nn.bias_add(tf.linalg.matmul(x, w, transpose_b=True), b)

    @kernel("tf.nn.sigmoid")
    def sigmoid(self, x: Any) -> Any:
        return tf.nn.sigmoid(x)

    @kernel("tf.nn.tanh")
    def tanh(self, x: Any) -> Any:
        return tf.nn.tanh(x)

    @kernel("tf.nn.relu")
    def relu(self, x: Any) -> Any:
        return tf.nn.relu(x)

    @kernel("tf.nn.gelu")
    def gelu(self, x: Any) -> Any:
        return tf.nn.gelu(x)

    @kernel("tf.nn.softmax")
    def softmax(self, x: Any) -> Any:
        return tf.nn.softmax(x, axis=-1)

    @kernel("tf.nn.conv2d")
    def conv2d(self, x: Any, w: Any) -> Any:
        flipped = tf.transpose(tf.reverse(w, (2, 3)), (2, 3, 1, 0))
        return _nchw(tf.nn.conv2d(_nhwc(x), flipped, 1, "VALID"))

    @kernel("tf.nn.avg_pool2d")
    def avg_pool2d(self, x: Any) -> Any:
        return _nchw(tf.nn.avg_pool2d(_nhwc(x), 2, 2, "VALID"))

    @kernel("tf.nn.avg_pool2d")
    def avg_pool2d_literal(self, x: Any) -> Any:
        return _nchw(tf.nn.avg_pool2d(_nhwc(x), 2, 1, "VALID"))

    @kernel("tf.nn.max_pool2d")
    def max_pool2d(self, x: Any) -> Any:
        return _nchw(tf.nn.max_pool2d(_nhwc(x), 2, 2, "VALID"))

    @kernel("tf.reshape")
    def flatten(self, x: Any) -> Any:
        return tf.reshape(x, (len(x), -1))

    @kernel("tf.keras.ops.layer_normalization")
    def layer_norm(self, x: Any, gamma: Any, beta: Any, eps: float) -> Any:
        return tf.keras.ops.layer_normalization(x, gamma, beta, axis=-1, epsilon=eps)

    @kernel("tf.nn.embedding_lookup")
    def embedding(self, ids: Any, table: Any) -> Any:
        return tf.nn.embedding_lookup(table, ids)


def _nhwc(x: Any) -> Any:
    return tf.transpose(x, (0, 2, 3, 1))


def _nchw(x: Any) -> Any:
    return tf.transpose(x, (0, 3, 1, 2))

"""TensorFlow's operations for the formulas of this pack, by id; where `tf.nn` has none, those of `tf.keras`.

What is composed has its statistics in float32, at least.
"""

from typing import Any

import tensorflow as tf

from nnparity.adapters.kernel import composed, kernel


def _wide(x: Any) -> Any:
    return tf.cast(x, tf.float32) if x.dtype.size < 4 else x


@kernel("tf.nn.silu")
def silu(x: Any) -> Any:
    """As it is."""
    return tf.nn.silu(x)


@kernel("tf.nn.softplus")
def softplus(x: Any) -> Any:
    """As it is."""
    return tf.nn.softplus(x)


@composed("tf.linalg.matmul, tf.nn.silu, *", because="TensorFlow has no operation for it")
def swiglu(x: Any, w: Any, v: Any) -> Any:
    """As its users do."""
    return tf.nn.silu(tf.matmul(x, w, transpose_b=True)) * tf.matmul(x, v, transpose_b=True)


@composed("tf.square, tf.reduce_mean, tf.sqrt, /, *", because="tf.nn has none; see Keras for its own")
def rms_norm(x: Any, gamma: Any, eps: float) -> Any:
    """Over the last axis."""
    wide = _wide(x)
    root = tf.sqrt(tf.reduce_mean(tf.square(wide), -1, keepdims=True) + eps)
    return tf.cast(wide / root * _wide(gamma), x.dtype)


@composed("tf.nn.moments, tf.sqrt, /, *, +", because="tf.nn has none; see Keras for its own")
def group_norm(x: Any, gamma: Any, beta: Any, groups: int, eps: float) -> Any:
    """Channels first, as the formula."""
    wide = tf.reshape(_wide(x), (x.shape[0], groups, -1))
    mean, var = tf.nn.moments(wide, -1, keepdims=True)
    normal = (wide - mean) / tf.sqrt(var + eps)
    by_channel = [tf.reshape(_wide(one), (1, -1, 1, 1)) for one in (gamma, beta)]
    return tf.cast(tf.reshape(normal, x.shape) * by_channel[0] + by_channel[1], x.dtype)


@composed("tf.abs, tf.square, tf.where, tf.reduce_mean", because="tf.nn has none; see Keras for its own")
def huber(y: Any, t: Any, delta: float) -> Any:
    """The mean of all elements."""
    d = _wide(y) - _wide(t)
    size = tf.abs(d)
    losses = tf.where(size <= delta, tf.square(d) / 2, delta * (size - delta / 2))
    return tf.cast(tf.reduce_mean(losses), y.dtype)


@kernel(
    "tf.nn.softmax_cross_entropy_with_logits",
    using=("tf.one_hot", "tf.reduce_mean"),
    convention="has no smoothing: it is given the smoothed labels, and its mean is taken",
)
def smoothed_cross_entropy(z: Any, labels: Any, smoothing: float) -> Any:
    """Spread over all classes, averaged over the samples."""
    wide = _wide(z)
    rows = tf.one_hot(labels, z.shape[1], dtype=wide.dtype) * (1 - smoothing) + smoothing / z.shape[1]
    return tf.cast(tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(rows, wide)), z.dtype)

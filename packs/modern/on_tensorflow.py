"""The formulas of this pack as TensorFlow computes them: what `nnparity.check` is handed, by id.

TensorFlow has silu, softplus and a cross-entropy of soft labels; the others are composed as its users do, statistics in
float32 where the arrays are narrower.
"""

from typing import Any

import tensorflow as tf


def _wide(x: Any) -> Any:
    return tf.cast(x, tf.float32) if x.dtype.size < 4 else x


def swiglu(x: Any, w: Any, v: Any) -> Any:
    """TensorFlow has no operation for it."""
    return tf.nn.silu(tf.matmul(x, w, transpose_b=True)) * tf.matmul(x, v, transpose_b=True)


def rms_norm(x: Any, gamma: Any, eps: float) -> Any:
    """Over the last axis."""
    wide = _wide(x)
    root = tf.sqrt(tf.reduce_mean(tf.square(wide), -1, keepdims=True) + eps)
    return tf.cast(wide / root * _wide(gamma), x.dtype)


def group_norm(x: Any, gamma: Any, beta: Any, groups: int, eps: float) -> Any:
    """Channels first, as the formula."""
    wide = tf.reshape(_wide(x), (x.shape[0], groups, -1))
    mean = tf.reduce_mean(wide, -1, keepdims=True)
    centred = wide - mean
    normal = centred / tf.sqrt(tf.reduce_mean(tf.square(centred), -1, keepdims=True) + eps)
    by_channel = [tf.reshape(_wide(one), (1, -1, 1, 1)) for one in (gamma, beta)]
    return tf.cast(tf.reshape(normal, x.shape) * by_channel[0] + by_channel[1], x.dtype)


def huber(y: Any, t: Any, delta: float) -> Any:
    """Composed: that of Keras returns the mean over the last axis, in its own dtype."""
    d = _wide(y) - _wide(t)
    size = tf.abs(d)
    losses = tf.where(size <= delta, tf.square(d) / 2, delta * (size - delta / 2))
    return tf.cast(tf.reduce_mean(losses), y.dtype)


def smoothed_cross_entropy(z: Any, labels: Any, smoothing: float) -> Any:
    """That of Keras wants the labels as one-hot rows."""
    wide = _wide(z)
    rows = tf.one_hot(labels, z.shape[1], dtype=wide.dtype) * (1 - smoothing) + smoothing / z.shape[1]
    return tf.cast(tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(rows, wide)), z.dtype)


METHODS = {
    "silu": tf.nn.silu,
    "softplus": tf.nn.softplus,
    "swiglu": swiglu,
    "rms_norm": rms_norm,
    "group_norm": group_norm,
    "huber": huber,
    "smoothed_cross_entropy": smoothed_cross_entropy,
}

"""TensorFlow's operations for the formulas of this pack, by id; where `tf.nn` has none, those of `tf.keras`.

What is composed has its statistics in float32, at least.
"""

from functools import partial
from typing import Any

import tensorflow as tf
from keras import optimizers

from nnparity.adapters.keras.layer_cache import call, layer, one_a_thread, optimize, optimizer
from nnparity.adapters.kernel import composed, kernel
from nnparity.adapters.shared.layouts import HWIO, NCHW, NHWC

HEADS = "the axes are batch, time, head, feature"
IMAGES = "images are NHWC: they are transposed there and back"
GATE_ORDER = "its gates are in the order z, r, n, side by side; called with reset_after=True, the default"


def _wide(x: Any) -> Any:
    return tf.cast(x, tf.float32) if x.dtype.size < 4 else x


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
    """The mean of all elements; of what is not chosen the square is taken of 0, or its derivative would spoil all."""
    d = _wide(y) - _wide(t)
    small = tf.abs(d) <= delta
    squares = tf.square(tf.where(small, d, tf.zeros_like(d)))
    losses = tf.where(small, squares / 2, delta * (tf.abs(d) - delta / 2))
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


@composed("tf.cos, tf.sin, *, -, +, tf.stack", because="TensorFlow has none; at least in float32")
def rope(x: Any, base: float) -> Any:
    """As models have it, neighbours paired."""
    n, t, width = x.shape
    wide = _wide(x)
    steps = tf.range(width // 2, dtype=wide.dtype) / (width // 2)
    angles = tf.range(t, dtype=wide.dtype)[:, None] * tf.pow(tf.constant(base, wide.dtype), -steps)
    cos, sin = tf.cos(angles), tf.sin(angles)
    a, b = tf.unstack(tf.reshape(wide, (n, t, width // 2, 2)), axis=-1)
    return tf.cast(tf.reshape(tf.stack((a * cos - b * sin, a * sin + b * cos), -1), x.shape), x.dtype)


@kernel("tf.keras.ops.dot_product_attention", convention=f"called with is_causal=True; {HEADS}")
def causal_attention(q: Any, k: Any, v: Any) -> Any:
    """A single head."""
    q, k, v = (a[:, :, None] for a in (q, k, v))
    return tf.keras.ops.dot_product_attention(q, k, v, is_causal=True)[:, :, 0]


@composed(
    "tf.einsum, tf.repeat, tf.keras.ops.dot_product_attention",
    because="tf.nn has no attention, that of tf.keras.ops raises for a single group; see Keras for the layer",
    convention=HEADS,
)
def grouped_query_attention(x: Any, wq: Any, wk: Any, wv: Any, wo: Any) -> Any:
    """Neighbouring heads share keys and values."""
    q, k, v = (tf.einsum("btc,chd->bthd", x, w) for w in (wq, wk, wv))
    k, v = (tf.repeat(a, q.shape[2] // a.shape[2], axis=2) for a in (k, v))
    return tf.einsum("bthd,hdc->btc", tf.keras.ops.dot_product_attention(q, k, v), wo)


@kernel("tf.nn.depthwise_conv2d", convention=f"kernels are (p, q, c, m); {IMAGES}")
def depthwise_conv2d(x: Any, k: Any) -> Any:
    """The results of a channel lie next to each other."""
    y = tf.nn.depthwise_conv2d(tf.transpose(x, NHWC), tf.transpose(k, (2, 3, 0, 1)), (1, 1, 1, 1), "VALID")
    return tf.transpose(y, NCHW)


@kernel("tf.nn.conv2d", convention=f"kernels are HWIO, padding is said for each axis; {IMAGES}")
def strided_conv2d(x: Any, k: Any, stride: int, padding: int) -> Any:
    """Not SAME, which pads less before the image than behind it where the stride leaves an odd rest."""
    around = ((0, 0), (padding, padding), (padding, padding), (0, 0))
    return tf.transpose(tf.nn.conv2d(tf.transpose(x, NHWC), tf.transpose(k, HWIO), stride, around), NCHW)


@kernel("tf.keras.layers.GRU", convention=GATE_ORDER)
def gru(x: Any, h: Any, wx: Any, wh: Any, bx: Any, bh: Any) -> Any:
    """All states."""
    made = layer("GRU", x.dtype.name, (None, None, x.shape[-1]), units=h.shape[1], return_sequences=True)
    columns = [tf.reshape(tf.transpose(tf.gather(w, (1, 0, 2)), (2, 0, 1)), (w.shape[2], -1)) for w in (wx, wh)]
    bias = tf.stack([tf.reshape(tf.gather(b, (1, 0, 2)), (-1,)) for b in (bx, bh)])
    return call(made, [*columns, bias], x, initial_state=h)


@one_a_thread
def _adamw(lr: float, decay: float, beta1: float, beta2: float, eps: float, size: int, dtype: str) -> Any:
    return optimizer(partial(optimizers.AdamW, lr, decay, beta1, beta2, eps), size, dtype)


@kernel(
    "tf.keras.optimizers.AdamW",
    convention="adds eps to the root of the uncorrected v: it is given eps √(1 - β2^t), which is the same",
)
def adamw(
    w: Any, m: Any, v: Any, g: Any, lr: float, beta1: float, beta2: float, eps: float, decay: float, step: int
) -> Any:
    """The optimiser is given its state by assignment."""
    eps *= (1 - beta2**step) ** 0.5
    return optimize(_adamw(lr, decay, beta1, beta2, eps, len(w), w.dtype.name), w, g, m, v, step=step)

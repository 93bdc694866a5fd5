"""Keras's layers, losses and optimisers for the formulas of this pack, by id, on whichever framework carries it."""

from functools import partial
from typing import Any

from keras import losses, ops, optimizers
from keras.config import backend

from nnparity.adapters.keras.layer_cache import call, dtype_of, layer, one_a_thread, optimize, optimizer
from nnparity.adapters.kernel import Unsupported, composed, kernel
from nnparity.adapters.shared.layouts import HWIO, NCHW, NHWC

HEADS = "the axes are batch, time, head, feature"
IMAGES = "images are channels last: they are transposed there and back"
GATE_ORDER = "its gates are in the order z, r, n, side by side; called with reset_after=True, the default"


@composed("keras.ops.matmul, keras.activations.silu, *", because="Keras has no layer for it")
def swiglu(x: Any, w: Any, v: Any) -> Any:
    """As its users do."""
    return ops.silu(ops.matmul(x, ops.transpose(w))) * ops.matmul(x, ops.transpose(v))


@kernel("keras.layers.RMSNormalization")
def rms_norm(x: Any, gamma: Any, eps: float) -> Any:
    """Over the last axis."""
    return call(layer("RMSNormalization", dtype_of(x), (None, x.shape[1]), epsilon=eps), [gamma], x)


@kernel("keras.layers.GroupNormalization", convention="eps is 1e-3 by default: the formula's is given")
def group_norm(x: Any, gamma: Any, beta: Any, groups: int, eps: float) -> Any:
    """Told that the channels are first."""
    made = layer("GroupNormalization", dtype_of(x), tuple(x.shape), groups=groups, axis=1, epsilon=eps)
    return call(made, [gamma, beta], x)


@kernel("keras.losses.huber", using=("keras.ops.mean",), convention="a mean over the outputs of a sample")
def huber(y: Any, t: Any, delta: float) -> Any:
    """The target comes first."""
    return ops.mean(losses.huber(t, y, delta))


@kernel(
    "keras.losses.categorical_crossentropy",
    using=("keras.ops.one_hot", "keras.ops.mean"),
    convention="called with from_logits=True and label_smoothing; labels are rows",
)
def smoothed_cross_entropy(z: Any, labels: Any, smoothing: float) -> Any:
    """Spread over all classes, averaged over the samples."""
    rows = ops.one_hot(labels, z.shape[1], dtype=dtype_of(z))
    return ops.mean(losses.categorical_crossentropy(rows, z, from_logits=True, label_smoothing=smoothing))


@composed("keras.ops.power, keras.ops.cos, keras.ops.sin, *, -, +, keras.ops.stack", because="Keras itself has none")
def rope(x: Any, base: float) -> Any:
    """As models have it, neighbours paired; at least in float32."""
    n, t, width = x.shape
    wide = "float64" if dtype_of(x) == "float64" else "float32"
    steps = ops.arange(width // 2, dtype=wide) / (width // 2)
    angles = ops.arange(t, dtype=wide)[:, None] * ops.power(ops.cast(base, wide), -steps)
    cos, sin = ops.cos(angles), ops.sin(angles)
    pairs = ops.reshape(ops.cast(x, wide), (n, t, width // 2, 2))
    a, b = pairs[..., 0], pairs[..., 1]
    return ops.cast(ops.reshape(ops.stack((a * cos - b * sin, a * sin + b * cos), -1), x.shape), dtype_of(x))


@kernel("keras.ops.dot_product_attention", convention=f"called with is_causal=True; {HEADS}")
def causal_attention(q: Any, k: Any, v: Any) -> Any:
    """A single head."""
    q, k, v = (ops.expand_dims(a, 2) for a in (q, k, v))
    return ops.squeeze(ops.dot_product_attention(q, k, v, is_causal=True), 2)


@kernel("keras.layers.GroupQueryAttention", convention="called without biases")
def grouped_query_attention(x: Any, wq: Any, wk: Any, wv: Any, wo: Any) -> Any:
    """Neighbouring heads share keys and values."""
    (h, d), g, shape = wq.shape[1:], wk.shape[1], (None, *x.shape[1:])
    options = {"head_dim": d, "num_query_heads": h, "num_key_value_heads": g, "use_bias": False}
    return call(layer("GroupQueryAttention", dtype_of(x), shape, shape, **options), [wq, wk, wv, wo], x, x)


@kernel("keras.layers.DepthwiseConv2D", convention=f"kernels are (p, q, c, m); {IMAGES}")
def depthwise_conv2d(x: Any, k: Any) -> Any:
    """The results of a channel lie next to each other."""
    c, m, p, q = k.shape
    options = {"kernel_size": (p, q), "depth_multiplier": m, "use_bias": False}
    made = layer("DepthwiseConv2D", dtype_of(x), (None, None, None, c), **options)
    return ops.transpose(call(made, [ops.transpose(k, (2, 3, 0, 1))], ops.transpose(x, NHWC)), NCHW)


@kernel(
    "keras.layers.Conv2D",
    using=("keras.layers.ZeroPadding2D",),
    convention=f"pads as VALID or SAME says: the zeros are another layer's; kernels are (p, q, c, o); {IMAGES}",
)
def strided_conv2d(x: Any, k: Any, stride: int, padding: int) -> Any:
    """SAME pads less before the image than behind it where the stride leaves an odd rest."""
    if backend() == "tensorflow" and 0 in x.shape:
        raise Unsupported("tf.nn.conv2d of an empty batch has the shape of its input, here of the padded one")
    shape = (None, None, None, x.shape[1])
    image = call(layer("ZeroPadding2D", dtype_of(x), shape, padding=padding), [], ops.transpose(x, NHWC))
    options = {"filters": k.shape[0], "kernel_size": tuple(k.shape[2:]), "strides": stride, "use_bias": False}
    return ops.transpose(call(layer("Conv2D", dtype_of(x), shape, **options), [ops.transpose(k, HWIO)], image), NCHW)


@kernel("keras.layers.GRU", convention=GATE_ORDER)
def gru(x: Any, h: Any, wx: Any, wh: Any, bx: Any, bh: Any) -> Any:
    """All states."""
    made = layer("GRU", dtype_of(x), (None, None, x.shape[-1]), units=h.shape[1], return_sequences=True)
    return call(made, [_columns(wx), _columns(wh), ops.stack([_row(bx), _row(bh)])], x, initial_state=h)


def _gates(blocks: Any) -> Any:
    """The blocks of the gates r, z, n in Keras's order."""
    return ops.stack([blocks[1], blocks[0], blocks[2]])


def _columns(blocks: Any) -> Any:
    return ops.reshape(ops.transpose(_gates(blocks), (2, 0, 1)), (blocks.shape[2], -1))


def _row(blocks: Any) -> Any:
    return ops.reshape(_gates(blocks), (-1,))


@one_a_thread
def _adamw(lr: float, decay: float, beta1: float, beta2: float, eps: float, size: int, dtype: str) -> Any:
    return optimizer(partial(optimizers.AdamW, lr, decay, beta1, beta2, eps), size, dtype)


@kernel(
    "keras.optimizers.AdamW",
    convention="adds eps to the root of the uncorrected v: it is given eps √(1 - β2^t), which is the same",
)
def adamw(
    w: Any, m: Any, v: Any, g: Any, lr: float, beta1: float, beta2: float, eps: float, decay: float, step: int
) -> Any:
    """The optimiser is given its state."""
    eps *= (1 - beta2**step) ** 0.5
    return optimize(_adamw(lr, decay, beta1, beta2, eps, len(w), dtype_of(w)), w, g, m, v, step=step)

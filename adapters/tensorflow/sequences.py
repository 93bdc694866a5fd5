"""TensorFlow's operations for sequences: the LSTM and attention, both from `tf.keras`."""

from typing import Any

import tensorflow as tf

from nnparity.adapters.keras.layer_cache import call, float_of, lstm, lstm_cell, multi_head_attention
from nnparity.adapters.keras.sequences import GATE_ORDER, HEADS, MASK, SPLIT, parameters
from nnparity.adapters.kernel import composed, kernel


class TensorflowSequences:
    """Recurrence and attention, as methods for `TensorflowAdapter`."""

    @kernel("tf.keras.layers.LSTMCell", convention=GATE_ORDER)
    def lstm_step(self, x: Any, h: Any, c: Any, wx: Any, wh: Any, b: Any) -> Any:
        cell = lstm_cell(x.shape[1], h.shape[1], float_of(x, wx))
        _, (h_next, c_next) = call(cell, parameters(wx, wh, b), x, [h, c])
        return h_next, c_next

    @kernel("tf.keras.layers.LSTM", convention=f"called with return_sequences=True; {GATE_ORDER}")
    def lstm(self, x: Any, h: Any, c: Any, wx: Any, wh: Any, b: Any) -> Any:
        y, _, last = _lstm(x, h, c, wx, wh, b)
        return y, last

    @kernel("tf.keras.layers.LSTM", convention=f"called with return_sequences=False; {GATE_ORDER}")
    def lstm_last(self, x: Any, h: Any, c: Any, wx: Any, wh: Any, b: Any) -> Any:
        return _lstm(x, h, c, wx, wh, b, sequences=False)[0]

    @kernel(
        "tf.keras.layers.LSTM", convention=f"the first layer has return_sequences=True, the second False; {GATE_ORDER}"
    )
    def lstm_stacked(self, x: Any, wx1: Any, wh1: Any, b1: Any, wx2: Any, wh2: Any, b2: Any) -> Any:
        zero = tf.zeros((len(x), b1.shape[1]), x.dtype)
        y, _, _ = _lstm(x, zero, zero, wx1, wh1, b1)
        return _lstm(y, zero, zero, wx2, wh2, b2, sequences=False)[0]

    @kernel("tf.keras.ops.dot_product_attention", convention=HEADS)
    def attention(self, q: Any, k: Any, v: Any) -> Any:
        return _attention(q, k, v)

    @kernel("tf.keras.ops.dot_product_attention", convention=f"{MASK}; {HEADS}")
    def masked_attention(self, q: Any, k: Any, v: Any, mask: Any) -> Any:
        return _attention(q, k, v, tf.cast(mask, bool)[:, None, None])

    @composed(
        "tf.linalg.matmul, tf.keras.ops.dot_product_attention, +",
        because="Keras's attention layers have a projection after the attention, and no residual",
    )
    def residual_attention(self, h: Any, wq: Any, wk: Any, wv: Any) -> Any:
        return _attention(h @ wq, h @ wk, h @ wv) + h

    @kernel("tf.keras.layers.MultiHeadAttention", convention=SPLIT)
    def multi_head_attention(
        self,
        h: Any,
        wq: Any,
        wk: Any,
        wv: Any,
        wo: Any,
        bq: Any,
        bk: Any,
        bv: Any,
        bo: Any,
        heads: int,
    ) -> Any:
        d = h.shape[2]
        weights = [tf.reshape(w, (d, heads, -1)) for w in (wq, wk, wv)]
        biases = [tf.reshape(b, (heads, -1)) for b in (bq, bk, bv)]
        inward = [tensor for pair in zip(weights, biases, strict=True) for tensor in pair]
        layer = multi_head_attention(d, heads, float_of(h, wq))
        return call(layer, [*inward, tf.reshape(wo, (heads, -1, d)), bo], h, h)

    @composed("tf.pow, /, tf.sin, tf.cos, tf.stack", because="TensorFlow has no positional encoding")
    def positional_encoding(self, position: Any, d: int) -> Any:
        rates = tf.pow(tf.constant(10000, position.dtype), tf.range(0, d, 2, dtype=position.dtype) / d)
        angles = position[:, None] / rates
        return tf.reshape(tf.stack((tf.sin(angles), tf.cos(angles)), -1), (len(position), -1))


def _lstm(x: Any, h: Any, c: Any, wx: Any, wh: Any, b: Any, sequences: bool = True) -> Any:
    """All hidden states (or the last), then the last h and c."""
    layer = lstm(x.shape[2], h.shape[1], float_of(x, wx), sequences)
    return call(layer, parameters(wx, wh, b), x, initial_state=[h, c])


def _attention(q: Any, k: Any, v: Any, mask: Any = None) -> Any:
    q, k, v = (tf.expand_dims(a, 2) for a in (q, k, v))
    return tf.squeeze(tf.keras.ops.dot_product_attention(q, k, v, mask=mask), 2)

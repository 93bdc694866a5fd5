"""TensorFlow's operations for sequences: the LSTM and attention, both from `tf.keras`, which is Keras on TensorFlow."""

from typing import Any

import tensorflow as tf

from nnparity.adapters.keras.sequences import (
    GATE_ORDER,
    HEADS,
    MASK,
    SPLIT,
    attend,
    attend_in_heads,
    states,
    step,
)
from nnparity.adapters.kernel import composed, kernel


class TensorflowSequences:
    """Recurrence and attention, as methods for `TensorflowAdapter`."""

    @kernel("tf.keras.layers.LSTMCell", convention=GATE_ORDER)
    def lstm_step(self, x: Any, h: Any, c: Any, wx: Any, wh: Any, b: Any) -> Any:
        return step(x, h, c, wx, wh, b)

    @kernel("tf.keras.layers.LSTM", convention=f"called with return_sequences=True; {GATE_ORDER}")
    def lstm(self, x: Any, h: Any, c: Any, wx: Any, wh: Any, b: Any) -> Any:
        y, _, last = states(x, h, c, wx, wh, b)
        return y, last

    @kernel("tf.keras.layers.LSTM", convention=f"called with return_sequences=False; {GATE_ORDER}")
    def lstm_last(self, x: Any, h: Any, c: Any, wx: Any, wh: Any, b: Any) -> Any:
        return states(x, h, c, wx, wh, b, sequences=False)[0]

    @kernel(
        "tf.keras.layers.LSTM", convention=f"the first layer has return_sequences=True, the second False; {GATE_ORDER}"
    )
    def lstm_stacked(self, x: Any, wx1: Any, wh1: Any, b1: Any, wx2: Any, wh2: Any, b2: Any) -> Any:
        zero = tf.zeros((x.shape[0], b1.shape[1]), x.dtype)
        y, _, _ = states(x, zero, zero, wx1, wh1, b1)
        return states(y, zero, zero, wx2, wh2, b2, sequences=False)[0]

    @kernel("tf.keras.ops.dot_product_attention", convention=HEADS)
    def attention(self, q: Any, k: Any, v: Any) -> Any:
        return attend(q, k, v)

    @kernel("tf.keras.ops.dot_product_attention", convention=f"{MASK}; {HEADS}")
    def masked_attention(self, q: Any, k: Any, v: Any, mask: Any) -> Any:
        return attend(q, k, v, tf.cast(mask, bool)[:, None, None])

    @composed(
        "tf.linalg.matmul, tf.keras.ops.dot_product_attention, +",
        because="Keras's attention layers have a projection after the attention, and no residual",
    )
    def residual_attention(self, h: Any, wq: Any, wk: Any, wv: Any) -> Any:
        return attend(h @ wq, h @ wk, h @ wv) + h

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
        return attend_in_heads(h, [wq, bq, wk, bk, wv, bv], wo, bo, heads)

    @composed("tf.pow, /, tf.sin, tf.cos, tf.stack", because="TensorFlow has no positional encoding")
    def positional_encoding(self, position: Any, d: int) -> Any:
        even = tf.cast(tf.range(0, d, 2), position.dtype)  # in bfloat16 a range of 514 ends at 512
        rates = tf.pow(tf.constant(10000, position.dtype), even / d)
        angles = position[:, None] / rates
        return tf.reshape(tf.stack((tf.sin(angles), tf.cos(angles)), -1), (len(position), -1))

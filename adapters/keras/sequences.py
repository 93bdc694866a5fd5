"""Keras's layers for sequences: the LSTM and attention."""

from typing import Any

from keras import backend, ops

from nnparity.adapters.keras.layer_cache import (
    call,
    dtype_of,
    float_of,
    lstm,
    lstm_cell,
    multi_head_attention,
    stacked_lstm,
)
from nnparity.adapters.kernel import Unsupported, composed, kernel
from nnparity.adapters.shared.gates import ifco

GATE_ORDER = (
    "gates in the order i, f, c, o, side by side in kernels (in, 4m); unit_forget_bias touches the initial value only"
)
HEADS = "the axes are batch, time, head, feature"
MASK = "the mask is boolean, True for a key that counts"
SPLIT = "the axis of the features is split into heads and their features, in weights, too"


class KerasSequences:
    """Recurrence and attention, by formula id."""

    @kernel("keras.layers.LSTMCell", convention=GATE_ORDER)
    def lstm_step(self, x: Any, h: Any, c: Any, wx: Any, wh: Any, b: Any) -> Any:
        return step(x, h, c, wx, wh, b)

    @kernel("keras.layers.LSTM", convention=f"called with return_sequences=True; {GATE_ORDER}")
    def lstm(self, x: Any, h: Any, c: Any, wx: Any, wh: Any, b: Any) -> Any:
        y, _, last = states(x, h, c, wx, wh, b)
        return y, last

    @kernel("keras.layers.LSTM", convention=f"called with return_sequences=False; {GATE_ORDER}")
    def lstm_last(self, x: Any, h: Any, c: Any, wx: Any, wh: Any, b: Any) -> Any:
        return states(x, h, c, wx, wh, b, sequences=False)[0]

    @kernel("keras.layers.RNN", using=("keras.layers.StackedRNNCells", "keras.layers.LSTMCell"), convention=GATE_ORDER)
    def lstm_stacked(self, x: Any, wx1: Any, wh1: Any, b1: Any, wx2: Any, wh2: Any, b2: Any) -> Any:
        made = stacked_lstm(x.shape[-1], b1.shape[1], float_of(x, wx1))
        return call(made, parameters(wx1, wh1, b1) + parameters(wx2, wh2, b2), x)

    @kernel("keras.ops.dot_product_attention", convention=f"has 1/√d_k, as keras.layers.Attention has not; {HEADS}")
    def attention(self, q: Any, k: Any, v: Any) -> Any:
        return attend(q, k, v)

    @kernel("keras.ops.dot_product_attention", convention=f"{MASK}; {HEADS}")
    def masked_attention(self, q: Any, k: Any, v: Any, mask: Any) -> Any:
        return attend(q, k, v, ops.cast(mask, "bool")[:, None, None])

    @composed(
        "keras.ops.matmul, keras.ops.dot_product_attention, +",
        because="Keras's attention layers have a projection after the attention, or no scale, and no residual",
    )
    def residual_attention(self, h: Any, wq: Any, wk: Any, wv: Any) -> Any:
        return attend(*(ops.matmul(h, w) for w in (wq, wk, wv))) + h

    @kernel("keras.layers.MultiHeadAttention", convention=SPLIT)
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

    @composed(
        "keras.ops.power, /, keras.ops.sin, keras.ops.cos, keras.ops.stack", because="Keras has no positional encoding"
    )
    def positional_encoding(self, position: Any, d: int) -> Any:
        exponents = ops.cast(ops.arange(0, d, 2), dtype_of(position)) / d  # a range in bfloat16 may end before
        angles = position[:, None] / ops.power(ops.cast(10000, exponents.dtype), exponents)
        return ops.reshape(ops.stack((ops.sin(angles), ops.cos(angles)), -1), (len(position), -1))


def parameters(wx: Any, wh: Any, b: Any) -> list[Any]:
    """A Keras LSTM's kernel, recurrent kernel and bias, the gates i, f, c, o side by side."""
    return [columns(wx), columns(wh), ops.reshape(gates(b), [-1])]


def gates(blocks: Any) -> Any:
    """The blocks of the gates i, f, o, c in Keras's order i, f, c, o; and back again. Keras refuses three gates."""
    return ops.stack([ops.squeeze(gate, 0) for gate in ifco(ops.split(blocks, 4))])


def columns(blocks: Any) -> Any:
    """(4, m, k) to (k, 4 m)."""
    return ops.reshape(ops.transpose(gates(blocks), (2, 0, 1)), (blocks.shape[2], -1))


def step(x: Any, h: Any, c: Any, wx: Any, wh: Any, b: Any) -> Any:
    """The next h and c of a cell."""
    cell = lstm_cell(x.shape[-1], h.shape[1], float_of(x, wx))
    _, (h_next, c_next) = call(cell, parameters(wx, wh, b), x, [h, c])
    return h_next, c_next


def states(x: Any, h: Any, c: Any, wx: Any, wh: Any, b: Any, sequences: bool = True) -> Any:
    """All hidden states (or the last), then the last h and c."""
    made = lstm(x.shape[-1], h.shape[1], float_of(x, wx), sequences)
    return call(made, parameters(wx, wh, b), x, initial_state=[h, c])


def attend(q: Any, k: Any, v: Any, mask: Any = None) -> Any:
    """A single head."""
    if backend.backend() == "jax" and k.shape[-1] != v.shape[-1]:
        raise Unsupported("on JAX keras.ops.dot_product_attention takes values as wide as the keys only")
    q, k, v = (ops.expand_dims(a, 2) for a in (q, k, v))
    return ops.squeeze(ops.dot_product_attention(q, k, v, mask=mask), 2)


def attend_in_heads(h: Any, inward: list[Any], wo: Any, bo: Any, heads: int) -> Any:
    """Self-attention; `inward` are the matrix and the bias of queries, of keys and of values."""
    d = h.shape[2]
    split = [ops.reshape(w, (d, heads, -1) if len(w.shape) == 2 else (heads, -1)) for w in inward]
    made = multi_head_attention(d, heads, float_of(h, inward[0]))
    return call(made, [*split, ops.reshape(wo, (heads, -1, d)), bo], h, h)

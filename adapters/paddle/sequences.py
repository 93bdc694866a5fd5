"""PaddlePaddle's layers for sequences: its LSTM and its attention."""

from functools import lru_cache
from typing import Any

import paddle
from paddle import nn
from paddle.nn import functional as F

from nnparity.adapters.kernel import Unsupported, composed, kernel
from nnparity.adapters.shared.gates import ifco

GATE_ORDER = "its gates are in the order i, f, g, o (g is c), and it has a second bias, zero here"
HEADS = "the axes are batch, time, head, feature"


class PaddleSequences:
    """Recurrence and attention, as methods for `PaddleAdapter`."""

    @kernel("paddle.nn.LSTMCell", convention=GATE_ORDER)
    def lstm_step(self, x: Any, h: Any, c: Any, wx: Any, wh: Any, b: Any) -> Any:
        cell = cell_of(*wx.shape[:0:-1])
        names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        for name, tensor in zip(names, parameters(wx, wh, b), strict=True):
            cell._parameters[name] = tensor  # what the layer reads, and what is differentiated by
        return cell(x, (h, c))[1]

    @kernel("paddle.nn.LSTM", convention=GATE_ORDER)
    def lstm(self, x: Any, h: Any, c: Any, wx: Any, wh: Any, b: Any) -> Any:
        y, (_, last) = recurrent(x, (h, c), (wx, wh, b))
        return y, last[0]

    @kernel("paddle.nn.LSTM", convention=GATE_ORDER)
    def lstm_last(self, x: Any, h: Any, c: Any, wx: Any, wh: Any, b: Any) -> Any:
        return recurrent(x, (h, c), (wx, wh, b))[1][0][0]

    @kernel("paddle.nn.LSTM", convention=f"both layers in one; {GATE_ORDER}")
    def lstm_stacked(self, x: Any, wx1: Any, wh1: Any, b1: Any, wx2: Any, wh2: Any, b2: Any) -> Any:
        return recurrent(x, None, (wx1, wh1, b1), (wx2, wh2, b2))[1][0][1]

    @kernel("paddle.nn.functional.scaled_dot_product_attention", convention=HEADS)
    def attention(self, q: Any, k: Any, v: Any) -> Any:
        return attended(q, k, v)

    @kernel(
        "paddle.nn.functional.scaled_dot_product_attention",
        convention=f"the mask is boolean, True for a key that counts; {HEADS}",
    )
    def masked_attention(self, q: Any, k: Any, v: Any, mask: Any) -> Any:
        return attended(q, k, v, mask.astype("bool")[:, None, None].expand([-1, 1, q.shape[1], -1]))

    @composed(
        "@, paddle.nn.functional.scaled_dot_product_attention, +",
        because="Paddle's attention layer has biases and an output matrix",
    )
    def residual_attention(self, h: Any, wq: Any, wk: Any, wv: Any) -> Any:
        return attended(h @ wq, h @ wk, h @ wv) + h

    @kernel("paddle.nn.MultiHeadAttention", convention="matrices are (in, out), as the formula's")
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
        return multi_headed(h, [(wq, bq), (wk, bk), (wv, bv), (wo, bo)], heads)

    @composed("paddle.pow, /, paddle.sin, paddle.cos, paddle.stack", because="Paddle has no positional encoding")
    def positional_encoding(self, position: Any, d: int) -> Any:
        steps = paddle.arange(0, d, 2, position.dtype) / d
        angles = position[:, None] / paddle.pow(paddle.full_like(steps, 10000), steps)
        return paddle.stack((paddle.sin(angles), paddle.cos(angles)), -1).flatten(1)


def parameters(wx: Any, wh: Any, b: Any) -> tuple[Any, ...]:
    """One layer's weights, the gates one below the other in its order; its second bias is zero."""
    weights = [paddle.concat(ifco(w.split(4))).reshape([-1, w.shape[-1]]) for w in (wx, wh)]
    bias = paddle.concat(ifco(b.split(4))).reshape([-1])
    return *weights, bias, paddle.zeros_like(bias)


@lru_cache(maxsize=64)
def cell_of(inputs: int, units: int) -> Any:
    """A cell whose weights are always given."""
    return nn.LSTMCell(inputs, units)


@lru_cache(maxsize=64)
def layer_of(inputs: int, units: int, layers: int) -> Any:
    """A layer whose weights are always given."""
    return nn.LSTM(inputs, units, layers)


def recurrent(x: Any, state: Any, *weights: tuple[Any, Any, Any]) -> tuple[Any, tuple[Any, Any]]:
    """All hidden states of the last layer, and the last of each layer; without a state it starts from zeros."""
    units, inputs = weights[0][0].shape[1:]
    layer = layer_of(inputs, units, len(weights))
    given = [parameters(*one) for one in weights]
    # What its kernel reads: the matrices of all layers, then the biases of all.
    layer._all_weights = [w for one in given for w in one[:2]] + [b for one in given for b in one[2:]]
    return layer(x, state and tuple(one[None] for one in state))


def attended(q: Any, k: Any, v: Any, mask: Any = None) -> Any:
    """A single head."""
    q, k, v = (a.unsqueeze(2) for a in (q, k, v))
    return F.scaled_dot_product_attention(q, k, v, mask).squeeze(2)


def multi_headed(h: Any, given: list[tuple[Any, Any]], heads: int, mask: Any = None) -> Any:
    """A layer with these matrices and biases of query, key, value and output, called."""
    if len(h) == 0:
        raise Unsupported("Paddle's MultiHeadAttention gives of an empty batch a result of another shape, (0, 0, d)")
    layer = nn.MultiHeadAttention(h.shape[-1], heads)
    parts = (layer.q_proj, layer.k_proj, layer.v_proj, layer.out_proj)
    for part, (matrix, bias) in zip(parts, given, strict=True):
        part._parameters.update(weight=matrix, bias=bias)
    return layer(h, attn_mask=mask)

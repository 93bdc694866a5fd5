"""MLX's layers for sequences: its LSTM and its attention."""

from typing import Any

import mlx.core as mx
from mlx import nn

from nnparity.adapters.kernel import composed, kernel
from nnparity.adapters.shared.gates import ifco

GATE_ORDER = "its gates are in the order i, f, g, o (g is c)"
HEADS = "the axes are batch, head, time, feature"


class MlxSequences:
    """Recurrence and attention, as methods for `MlxAdapter`."""

    @kernel("mlx.nn.LSTM", convention=f"a sequence of one step; {GATE_ORDER}")
    def lstm_step(self, x: Any, h: Any, c: Any, wx: Any, wh: Any, b: Any) -> Any:
        y, cells = recurrent(x[:, None], h, c, wx, wh, b)
        return y[:, 0], cells[:, 0]

    @kernel("mlx.nn.LSTM", convention=GATE_ORDER)
    def lstm(self, x: Any, h: Any, c: Any, wx: Any, wh: Any, b: Any) -> Any:
        y, cells = recurrent(x, h, c, wx, wh, b)
        return y, cells[:, -1]

    @kernel("mlx.nn.LSTM", convention=GATE_ORDER)
    def lstm_last(self, x: Any, h: Any, c: Any, wx: Any, wh: Any, b: Any) -> Any:
        return recurrent(x, h, c, wx, wh, b)[0][:, -1]

    @kernel("mlx.nn.LSTM", convention=f"a layer above the other; {GATE_ORDER}")
    def lstm_stacked(self, x: Any, wx1: Any, wh1: Any, b1: Any, wx2: Any, wh2: Any, b2: Any) -> Any:
        return stacked(x, (wx1, wh1, b1), (wx2, wh2, b2))

    @kernel("mlx.core.fast.scaled_dot_product_attention", convention=HEADS)
    def attention(self, q: Any, k: Any, v: Any) -> Any:
        return attended(q, k, v)

    @kernel(
        "mlx.core.fast.scaled_dot_product_attention",
        convention=f"the mask is boolean, True for a key that counts; {HEADS}",
    )
    def masked_attention(self, q: Any, k: Any, v: Any, mask: Any) -> Any:
        return attended(q, k, v, mask.astype(mx.bool_)[:, None, None])

    @composed("@, mlx.core.fast.scaled_dot_product_attention, +", because="MLX's attention layer has no residual")
    def residual_attention(self, h: Any, wq: Any, wk: Any, wv: Any) -> Any:
        return attended(h @ wq, h @ wk, h @ wv) + h

    @kernel("mlx.nn.MultiHeadAttention", convention="matrices are (out, in)")
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

    @composed(
        "mlx.core.power, /, mlx.core.sin, mlx.core.cos, mlx.core.stack",
        because="mlx.nn.SinusoidalPositionalEncoding has other frequencies",
    )
    def positional_encoding(self, position: Any, d: int) -> Any:
        rates = mx.power(mx.array(10000.0, position.dtype), mx.arange(0, d, 2, position.dtype) / d)
        angles = position[:, None] / rates
        return mx.stack([mx.sin(angles), mx.cos(angles)], -1).reshape(len(position), d)


def recurrent(x: Any, h: Any, c: Any, wx: Any, wh: Any, b: Any) -> tuple[Any, Any]:
    """All hidden states and all cells of a layer with these weights, its gates one below the other in its order."""
    units, inputs = wx.shape[1:]
    layer = nn.LSTM(inputs, units)
    layer.Wx, layer.Wh, layer.bias = (mx.concatenate([*ifco(mx.split(blocks, 4))], axis=1)[0] for blocks in (wx, wh, b))
    return layer(x, h, c)


def stacked(x: Any, *layers: tuple[Any, Any, Any]) -> Any:
    """The last hidden state of the last layer. Without a state a layer starts from zeros."""
    for layer in layers:
        x, _ = recurrent(x, None, None, *layer)
    return x[:, -1]


def attended(q: Any, k: Any, v: Any, mask: Any = None) -> Any:
    """A single head."""
    q, k, v = (a[:, None] for a in (q, k, v))
    return mx.fast.scaled_dot_product_attention(q, k, v, scale=q.shape[-1] ** -0.5, mask=mask)[:, 0]


def multi_headed(h: Any, parameters: list[tuple[Any, Any]], heads: int, mask: Any = None) -> Any:
    """A layer with these matrices, given (in, out), and biases of query, key, value and output, called."""
    layer = nn.MultiHeadAttention(h.shape[-1], heads, bias=True)
    parts = (layer.query_proj, layer.key_proj, layer.value_proj, layer.out_proj)
    for part, (matrix, bias) in zip(parts, parameters, strict=True):
        part.weight, part.bias = matrix.T, bias
    return layer(h, h, h, mask)

"""tinygrad's operations for sequences: its LSTM cell and scaled dot-product attention."""

from typing import Any

from tinygrad import Tensor, nn

from nnparity.adapters.kernel import composed, kernel
from nnparity.adapters.shared.gates import ifco

GATE_ORDER = "its gates are in the order i, f, g, o (g is c), and it has a second bias, left out here"
NO_LSTM = "tinygrad has the cell of an LSTM, which is called step by step"
NO_ATTENTION = "tinygrad has no attention layer of its own"


class TinygradSequences:
    """Recurrence and attention, as methods for `TinygradAdapter`."""

    @kernel("tinygrad.nn.LSTMCell", convention=GATE_ORDER)
    def lstm_step(self, x: Any, h: Any, c: Any, wx: Any, wh: Any, b: Any) -> Any:
        return cell(wx, wh, b)(x, (h, c))

    @composed("tinygrad.nn.LSTMCell, tinygrad.Tensor.stack", because=NO_LSTM, convention=GATE_ORDER)
    def lstm(self, x: Any, h: Any, c: Any, wx: Any, wh: Any, b: Any) -> Any:
        states, last = run(x, h, c, wx, wh, b)
        return states, last

    @composed("tinygrad.nn.LSTMCell", because=NO_LSTM, convention=GATE_ORDER)
    def lstm_last(self, x: Any, h: Any, c: Any, wx: Any, wh: Any, b: Any) -> Any:
        return run(x, h, c, wx, wh, b)[0][:, -1]

    @composed("tinygrad.nn.LSTMCell", because=NO_LSTM, convention=GATE_ORDER)
    def lstm_stacked(self, x: Any, wx1: Any, wh1: Any, b1: Any, wx2: Any, wh2: Any, b2: Any) -> Any:
        return stacked(x, (wx1, wh1, b1), (wx2, wh2, b2))

    @kernel("tinygrad.Tensor.scaled_dot_product_attention")
    def attention(self, q: Any, k: Any, v: Any) -> Any:
        return Tensor.scaled_dot_product_attention(q, k, v)

    @kernel(
        "tinygrad.Tensor.scaled_dot_product_attention", convention="the mask is boolean, True for a key that counts"
    )
    def masked_attention(self, q: Any, k: Any, v: Any, mask: Any) -> Any:
        return Tensor.scaled_dot_product_attention(q, k, v, mask.bool().unsqueeze(1))

    @composed("@, tinygrad.Tensor.scaled_dot_product_attention, +", because=NO_ATTENTION)
    def residual_attention(self, h: Any, wq: Any, wk: Any, wv: Any) -> Any:
        return Tensor.scaled_dot_product_attention(h @ wq, h @ wk, h @ wv) + h

    @composed("tinygrad.Tensor.linear, tinygrad.Tensor.scaled_dot_product_attention", because=NO_ATTENTION)
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
        q, k, v = (h.linear(w, b) for w, b in ((wq, bq), (wk, bk), (wv, bv)))
        return attended(q, k, v, heads).linear(wo, bo)

    @composed(
        "tinygrad.Tensor.pow, /, tinygrad.Tensor.sin, tinygrad.Tensor.cos, tinygrad.Tensor.stack",
        because="tinygrad has no positional encoding",
    )
    def positional_encoding(self, position: Any, d: int) -> Any:
        rates = 10000.0 ** (Tensor.arange(0, d, 2).cast(position.dtype) / d)
        angles = position.unsqueeze(1) / rates
        return Tensor.stack(angles.sin(), angles.cos(), dim=-1).flatten(1)


def gates(blocks: Any) -> Any:
    """The blocks of the gates one below the other, as the cell orders them; tinygrad refuses to split any but four."""
    return Tensor.cat(*ifco(blocks.split([1, 1, 1, 1]))).flatten(0, 1)


def cell(wx: Any, wh: Any, b: Any) -> Any:
    """A cell with these weights, the blocks of the gates one below the other in its order."""
    units, inputs = wx.shape[1:]
    made = nn.LSTMCell(inputs, units)
    made.weight_ih, made.weight_hh, made.bias_ih = (gates(blocks) for blocks in (wx, wh, b))
    made.bias_hh = None
    return made


def run(x: Any, h: Any, c: Any, wx: Any, wh: Any, b: Any) -> tuple[Any, Any]:
    """All hidden states, and the last c. Each is a buffer: otherwise a step is computed anew in every later one."""
    step, states = cell(wx, wh, b), []
    for time in range(x.shape[1]):
        h, c = (state.contiguous() for state in step(x[:, time], (h, c)))
        states.append(h)
    return Tensor.stack(*states, dim=1), c


def stacked(x: Any, *layers: tuple[Any, Any, Any]) -> Any:
    """The last hidden state of the last layer; each starts from zeros."""
    for layer in layers:
        zero = Tensor.zeros(len(x), layer[2].shape[1], dtype=x.dtype)
        x, _ = run(x, zero, zero, *layer)
    return x[:, -1]


def attended(q: Any, k: Any, v: Any, heads: int, keep: Any = None) -> Any:
    """Of heads that lie side by side in the last axis."""
    n, _, d = q.shape
    q, k, v = (a.reshape(n, a.shape[1], heads, d // heads).transpose(1, 2) for a in (q, k, v))
    return Tensor.scaled_dot_product_attention(q, k, v, keep).transpose(1, 2).reshape(n, -1, d)

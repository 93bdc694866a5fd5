"""ONNX's operators for sequences: LSTM and Attention."""

from typing import Any

import numpy as np

from nnparity.adapters.kernel import Unsupported, composed, kernel
from nnparity.adapters.onnxruntime.operators import TYPES, onnx

GATE_ORDER = "its gates are in the order i, o, f, c, and it has a second bias, zero here; the axes begin with time"
HEADS = "the heads lie side by side in the last axis"
NO_LAYER = "ONNX's Attention has no projections"
#: Where each of the operator's gates stands in the primer's order i, f, o, c.
IOFC = [0, 2, 1, 3]


class OnnxSequences:
    """Recurrence and attention, as methods for `OnnxRuntimeAdapter`."""

    @kernel("ai.onnx.LSTM", convention=f"a sequence of one step; {GATE_ORDER}")
    def lstm_step(self, x: Any, h: Any, c: Any, wx: Any, wh: Any, b: Any) -> Any:
        _, last_h, last_c = recurrent(onnx.Unsqueeze(filled(x), [0]), h, c, wx, wh, b)
        return last_h, last_c

    @kernel("ai.onnx.LSTM", convention=GATE_ORDER)
    def lstm(self, x: Any, h: Any, c: Any, wx: Any, wh: Any, b: Any) -> Any:
        y, _, last_c = recurrent(time_first(filled(x)), h, c, wx, wh, b)
        return time_first(y), last_c

    @kernel("ai.onnx.LSTM", convention=GATE_ORDER)
    def lstm_last(self, x: Any, h: Any, c: Any, wx: Any, wh: Any, b: Any) -> Any:
        return recurrent(time_first(filled(x)), h, c, wx, wh, b)[1]

    @kernel("ai.onnx.LSTM", convention=f"a node for each layer; {GATE_ORDER}")
    def lstm_stacked(self, x: Any, wx1: Any, wh1: Any, b1: Any, wx2: Any, wh2: Any, b2: Any) -> Any:
        return stacked(x, (wx1, wh1, b1), (wx2, wh2, b2))

    @kernel("ai.onnx.Attention", convention=HEADS)
    def attention(self, q: Any, k: Any, v: Any) -> Any:
        return attended(q, k, v, 1)

    @kernel(
        "ai.onnx.Attention",
        convention=f"the mask is boolean, True for a key that counts, a row for each query; {HEADS}",
    )
    def masked_attention(self, q: Any, k: Any, v: Any, mask: Any) -> Any:
        return attended(q, k, v, 1, rows(mask, q.shape[1]))

    @composed("ai.onnx.MatMul, ai.onnx.Attention, +", because=NO_LAYER)
    def residual_attention(self, h: Any, wq: Any, wk: Any, wv: Any) -> Any:
        return attended(h @ wq, h @ wk, h @ wv, 1) + h

    @composed("ai.onnx.MatMul, +, ai.onnx.Attention", because=NO_LAYER, convention=HEADS)
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
        q, k, v = (h @ w + b for w, b in ((wq, bq), (wk, bk), (wv, bv)))
        return attended(q, k, v, heads) @ wo + bo

    @composed(
        "ai.onnx.Pow, /, ai.onnx.Sin, ai.onnx.Cos, ai.onnx.Concat, ai.onnx.Reshape",
        because="ONNX has no positional encoding",
    )
    def positional_encoding(self, position: Any, d: int) -> Any:
        graph = position.graph
        rates = onnx.Pow(graph.constant(10000.0), graph.constant(np.arange(0, d, 2)) / d)
        angles = onnx.Unsqueeze(position, [1]) / rates
        waves = [onnx.Unsqueeze(f(angles), [2]) for f in (onnx.Sin, onnx.Cos)]
        return onnx.Reshape(onnx.Concat(*waves, axis=2), [len(position), d])


def time_first(x: Any) -> Any:
    """From batch, time, feature, and back."""
    return onnx.Transpose(x, perm=[1, 0, 2])


def gates(blocks: Any) -> Any:
    """The blocks of the gates one below the other, in the operator's order, for its only direction."""
    _, units, *rest = blocks.shape
    return onnx.Reshape(onnx.Gather(blocks, IOFC), [1, 4 * units, *rest])


def filled(x: Any) -> Any:
    """The input of an LSTM, if there is any: of an empty batch the operator ends the process."""
    if 0 in x.shape:
        raise Unsupported("ONNX Runtime's LSTM of an empty batch ends the process: terminate called, SIGABRT")
    return x


def recurrent(x: Any, h: Any, c: Any, wx: Any, wh: Any, b: Any) -> tuple[Any, Any, Any]:
    """All hidden states, time first, then the last h and c. Without a state the operator starts from zeros."""
    units = wh.shape[1]
    bias = onnx.Concat(gates(b), b.graph.constant(np.zeros((1, 4 * units))), axis=1)
    start = [None if state is None else onnx.Unsqueeze(state, [0]) for state in (h, c)]
    y, last_h, last_c = onnx.LSTM(x, gates(wx), gates(wh), bias, None, *start, hidden_size=units, outputs=3)
    return onnx.Squeeze(y, [1]), onnx.Squeeze(last_h, [0]), onnx.Squeeze(last_c, [0])


def stacked(x: Any, *layers: tuple[Any, Any, Any]) -> Any:
    """The last hidden state of the last layer; each starts from zeros."""
    y, last = time_first(filled(x)), None
    for layer in layers:
        y, last, _ = recurrent(y, None, None, *layer)
    return last


def rows(mask: Any, queries: int) -> Any:
    """The mask of keys as the operator wants it, a row for each query, the same for all heads."""
    return onnx.Expand(onnx.Unsqueeze(onnx.Cast(mask, to=TYPES["bool"]), [1, 2]), [1, 1, queries, 1])


def attended(q: Any, k: Any, v: Any, heads: int, mask: Any = None) -> Any:
    """Of heads that lie side by side."""
    return onnx.Attention(q, k, v, *(() if mask is None else (mask,)), q_num_heads=heads, kv_num_heads=heads)

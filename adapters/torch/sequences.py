"""PyTorch's kernels for sequences: the LSTM and attention."""

from functools import lru_cache
from typing import Any

import torch
from torch.nn import functional as F

from nnparity.adapters.kernel import composed, kernel
from nnparity.adapters.shared.gates import ifco

GATE_ORDER = "its gates are in the order i, f, g, o (g is c), and it has a second bias, zero here"
HEADS = "the axes are batch, head, time, feature"


class TorchSequences:
    """Recurrence and attention, as methods for `TorchAdapter`."""

    device: str

    @kernel("torch.lstm_cell", convention=GATE_ORDER)
    def lstm_step(self, x: Any, h: Any, c: Any, wx: Any, wh: Any, b: Any) -> Any:
        return torch.lstm_cell(x, (h, c), *_parameters(wx, wh, b))

    @kernel("torch.lstm", convention=f"the function behind torch.nn.LSTM; {GATE_ORDER}")
    def lstm(self, x: Any, h: Any, c: Any, wx: Any, wh: Any, b: Any) -> Any:
        y, _, last = _lstm(x, h[None], c[None], _parameters(wx, wh, b))
        return y, last[0]

    @kernel("torch.lstm", convention=GATE_ORDER)
    def lstm_last(self, x: Any, h: Any, c: Any, wx: Any, wh: Any, b: Any) -> Any:
        _, last, _ = _lstm(x, h[None], c[None], _parameters(wx, wh, b))
        return last[0]

    @kernel("torch.lstm", convention=f"both layers in one call; {GATE_ORDER}")
    def lstm_stacked(self, x: Any, wx1: Any, wh1: Any, b1: Any, wx2: Any, wh2: Any, b2: Any) -> Any:
        zero = x.new_zeros(2, len(x), b1.shape[1])
        _, last, _ = _lstm(x, zero, zero, _parameters(wx1, wh1, b1) + _parameters(wx2, wh2, b2))
        return last[1]

    @kernel("torch.nn.functional.scaled_dot_product_attention", convention=HEADS)
    def attention(self, q: Any, k: Any, v: Any) -> Any:
        return _attention(q, k, v)

    @kernel(
        "torch.nn.functional.scaled_dot_product_attention",
        convention=f"the mask is boolean, True for a key that counts; {HEADS}",
    )
    def masked_attention(self, q: Any, k: Any, v: Any, mask: Any) -> Any:
        return _attention(q, k, v, mask.bool()[:, None, None])

    @composed(
        "torch.matmul, torch.nn.functional.scaled_dot_product_attention, +",
        because="torch's attention layer has equally wide projections and no residual",
    )
    def residual_attention(self, h: Any, wq: Any, wk: Any, wv: Any) -> Any:
        return _attention(h @ wq, h @ wk, h @ wv) + h

    @kernel(
        "torch.nn.functional.multi_head_attention_forward",
        convention="matrices are (out, in), those of query, key and value in one; the axes are time, batch, feature",
    )
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
        inward, bias = torch.cat((wq.T, wk.T, wv.T)), torch.cat((bq, bk, bv))
        h = h.transpose(0, 1)
        y, _ = F.multi_head_attention_forward(
            *(h, h, h),
            embed_dim_to_check=h.shape[2],
            num_heads=heads,
            in_proj_weight=inward,
            in_proj_bias=bias,
            bias_k=None,
            bias_v=None,
            add_zero_attn=False,
            dropout_p=0.0,
            out_proj_weight=wo.T,
            out_proj_bias=bo,
            need_weights=False,
        )
        return y.transpose(0, 1)

    @composed("torch.pow, /, torch.sin, torch.cos, torch.stack", because="torch has no positional encoding")
    def positional_encoding(self, position: Any, d: int) -> Any:
        rates = 10000 ** (torch.arange(0, d, 2, dtype=position.dtype, device=position.device) / d)
        angles = position[:, None] / rates
        return torch.stack((torch.sin(angles), torch.cos(angles)), -1).flatten(1)


def _gates(blocks: Any) -> Any:
    """The blocks of the gates one below the other, as PyTorch orders them; it refuses to split any but four."""
    return torch.cat(ifco(blocks.split((1, 1, 1, 1)))).flatten(0, 1)


def _parameters(wx: Any, wh: Any, b: Any) -> tuple[Any, ...]:
    """One layer's weights; its second bias is zero, as our formula has one."""
    bias = _gates(b)
    return _gates(wx), _gates(wh), bias, torch.zeros_like(bias)


@lru_cache(maxsize=64)
def _layer(dtype: Any, *shapes: tuple[int, ...]) -> Any:
    """A layer without memory, which was given weights of these shapes: it refuses those that do not fit."""
    (_, inputs), (_, units) = shapes[:2]
    layer = torch.nn.LSTM(inputs, units, len(shapes) // 4, batch_first=True, dtype=dtype, device="meta")
    given = {name: torch.empty(shape, device="meta") for name, shape in zip(layer.state_dict(), shapes, strict=True)}
    layer.load_state_dict(given)
    return layer


def _lstm(x: Any, h: Any, c: Any, parameters: tuple[Any, ...]) -> tuple[Any, Any, Any]:
    """The kernel under `torch.nn.LSTM`: biases, no dropout, in training, one direction, batch first.

    In evaluation another kernel may be chosen, without a derivative. The kernel itself looks at no shape and reads
    and writes past its arrays; the layer's checks come first, as they do for everybody who uses the layer.
    """
    layer = _layer(parameters[0].dtype, *(w.shape for w in parameters))
    layer.check_forward_args(x, (h, c), None)
    y, last_h, last_c = torch.lstm(x, (h, c), parameters, True, len(h), 0.0, True, False, True)
    return y, last_h, last_c


def _attention(q: Any, k: Any, v: Any, mask: Any = None) -> Any:
    """A single head: the fused kernels want the axes batch, head, time, feature."""
    q, k, v = (a.unsqueeze(1) for a in (q, k, v))
    return F.scaled_dot_product_attention(q, k, v, mask).squeeze(1)

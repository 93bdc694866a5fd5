"""PyTorch's encoder layer as BERT uses it: the normalisation behind each residual, exact GELU, padded keys masked."""

from typing import Any

import torch
from torch.func import functional_call
from torch.nn import functional as F

from nnparity.adapters.kernel import kernel

#: Names of the layer's parameters -> ours, the matrices of which are transposed.
OUTER = {"out_proj": ("wo", "bo"), "linear1": ("w1", "b1"), "linear2": ("w2", "b2")}
NORMS = {"norm1": ("gamma1", "beta1"), "norm2": ("gamma2", "beta2")}


class TorchBert:
    """Listing 4.4, as a method for `TorchAdapter`."""

    @kernel(
        "torch.nn.TransformerEncoderLayer",
        using=("torch.nn.functional.embedding", "torch.nn.functional.layer_norm", "torch.nn.functional.gelu"),
        convention=(
            "normalisation behind the residual; matrices are (out, in), those of query, key and value in one; "
            "the mask is True where a key is left out"
        ),
    )
    def listing_bert(
        self,
        ids: Any,
        mask: Any,
        types: Any,
        words: Any,
        positions: Any,
        segments: Any,
        gamma: Any,
        beta: Any,
        *,
        heads: int,
        eps: float,
        padding: int,
        padded: bool,
        **weights: Any,
    ) -> Any:
        h = F.embedding(ids, words, padding if padding >= 0 else None)
        h = h + F.embedding(types, segments) + positions[: ids.shape[1]]
        h = F.layer_norm(h, gamma.shape, gamma, beta, eps)
        layers, d, f = weights["w1"].shape
        layer = torch.nn.TransformerEncoderLayer(d, heads, f, 0.0, F.gelu, eps, batch_first=True, dtype=h.dtype)
        left_out = mask == 0 if padded else None
        for number in range(layers):
            own = _parameters({name: w[number] for name, w in weights.items()})
            h = functional_call(layer.eval().to(h.device), own, h, {"src_key_padding_mask": left_out})
        return h


def _parameters(w: dict[str, Any]) -> dict[str, Any]:
    """One layer's weights by PyTorch's names."""
    named = {
        "self_attn.in_proj_weight": torch.cat((w["wq"].T, w["wk"].T, w["wv"].T)),
        "self_attn.in_proj_bias": torch.cat((w["bq"], w["bk"], w["bv"])),
    }
    for name, (matrix, bias) in OUTER.items():
        place = f"self_attn.{name}" if name == "out_proj" else name
        named |= {f"{place}.weight": w[matrix].T, f"{place}.bias": w[bias]}
    return named | {
        f"{name}.{part}": w[ours]
        for name, pair in NORMS.items()
        for part, ours in zip(("weight", "bias"), pair, strict=True)
    }

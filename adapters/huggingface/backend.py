"""Hugging Face transformers: listing 4.4 as printed, on a small BERT of our own.

The parameters of a case are written into a `BertModel`, saved to a temporary folder, and loaded from it by the real
`BertModel.from_pretrained`. What was loaded must be what was saved, bit by bit; then the loaded model is run with the
inputs of the case in the place of its parameters, so that PyTorch differentiates by them.

The modes are implementations of attention: `eager` is transformers' own, `sdpa` PyTorch's fused kernel. Nothing is
downloaded: the hub is switched off.
"""

import os
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Any

import torch
from torch.autograd import forward_ad
from torch.func import functional_call

from nnparity.adapters.kernel import kernel
from nnparity.adapters.torch.backend import TorchBase
from nnparity.spec import load

os.environ["HF_HUB_OFFLINE"] = "1"  # read when it is imported
import transformers
from transformers import BertConfig, BertModel

transformers.logging.set_verbosity_error()
transformers.logging.disable_progress_bar()

ONLY = "listing_bert"
EMBEDDINGS = {
    "words": "word_embeddings.weight",
    "positions": "position_embeddings.weight",
    "segments": "token_type_embeddings.weight",
    "gamma": "LayerNorm.weight",
    "beta": "LayerNorm.bias",
}
#: Our matrix and bias of a layer -> the module that holds them; LayerNorm's are vectors, and not transposed.
MODULES = {
    ("wq", "bq"): "attention.self.query",
    ("wk", "bk"): "attention.self.key",
    ("wv", "bv"): "attention.self.value",
    ("wo", "bo"): "attention.output.dense",
    ("gamma1", "beta1"): "attention.output.LayerNorm",
    ("w1", "b1"): "intermediate.dense",
    ("w2", "b2"): "output.dense",
    ("gamma2", "beta2"): "output.LayerNorm",
}
#: The model loaded last, with what it was loaded from, if there is one: a case is run several times.
LAST: list[tuple[tuple[str, ...], dict[str, Any], BertModel]] = []


class HuggingFaceAdapter(TorchBase):
    """`BertModel`, differentiated by PyTorch."""

    backend = "huggingface"
    packages = ("transformers", "tokenizers", "torch")
    modes = ("eager", "sdpa")
    unsupported = MappingProxyType({id: "transformers gives models, not formulas" for id in load() if id != ONLY})

    @kernel(
        "transformers.BertModel.from_pretrained",
        convention="matrices are (out, in); attn_implementation is eager or sdpa, as the mode says",
    )
    def listing_bert(
        self, ids: Any, mask: Any, types: Any, *, heads: int, eps: float, padding: int, padded: bool, **parameters: Any
    ) -> Any:
        config = self.config(parameters, heads, eps, padding)
        named = by_name(parameters)
        model = self.loaded(config, named)
        keep = mask if padded else torch.ones_like(mask)
        inputs = {"input_ids": ids, "attention_mask": keep, "token_type_ids": types}
        return functional_call(model, named, (), inputs).last_hidden_state

    def config(self, parameters: dict[str, Any], heads: int, eps: float, padding: int) -> BertConfig:
        """The configuration that these parameters fit, everything else as BERT has it."""
        layers, d, f = parameters["w1"].shape
        own = {
            "vocab_size": len(parameters["words"]),
            "max_position_embeddings": len(parameters["positions"]),
            "type_vocab_size": len(parameters["segments"]),
            "hidden_size": d,
            "intermediate_size": f,
            "num_hidden_layers": layers,
            "num_attention_heads": heads,
            "layer_norm_eps": eps,
            "pad_token_id": padding if padding >= 0 else None,
        }
        return BertConfig(**own)

    def loaded(self, config: BertConfig, named: dict[str, Any]) -> BertModel:
        """A model with these parameters, in evaluation, by way of a folder. RuntimeError if they come back changed."""
        plain = {name: forward_ad.unpack_dual(value).primal.detach() for name, value in named.items()}
        settings = (self.mode, str(self.device), config.to_json_string())
        if not LAST or LAST[0][0] != settings or changed(plain, LAST[0][1]):
            LAST[:] = [(settings, plain, self.by_folder(config, plain))]
        return LAST[0][2]

    def by_folder(self, config: BertConfig, plain: dict[str, Any]) -> BertModel:
        """The two lines of the listing that load, after the one that saves."""
        dtype = plain["embeddings.LayerNorm.bias"].dtype
        saved = BertModel(config).to(dtype)
        saved.load_state_dict(plain, strict=False)  # the pooler keeps its own: it is no part of the result
        with TemporaryDirectory() as folder:
            saved.save_pretrained(folder)
            model = BertModel.from_pretrained(folder, attn_implementation=self.mode, dtype=dtype)
        model.eval().to(plain["embeddings.LayerNorm.bias"].device)
        if wrong := changed(plain, model.state_dict()):
            raise RuntimeError(f"from_pretrained gives other numbers than were saved: {', '.join(wrong)}")
        return model


def changed(plain: dict[str, Any], other: dict[str, Any]) -> list[str]:
    """The names of what is not the same there, dtype and bits."""
    return [name for name, x in plain.items() if x.dtype != other[name].dtype or not torch.equal(x, other[name])]


def by_name(parameters: dict[str, Any]) -> dict[str, Any]:
    """Our parameters by the names of `BertModel`, matrices (out, in), layer by layer."""
    named = {f"embeddings.{theirs}": parameters[ours] for ours, theirs in EMBEDDINGS.items()}
    for (matrix, bias), module in MODULES.items():
        for number, (w, b) in enumerate(zip(parameters[matrix], parameters[bias], strict=True)):
            place = f"encoder.layer.{number}.{module}"
            named |= {f"{place}.weight": w.T.contiguous() if w.ndim == 2 else w, f"{place}.bias": b}
    return named

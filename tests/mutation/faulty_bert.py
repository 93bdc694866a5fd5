"""Hugging Face's adapter with one fault each, and one that is told sentences instead of ids.

As in `faulty_torch`, all live in one process: the attribute `fault` of a request says which of them answers it.
"""

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

from transformers import BertModel, BertTokenizer

from nnparity.adapters.huggingface.backend import HuggingFaceAdapter
from nnparity.adapters.kernel import kernel
from nnparity.adapters.request import Observation, Request

VOCABULARY = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "hello", ",", "my", "dog", "is", "cute", "##ly")
#: The listing's sentence and a shorter one, each with a second part.
SENTENCES = (("Hello, my dog is cute", "My dog"), ("hello", "cutely"))


class NoFault(HuggingFaceAdapter):
    """The adapter as it is."""


class TanhGelu(HuggingFaceAdapter):
    def config(self, *given: Any) -> Any:
        return _with(super().config(*given), hidden_act="gelu_new")


class Epsilon(HuggingFaceAdapter):
    def config(self, *given: Any) -> Any:
        return _with(super().config(*given), layer_norm_eps=1e-5)


class NoPaddingIdx(HuggingFaceAdapter):
    def config(self, *given: Any) -> Any:
        return _with(super().config(*given), pad_token_id=None)


def _with(config: Any, **settings: Any) -> Any:
    return type(config)(**config.to_dict() | settings)


class Unscaled(HuggingFaceAdapter):
    def by_folder(self, *given: Any) -> Any:
        model = super().by_folder(*given)
        for layer in model.encoder.layer:
            layer.attention.self.scaling = 1.0
        return model


class Shifted(HuggingFaceAdapter):
    def by_folder(self, *given: Any) -> Any:
        model = super().by_folder(*given)
        model.embeddings.position_ids = model.embeddings.position_ids + 1
        return model


class Unmasked(HuggingFaceAdapter):
    @kernel("with a fault")
    def listing_bert(self, **given: Any) -> Any:
        return super().listing_bert(**given | {"padded": False})


class DropoutLeftOn(HuggingFaceAdapter):
    def by_folder(self, *given: Any) -> Any:
        return super().by_folder(*given).train()


class TransposedWeight(HuggingFaceAdapter):
    @kernel("with a fault")
    def listing_bert(self, **given: Any) -> Any:
        return super().listing_bert(**given | {"wo": given["wo"].mT})


class LossyFile(HuggingFaceAdapter):
    """Saves the model in half precision, as checkpoints often are."""

    def by_folder(self, *given: Any) -> Any:
        save = BertModel.save_pretrained
        with patch.object(BertModel, "save_pretrained", lambda model, folder: save(model.half(), folder)):
            return super().by_folder(*given)


class Spoken(HuggingFaceAdapter):
    """Takes no ids: the real tokenizer makes them of the sentences."""

    @kernel("transformers.BertTokenizer.from_pretrained, transformers.BertModel.from_pretrained")
    def listing_bert(self, **given: Any) -> Any:
        with TemporaryDirectory() as folder, TemporaryDirectory() as again:
            Path(folder, "vocab.txt").write_text("\n".join(VOCABULARY) + "\n")
            BertTokenizer.from_pretrained(folder).save_pretrained(again)
            tokenizer = BertTokenizer.from_pretrained(again)
        first, second = map(list, zip(*SENTENCES, strict=True))
        told = tokenizer(first, second, padding=True, return_tensors="pt")
        spoken = {"ids": told["input_ids"], "mask": told["attention_mask"], "types": told["token_type_ids"]}
        return super().listing_bert(**given | spoken)


FAULTS = {
    fault.__name__: fault
    for fault in (
        *(NoFault, TanhGelu, Epsilon, NoPaddingIdx, Unscaled, Shifted, Unmasked, DropoutLeftOn, TransposedWeight),
        *(LossyFile, Spoken),
    )
}


class FaultyBert(HuggingFaceAdapter):
    """All of them: ``attributes["fault"]`` names the one that answers."""

    def __init__(self, device: str = "cpu", mode: str = "eager") -> None:
        super().__init__(device, mode)
        self._faults = {name: fault(device, mode) for name, fault in FAULTS.items()}

    def observe(self, request: Request) -> Observation:
        attributes = dict(request.attributes)
        fault = self._faults[attributes.pop("fault", "NoFault")]
        return fault.observe(replace(request, attributes=attributes))

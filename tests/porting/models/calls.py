"""Ordinary models that are called in unusual ways: without a batch, with masks, flags, packed or named arguments.

``python -m nnparity.tests.porting.models.calls`` prints as JSON whether each conforms to itself; Keras is on PyTorch.
"""

import json
import os
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

os.environ["KERAS_BACKEND"] = "torch"
import keras
import torch
from keras import layers
from torch import nn

import nnparity

IDS = torch.tensor([[1, 2, 0, 0, 0], [3, 4, 5, 6, 0]])


class Pair(NamedTuple):
    """What a layer of one's own takes."""

    x: Any
    shift: Any


class Leaf(nn.Module):
    """Takes a named tuple."""

    def forward(self, pair: Pair) -> Any:
        return pair.x * 2 + pair.shift


class Named(nn.Module):
    """Gives it one."""

    def __init__(self) -> None:
        super().__init__()
        self.dense, self.leaf = nn.Linear(4, 4), Leaf()

    def forward(self, x: Any) -> Any:
        return self.leaf(Pair(self.dense(x), x))


class Packed(nn.Module):
    """Sequences of several lengths."""

    def __init__(self, first: bool) -> None:
        super().__init__()
        self.lstm, self.first = nn.LSTM(3, 4, batch_first=first), first

    def forward(self, x: Any) -> Any:
        packed = nn.utils.rnn.pack_padded_sequence(x, torch.tensor([5, 3]), batch_first=self.first)
        return nn.utils.rnn.pad_packed_sequence(self.lstm(packed)[0])[0]


def _embedded(*behind: Any) -> Any:
    given = keras.Input((5,), dtype="int32")
    x = layers.Embedding(7, 8, mask_zero=True)(given)
    for layer in behind:
        x = layer(x)
    return keras.Model(given, x)


def _causal() -> Any:
    given = keras.Input((5, 8))
    return keras.Model(given, layers.MultiHeadAttention(2, 4)(given, given, use_causal_mask=True))


def _flatten(*shape: int) -> Any:
    return keras.Sequential([keras.Input(shape), layers.Flatten(data_format="channels_first")])


def _normalized(*shape: int) -> Any:
    return keras.Sequential([keras.Input(shape), layers.BatchNormalization()])


#: The models, what they are called with.
CASES: dict[str, tuple[Callable[[], Any], Any]] = {
    "divisor": (lambda: nn.Sequential(nn.AvgPool2d(2, divisor_override=1)), torch.randn(1, 1, 4, 4)),
    "convolution without a batch": (lambda: nn.Sequential(nn.Conv2d(3, 4, 3)), torch.randn(3, 8, 8)),
    "pooling without a batch": (lambda: nn.Sequential(nn.MaxPool2d(2)), torch.randn(3, 8, 8)),
    "LSTM without a batch": (lambda: nn.LSTM(3, 4, batch_first=True), torch.randn(5, 3)),
    "attention without a batch": (lambda: nn.MultiheadAttention(4, 2), tuple(torch.randn(5, 4) for _ in range(3))),
    "packed": (lambda: Packed(first=True), torch.randn(2, 5, 3)),
    "packed, time first": (lambda: Packed(first=False), torch.randn(5, 2, 3)),
    "named tuple": (Named, torch.randn(3, 4)),
    "ids as floats": (lambda: keras.Sequential([keras.Input((5,)), layers.Embedding(7, 8)]), IDS),
    "masked LSTM": (lambda: _embedded(layers.LSTM(3)), IDS),
    "masked attention": (lambda: _embedded(lambda x: layers.MultiHeadAttention(2, 4)(x, x)), IDS),
    "causal attention": (_causal, torch.randn(2, 5, 8)),
    "channels first, flattened": (lambda: _flatten(3, 4, 5), torch.randn(2, 3, 4, 5)),
    "sequences, normalised": (lambda: _normalized(7, 4), torch.randn(2, 7, 4)),
    "three axes, flattened": (lambda: _flatten(3, 4), torch.randn(2, 3, 4)),
}


def _made(factory: Callable[[], Any]) -> Any:
    keras.utils.set_random_seed(0)
    model = factory()
    return model.eval() if isinstance(model, nn.Module) else model


def main() -> None:
    """Each against itself."""
    found = {}
    for name, (factory, given) in CASES.items():
        try:
            result = nnparity.port(_made(factory), _made(factory), given)
            found[name] = "conforms" if result else result.headline
        except Exception as error:  # noqa: BLE001  (whatever it is, it is told)
            found[name] = f"{type(error).__name__}: {error}"
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()

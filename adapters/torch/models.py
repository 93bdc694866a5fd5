"""The primer's listings as PyTorch builds them: `torch.nn` modules, called with our parameters for their own."""

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import torch
from torch import nn
from torch.func import functional_call

from nnparity.adapters.kernel import composed, kernel
from nnparity.adapters.torch.sequences import GATE_ORDER, _parameters

#: Modules kept: a model is built once for its widths.
BUILT = 32
#: What listing 4.2 is made of.
CNN = ("torch.nn.Conv2d", "torch.nn.ReLU", "torch.nn.MaxPool2d", "torch.nn.Linear")
CHANNELS = "channels first: the maps are permuted before they are flattened, as the listing's dense weights want them"


class ChannelsLast(nn.Module):
    """Flattens channels last, as Keras does: the weights behind it are those of the listing."""

    def forward(self, x: Any) -> Any:
        return x.permute(0, 2, 3, 1).flatten(1)


class LastState(nn.Module):
    """Two LSTMs and a dense layer on the last state, the model of listing 4.3."""

    def __init__(self, inputs: int, units: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(inputs, units, num_layers=2, batch_first=True)
        self.dense = nn.Linear(units, 1)

    def forward(self, x: Any) -> Any:
        y, _ = self.lstm(x)
        return self.dense(y[:, -1])


def _empty(build: Any) -> Any:
    """A module without memory of its own: its parameters are always given."""
    with torch.device("meta"):
        return build()


@lru_cache(maxsize=BUILT)
def perceptron(inputs: int, units: int, outputs: int, last: bool) -> nn.Module:
    """Two dense layers with tanh between them, and a sigmoid behind them when `last`."""
    behind = (nn.Sigmoid(),) if last else ()
    return _empty(lambda: nn.Sequential(nn.Linear(inputs, units), nn.Tanh(), nn.Linear(units, outputs), *behind))


@lru_cache(maxsize=1)
def convolutional() -> nn.Module:
    """The layers of listing 4.2, up to the logits: the softmax is part of the loss."""
    return _empty(
        lambda: nn.Sequential(
            *(nn.Conv2d(3, 32, 3), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(64, 64, 3), nn.ReLU(), ChannelsLast()),
            *(nn.Linear(1024, 64), nn.ReLU(), nn.Linear(64, 10)),
        )
    )


@lru_cache(maxsize=BUILT)
def recurrent(inputs: int, units: int) -> nn.Module:
    """The layers of listing 4.3."""
    return _empty(lambda: LastState(inputs, units))


def call(module: nn.Module, parameters: Iterable[Any], *inputs: Any) -> Any:
    """The module's result with `parameters` in place of its own, in its order."""
    names = [name for name, _ in module.named_parameters()]
    return functional_call(module, dict(zip(names, parameters, strict=True)), inputs)


def lstm_parameters(p: list[Any]) -> list[Any]:
    """Those of listing 4.3 as torch.nn.LSTM orders them, with a second bias of zeros."""
    return [*_parameters(*p[:3]), *_parameters(*p[3:6]), *p[6:]]


def gan(x: Any, z: Any, p: list[Any]) -> tuple[Any, Any, Any]:
    """What the generator makes, and the discriminator's logits of what is real and of what is made."""
    generator = perceptron(z.shape[1], len(p[0]), x.shape[1], False)
    discriminator = perceptron(x.shape[1], len(p[4]), 1, False)
    made = call(generator, p[:4], z)
    return made, call(discriminator, p[4:], x)[:, 0], call(discriminator, p[4:], made)[:, 0]


def towards(logits: Any, target: float) -> Any:
    """The cross-entropy of the discriminator's logits against all ones or all zeros."""
    return nn.BCEWithLogitsLoss()(logits, torch.full_like(logits, target))


class TorchModels:
    """The listings, as methods for `TorchAdapter`."""

    @composed("torch.matmul, +, torch.tanh, torch.sigmoid, torch.stack", because="no layer has two activations")
    def listing_mlp_literal(self, x: Any, w: Any, b: Any) -> Any:
        hidden = torch.stack([f(x @ w + b) for f in (torch.tanh, torch.sigmoid)])
        return torch.stack([f(hidden @ w + b) for f in (torch.tanh, torch.sigmoid)])

    @kernel(
        "torch.nn.Sequential",
        using=("torch.nn.Linear", "torch.nn.Tanh", "torch.nn.Sigmoid"),
        convention="its matrices are (out, in): the listing's are transposed",
    )
    def listing_mlp(self, x: Any, w1: Any, b1: Any, w2: Any, b2: Any) -> Any:
        return call(perceptron(*w1.shape, w2.shape[1], True), (w1.T, b1, w2.T, b2), x)

    @kernel("torch.nn.Sequential", using=(*CNN, "torch.nn.CrossEntropyLoss"), convention=CHANNELS)
    def listing_cnn(self, x: Any, labels: Any, **p: Any) -> Any:
        logits = call(convolutional(), p.values(), x)
        return torch.softmax(logits, 1), nn.CrossEntropyLoss()(logits, labels)

    @kernel(
        "torch.nn.LSTM",
        using=("torch.nn.Linear", "torch.nn.MSELoss"),
        convention=f"both layers in one module; {GATE_ORDER}",
    )
    def listing_lstm(self, x: Any, t: Any, **p: Any) -> Any:
        units, inputs = p["wx1"].shape[1:]
        y = call(recurrent(inputs, units), lstm_parameters(list(p.values())), x)
        return y, nn.MSELoss()(y, t)

    @kernel("torch.nn.Sequential", using=("torch.nn.Linear", "torch.nn.Tanh", "torch.nn.BCEWithLogitsLoss"))
    def listing_gan(self, x: Any, z: Any, **p: Any) -> Any:
        made, real, fake = gan(x, z, list(p.values()))
        return made, towards(real, 1.0) + towards(fake, 0.0), towards(fake, 1.0)

# ruff: noqa: ARG002 - an optimiser is given all numbers, and a fault is to leave some of them out
"""PyTorch's listings and training runs with one fault each, as bugs are made.

As in `faulty_torch`, all live in one process: the attribute `fault` of a request says which of them answers it.
"""

from dataclasses import replace
from typing import Any
from unittest.mock import patch

import torch
from torch import nn

from nnparity.adapters.kernel import kernel
from nnparity.adapters.request import Observation, Request
from nnparity.adapters.torch import models, training
from nnparity.adapters.torch.backend import TorchAdapter


class NoFault(TorchAdapter):
    """The adapter as it is."""


class Corrected(torch.optim.Adam):
    """Adam whose rate and epsilon are rewritten before each step, from 1 - beta^t."""

    def rewrite(self, lr: float, eps: float, first: float, second: float) -> tuple[float, float]:
        raise NotImplementedError

    def step(self, closure: Any = None) -> Any:
        self.done = getattr(self, "done", 0) + 1
        for group in self.param_groups:
            start = group.setdefault("start", (group["lr"], group["eps"]))
            first, second = (1 - beta**self.done for beta in group["betas"])
            group["lr"], group["eps"] = self.rewrite(*start, first, second)
        return super().step(closure)


class HatAdam(Corrected):
    def rewrite(self, lr: float, eps: float, first: float, second: float) -> tuple[float, float]:
        return lr, eps / second**0.5


class UncorrectedAdam(Corrected):
    def rewrite(self, lr: float, eps: float, first: float, second: float) -> tuple[float, float]:
        return lr * first / second**0.5, eps / second**0.5


class EpsHat(TorchAdapter):
    def optimizer(self, parameters: Any, name: str, lr: float, beta1: float, beta2: float, eps: float) -> Any:
        return HatAdam(parameters, lr=lr, betas=(beta1, beta2), eps=eps)


class NoCorrection(TorchAdapter):
    def optimizer(self, parameters: Any, name: str, lr: float, beta1: float, beta2: float, eps: float) -> Any:
        return UncorrectedAdam(parameters, lr=lr, betas=(beta1, beta2), eps=eps)


class Momentum(TorchAdapter):
    def optimizer(self, parameters: Any, name: str, lr: float, beta1: float, beta2: float, eps: float) -> Any:
        return torch.optim.SGD(parameters, lr=lr, momentum=0.9)


class HalfDecay(TorchAdapter):
    """The loss is right, the gradient of its penalty that of half of it."""

    def penalty(self, w: Any, lam: float) -> Any:
        return lam * (w.detach() * w).sum()


class DropoutLeftOn(TorchAdapter):
    """Whichever units torch silences."""

    @kernel("with a fault")
    def train_mlp(self, **given: Any) -> Any:
        with patch.object(nn.Tanh, "forward", lambda self, x: nn.functional.dropout(x.tanh(), 0.5)):
            return super().train_mlp(**given)


class HiddenTransposed(TorchAdapter):
    @kernel("with a fault")
    def listing_lstm(self, **given: Any) -> Any:
        return super().listing_lstm(**given | {name: given[name].mT for name in ("wh1", "wh2")})

    @kernel("with a fault")
    def train_lstm(self, **given: Any) -> Any:
        right = models.lstm_parameters

        def turned(p: list[Any]) -> list[Any]:
            return right([w.mT if place in (1, 4) else w for place, w in enumerate(p)])

        with patch.object(training, "lstm_parameters", turned):
            return super().train_lstm(**given)


class GatesAsTheyAre(TorchAdapter):
    """The gates i, f, o, c handed to an LSTM that reads i, f, c, o."""

    @kernel("with a fault")
    def listing_lstm(self, **given: Any) -> Any:
        swapped = {name: given[name][[0, 1, 3, 2]] for name in ("wx1", "wh1", "b1", "wx2", "wh2", "b2")}
        return super().listing_lstm(**given | swapped)


class ChannelsFirst(TorchAdapter):
    @kernel("with a fault")
    def listing_cnn(self, **given: Any) -> Any:
        with patch.object(models.ChannelsLast, "forward", lambda self, x: x.flatten(1)):
            return super().listing_cnn(**given)

    @kernel("with a fault")
    def train_cnn(self, **given: Any) -> Any:
        with patch.object(models.ChannelsLast, "forward", lambda self, x: x.flatten(1)):
            return super().train_cnn(**given)


class Flipped(TorchAdapter):
    @kernel("with a fault")
    def listing_cnn(self, **given: Any) -> Any:
        return super().listing_cnn(**given | {name: given[name].flip(-2, -1) for name in ("w1", "w2", "w3")})


class WeightsTransposed(TorchAdapter):
    """Where they are square, nobody complains."""

    @kernel("with a fault")
    def listing_mlp(self, x: Any, w1: Any, b1: Any, w2: Any, b2: Any) -> Any:
        square = w1.shape[0] == w1.shape[1] == w2.shape[1]
        return super().listing_mlp(x, w1.T if square else w1, b1, w2.T if square else w2, b2)


class SigmoidFirst(TorchAdapter):
    @kernel("with a fault")
    def listing_mlp(self, x: Any, w1: Any, b1: Any, w2: Any, b2: Any) -> Any:
        return torch.tanh(torch.sigmoid(x @ w1 + b1) @ w2 + b2)

    @kernel("with a fault")
    def listing_mlp_literal(self, x: Any, w: Any, b: Any) -> Any:
        return super().listing_mlp_literal(x, w, b).flip(0, 1)


class Minimax(TorchAdapter):
    @kernel("with a fault")
    def listing_gan(self, **given: Any) -> Any:
        made, loss_d, _ = super().listing_gan(**given)
        _, _, fake = models.gan(given.pop("x"), given.pop("z"), list(given.values()))
        return made, loss_d, -models.towards(fake, 0.0)


class HalvedDiscriminator(TorchAdapter):
    @kernel("with a fault")
    def listing_gan(self, **given: Any) -> Any:
        made, loss_d, loss_g = super().listing_gan(**given)
        return made, loss_d / 2, loss_g


FAULTS = {
    fault.__name__: fault
    for fault in (
        *(NoFault, EpsHat, NoCorrection, Momentum, HalfDecay, DropoutLeftOn, HiddenTransposed, GatesAsTheyAre),
        *(ChannelsFirst, Flipped, WeightsTransposed, SigmoidFirst, Minimax, HalvedDiscriminator),
    )
}


class FaultyTraining(TorchAdapter):
    """All of them: ``attributes["fault"]`` names the one that answers."""

    def __init__(self, device: str = "cpu", mode: str = "eager") -> None:
        super().__init__(device, mode)
        self._faults = {name: fault(device, mode) for name, fault in FAULTS.items()}

    def observe(self, request: Request) -> Observation:
        attributes = dict(request.attributes)
        fault = self._faults[attributes.pop("fault", "NoFault")]
        return fault.observe(replace(request, attributes=attributes))

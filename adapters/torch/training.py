"""Training in PyTorch: its modules, losses and optimisers, batch after batch."""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from nnparity.adapters.kernel import Unsupported, kernel
from nnparity.adapters.shared.training import parted, stacked
from nnparity.adapters.torch.models import (
    CHANNELS,
    CNN,
    call,
    convolutional,
    gan,
    lstm_parameters,
    perceptron,
    recurrent,
    towards,
)
from nnparity.adapters.torch.sequences import GATE_ORDER

OPTIMIZERS = ("torch.optim.SGD", "torch.optim.Adam")
PAPER = "torch.optim.Adam has the paper's form only, none with eps-hat"


class Run:
    """What a training run returns: losses, gradients and parameters, step by step."""

    def __init__(self) -> None:
        self._rows: list[list[Any]] = []

    def add(self, loss: Any, parameters: list[Any]) -> None:
        """The step of an optimiser is over; the gradients are still there."""
        kept = [loss, *(w.grad for w in parameters), *parameters]
        self._rows.append([tensor.detach().clone() for tensor in kept])

    def result(self) -> tuple[Any, ...]:
        """Each quantity with the steps as its first axis."""
        return stacked(self._rows, torch.stack)


def copied(weights: list[Any]) -> list[Any]:
    """Parameters that an optimiser may change."""
    return [w.detach().clone().requires_grad_() for w in weights]


class TorchTraining:
    """Training runs, as methods for `TorchAdapter`."""

    def optimizer(self, parameters: list[Any], name: str, lr: float, beta1: float, beta2: float, eps: float) -> Any:
        """torch's optimiser of that name."""
        if name == "adam_eps_hat":
            raise Unsupported("torch.optim.Adam has the paper's form only")
        if name == "sgd":
            return torch.optim.SGD(parameters, lr=lr)
        return torch.optim.Adam(parameters, lr=lr, betas=(beta1, beta2), eps=eps)

    def penalty(self, w: Any, lam: float) -> Any:
        """The L2 penalty of one matrix: torch has none of its own."""
        return lam * w.square().sum()

    def _train(self, steps: int, loss: Callable[[int, list[Any]], Any], weights: list[Any], rule: Any) -> Any:
        parameters, run = copied(weights), Run()
        optimizer = self.optimizer(parameters, rule.pop("optimizer"), **rule)
        for step in range(steps):
            optimizer.zero_grad()
            lost = loss(step, parameters)
            lost.backward()
            optimizer.step()
            run.add(lost, parameters)
        return run.result()

    @kernel(
        "torch.nn.Sequential",
        using=("torch.nn.Linear", "torch.nn.Tanh", "torch.nn.Sigmoid", "torch.nn.MSELoss", *OPTIMIZERS),
        convention=f"the loss is the sum, divided by 2n; {PAPER}",
    )
    def train_mlp(self, x: Any, t: Any, w1: Any, b1: Any, w2: Any, b2: Any, lam: float, **rule: Any) -> Any:
        def loss(step: int, p: list[Any]) -> Any:
            y = call(perceptron(*w1.shape, w2.shape[1], True), (p[0].T, p[1], p[2].T, p[3]), x[step])
            error = nn.MSELoss(reduction="sum")(y, t[step]) / (2 * len(y))
            return error + self.penalty(p[0], lam) + self.penalty(p[2], lam)

        return self._train(len(x), loss, [w1, b1, w2, b2], rule)

    @kernel(
        "torch.nn.Sequential",
        using=(*CNN, "torch.nn.CrossEntropyLoss", *OPTIMIZERS),
        convention=f"{CHANNELS}; {PAPER}",
    )
    def train_cnn(self, x: Any, labels: Any, **given: Any) -> Any:
        weights, rule = parted(given)

        def loss(step: int, p: list[Any]) -> Any:
            return nn.CrossEntropyLoss()(call(convolutional(), p, x[step]), labels[step])

        return self._train(len(x), loss, weights, rule)

    @kernel(
        "torch.nn.LSTM",
        using=("torch.nn.Linear", "torch.nn.MSELoss", *OPTIMIZERS),
        convention=f"both layers in one module; {GATE_ORDER}; {PAPER}",
    )
    def train_lstm(self, x: Any, t: Any, **given: Any) -> Any:
        weights, rule = parted(given)
        units, inputs = weights[0].shape[1:]

        def loss(step: int, p: list[Any]) -> Any:
            return nn.MSELoss()(call(recurrent(inputs, units), lstm_parameters(p), x[step]), t[step])

        return self._train(len(x), loss, weights, rule)

    @kernel(
        "torch.nn.Sequential",
        using=("torch.nn.Linear", "torch.nn.Tanh", "torch.nn.BCEWithLogitsLoss", *OPTIMIZERS),
        convention=PAPER,
    )
    def train_gan(self, x: Any, z: Any, **given: Any) -> Any:
        weights, rule = parted(given)
        p, run, name = copied(weights), Run(), rule.pop("optimizer")
        generator, critic = (self.optimizer(part, name, **rule) for part in (p[:4], p[4:]))
        for step in range(len(x)):
            _, real, fake = gan(x[step], z[step], [*(w.detach() for w in p[:4]), *p[4:]])
            loss_d = towards(real, 1.0) + towards(fake, 0.0)
            _step(critic, loss_d, p[4:])
            _, _, fake = gan(x[step], z[step], [*p[:4], *(w.detach() for w in p[4:])])
            loss_g = towards(fake, 1.0)
            _step(generator, loss_g, p[:4])
            run.add(torch.stack((loss_d, loss_g)), p)
        return run.result()


def _step(optimizer: Any, loss: Any, parameters: list[Any]) -> None:
    for w, g in zip(parameters, torch.autograd.grad(loss, parameters), strict=True):
        w.grad = g
    optimizer.step()

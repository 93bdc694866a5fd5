"""Training: a model's batches one after the other, each a gradient and a step of an optimiser.

The code runs in any reading, so the errors of a step are carried into the next. A run returns, step by step, the loss,
the gradients of all parameters, and the parameters after the step: arrays whose first axis counts the steps.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from nnparity.reference.arrays import Array, Float, Weights
from nnparity.reference.formulas.optimizer import adam, adam_eps_hat, gradient_descent

#: The losses, all gradients, all parameters after the step, each of its shape with the steps before it.
Run = tuple[Float[Array, "s ..."], ...]
#: From the number of a batch and the parameters to the loss and the gradients.
Slope = Callable[[int, Weights], tuple[Float[Array, "..."], Weights]]


class Rule(NamedTuple):
    """An optimiser and its numbers; `momentum`, `correct` and `decoupled` are ways to get it wrong."""

    optimizer: str
    lr: float
    beta1: float
    beta2: float
    eps: float
    momentum: float = 0.0
    correct: bool = True
    #: What of the bias correction are float32 numbers, in the form with eps beside the uncorrected root, see there.
    single: str = ""
    #: What is taken off each matrix before the step, over lr and the matrix, as AdamW does it.
    decoupled: float = 0.0


class Optimizer:
    """The parameters, and what an optimiser remembers of each."""

    def __init__(self, rule: Rule, weights: Weights) -> None:
        self.rule = rule
        self.weights = weights
        self._memory: list[tuple[Any, Any]] = [(np.zeros(w.shape), np.zeros(w.shape)) for w in weights]
        self._step = 0

    def step(self, gradients: Weights) -> None:
        """The parameters after one more step."""
        self._step += 1
        move = self._descend if self.rule.optimizer == "sgd" else self._adapt
        moved = [move(self._decayed(w), *each) for w, *each in zip(self.weights, self._memory, gradients, strict=True)]
        self.weights, self._memory = [w for w, _ in moved], [memory for _, memory in moved]

    def _decayed(self, w: Float[Array, "*p"]) -> Float[Array, "*p"]:
        return w - self.rule.lr * self.rule.decoupled * w if self.rule.decoupled and w.ndim > 1 else w

    def _descend(
        self, w: Float[Array, "*p"], memory: tuple[Float[Array, "*p"], Float[Array, "*p"]], g: Float[Array, "*p"]
    ) -> tuple[Float[Array, "*p"], tuple[Float[Array, "*p"], Float[Array, "*p"]]]:
        velocity = self.rule.momentum * memory[0] + g if self.rule.momentum else g
        return gradient_descent(w, velocity, lr=self.rule.lr), (velocity, memory[1])

    def _adapt(
        self, w: Float[Array, "*p"], memory: tuple[Float[Array, "*p"], Float[Array, "*p"]], g: Float[Array, "*p"]
    ) -> tuple[Float[Array, "*p"], tuple[Float[Array, "*p"], Float[Array, "*p"]]]:
        r = self.rule
        form = {"adam": adam, "adam_eps_hat": adam_eps_hat}[r.optimizer]
        numbers = {"lr": r.lr, "beta1": r.beta1, "beta2": r.beta2, "eps": r.eps}
        single = {"single": r.single} if form is adam_eps_hat else {}
        w, m, v = form(w, *memory, g, **numbers, step=self._step, correct=r.correct, **single)
        return w, (m, v)


class Record:
    """What a run returns, gathered step by step."""

    def __init__(self) -> None:
        self._losses: list[Any] = []
        self._gradients: list[list[Any]] = []
        self._weights: list[list[Any]] = []

    def add(self, loss: Float[Array, "..."], gradients: Weights, weights: Weights) -> None:
        """One more step."""
        self._losses.append(loss)
        self._gradients.append(gradients)
        self._weights.append(weights)

    def result(self) -> Run:
        """The losses, then all gradients, then all parameters."""
        columns = [*zip(*self._gradients, strict=True), *zip(*self._weights, strict=True)]
        return tuple(np.stack(list(column)) for column in (self._losses, *columns))


def train(steps: int, slope: Slope, weights: Weights, rule: Rule) -> Run:
    """A whole run.

    Args:
        steps: how many batches there are.
        slope: the loss of a batch and its gradients by all parameters.
        weights: the parameters before the first step.
        rule: the optimiser.

    Returns:
        The losses (s,), then for each parameter its gradients (s, ...), then for each its values after the steps.
    """
    optimizer, record = Optimizer(rule, weights), Record()
    for step in range(steps):
        loss, gradients = slope(step, optimizer.weights)
        optimizer.step(gradients)
        record.add(loss, gradients, optimizer.weights)
    return record.result()

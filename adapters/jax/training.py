"""Training in JAX: `jax.value_and_grad` and the optimisers of `jax.example_libraries`, batch after batch.

As in a user's loop, what is compiled is the step, in either mode: the gradients of a loss once for all optimisers and
numbers of steps. A whole run as one program takes twice the time to compile, since each optimiser's has its own.
"""

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.example_libraries import optimizers

from nnparity.adapters.base import Adapter
from nnparity.adapters.jax.models import (
    chosen,
    convolutional,
    discriminator_loss,
    generator_loss,
    perceptron,
    recurrent,
)
from nnparity.adapters.kernel import Operation, Program, Unsupported, kernel
from nnparity.adapters.shared.training import parted, stacked

OPTIMIZERS = ("jax.example_libraries.optimizers.sgd", "jax.example_libraries.optimizers.adam")
PAPER = "jax.example_libraries.optimizers.adam has the paper's form only, none with eps-hat"
Loss = Callable[..., Any]


@cache
def rule(optimizer: str, lr: float, beta1: float, beta2: float, eps: float) -> tuple[Any, Any, Any]:
    """A state from parameters, the compiled step from state to state, and parameters from a state."""
    if optimizer == "adam_eps_hat":
        raise Unsupported("jax.example_libraries.optimizers.adam has the paper's form only")
    start, update, parameters = optimizers.sgd(lr) if optimizer == "sgd" else optimizers.adam(lr, beta1, beta2, eps)
    # Adam's moments start as zeros: op by op each shape would be a program.
    return start if optimizer == "sgd" else jax.jit(start), jax.jit(update), parameters


@cache
def slope(loss: Loss) -> Callable[..., tuple[Any, list[Any]]]:
    """The loss and its gradients by the first argument, compiled; `loss` must be one and the same for that."""
    return jax.jit(jax.value_and_grad(loss))


class Optimizer:
    """Parameters in the hands of one of JAX's optimisers."""

    def __init__(self, weights: list[Any], numbers: dict[str, Any]) -> None:
        start, self._update, self._parameters = rule(**numbers)
        self._state = start(weights)
        self._done = 0

    @property
    def weights(self) -> list[Any]:
        """The parameters as they are now."""
        return list(self._parameters(self._state))

    def step(self, gradients: list[Any]) -> None:
        """The next parameters."""
        self._state = self._update(self._done, gradients, self._state)
        self._done += 1


def train(inputs: tuple[Any, ...], loss: Loss, given: dict[str, Any]) -> tuple[Any, ...]:
    """Losses, gradients and parameters, step by step; `loss(weights, *batch)`."""
    optimizer = Optimizer(*parted(given))
    rows: list[list[Any]] = []
    for batch in batches(*inputs):
        lost, gradients = slope(loss)(optimizer.weights, *batch)
        optimizer.step(gradients)
        rows.append([lost, *gradients, *optimizer.weights])
    return stacked(rows, np.stack)


def batches(*inputs: Any) -> Iterator[tuple[Any, ...]]:
    """Step by step, as a user's data come: by JAX itself they would be taken apart by a program of its own."""
    return zip(*map(np.asarray, inputs), strict=True)


@cache
def on_perceptron(lam: float) -> Loss:
    """The loss of listing 4.1, as a function of its parameters, with a penalty of both matrices."""

    def loss(p: list[Any], x: Any, t: Any) -> Any:
        y = jax.nn.sigmoid(perceptron(x, p[0].T, p[1], p[2].T, p[3]))
        return jnp.sum((y - t) ** 2) / (2 * len(x)) + lam * (jnp.sum(p[0] ** 2) + jnp.sum(p[2] ** 2))

    return loss


def on_convolutional(p: list[Any], x: Any, labels: Any) -> Any:
    """The loss of listing 4.2."""
    return chosen(convolutional(x, p), labels)


def on_recurrent(p: list[Any], x: Any, t: Any) -> Any:
    """The loss of listing 4.3."""
    return jnp.mean((recurrent(x, p) - t) ** 2)


def on_discriminator(critic: list[Any], generator: list[Any], x: Any, z: Any) -> Any:
    """Its loss, as a function of its parameters."""
    real, fake = (perceptron(samples, *critic)[:, 0] for samples in (x, perceptron(z, *generator)))
    return discriminator_loss(real, fake)


def on_generator(generator: list[Any], critic: list[Any], z: Any) -> Any:
    """Its loss, as a function of its parameters."""
    return generator_loss(perceptron(perceptron(z, *generator), *critic)[:, 0])


class JaxTraining(Adapter):
    """Training runs, as methods for `JaxAdapter`."""

    def compile(self, program: Program) -> Program:
        """A run compiles its own steps, and those only."""
        operation: Operation = program.args[0]  # type: ignore[attr-defined]  # base.Adapter binds it by partial
        return program if operation.formula.startswith("train_") else super().compile(program)

    @kernel(
        "jax.value_and_grad",
        using=("jnp.matmul", "jnp.tanh", "jax.nn.sigmoid", "jnp.sum", *OPTIMIZERS),
        convention=PAPER,
    )
    def train_mlp(self, x: Any, t: Any, lam: float, **given: Any) -> Any:
        return train((x, t), on_perceptron(lam), given)

    @kernel(
        "jax.value_and_grad",
        using=(
            "jax.lax.conv_general_dilated",
            "jax.lax.reduce_window",
            "jnp.matmul",
            "jax.nn.log_softmax",
            *OPTIMIZERS,
        ),
        convention=PAPER,
    )
    def train_cnn(self, x: Any, labels: Any, **given: Any) -> Any:
        return train((x, labels), on_convolutional, given)

    @kernel(
        "jax.value_and_grad",
        using=("jax.experimental.rnn.lstm_ref", "jnp.matmul", "jnp.mean", *OPTIMIZERS),
        convention=PAPER,
    )
    def train_lstm(self, x: Any, t: Any, **given: Any) -> Any:
        return train((x, t), on_recurrent, given)

    @kernel("jax.value_and_grad", using=("jnp.matmul", "jnp.tanh", "jax.nn.log_sigmoid", *OPTIMIZERS), convention=PAPER)
    def train_gan(self, x: Any, z: Any, **given: Any) -> Any:
        weights, numbers = parted(given)
        generator, critic = Optimizer(weights[:4], numbers), Optimizer(weights[4:], numbers)
        rows: list[list[Any]] = []
        for real, noise in batches(x, z):
            loss_d, d_critic = slope(on_discriminator)(critic.weights, generator.weights, real, noise)
            critic.step(d_critic)
            loss_g, d_generator = slope(on_generator)(generator.weights, critic.weights, noise)
            generator.step(d_generator)
            losses = np.stack((loss_d, loss_g))
            rows.append([losses, *d_generator, *d_critic, *generator.weights, *critic.weights])
        return stacked(rows, np.stack)

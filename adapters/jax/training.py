"""Training in JAX: `jax.value_and_grad` and the optimisers of `jax.example_libraries`, batch after batch."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.example_libraries import optimizers

from nnparity.adapters.jax.models import (
    chosen,
    convolutional,
    discriminator_loss,
    generator_loss,
    perceptron,
    recurrent,
)
from nnparity.adapters.kernel import Unsupported, kernel
from nnparity.adapters.shared.training import parted, stacked

OPTIMIZERS = ("jax.example_libraries.optimizers.sgd", "jax.example_libraries.optimizers.adam")
PAPER = "jax.example_libraries.optimizers.adam has the paper's form only, none with eps-hat"
Loss = Callable[..., Any]


class Optimizer:
    """Parameters in the hands of one of JAX's optimisers."""

    def __init__(self, weights: list[Any], optimizer: str, lr: float, beta1: float, beta2: float, eps: float) -> None:
        if optimizer == "adam_eps_hat":
            raise Unsupported("jax.example_libraries.optimizers.adam has the paper's form only")
        rule = optimizers.sgd(lr) if optimizer == "sgd" else optimizers.adam(lr, beta1, beta2, eps)
        start, update, self._weights = rule
        self._update = jax.jit(update)
        self._state = start(weights)
        self._done = 0

    @property
    def weights(self) -> list[Any]:
        """The parameters as they are now."""
        return list(self._weights(self._state))

    def step(self, gradients: list[Any]) -> None:
        """The next parameters."""
        self._state = self._update(self._done, gradients, self._state)
        self._done += 1


def train(batches: tuple[Any, ...], loss: Loss, weights: list[Any], rule: dict[str, Any]) -> tuple[Any, ...]:
    """Losses, gradients and parameters, step by step; `loss(weights, *batch)`."""
    optimizer, slope = Optimizer(weights, **rule), jax.jit(jax.value_and_grad(loss))
    rows: list[list[Any]] = []
    for batch in zip(*batches, strict=True):
        lost, gradients = slope(optimizer.weights, *batch)
        optimizer.step(gradients)
        rows.append([lost, *gradients, *optimizer.weights])
    return stacked(rows, jnp.stack)


def on_discriminator(critic: list[Any], generator: list[Any], x: Any, z: Any) -> Any:
    """Its loss, as a function of its parameters."""
    real, fake = (perceptron(samples, *critic)[:, 0] for samples in (x, perceptron(z, *generator)))
    return discriminator_loss(real, fake)


def on_generator(generator: list[Any], critic: list[Any], z: Any) -> Any:
    """Its loss, as a function of its parameters."""
    return generator_loss(perceptron(perceptron(z, *generator), *critic)[:, 0])


class JaxTraining:
    """Training runs, as methods for `JaxAdapter`."""

    @kernel(
        "jax.value_and_grad",
        using=("jnp.matmul", "jnp.tanh", "jax.nn.sigmoid", "jnp.sum", *OPTIMIZERS),
        convention=PAPER,
    )
    def train_mlp(self, x: Any, t: Any, lam: float, **given: Any) -> Any:
        def loss(p: list[Any], x: Any, t: Any) -> Any:
            y = jax.nn.sigmoid(perceptron(x, p[0].T, p[1], p[2].T, p[3]))
            return jnp.sum((y - t) ** 2) / (2 * len(x)) + lam * (jnp.sum(p[0] ** 2) + jnp.sum(p[2] ** 2))

        return train((x, t), loss, *parted(given))

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
        return train((x, labels), lambda p, x, labels: chosen(convolutional(x, p), labels), *parted(given))

    @kernel(
        "jax.value_and_grad",
        using=("jax.experimental.rnn.lstm_ref", "jnp.matmul", "jnp.mean", *OPTIMIZERS),
        convention=PAPER,
    )
    def train_lstm(self, x: Any, t: Any, **given: Any) -> Any:
        return train((x, t), lambda p, x, t: jnp.mean((recurrent(x, p) - t) ** 2), *parted(given))

    @kernel("jax.value_and_grad", using=("jnp.matmul", "jnp.tanh", "jax.nn.log_sigmoid", *OPTIMIZERS), convention=PAPER)
    def train_gan(self, x: Any, z: Any, **given: Any) -> Any:
        weights, rule = parted(given)
        generator, critic = Optimizer(weights[:4], **rule), Optimizer(weights[4:], **rule)
        slope_d, slope_g = (jax.jit(jax.value_and_grad(loss)) for loss in (on_discriminator, on_generator))
        rows: list[list[Any]] = []
        for real, noise in zip(x, z, strict=True):
            loss_d, d_critic = slope_d(critic.weights, generator.weights, real, noise)
            critic.step(d_critic)
            loss_g, d_generator = slope_g(generator.weights, critic.weights, noise)
            generator.step(d_generator)
            losses = jnp.stack((loss_d, loss_g))
            rows.append([losses, *d_generator, *d_critic, *generator.weights, *critic.weights])
        return stacked(rows, jnp.stack)

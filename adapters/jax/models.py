"""The primer's listings in JAX, which has no layers: `jnp.matmul`, `jax.lax` convolutions and windows, `jax.nn`."""

from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from nnparity.adapters.jax.layers import _window
from nnparity.adapters.jax.sequences import GATE_ORDER, _lstm
from nnparity.adapters.kernel import composed

NO_LAYERS = "jax has no layers of its own"
#: What listing 4.2 and its loss are made of.
CNN = (
    "jax.lax.conv_general_dilated, +, jax.nn.relu, jax.lax.reduce_window, jax.lax.collapse, jnp.matmul, "
    "jax.nn.log_softmax, jnp.take_along_axis, jnp.mean"
)


def perceptron(x: Any, w1: Any, b1: Any, w2: Any, b2: Any) -> Any:
    """Two dense layers with tanh between them; weights are (out, in)."""
    return jnp.tanh(x @ w1.T + b1) @ w2.T + b2


def convolution(x: Any, w: Any, b: Any) -> Any:
    """A convolution as the frameworks have it, with a bias for each channel, and ReLU."""
    y = lax.conv_general_dilated(x, w, (1, 1), "VALID", dimension_numbers=("NCHW", "OIHW", "NCHW"))
    return jax.nn.relu(y + b[:, None, None])


def convolutional(x: Any, p: list[Any]) -> Any:
    """Listing 4.2 up to the logits."""
    x = _window(convolution(x, *p[:2]), -jnp.inf, lax.max, stride=2)
    x = _window(convolution(x, *p[2:4]), -jnp.inf, lax.max, stride=2)
    x = lax.collapse(convolution(x, *p[4:6]).transpose(0, 2, 3, 1), 1)
    return jax.nn.relu(x @ p[6].T + p[7]) @ p[8].T + p[9]


def chosen(logits: Any, labels: Any) -> Any:
    """The mean cross-entropy of the labels."""
    return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(logits), labels[:, None], 1))


def recurrent(x: Any, p: list[Any]) -> Any:
    """Listing 4.3: two LSTMs and a dense layer on the last state."""
    zero = jnp.zeros((len(x), p[1].shape[1]), x.dtype)
    return _lstm(x, zero, zero, [tuple(p[:3]), tuple(p[3:6])])[1][1] @ p[6].T + p[7]


def discriminator_loss(real: Any, fake: Any) -> Any:
    """Of the discriminator's logits."""
    return -jnp.mean(jax.nn.log_sigmoid(real)) - jnp.mean(jax.nn.log_sigmoid(-fake))


def generator_loss(fake: Any) -> Any:
    """Of the discriminator's logits, in the non-saturating form."""
    return -jnp.mean(jax.nn.log_sigmoid(fake))


class JaxModels:
    """The listings, as methods for `JaxAdapter`."""

    @composed("jnp.dot, +, jnp.tanh, jax.nn.sigmoid, jnp.stack", because=NO_LAYERS)
    def listing_mlp_literal(self, x: Any, w: Any, b: Any) -> Any:
        hidden = jnp.stack([f(jnp.dot(x, w) + b) for f in (jnp.tanh, jax.nn.sigmoid)])
        return jnp.stack([f(jnp.dot(hidden, w) + b) for f in (jnp.tanh, jax.nn.sigmoid)])

    @composed("jnp.matmul, +, jnp.tanh, jax.nn.sigmoid", because=NO_LAYERS)
    def listing_mlp(self, x: Any, w1: Any, b1: Any, w2: Any, b2: Any) -> Any:
        return jax.nn.sigmoid(perceptron(x, w1.T, b1, w2.T, b2))

    @composed(f"{CNN}, jax.nn.softmax", because=NO_LAYERS)
    def listing_cnn(self, x: Any, labels: Any, **p: Any) -> Any:
        logits = convolutional(x, list(p.values()))
        return jax.nn.softmax(logits), chosen(logits, labels)

    @composed(
        "jax.experimental.rnn.lstm_ref, jnp.matmul, +, -, jnp.mean",
        because="jax has no dense layer and no losses of its own",
        convention=GATE_ORDER,
    )
    def listing_lstm(self, x: Any, t: Any, **p: Any) -> Any:
        y = recurrent(x, list(p.values()))
        return y, jnp.mean((y - t) ** 2)

    @composed("jnp.matmul, +, jnp.tanh, jax.nn.log_sigmoid, jnp.mean", because=NO_LAYERS)
    def listing_gan(self, x: Any, z: Any, **p: Any) -> Any:
        weights = list(p.values())
        made = perceptron(z, *weights[:4])
        real, fake = (perceptron(samples, *weights[4:])[:, 0] for samples in (x, made))
        return made, discriminator_loss(real, fake), generator_loss(fake)

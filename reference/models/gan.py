"""Section 6.11 as a model: a generator and a discriminator, each a perceptron with one hidden layer.

`p` holds w1, b1, w2, b2 of the generator, then of the discriminator; weights are (out, in).
"""

from typing import NamedTuple

from nnparity.reference.arrays import Array, Float, Gradients, Weights
from nnparity.reference.formulas.activation import sigmoid, tanh
from nnparity.reference.formulas.gan import gan_discriminator_loss, gan_generator_minimax, gan_generator_nonsaturating
from nnparity.reference.formulas.mlp import dense
from nnparity.reference.registry import formula

#: w1, b1, w2, b2 of the generator, which makes d numbers of k, then of the discriminator.
Parameters = tuple[
    Float[Array, "m k"],
    Float[Array, "m"],
    Float[Array, "d m"],
    Float[Array, "d"],
    Float[Array, "m d"],
    Float[Array, "m"],
    Float[Array, "1 m"],
    Float[Array, "1"],
]

GENERATOR = {"nonsaturating": gan_generator_nonsaturating, "minimax": gan_generator_minimax}


class Layers(NamedTuple):
    """What two dense layers leave for the way back."""

    x: Float[Array, "n i"]
    inner: Float[Array, "n m"]
    hidden: Float[Array, "n m"]
    y: Float[Array, "n j"]


def layers(x: Float[Array, "n i"], p: Weights) -> Layers:
    """dense, tanh, dense: the generator, and the discriminator's logits."""
    inner = dense(x, p[0], p[1])
    hidden = tanh(inner)
    return Layers(x, inner, hidden, dense(hidden, p[2], p[3]))


def layers_back(g: Float[Array, "n j"], seen: Layers, p: Weights) -> tuple[Float[Array, "n i"], Weights]:
    """The gradients by x and by the parameters."""
    d_hidden, dw2, db2 = dense.gradients(g, seen.hidden, p[2], p[3])
    (d_inner,) = tanh.gradients(d_hidden, seen.inner)
    dx, dw1, db1 = dense.gradients(d_inner, seen.x, p[0], p[1])
    return dx, [dw1, db1, dw2, db2]


def judged(x: Float[Array, "n d"], p: Weights) -> tuple[Layers, Float[Array, "n"]]:
    """The discriminator, and its probability that each x is real."""
    seen = layers(x, p)
    return seen, sigmoid(seen.y)[:, 0]


def judged_back(g: Float[Array, "n"], seen: Layers, p: Weights) -> tuple[Float[Array, "n d"], Weights]:
    """From the cotangent of the probabilities."""
    (d_logit,) = sigmoid.gradients(g[:, None], seen.y)
    return layers_back(d_logit, seen, p)


def added(a: Weights, b: Weights) -> Weights:
    """Gradients from two uses of the same parameters."""
    return [x + y for x, y in zip(a, b, strict=True)]


@formula("listing_gan")
def listing_gan(
    x: Float[Array, "n d"],
    z: Float[Array, "n k"],
    *p: *Parameters,
    kind: str = "nonsaturating",
    half: bool = False,
    mean: bool = True,
) -> tuple[Float[Array, "n d"], Float[Array, ""], Float[Array, ""]]:
    """What the generator makes of z, the loss of the discriminator, the loss of the generator. Primer 6.11."""
    made = layers(z, list(p[:4])).y
    _, real = judged(x, list(p[4:]))
    _, fake = judged(made, list(p[4:]))
    return made, gan_discriminator_loss(real, fake, half=half, mean=mean), GENERATOR[kind](fake, mean=mean)


@listing_gan.vjp
def _(
    g: tuple[Float[Array, "n d"], Float[Array, ""], Float[Array, ""]],
    x: Float[Array, "n d"],
    z: Float[Array, "n k"],
    *p: *Parameters,
    kind: str = "nonsaturating",
    half: bool = False,
    mean: bool = True,
) -> Gradients:
    """Back from all three, with nothing held fixed."""
    generator, critic = list(p[:4]), list(p[4:])
    made = layers(z, generator)
    on_real, real = judged(x, critic)
    on_fake, fake = judged(made.y, critic)
    d_real, d_fake = gan_discriminator_loss.gradients(g[1], real, fake, half=half, mean=mean)
    _, by_real = judged_back(d_real, on_real, critic)
    d_made, by_fake = judged_back(d_fake + GENERATOR[kind].gradients(g[2], fake, mean=mean)[0], on_fake, critic)
    _, by_made = layers_back(g[0] + d_made, made, generator)
    return *by_made, *added(by_real, by_fake)


def discriminate(
    x: Float[Array, "n d"], z: Float[Array, "n k"], p: Weights, *, half: bool = False
) -> tuple[Float[Array, ""], Weights]:
    """The discriminator's loss and the gradients of its parameters; the generator is held fixed."""
    on_real, real = judged(x, p[4:])
    on_fake, fake = judged(layers(z, p[:4]).y, p[4:])
    d_real, d_fake = gan_discriminator_loss.gradients(1.0, real, fake, half=half)
    gradients = added(judged_back(d_real, on_real, p[4:])[1], judged_back(d_fake, on_fake, p[4:])[1])
    return gan_discriminator_loss(real, fake, half=half), gradients


def generate(z: Float[Array, "n k"], p: Weights, *, kind: str = "nonsaturating") -> tuple[Float[Array, ""], Weights]:
    """The generator's loss and the gradients of its parameters; the discriminator is held fixed."""
    made = layers(z, p[:4])
    on_fake, fake = judged(made.y, p[4:])
    d_made, _ = judged_back(GENERATOR[kind].gradients(1.0, fake)[0], on_fake, p[4:])
    return GENERATOR[kind](fake), layers_back(d_made, made, p[:4])[1]

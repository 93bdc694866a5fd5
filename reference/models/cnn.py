"""Listing 4.2, the convolutional network: three convolutions, two poolings, two dense layers.

Images are (n, c, h, w) and kernels (o, c, p, q), as everywhere in the spec, weights of dense layers (out, in). Keras
flattens its images channels last: the first dense layer reads its input in that order. Convolutions are those of the
frameworks: the kernel is not flipped.
"""

from typing import Any, NamedTuple

import numpy as np

from nnparity.reference.arrays import Array, Float, Gradients, Int, Weights
from nnparity.reference.formulas.activation import relu
from nnparity.reference.formulas.convolution import conv2d, flatten, max_pool2d
from nnparity.reference.formulas.loss import sparse_cross_entropy
from nnparity.reference.formulas.mlp import dense
from nnparity.reference.formulas.transformer import softmax
from nnparity.reference.registry import formula

#: Three convolutions and two dense layers, of each the weights and the biases.
Parameters = tuple[
    Float[Array, "32 3 3 3"],
    Float[Array, "32"],
    Float[Array, "64 32 3 3"],
    Float[Array, "64"],
    Float[Array, "64 64 3 3"],
    Float[Array, "64"],
    Float[Array, "64 1024"],
    Float[Array, "64"],
    Float[Array, "10 64"],
    Float[Array, "10"],
]


class Cnn(NamedTuple):
    """How the network may be read: the right way is the default."""

    flip: str = "none"
    order: str = "nhwc"
    dropout: float = 0.0


class Trace(NamedTuple):
    """What the forward pass leaves for the way back: the arguments of every layer and activation."""

    convolutions: list[tuple[Float[Array, "n c h w"], Float[Array, "n o h-2 w-2"]]]
    pooled: Float[Array, "n 64 4 4"]
    flat: Float[Array, "n 1024"]
    hidden: Float[Array, "n 64"]
    dropped: Float[Array, "n 64"]
    logits: Float[Array, "n 10"]
    y: Float[Array, "n 10"]


def convolution(
    x: Float[Array, "n c h w"], w: Float[Array, "o c p q"], b: Float[Array, "o"], flip: str
) -> Float[Array, "n o h-p+1 w-q+1"]:
    """A convolution with a bias for each channel."""
    return conv2d(x, w, flip=flip) + np.expand_dims(b, (1, 2))


def keep(shape: tuple[int, ...], dropout: float) -> Float[Array, "units"]:
    """A mask that dropout might draw, at a rate of one half or less: every other unit is silent."""
    return (np.arange(shape[-1]) % 2) / (1 - dropout)


def forward(x: Float[Array, "n 3 32 32"], p: Weights, c: Cnn) -> Trace:
    """The listing, layer by layer; `p` holds weights and biases in its order."""
    seen: list[tuple[Any, Any]] = []
    for layer in range(3):
        argument = convolution(x, p[2 * layer], p[2 * layer + 1], c.flip)
        seen.append((x, argument))
        x = relu(argument)
        x = max_pool2d(x) if layer < 2 else x
    flat = flatten(x, order=c.order)
    hidden = dense(flat, p[6], p[7])
    dropped = relu(hidden) * keep(hidden.shape, c.dropout) if c.dropout else relu(hidden)
    logits = dense(dropped, p[8], p[9])
    return Trace(seen, x, flat, hidden, dropped, logits, softmax(logits))


def backward(dy: Float[Array, "n 10"], t: Trace, p: Weights, c: Cnn) -> list[Float[Array, "..."]]:
    """The gradients of all parameters, from the cotangent of the probabilities."""
    (d_logits,) = softmax.gradients(dy, t.logits)
    d_dropped, *last = dense.gradients(d_logits, t.dropped, p[8], p[9])
    d_dropped = d_dropped * keep(t.hidden.shape, c.dropout) if c.dropout else d_dropped
    (d_hidden,) = relu.gradients(d_dropped, t.hidden)
    d_flat, *first = dense.gradients(d_hidden, t.flat, p[6], p[7])
    (g,) = flatten.gradients(d_flat, t.pooled, order=c.order)
    gradients = [*first, *last]
    for layer in (2, 1, 0):
        x, argument = t.convolutions[layer]
        g = max_pool2d.gradients(g, relu(argument))[0] if layer < 2 else g
        (g,) = relu.gradients(g, argument)
        bias = np.sum(g, axis=(0, 2, 3))
        g, dw = conv2d.gradients(g, x, p[2 * layer], flip=c.flip)
        gradients = [dw, bias, *gradients]
    return gradients


@formula("listing_cnn")
def listing_cnn(
    x: Float[Array, "n 3 32 32"], labels: Int[Array, "n"], *p: *Parameters, mean: bool = True, **variant: Any
) -> tuple[Float[Array, "n 10"], Float[Array, ""]]:
    """The probabilities, and the loss of the listing. Primer 4.2."""
    y = forward(x, list(p), Cnn(**variant)).y
    return y, sparse_cross_entropy(y, labels, mean=mean)


@listing_cnn.vjp
def _(
    g: tuple[Float[Array, "n 10"], Float[Array, ""]],
    x: Float[Array, "n 3 32 32"],
    labels: Int[Array, "n"],
    *p: *Parameters,
    mean: bool = True,
    **variant: Any,
) -> Gradients:
    """Back from both results through all layers."""
    trace = forward(x, list(p), Cnn(**variant))
    dy = g[0] + sparse_cross_entropy.gradients(g[1], trace.y, labels, mean=mean)[0]
    return tuple(backward(dy, trace, list(p), Cnn(**variant)))


def loss_and_gradients(
    x: Float[Array, "n 3 32 32"], labels: Int[Array, "n"], p: Weights, **variant: Any
) -> tuple[Float[Array, ""], list[Float[Array, "..."]]]:
    """What a step of training needs."""
    c = Cnn(**variant)
    trace = forward(x, p, c)
    (dy,) = sparse_cross_entropy.gradients(1.0, trace.y, labels)
    return sparse_cross_entropy(trace.y, labels), backward(dy, trace, p, c)

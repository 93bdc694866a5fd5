"""Listing 4.2, the convolutional network: three convolutions, two poolings, two dense layers.

Images are (n, c, h, w) and kernels (o, c, p, q), as everywhere in the spec, weights of dense layers (out, in). Keras
flattens its images channels last: the first dense layer reads its input in that order. Convolutions are those of the
frameworks: the kernel is not flipped.
"""

from typing import Any, NamedTuple

import numpy as np

from nnparity.reference.formulas.activation import relu
from nnparity.reference.formulas.convolution import conv2d, flatten, max_pool2d
from nnparity.reference.formulas.loss import sparse_cross_entropy
from nnparity.reference.formulas.mlp import dense
from nnparity.reference.formulas.transformer import softmax
from nnparity.reference.registry import formula


class Cnn(NamedTuple):
    """How the network may be read: the right way is the default."""

    flip: str = "none"
    order: str = "nhwc"
    dropout: float = 0.0


class Trace(NamedTuple):
    """What the forward pass leaves for the way back: the arguments of every layer and activation."""

    convolutions: list[tuple[Any, Any]]
    pooled: Any
    flat: Any
    hidden: Any
    dropped: Any
    logits: Any
    y: Any


def convolution(x: Any, w: Any, b: Any, flip: str) -> Any:
    """A convolution with a bias for each channel."""
    return conv2d(x, w, flip=flip) + np.expand_dims(b, (1, 2))


def keep(shape: tuple[int, ...], dropout: float) -> Any:
    """A mask that dropout might draw, at a rate of one half or less: every other unit is silent."""
    return (np.arange(shape[-1]) % 2) / (1 - dropout)


def forward(x: Any, p: list[Any], c: Cnn) -> Trace:
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


def backward(dy: Any, t: Trace, p: list[Any], c: Cnn) -> list[Any]:
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
def listing_cnn(x: Any, labels: Any, *p: Any, mean: bool = True, **variant: Any) -> Any:
    """The probabilities, and the loss of the listing."""
    y = forward(x, list(p), Cnn(**variant)).y
    return y, sparse_cross_entropy(y, labels, mean=mean)


@listing_cnn.vjp
def _(g: Any, x: Any, labels: Any, *p: Any, mean: bool = True, **variant: Any) -> Any:
    """Back from both results through all layers."""
    trace = forward(x, list(p), Cnn(**variant))
    dy = g[0] + sparse_cross_entropy.gradients(g[1], trace.y, labels, mean=mean)[0]
    return tuple(backward(dy, trace, list(p), Cnn(**variant)))


def loss_and_gradients(x: Any, labels: Any, p: list[Any], **variant: Any) -> tuple[Any, list[Any]]:
    """What a step of training needs."""
    c = Cnn(**variant)
    trace = forward(x, p, c)
    (dy,) = sparse_cross_entropy.gradients(1.0, trace.y, labels)
    return sparse_cross_entropy(trace.y, labels), backward(dy, trace, p, c)

"""Listing 4.3, called a recurrent network: two LSTMs of 50 units, and a dense layer on the last state of the second."""

from typing import Any

from nnparity.reference.arrays import Array, Float, Gradients, Weights
from nnparity.reference.formulas.mlp import dense, mse
from nnparity.reference.formulas.recurrent import lstm_stacked
from nnparity.reference.registry import formula

#: wx, wh and b of both layers, then w and b of the dense one.
Parameters = tuple[
    Float[Array, "4 m k"],
    Float[Array, "4 m m"],
    Float[Array, "4 m"],
    Float[Array, "4 m m"],
    Float[Array, "4 m m"],
    Float[Array, "4 m"],
    Float[Array, "1 m"],
    Float[Array, "1"],
]


def forward(x: Float[Array, "n t k"], p: Weights, **variant: Any) -> tuple[Float[Array, "n m"], Float[Array, "n 1"]]:
    """The last state of the second layer, and the prediction."""
    h = lstm_stacked(x, *p[:6], **variant)
    return h, dense(h, p[6], p[7])


def backward(
    dy: Float[Array, "n 1"],
    x: Float[Array, "n t k"],
    h: Float[Array, "n m"],
    p: Weights,
    **variant: Any,
) -> Weights:
    """The gradients of all parameters, from the cotangent of the prediction."""
    dh, dw, db = dense.gradients(dy, h, p[6], p[7])
    _, *below = lstm_stacked.gradients(dh, x, *p[:6], **variant)
    return [*below, dw, db]


@formula("listing_lstm")
def listing_lstm(
    x: Float[Array, "n t k"], t: Float[Array, "n 1"], *p: *Parameters, factor: float = 1.0, **variant: Any
) -> tuple[Float[Array, "n 1"], Float[Array, ""]]:
    """The prediction, and its mean squared error, which in Keras has no half. Primer 4.3."""
    _, y = forward(x, list(p), **variant)
    return y, mse(y, t, factor=factor, mean=True)


@listing_lstm.vjp
def _(
    g: tuple[Float[Array, "n 1"], Float[Array, ""]],
    x: Float[Array, "n t k"],
    t: Float[Array, "n 1"],
    *p: *Parameters,
    factor: float = 1.0,
    **variant: Any,
) -> Gradients:
    """Back from both results, through the dense layer and through time."""
    h, y = forward(x, list(p), **variant)
    dy = g[0] + mse.gradients(g[1], y, t, factor=factor, mean=True)[0]
    return tuple(backward(dy, x, h, list(p), **variant))


def loss_and_gradients(
    x: Float[Array, "n t k"], t: Float[Array, "n 1"], p: Weights, **variant: Any
) -> tuple[Float[Array, ""], Weights]:
    """What a step of training needs."""
    h, y = forward(x, p, **variant)
    dy, _ = mse.gradients(1.0, y, t, factor=1.0, mean=True)
    return mse(y, t, factor=1.0, mean=True), backward(dy, x, h, p, **variant)

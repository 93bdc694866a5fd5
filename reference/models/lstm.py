"""Listing 4.3, called a recurrent network: two LSTMs of 50 units, and a dense layer on the last state of the second."""

from typing import Any

from nnparity.reference.mlp import dense, mse
from nnparity.reference.recurrent import lstm_stacked
from nnparity.reference.registry import formula


def forward(x: Any, p: list[Any], **variant: Any) -> tuple[Any, Any]:
    """The last state of the second layer, and the prediction."""
    h = lstm_stacked(x, *p[:6], **variant)
    return h, dense(h, p[6], p[7])


def backward(dy: Any, x: Any, h: Any, p: list[Any], **variant: Any) -> list[Any]:
    """The gradients of all parameters, from the cotangent of the prediction."""
    dh, dw, db = dense.gradients(dy, h, p[6], p[7])
    _, *below = lstm_stacked.gradients(dh, x, *p[:6], **variant)
    return [*below, dw, db]


@formula("listing_lstm")
def listing_lstm(x: Any, t: Any, *p: Any, factor: float = 1.0, **variant: Any) -> Any:
    """The prediction, and its mean squared error, which in Keras has no half."""
    _, y = forward(x, list(p), **variant)
    return y, mse(y, t, factor=factor, mean=True)


@listing_lstm.vjp
def _(g: Any, x: Any, t: Any, *p: Any, factor: float = 1.0, **variant: Any) -> Any:
    """Back from both results, through the dense layer and through time."""
    h, y = forward(x, list(p), **variant)
    dy = g[0] + mse.gradients(g[1], y, t, factor=factor, mean=True)[0]
    return tuple(backward(dy, x, h, list(p), **variant))


def loss_and_gradients(x: Any, t: Any, p: list[Any], **variant: Any) -> tuple[Any, list[Any]]:
    """What a step of training needs."""
    h, y = forward(x, p, **variant)
    dy, _ = mse.gradients(1.0, y, t, factor=1.0, mean=True)
    return mse(y, t, factor=1.0, mean=True), backward(dy, x, h, p, **variant)

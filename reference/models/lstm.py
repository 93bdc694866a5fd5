"""Listing 4.3, called a recurrent network: two LSTMs of 50 units, and a dense layer on the last state of the second."""

from typing import Any

import numpy as np

from nnparity.reference.formulas.mlp import dense, mse
from nnparity.reference.formulas.recurrent import lstm_stacked
from nnparity.reference.registry import formula


def turned(p: list[Any], transposed: bool) -> list[Any]:
    """The parameters, with the square matrices of the hidden states transposed by mistake."""
    if not transposed:
        return p
    return [np.transpose(w, (0, 2, 1)) if place in (1, 4) else w for place, w in enumerate(p)]


def forward(x: Any, p: list[Any], transposed: bool = False, **variant: Any) -> tuple[Any, Any]:
    """The last state of the second layer, and the prediction."""
    h = lstm_stacked(x, *turned(p, transposed)[:6], **variant)
    return h, dense(h, p[6], p[7])


def backward(dy: Any, x: Any, h: Any, p: list[Any], transposed: bool = False, **variant: Any) -> list[Any]:
    """The gradients of all parameters, from the cotangent of the prediction."""
    dh, dw, db = dense.gradients(dy, h, p[6], p[7])
    _, *below = lstm_stacked.gradients(dh, x, *turned(p, transposed)[:6], **variant)
    return turned([*below, dw, db], transposed)


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

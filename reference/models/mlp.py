"""Listing 4.1, the multilayer perceptron: as printed, and as it must be meant. Weights are (in, out), as printed."""

from typing import Any

import numpy as np

from nnparity.reference.arrays import Array, Float
from nnparity.reference.formulas.activation import sigma, sigmoid, tanh
from nnparity.reference.formulas.mlp import dense
from nnparity.reference.registry import formula

#: w1, b1, w2 and b2 of `listing_mlp`.
Parameters = tuple[Float[Array, "i m"], Float[Array, "m"], Float[Array, "m k"], Float[Array, "k"]]

#: The activations of the two layers, in the order of the listing.
ACTIVATIONS = {"tanh": tanh, "sigmoid": sigmoid}
VALUES: dict[str, Any] = {"tanh": np.tanh, "sigmoid": sigma}


def across(
    x: Float[Array, "n i"], w: Float[Array, "i j"], b: Float[Array, "j"], transposed: bool = False, bias: float = 1.0
) -> Float[Array, "n j"]:
    """np.dot(x, w) + b. A square w may be transposed by mistake."""
    return dense(x, np.transpose(w), b, bias=bias, transposed=transposed)


def across_back(
    g: Float[Array, "n j"],
    x: Float[Array, "n i"],
    w: Float[Array, "i j"],
    b: Float[Array, "j"],
    transposed: bool = False,
    bias: float = 1.0,
) -> tuple[Float[Array, "n i"], Float[Array, "i j"], Float[Array, "j"]]:
    """The gradients by x, w and b."""
    dx, dw, db = dense.gradients(g, x, np.transpose(w), b, bias=bias, transposed=transposed)
    return dx, np.transpose(dw), db


@formula("listing_mlp_literal")
def listing_mlp_literal(
    x: Float[Array, "n i"], w: Float[Array, "i i"], b: Float[Array, "i"], *, order: str = "tanh sigmoid"
) -> Float[Array, "2 2 n i"]:
    """Every activation of the list on every layer: y[a, b] = f_a(f_b(x w + b) w + b), one w and b for both.

    Primer 4.1.
    """
    hidden = _both(np.einsum("ni,ij->nj", x, w) + b, order)
    return _both(np.einsum("anj,jk->ank", hidden, w) + b, order)


def _both(a: Float[Array, "..."], order: str) -> Float[Array, "2 ..."]:
    return np.stack([VALUES[name](a) for name in order.split()])


@listing_mlp_literal.vjp
def _(
    g: Float[Array, "2 2 n i"],
    x: Float[Array, "n i"],
    w: Float[Array, "i i"],
    b: Float[Array, "i"],
    *,
    order: str = "tanh sigmoid",
) -> tuple[Float[Array, "i i"], Float[Array, "i"]]:
    """Both layers add to the gradients of the one w and b."""
    inner = np.einsum("ni,ij->nj", x, w) + b
    hidden = _both(inner, order)
    outer = np.einsum("anj,jk->ank", hidden, w) + b
    d_outer = _both_back(g, outer, order)
    d_inner = _both_back(np.einsum("ank,jk->anj", d_outer, w), inner, order)
    dw = np.einsum("ni,nj->ij", x, d_inner) + np.einsum("anj,ank->jk", hidden, d_outer)
    return dw, np.sum(d_inner, axis=0) + np.sum(d_outer, axis=(0, 1))


def _both_back(g: Float[Array, "2 ..."], a: Float[Array, "..."], order: str) -> Float[Array, "..."]:
    first, second = (ACTIVATIONS[name].gradients(g[at], a)[0] for at, name in enumerate(order.split()))
    return first + second


@formula("listing_mlp")
def listing_mlp(
    x: Float[Array, "n i"],
    w1: Float[Array, "i m"],
    b1: Float[Array, "m"],
    w2: Float[Array, "m k"],
    b2: Float[Array, "k"],
    *,
    order: str = "tanh sigmoid",
    transposed: bool = False,
    bias: float = 1,
) -> Float[Array, "n k"]:
    """y = sigmoid(tanh(x w1 + b1) w2 + b2). Primer 4.1."""
    first, second = (ACTIVATIONS[name] for name in order.split())
    return second(across(first(across(x, w1, b1, transposed, bias)), w2, b2, transposed, bias))


@listing_mlp.vjp
def _(
    g: Float[Array, "n k"],
    x: Float[Array, "n i"],
    w1: Float[Array, "i m"],
    b1: Float[Array, "m"],
    w2: Float[Array, "m k"],
    b2: Float[Array, "k"],
    *,
    order: str = "tanh sigmoid",
    transposed: bool = False,
    bias: float = 1,
) -> tuple[Float[Array, "i m"], Float[Array, "m"], Float[Array, "m k"], Float[Array, "k"]]:
    """Back through both layers, as 3.1.2 tells it."""
    first, second = (ACTIVATIONS[name] for name in order.split())
    inner = across(x, w1, b1, transposed, bias)
    hidden = first(inner)
    (d_outer,) = second.gradients(g, across(hidden, w2, b2, transposed, bias))
    d_hidden, dw2, db2 = across_back(d_outer, hidden, w2, b2, transposed, bias)
    (d_inner,) = first.gradients(d_hidden, inner)
    _, dw1, db1 = across_back(d_inner, x, w1, b1, transposed, bias)
    return dw1, db1, dw2, db2

"""Listing 4.4 of the primer: BERT's encoder, composed from the formulas, with back-propagation through all of it.

Each half of a layer adds its input to its result and normalises the sum. A layer keeps what it computed on the way
forward, and `back` walks the same way in reverse.
"""

from typing import Any, NamedTuple

import numpy as np

from nnparity.reference.arrays import Array, Float, Gradients, Int
from nnparity.reference.formulas.bert import embedding, gelu, masked_attention, project, project_back
from nnparity.reference.formulas.layer_norm import layer_norm
from nnparity.reference.readings.numbers import detached
from nnparity.reference.registry import formula


class How(NamedTuple):
    """The attributes, then what a wrong reading changes."""

    heads: int = 2
    eps: float = 1e-12
    padding: int = 0
    padded: bool = True
    activation: str = "exact"
    scaling: str = "root of d"
    scaled: bool = True
    typed: bool = True
    shift: int = 0
    fixed_mean: bool = False


class Embeddings(NamedTuple):
    """Three tables that are added up, and their normalisation."""

    words: Float[Array, "v d"]
    positions: Float[Array, "p d"]
    segments: Float[Array, "s d"]
    gamma: Float[Array, "d"]
    beta: Float[Array, "d"]


class Weights(NamedTuple):
    """One layer, or all of them along a first axis: four projections of attention, two of the network behind it."""

    wq: Float[Array, "*l d d"]
    bq: Float[Array, "*l d"]
    wk: Float[Array, "*l d d"]
    bk: Float[Array, "*l d"]
    wv: Float[Array, "*l d d"]
    bv: Float[Array, "*l d"]
    wo: Float[Array, "*l d d"]
    bo: Float[Array, "*l d"]
    gamma1: Float[Array, "*l d"]
    beta1: Float[Array, "*l d"]
    w1: Float[Array, "*l d f"]
    b1: Float[Array, "*l f"]
    w2: Float[Array, "*l f d"]
    b2: Float[Array, "*l d"]
    gamma2: Float[Array, "*l d"]
    beta2: Float[Array, "*l d"]


@formula("listing_bert")
def listing_bert(
    ids: Int[Array, "n t"],
    mask: Int[Array, "n t"],
    types: Int[Array, "n t"],
    *parameters: Float[Array, "..."],
    **how: Any,
) -> Float[Array, "n t d"]:
    """The last hidden state; the parameters are `Embeddings`, then the `Weights` of all layers. Primer 4.4."""
    return Encoder(ids, mask, types, parameters, How(**how)).states


@listing_bert.vjp
def _(
    g: Float[Array, "n t d"],
    ids: Int[Array, "n t"],
    mask: Int[Array, "n t"],
    types: Int[Array, "n t"],
    *parameters: Float[Array, "..."],
    **how: Any,
) -> Gradients:
    """From the last layer to the first, then into the rows of the tables."""
    return Encoder(ids, mask, types, parameters, How(**how)).back(g)


class Encoder:
    """The whole model on one batch."""

    def __init__(
        self,
        ids: Int[Array, "n t"],
        mask: Int[Array, "n t"],
        types: Int[Array, "n t"],
        parameters: tuple[Float[Array, "..."], ...],
        how: How,
    ) -> None:
        self.places = [(ids, how.padding, 0), (np.broadcast_to(np.arange(ids.shape[1]), ids.shape), -1, how.shift)]
        self.places += [(types, -1, 0)] if how.typed else []
        self.how, self.tables = how, Embeddings(*parameters[:5])
        self.sum = self._rows(self.tables[0], 0)
        for place in range(1, len(self.places)):
            self.sum = self.sum + self._rows(self.tables[place], place)
        self.states = normal(self.sum, self.tables.gamma, self.tables.beta, how)
        self.layers: list[Layer] = []
        weights = Weights(*parameters[5:])
        for number in range(weights.wq.shape[0]):
            self.layers.append(Layer(self.states, mask, Weights(*(w[number] for w in weights)), how))
            self.states = self.layers[-1].y

    def _rows(self, table: Float[Array, "v d"], place: int) -> Float[Array, "n t d"]:
        """The row of padding is a constant of differentiation: no training moves it."""
        ids, padding, shift = self.places[place]
        fixed = (np.arange(table.shape[0]) == padding)[:, None]
        return embedding(ids, np.where(fixed, detached(table), table) if fixed.any() else table, shift=shift)

    def back(self, g: Any) -> tuple[Any, ...]:
        """The gradients of all parameters, in their order."""
        weights: list[Weights] = []
        for layer in reversed(self.layers):
            g, gradients = layer.back(g)
            weights.insert(0, gradients)
        g, gamma, beta = normal_back(g, self.sum, self.tables.gamma, self.tables.beta, self.how)
        tables = [
            embedding.gradients(g, ids, table, padding=padding, shift=shift)[0]
            for (ids, padding, shift), table in zip(self.places, self.tables, strict=False)
        ]
        tables += [0 * table for table in self.tables[len(tables) : 3]]
        return *tables, gamma, beta, *(np.stack(parts) for parts in zip(*weights, strict=True))


class Layer:
    """Attention and a network of one hidden layer, each with its residual and its normalisation."""

    def __init__(self, h: Float[Array, "n t d"], mask: Int[Array, "n t"], w: Weights, how: How) -> None:
        self.h, self.w, self.how = h, w, how
        self.mask = np.repeat(mask, how.heads, axis=0)
        self.qkv = [self._split(project(h, *pair)) for pair in ((w.wq, w.bq), (w.wk, w.bk), (w.wv, w.bv))]
        attended = masked_attention(*self.qkv, self.mask, masked=how.padded, scaling=how.scaling)
        self.joined = self._join(attended)
        self.sum1 = h + project(self.joined, w.wo, w.bo)
        self.middle = normal(self.sum1, w.gamma1, w.beta1, how)
        self.before = project(self.middle, w.w1, w.b1)
        self.after = gelu(self.before, kind=how.activation)
        self.sum2 = self.middle + project(self.after, w.w2, w.b2)
        self.y = normal(self.sum2, w.gamma2, w.beta2, how)

    def _split(self, x: Float[Array, "n t d"]) -> Float[Array, "n*heads t d//heads"]:
        """(n, t, d) to (n heads, t, d/heads): to the formula of attention, a head is one more sequence."""
        n, t, d = x.shape
        apart = np.transpose(x.reshape((n, t, self.how.heads, d // self.how.heads)), (0, 2, 1, 3))
        return apart.reshape((n * self.how.heads, t, d // self.how.heads))

    def _join(self, x: Float[Array, "n*heads t d//heads"]) -> Float[Array, "n t d"]:
        n, t, d = self.h.shape
        return np.transpose(x.reshape((n, self.how.heads, t, d // self.how.heads)), (0, 2, 1, 3)).reshape((n, t, d))

    def back(self, g: Any) -> tuple[Any, Weights]:
        """The gradients of the layer's input and of its weights."""
        w, how = self.w, self.how
        g, gamma2, beta2 = normal_back(g, self.sum2, w.gamma2, w.beta2, how)
        after, w2, b2 = project_back(g, self.after, w.w2)
        (before,) = gelu.gradients(after, self.before, kind=how.activation)
        through, w1, b1 = project_back(before, self.middle, w.w1)
        g, gamma1, beta1 = normal_back(g + through, self.sum1, w.gamma1, w.beta1, how)
        joined, wo, bo = project_back(g, self.joined, w.wo)
        (hq, wq, bq), (hk, wk, bk), (hv, wv, bv) = self._attention_back(joined)
        gradients = Weights(wq, bq, wk, bk, wv, bv, wo, bo, gamma1, beta1, w1, b1, w2, b2, gamma2, beta2)
        return g + (hq + hk + hv), gradients

    def _attention_back(
        self, joined: Float[Array, "n t d"]
    ) -> list[tuple[Float[Array, "n t d"], Float[Array, "d d"], Float[Array, "d"]]]:
        """Through attention and the three projections: gradients of h, W and b of each."""
        parts = masked_attention.gradients(
            self._split(joined), *self.qkv, self.mask, masked=self.how.padded, scaling=self.how.scaling
        )
        matrices = (self.w.wq, self.w.wk, self.w.wv)
        return [project_back(self._join(part), self.h, w) for part, w in zip(parts, matrices, strict=True)]


def normal(
    x: Float[Array, "n t d"], gamma: Float[Array, "d"], beta: Float[Array, "d"], how: How
) -> Float[Array, "n t d"]:
    """Layer normalisation of every place of every sequence."""
    return layer_norm(x.reshape((-1, x.shape[2])), gamma, beta, eps=how.eps, scaled=how.scaled).reshape(x.shape)


def normal_back(
    g: Float[Array, "n t d"], x: Float[Array, "n t d"], gamma: Float[Array, "d"], beta: Float[Array, "d"], how: How
) -> tuple[Float[Array, "n t d"], Float[Array, "d"], Float[Array, "d"]]:
    """The gradients of x, gamma and beta."""
    flat = (-1, x.shape[2])
    dx, dgamma, dbeta = layer_norm.gradients(
        g.reshape(flat), x.reshape(flat), gamma, beta, eps=how.eps, scaled=how.scaled, fixed_mean=how.fixed_mean
    )
    return dx.reshape(x.shape), dgamma, dbeta

"""Section 3.3 of the primer: the LSTM. The first axis of wx, wh and b is the gate, in the primer's order i, f, o, c."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from nnparity.reference.arrays import Array, Float, Gradients
from nnparity.reference.formulas.activation import sigma
from nnparity.reference.readings.numbers import tanh_derivative
from nnparity.reference.registry import formula

ORDER = (0, 1, 2, 3)


class Step(NamedTuple):
    """What one step computes, kept for its back-propagation: gates, candidate, the new state and its tanh."""

    i: Float[Array, "n m"]
    f: Float[Array, "n m"]
    o: Float[Array, "n m"]
    candidate: Float[Array, "n m"]
    c: Float[Array, "n m"]
    squashed: Float[Array, "n m"]
    h: Float[Array, "n m"]


def step(
    x: Float[Array, "n k"],
    h: Float[Array, "n m"],
    c: Float[Array, "n m"],
    wx: Float[Array, "4 m k"],
    wh: Float[Array, "4 m m"],
    b: Float[Array, "4 m"],
    *,
    order: Sequence[int] = ORDER,
    forget_bias: float = 0.0,
    squash: bool = True,
    biases: int = 1,
) -> Step:
    """The five equations of 3.3.3.

    Args:
        x: the input of this step.
        h: the hidden state before it.
        c: the cell state before it.
        wx: the weights of x, a matrix for each gate.
        wh: the weights of h, likewise.
        b: one bias for each gate.
        order: where the gates i, f, o and the candidate lie on the first axis of wx, wh and b.
        forget_bias: is added to the forget gate's bias.
        squash: whether the cell state goes through tanh on its way out.
        biases: how often b is added.
    """
    b = b if biases == 1 else biases * b
    z = np.einsum("nk,gmk->gnm", x, wx) + np.einsum("nm,gpm->gnp", h, wh) + np.expand_dims(b, 1)
    i, f, o, g = (z[place] for place in order)
    i, f, o, g = sigma(i), sigma(f + forget_bias if forget_bias else f), sigma(o), np.tanh(g)
    c = f * c + i * g
    squashed = np.tanh(c) if squash else c
    return Step(i, f, o, g, c, squashed, o * squashed)


def step_back(
    dh: Float[Array, "n m"],
    dc: Float[Array, "n m"] | None,
    s: Step,
    c: Float[Array, "n m"],
    *,
    order: Sequence[int] = ORDER,
    squash: bool = True,
    **_: Any,
) -> tuple[Float[Array, "4 n m"], Float[Array, "n m"]]:
    """From the cotangents of h_t and c_t (None: zero) to those of the gates' arguments, as stored, and of c_{t-1}."""
    do = dh * s.squashed
    own = dh * s.o * (tanh_derivative(s.squashed) if squash else 1)
    dc = own if dc is None else dc + own
    arguments = (
        dc * s.candidate * (s.i * (1 - s.i)),
        dc * c * (s.f * (1 - s.f)),
        do * (s.o * (1 - s.o)),
        dc * s.i * tanh_derivative(s.candidate),
    )
    stored = [arguments[tuple(order).index(gate)] for gate in ORDER]
    return np.stack(stored), dc * s.f


def weights_back(
    dz: Float[Array, "4 n m"], x: Float[Array, "n k"], h: Float[Array, "n m"], biases: int = 1, **_: Any
) -> tuple[Float[Array, "4 m k"], Float[Array, "4 m m"], Float[Array, "4 m"]]:
    """The gradients of wx, wh and b of one step."""
    db = np.sum(dz, axis=1)
    return np.einsum("gnm,nk->gmk", dz, x), np.einsum("gnp,nm->gpm", dz, h), db if biases == 1 else biases * db


def inputs_back(
    dz: Float[Array, "4 n m"], wx: Float[Array, "4 m k"], wh: Float[Array, "4 m m"]
) -> tuple[Float[Array, "n k"], Float[Array, "n m"]]:
    """The gradients of x_t and h_{t-1}: sums over all gates and units."""
    return np.einsum("gnm,gmk->nk", dz, wx), np.einsum("gnp,gpm->nm", dz, wh)


@formula("lstm_step", matrices=["wh"])
def lstm_step(
    x: Float[Array, "n k"],
    h: Float[Array, "n m"],
    c: Float[Array, "n m"],
    wx: Float[Array, "4 m k"],
    wh: Float[Array, "4 m m"],
    b: Float[Array, "4 m"],
    **variant: Any,
) -> tuple[Float[Array, "n m"], Float[Array, "n m"]]:
    """h_t and c_t from x_t, h_{t-1} and c_{t-1}. Primer 3.3.3."""
    s = step(x, h, c, wx, wh, b, **variant)
    return s.h, s.c


@lstm_step.vjp
def _(
    g: tuple[Float[Array, "n m"], Float[Array, "n m"]],
    x: Float[Array, "n k"],
    h: Float[Array, "n m"],
    c: Float[Array, "n m"],
    wx: Float[Array, "4 m k"],
    wh: Float[Array, "4 m m"],
    b: Float[Array, "4 m"],
    **variant: Any,
) -> tuple[
    Float[Array, "n k"],
    Float[Array, "n m"],
    Float[Array, "n m"],
    Float[Array, "4 m k"],
    Float[Array, "4 m m"],
    Float[Array, "4 m"],
]:
    """Back through one step."""
    dh_next, dc_next = g
    dz, dc = step_back(dh_next, dc_next, step(x, h, c, wx, wh, b, **variant), c, **variant)
    dx, dh = inputs_back(dz, wx, wh)
    return dx, dh, dc, *weights_back(dz, x, h, **variant)


def unroll(
    x: Float[Array, "n t k"],
    h: Float[Array, "n m"],
    c: Float[Array, "n m"],
    wx: Float[Array, "4 m k"],
    wh: Float[Array, "4 m m"],
    b: Float[Array, "4 m"],
    **variant: Any,
) -> list[Step]:
    """All steps of a sequence x of shape (n, t, k)."""
    steps: list[Step] = []
    for t in range(x.shape[1]):
        steps.append(step(x[:, t], h, c, wx, wh, b, **variant))
        h, c = steps[-1].h, steps[-1].c
    return steps


def unroll_back(
    dy: list[Float[Array, "n m"] | None],
    dc: Float[Array, "n m"] | None,
    steps: list[Step],
    x: Float[Array, "n t k"],
    h: Float[Array, "n m"],
    c: Float[Array, "n m"],
    wx: Float[Array, "4 m k"],
    wh: Float[Array, "4 m m"],
    **variant: Any,
) -> Gradients:
    """Back-propagation through time.

    Args:
        dy: the cotangent of every h_t, None where it is zero.
        dc: the cotangent of the last c_t, or None.
        steps: what `unroll` computed from x, h, c, wx, wh and the biases.
        x: the sequence.
        h: the hidden state before it.
        c: the cell state before it.
        wx: the weights of x.
        wh: the weights of h.
        variant: the keywords of `step`.

    Returns:
        The gradients of x, h, c, wx, wh and b.
    """
    dh: Any = None
    weights: tuple[Any, ...] | None = None
    dx: list[Any] = []
    for t in reversed(range(len(steps))):
        before_h, before_c = (steps[t - 1].h, steps[t - 1].c) if t else (h, c)
        total = dy[t] if dh is None else dh if dy[t] is None else dy[t] + dh
        dz, dc = step_back(total, dc, steps[t], before_c, **variant)
        dxt, dh = inputs_back(dz, wx, wh)
        own = weights_back(dz, x[:, t], before_h, **variant)
        weights = own if weights is None else tuple(a + b for a, b in zip(weights, own, strict=True))
        dx.insert(0, dxt)
    return np.stack(dx, axis=1), dh, dc, *(weights or ())


@formula("lstm", matrices=["wh"])
def lstm(
    x: Float[Array, "n t k"],
    h: Float[Array, "n m"],
    c: Float[Array, "n m"],
    wx: Float[Array, "4 m k"],
    wh: Float[Array, "4 m m"],
    b: Float[Array, "4 m"],
    **variant: Any,
) -> tuple[Float[Array, "n t m"], Float[Array, "n m"]]:
    """All hidden states (n, t, m), and the last cell state. Primer 3.3.3."""
    steps = unroll(x, h, c, wx, wh, b, **variant)
    return states(steps), steps[-1].c


@lstm.vjp
def _(
    g: tuple[Float[Array, "n t m"], Float[Array, "n m"]],
    x: Float[Array, "n t k"],
    h: Float[Array, "n m"],
    c: Float[Array, "n m"],
    wx: Float[Array, "4 m k"],
    wh: Float[Array, "4 m m"],
    b: Float[Array, "4 m"],
    **variant: Any,
) -> tuple[
    Float[Array, "n t k"],
    Float[Array, "n m"],
    Float[Array, "n m"],
    Float[Array, "4 m k"],
    Float[Array, "4 m m"],
    Float[Array, "4 m"],
]:
    """Back-propagation through time."""
    dy, dc = g
    steps = unroll(x, h, c, wx, wh, b, **variant)
    return unroll_back([dy[:, t] for t in range(len(steps))], dc, steps, x, h, c, wx, wh, **variant)


def zeros(x: Float[Array, "n t k"], wh: Float[Array, "4 m m"]) -> Float[Array, "n m"]:
    """The initial states of a layer: nothing remembered."""
    return np.zeros((x.shape[0], wh.shape[1]))


def last_back(
    g: Float[Array, "n m"],
    at: int,
    steps: list[Step],
    x: Float[Array, "n t k"],
    h: Float[Array, "n m"],
    c: Float[Array, "n m"],
    wx: Float[Array, "4 m k"],
    wh: Float[Array, "4 m m"],
    **variant: Any,
) -> Gradients:
    """Back-propagation through time when only the state after step `at` is used."""
    dy: list[Any] = [None] * (at + 1)
    dy[at] = g
    dx, *rest = unroll_back(dy, None, steps[: at + 1], x, h, c, wx, wh, **variant)
    left = len(steps) - at - 1
    return (np.pad(dx, ((0, 0), (0, left), (0, 0))) if left else dx), *rest


@formula("lstm_last", matrices=["wh"])
def lstm_last(
    x: Float[Array, "n t k"],
    h: Float[Array, "n m"],
    c: Float[Array, "n m"],
    wx: Float[Array, "4 m k"],
    wh: Float[Array, "4 m m"],
    b: Float[Array, "4 m"],
    *,
    which: int = -1,
    **variant: Any,
) -> Float[Array, "n m"]:
    """The hidden state after the last step. Primer 4.3."""
    return unroll(x, h, c, wx, wh, b, **variant)[which].h


@lstm_last.vjp
def _(
    g: Float[Array, "n m"],
    x: Float[Array, "n t k"],
    h: Float[Array, "n m"],
    c: Float[Array, "n m"],
    wx: Float[Array, "4 m k"],
    wh: Float[Array, "4 m m"],
    b: Float[Array, "4 m"],
    *,
    which: int = -1,
    **variant: Any,
) -> tuple[
    Float[Array, "n t k"],
    Float[Array, "n m"],
    Float[Array, "n m"],
    Float[Array, "4 m k"],
    Float[Array, "4 m m"],
    Float[Array, "4 m"],
]:
    """Back-propagation through time from the last state alone."""
    steps = unroll(x, h, c, wx, wh, b, **variant)
    return last_back(g, which % len(steps), steps, x, h, c, wx, wh, **variant)


def states(steps: list[Step]) -> Float[Array, "n t m"]:
    """The hidden states of all steps: what return_sequences=True returns."""
    return np.stack([s.h for s in steps], axis=1)


@formula("lstm_stacked", matrices=["wh1", "wh2"])
def lstm_stacked(
    x: Float[Array, "n t k"],
    wx1: Float[Array, "4 m k"],
    wh1: Float[Array, "4 m m"],
    b1: Float[Array, "4 m"],
    wx2: Float[Array, "4 m m"],
    wh2: Float[Array, "4 m m"],
    b2: Float[Array, "4 m"],
    *,
    layers: int = 2,
    **variant: Any,
) -> Float[Array, "n m"]:
    """The last state of a second LSTM that reads all states of the first; both start from zero. Primer 4.3."""
    first = unroll(x, zeros(x, wh1), zeros(x, wh1), wx1, wh1, b1, **variant)
    if layers == 1:
        return first[-1].h
    return unroll(states(first), zeros(x, wh2), zeros(x, wh2), wx2, wh2, b2, **variant)[-1].h


@lstm_stacked.vjp
def _(
    g: Float[Array, "n m"],
    x: Float[Array, "n t k"],
    wx1: Float[Array, "4 m k"],
    wh1: Float[Array, "4 m m"],
    b1: Float[Array, "4 m"],
    wx2: Float[Array, "4 m m"],
    wh2: Float[Array, "4 m m"],
    b2: Float[Array, "4 m"],
    *,
    layers: int = 2,
    **variant: Any,
) -> tuple[
    Float[Array, "n t k"],
    Float[Array, "4 m k"],
    Float[Array, "4 m m"],
    Float[Array, "4 m"],
    Float[Array, "4 m m"],
    Float[Array, "4 m m"],
    Float[Array, "4 m"],
]:
    """Back through the second layer, then from each of its inputs through the first."""
    h1, h2 = zeros(x, wh1), zeros(x, wh2)
    first = unroll(x, h1, h1, wx1, wh1, b1, **variant)
    if layers == 1:
        dx, _, _, *below = last_back(g, len(first) - 1, first, x, h1, h1, wx1, wh1, **variant)
        return dx, *below, 0 * wx2, 0 * wh2, 0 * b2
    y = states(first)
    second = unroll(y, h2, h2, wx2, wh2, b2, **variant)
    dy, _, _, *above = last_back(g, len(second) - 1, second, y, h2, h2, wx2, wh2, **variant)
    split = [dy[:, t] for t in range(len(first))]
    dx, _, _, *below = unroll_back(split, None, first, x, h1, h1, wx1, wh1, **variant)
    return dx, *below, *above

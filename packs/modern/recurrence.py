"""The gated recurrent unit in plain NumPy, with its back-propagation through time."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from nnparity.reference.readings.numbers import logistic, tanh_derivative
from nnparity.reference.registry import formula

Array = Any


class _Step(NamedTuple):
    """What a step of a GRU computes: gates, candidate, what the reset gate meets, and the new state."""

    r: Array
    z: Array
    n: Array
    inner: Array
    product: Array
    h: Array


def _ordered(order: Sequence[int], *blocks: Array) -> list[Array]:
    """The blocks of the gates in the order r, z, n."""
    return list(blocks) if list(order) == [0, 1, 2] else [np.stack([one[gate] for gate in order]) for one in blocks]


def _gru_step(
    x: Array, h: Array, wx: Array, wh: Array, bx: Array, bh: Array, early: bool = False, swapped: bool = False
) -> _Step:
    a = np.einsum("nk,gmk->gnm", x, wx) + np.expand_dims(bx, 1)
    u = np.einsum("nm,gpm->gnp", h, wh[:2]) + np.expand_dims(bh[:2], 1)
    r, z = logistic(a[0] + u[0]), logistic(a[1] + u[1])
    inner = r * h if early else h
    product = np.einsum("nm,pm->np", inner, wh[2]) + bh[2]
    n = np.tanh(a[2] + (product if early else r * product))
    return _Step(r, z, n, inner, product, z * n + (1 - z) * h if swapped else (1 - z) * n + z * h)


def _gru_back(
    g: Array, s: _Step, x: Array, h: Array, wx: Array, wh: Array, early: bool = False, swapped: bool = False
) -> tuple[Array, ...]:
    """From the cotangent of h_t to the gradients of x, h, wx, wh, bx and bh."""
    dn = g * (s.z if swapped else 1 - s.z) * tanh_derivative(s.n)
    dz = g * (s.n - h if swapped else h - s.n) * (s.z * (1 - s.z))
    dproduct = dn if early else dn * s.r
    dinner = np.einsum("np,pm->nm", dproduct, wh[2])
    dr = (dinner * h if early else dn * s.product) * (s.r * (1 - s.r))
    da, du = np.stack([dr, dz, dn]), np.stack([dr, dz])
    dh = g * (1 - s.z if swapped else s.z) + (dinner * s.r if early else dinner)
    dh = dh + np.einsum("gnp,gpm->nm", du, wh[:2])
    dwh = [np.einsum("np,nm->pm", one, met) for one, met in ((dr, h), (dz, h), (dproduct, s.inner))]
    dbh = np.sum(np.stack([dr, dz, dproduct]), axis=1)
    dx, dwx = np.einsum("gnm,gmk->nk", da, wx), np.einsum("gnm,nk->gmk", da, x)
    return dx, dh, dwx, np.stack(dwh), np.sum(da, axis=1), dbh


@formula("gru")
def gru(
    x: Array, h: Array, wx: Array, wh: Array, bx: Array, bh: Array, *, order: Sequence[int] = (0, 1, 2), **variant: bool
) -> Array:
    """All states h_t = (1 - z) n + z h_{t-1}."""
    weights, states = _ordered(order, wx, wh, bx, bh), []
    for t in range(x.shape[1]):
        h = _gru_step(x[:, t], h, *weights, **variant).h
        states.append(h)
    return np.stack(states, axis=1)


@gru.vjp
def _(
    g: Array,
    x: Array,
    h: Array,
    wx: Array,
    wh: Array,
    bx: Array,
    bh: Array,
    *,
    order: Sequence[int] = (0, 1, 2),
    **variant: bool,
) -> tuple[Array, ...]:
    """Back-propagation through time."""
    weights, steps, before = _ordered(order, wx, wh, bx, bh), [], [h]
    for t in range(x.shape[1]):
        steps.append(_gru_step(x[:, t], before[-1], *weights, **variant))
        before.append(steps[-1].h)
    dh, total, dxs = None, None, []
    for t in reversed(range(len(steps))):
        own = g[:, t] if dh is None else g[:, t] + dh
        dx, dh, *parts = _gru_back(own, steps[t], x[:, t], before[t], *weights[:2], **variant)
        total = parts if total is None else [a + b for a, b in zip(total, parts, strict=True)]
        dxs.insert(0, dx)
    back = [list(order).index(gate) for gate in range(3)]
    return np.stack(dxs, axis=1), dh, *_ordered(back, *(total or ()))

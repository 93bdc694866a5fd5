"""Activations in plain NumPy, each with its VJP under it."""

from typing import Any

import numpy as np

from nnparity.reference.readings.numbers import logistic
from nnparity.reference.registry import formula

Array = Any


@formula("silu")
def silu(x: Array, *, gated: bool = True, slope: float = 1.0) -> Array:
    """y = x σ(x)."""
    gate = logistic(x if slope == 1 else slope * x)
    return x * gate if gated else gate


@silu.vjp
def _(g: Array, x: Array, *, gated: bool = True, slope: float = 1.0) -> Array:
    """dy/dx = σ + x σ (1 - σ)."""
    gate = logistic(x if slope == 1 else slope * x)
    steep = gate * (1 - gate) if slope == 1 else slope * (gate * (1 - gate))
    return g * (gate + x * steep if gated else steep)


@formula("softplus")
def softplus(x: Array, *, logarithm: bool = True, base: float = 0.0) -> Array:
    """y = ln(1 + e^x), written so that nothing overflows: max(x, 0) + ln(1 + e^-|x|)."""
    if not logarithm:
        return np.exp(x)
    y = np.maximum(x, 0) + np.log(1 + np.exp(-np.absolute(x)))
    return y / np.log(base) if base else y


@softplus.vjp
def _(g: Array, x: Array, *, logarithm: bool = True, base: float = 0.0) -> Array:
    """dy/dx = σ(x)."""
    if not logarithm:
        return g * np.exp(x)
    dx = g * logistic(x)
    return dx / np.log(base) if base else dx


def _halves(x: Array, w: Array, v: Array, swapped: bool) -> tuple[Array, Array]:
    a, b = np.einsum("ni,ji->nj", x, w), np.einsum("ni,ji->nj", x, v)
    return (b, a) if swapped else (a, b)


@formula("swiglu")
def swiglu(x: Array, w: Array, v: Array, *, swapped: bool = False, gate: str = "silu") -> Array:
    """y = SiLU(x w^T) (x v^T)."""
    a, b = _halves(x, w, v, swapped)
    return (silu(a) if gate == "silu" else logistic(a)) * b


@swiglu.vjp
def _(
    g: Array, x: Array, w: Array, v: Array, *, swapped: bool = False, gate: str = "silu"
) -> tuple[Array, Array, Array]:
    """Back through the product, the gate and both layers."""
    a, b = _halves(x, w, v, swapped)
    gated = gate == "silu"
    da = silu.gradients(g * b, a, gated=gated)[0]
    db = g * silu(a, gated=gated)
    dw, dv = (db, da) if swapped else (da, db)
    dx = np.einsum("nj,ji->ni", dw, w) + np.einsum("nj,ji->ni", dv, v)
    return dx, np.einsum("nj,ni->ji", dw, x), np.einsum("nj,ni->ji", dv, x)

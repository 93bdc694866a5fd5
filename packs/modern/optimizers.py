"""A step of AdamW in plain NumPy."""

from fractions import Fraction
from typing import Any

from nnparity.reference.formulas.optimizer import adam
from nnparity.reference.readings.numbers import host_scalar
from nnparity.reference.registry import formula

Array = Any


@formula("adamw")
def adamw(
    w: Array,
    m: Array,
    v: Array,
    g: Array,
    *,
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    decay: float,
    step: int,
    coupled: bool = False,
    unrated: bool = False,
    subtracted: bool = False,
    incremental: bool = False,
) -> tuple[Array, ...]:
    """Adam's step from parameters that have shrunk by the rate times the decay."""
    rate = Fraction(1) if unrated else Fraction(lr)
    if coupled:
        g = g + decay * w
    elif subtracted:
        w = w - lr * (decay * w)
    else:
        w = host_scalar(1 - rate * Fraction(decay), w) * w
    return adam(w, m, v, g, lr=lr, beta1=beta1, beta2=beta2, eps=eps, step=step, incremental=incremental)

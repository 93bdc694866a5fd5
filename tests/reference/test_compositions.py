"""What is composed of other functions is what NumPy computes, in every reading."""

import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from nnparity.expect.precision_models import arithmetic
from nnparity.reference.readings import Ball, Budget, Dual
from nnparity.reference.readings.ball import rounded
from nnparity.reference.readings.compositions import COPIED
from nnparity.reference.readings.monte_carlo import Machines, lifted
from nnparity.reference.readings.rounded import on

RANDOM = np.random.default_rng(0)
A, B, V, S = (RANDOM.uniform(0.5, 2, size) for size in ((2, 3, 4), (2, 4, 5), 4, (3, 4)))
FUNCTIONS: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    "mean": (np.mean, (A,)),
    "mean of an axis": (lambda x: np.mean(x, axis=-1, keepdims=True), (A,)),
    "mean of two": (lambda x: np.mean(x, axis=(0, 2)), (A,)),
    "var": (lambda x: np.var(x, axis=1), (A,)),
    "var of a sample": (lambda x: np.var(x, axis=1, ddof=1), (A,)),
    "std": (lambda x: np.std(x, axis=-1, keepdims=True), (A,)),
    "stacks of matrices": (lambda a, b: a @ b, (A, B)),
    "a matrix for all": (lambda a, b: a @ b, (A, B[0])),
    "matrix by vector": (lambda a, b: a @ b, (S, V)),
    "vector by matrix": (lambda a, b: a @ b, (V, S.T)),
    "vectors": (lambda a, b: a @ b, (V, V)),
    **{f"power {p}": (lambda x, p=p: x**p, (A,)) for p in (0, 1, 2, 3, 5, 0.5, 1.5, -1, -2, -0.5)},
    "trace": (lambda x: np.einsum("ii->", x), (S[:, :3],)),
    "traces": (lambda x: np.einsum("iij->j", x), (A[:, :2],)),
    "sum of diagonals": (lambda x: np.einsum("iji->", x), (A[:, :, :2],)),
    "diagonals": (lambda x: np.einsum("iji->ji", x), (A[:, :, :2],)),
    "pad": (lambda x: np.pad(x, 1), (S,)),
    "pad with a number": (lambda x: np.pad(x, ((0, 0), (1, 2)), constant_values=1.5), (S,)),
    "pad with several": (lambda x: np.pad(x, 2, constant_values=((1.0, -0.1), (0, 3))), (S,)),
    "pad a row": (lambda x: np.pad(x, (1, 2), "constant", constant_values=(4, 5)), (V,)),
    **{f"pad by {mode}": (lambda x, mode=mode: np.pad(x, ((1, 0), (2, 1)), mode), (S,)) for mode in COPIED},
    "reciprocal": (np.reciprocal, (A,)),
    "methods": (lambda x: x.sum(-1) + x.mean(-1) + x.max(-1) + x.T.transpose(2, 1, 0).sum(-1), (A,)),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_values_derivatives_budgets_and_enclosures(name: str) -> None:
    function, inputs = FUNCTIONS[name]
    value = function(*inputs)
    budgets = function(*(Budget(x, arithmetic("float32")) for x in inputs))
    single = function(*(x.astype(np.float32) for x in inputs))
    moved = function(*(Dual(x, np.ones_like(x)) for x in inputs))
    high, _, radius = rounded(function(*(Ball(x) for x in inputs)))
    machines = function(*(lifted(x, Machines(np.random.default_rng(0), 3, 0.0)) for x in inputs))
    narrow = function(*map(on("float32"), inputs))
    size = np.abs(value).max()
    assert np.abs(machines.value - value).max() <= 1e-14 * size
    assert np.abs(narrow.value - value).max() <= 1e-5 * size
    assert np.abs(budgets.value - value).max() <= 1e-14 * size
    assert np.abs(high - value).max() <= 1e-14 * size
    assert radius.max() <= 1e-40
    lost = function(*(x.astype(np.float32).astype(np.float64) for x in inputs)) - value
    hard = 0.0 if budgets.hard is None else budgets.hard
    assert (np.abs(single - value - lost) <= hard + 1e-14 * size).all()
    step = 1e-6
    slope = (function(*(x + step for x in inputs)) - function(*(x - step for x in inputs))) / (2 * step)
    tangent = 0.0 if moved.tangent is None else moved.tangent
    assert np.abs(tangent - slope).max() <= 1e-7 * (1 + np.abs(slope).max())


INEXACT = Budget(V, arithmetic("float32"), np.full(4, 0.5), np.full(4, 0.25))


def test_what_pads_has_no_error_but_that_of_its_own_rounding() -> None:
    """1.5 is a float32, 0.1 is none; nothing of either moves when the elements do."""
    for number, error in ((1.5, 0.0), (0.1, 0.1 * 2.0**-24), (-np.inf, 0.0), (np.nan, 0.0)):
        with np.errstate(invalid="ignore"):
            y = np.pad(INEXACT, (1, 0), constant_values=number)
        assert np.array_equal(y.value, [number, *V], equal_nan=True)
        assert y.hard.tolist() == [error, *INEXACT.hard]
        assert y.var.tolist() == [error**2, *INEXACT.var]
        assert np.pad(Dual(V, V), (1, 0), constant_values=number).tangent.tolist() == [0, *V]
    assert np.pad(Budget(V, arithmetic("float32")), 1, constant_values=1.5).exact
    assert math.copysign(1.0, np.pad(Dual(V), 1, constant_values=-0.0).value[0]) == -1


def test_what_pads_is_within_the_range() -> None:
    assert np.pad(np.exp(INEXACT), 1, constant_values=-2.0).range.low == -2


@pytest.mark.parametrize("lift", [lambda x: Budget(x, arithmetic("float32")), Ball, Dual, on("float16")])
@pytest.mark.parametrize(
    ("told", "keywords"),
    [
        ("mode='mean'", {"mode": "mean"}),
        ("mode='linear_ramp', end_values=1", {"mode": "linear_ramp", "end_values": 1}),
        ("mode='maximum'", {"mode": "maximum"}),
        ("mode='empty'", {"mode": "empty"}),
        ("mode='reflect', reflect_type='odd'", {"mode": "reflect", "reflect_type": "odd"}),
        ("mode=<function", {"mode": lambda *_: None}),
    ],
)
def test_padding_that_is_computed_is_refused_with_its_mode(lift: Any, told: str, keywords: Any) -> None:
    with pytest.raises(TypeError, match=re.escape(f"have a rule, not np.pad(..., {told}")):
        np.pad(lift(V), 1, **keywords)


@pytest.mark.parametrize("exponent", [0.3, 9, -12, np.ones(4)])
def test_other_powers_have_no_rule(exponent: Any) -> None:
    with pytest.raises(TypeError, match="only whole powers up to 8 and halves have a rule"):
        Dual(V, V) ** exponent

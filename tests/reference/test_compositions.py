"""What is composed of other functions is what NumPy computes, in every reading."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from nnparity.expect.precision_models import arithmetic
from nnparity.reference.readings import Ball, Budget, Dual
from nnparity.reference.readings.ball import rounded
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


@pytest.mark.parametrize("exponent", [0.3, 9, -12, np.ones(4)])
def test_other_powers_have_no_rule(exponent: Any) -> None:
    with pytest.raises(TypeError, match="only whole powers up to 8 and halves have a rule"):
        Dual(V, V) ** exponent

"""Noise scatters as norm 2 foretells, and shows which errors go together."""

import zlib

import numpy as np
import pytest
from scipy import special

from nnparity.expect.evaluation import evaluate
from nnparity.expect.precision_models import arithmetic
from nnparity.reference.readings import Arithmetic, Budget
from nnparity.reference.readings.base import plain
from nnparity.reference.readings.monte_carlo import UNIT, Machines, lifted
from nnparity.spec import DTYPES, cases_of, load
from nnparity.spec.precision import NARROW, TF32

RUNS = 400
NUMBERS = Arithmetic(UNIT, 0.0, np.inf, lambda _: True)
FAMILIES = frozenset({"output", "grad", "jvp", "hvp"})
FORMULAS = ("sigmoid", "dense", "conv2d", "softmax", "mse", "lstm_step", "attention", "layer_norm", "cross_entropy")


@pytest.mark.parametrize("formula", FORMULAS)
def test_it_scatters_as_norm_2_foretells(formula: str) -> None:
    """Where nothing is shared norm 2 is exact to first order; else it may count too much or too little."""
    case = next(cases_of(load()[formula], "float64"))[0]
    machines = Machines(np.random.default_rng(zlib.crc32(formula.encode())), RUNS)
    with np.errstate(all="ignore"):
        budgets = evaluate(case, FAMILIES, *[lambda x: Budget(x, NUMBERS)] * 2, {})
        seen = evaluate(case, FAMILIES, *[lambda x: lifted(x, machines)] * 2, {})
    for quantity, budget in budgets.items():
        if not isinstance(budget, Budget) or budget.exact:
            continue
        error = plain(seen[quantity]) - budget.value
        found, foretold = np.mean(error**2), np.mean(budget.var)
        assert 0.1 < found / foretold < 4, (quantity, found / foretold)


@pytest.mark.parametrize(
    "numbers",
    [NUMBERS, *map(arithmetic, DTYPES), arithmetic("bfloat16", model=NARROW), arithmetic("float32", model=TF32)],
)
def test_one_operation_scatters_exactly_so(numbers: Arithmetic) -> None:
    """In each arithmetic: with its accumulator, its operands, and the functions of its format."""
    random = np.random.default_rng(0)
    x, w = random.standard_normal((2, 40, 50))
    noise = lifted(x, Machines(random, RUNS, UNIT, numbers))
    for operation in (
        lambda a: a * w,
        lambda a: np.sum(a, axis=1),
        lambda a: np.einsum("ij,kj->ik", a, w),
        np.exp,
        special.expit,
    ):
        var = operation(Budget(x, numbers)).var * (UNIT / numbers.unit) ** 2
        error = operation(noise).value - operation(x)
        assert np.mean(error**2 / var) == pytest.approx(1, abs=6 / np.sqrt(RUNS * var.size / 2))


def test_what_moves_or_is_compared_is_not_rounded() -> None:
    x = lifted(np.arange(6.0).reshape(2, 3) - 2, Machines(np.random.default_rng(0)))
    for exact in (
        -x,
        np.abs(x),
        np.maximum(x, 0.0),
        x.reshape(3, 2),
        np.concatenate([x, np.ones((1, 3))]),
        np.max(x, 1),
    ):
        assert np.array_equal(exact.value, np.round(exact.value))
    assert np.array_equal((x > 0).value, x.value > 0)
    assert np.array_equal(np.where(x > 0, x, 0.0).value, np.where(x.value > 0, x.value, 0.0))

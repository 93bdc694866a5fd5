"""Float64 targets are not measured by float64: their expected values are proven by enclosures (the reading `Ball`).

Where a composition is too large for that, the reference's own roundings are added to the budget.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from nnparity.expect.evaluation import evaluate
from nnparity.expect.expected import Array, Expected
from nnparity.reference.readings import Ball
from nnparity.reference.readings.ball import exists, rounded
from nnparity.spec import Case

#: An enclosure proves a value when its radius is at most this part of the hard budget.
PROVEN = 2.0**-20
#: Numbers that go into a composition, beyond which it is not proven.
PROVABLE = 8192


def sharpened(
    case: Case,
    quantities: frozenset[str],
    inward: Callable[[Array], Array],
    variant: Mapping[str, Any],
    expected: dict[str, Expected],
    proven: bool = True,
) -> dict[str, Expected]:
    """float64 targets are not measured by float64: the value is proven, or our own roundings are added.

    Where it can be proven, and need not be, it stays as it is; the budgets are the same.
    """
    if not _provable(case):
        return {name: found.twice for name, found in expected.items()}  # our own roundings beside the target's
    if not proven:
        return expected
    balls = evaluate(case, quantities, lambda x: Ball(inward(x)), lambda x: Ball(inward(x)), variant)
    return {name: _proven(expected[name], ball) for name, ball in balls.items()}


def _provable(case: Case) -> bool:
    """Whether an enclosure is worth its time: 200 bits take far longer than 53, and a model has millions."""
    return not case.formula.composition or sum(x.size for x in case.inputs.values()) <= PROVABLE


def finite(case: Case) -> bool:
    """Whether all its inputs are numbers: of infinities and NaN there is no enclosure."""
    return all(case.formula.integer(name) or bool(np.isfinite(x).all()) for name, x in case.inputs.items())


def _proven(expected: Expected, ball: Any) -> Expected:
    """The expectation with the proven value, where the enclosure is narrow beside the budget."""
    high, low, radius = rounded(ball)
    proven = np.isfinite(high) & (radius <= PROVEN * expected.hard)
    value = np.where(proven & (high != expected.value), high, expected.value)  # a ball has no -0
    return _unbounded(Expected(value, expected.hard, expected.sharp, np.where(proven, low, 0.0)), high, ball)


def _unbounded(expected: Expected, high: Array, ball: Any) -> Expected:
    """Where float64 overflows on the way, and the enclosure proves that there is a result: anything may come of it.

    What has no bound in float64 (inf - inf, in value or budget) though all inputs are numbers and so is the result has
    passed the largest number of float64 before the end. In another order of operations that happens elsewhere, with
    the other infinity, NaN or a number after it, or not at all. In a narrower dtype such a budget is infinite already.
    """
    lost = np.isnan(expected.value) | np.isnan(expected.hard)
    if not lost.any():
        return expected
    lost &= exists(ball)
    hard, sharp = (np.where(lost, np.inf, budget) for budget in (expected.hard, expected.sharp))
    value = np.where(lost, np.nan_to_num(high), expected.value)  # the finite number that is next to the result
    return Expected(value, hard, sharp, np.where(lost, 0.0, expected.low))

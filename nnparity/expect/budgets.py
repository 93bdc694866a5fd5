"""Expectation: the value and the budgets of every quantity of a case, from the reference and its readings.

Budgets come from the reading `Budget`. The value is the float64 one that the budget carries, or, where the
target computes in float64 itself, the midpoint of the enclosure that the reading `Ball` proves.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np

from nnparity.expect.evaluation import evaluate
from nnparity.expect.expected import Array, Expected
from nnparity.expect.instead import AS_WRITTEN, Instead
from nnparity.expect.kept import kept
from nnparity.expect.precision_models import arithmetic
from nnparity.expect.proof import finite, sharpened
from nnparity.expect.training_horizon import limited, widened
from nnparity.reference.readings import Arithmetic, Budget
from nnparity.reference.readings.budget.core import COMPOSED
from nnparity.spec import Case, Dtype
from nnparity.spec.precision import ACCUMULATE
from nnparity.store.memory import Form

#: Squares below this are no longer exact float64.
LEAST_SQUARE = float(np.finfo(np.float64).tiny / np.finfo(np.float64).eps)


def _plain(expected: dict[str, Expected]) -> dict[str, Any]:
    return {name: (one.value, one.hard, one.sharp, one.low, one.steps) for name, one in expected.items()}


def _loaded(parts: dict[str, Any]) -> dict[str, Expected]:
    return {name: Expected(*part) for name, part in parts.items()}


EXPECTATIONS = Form("expectations", _plain, _loaded)


@kept(EXPECTATIONS)
def expect(
    case: Case,
    quantities: frozenset[str],
    *,
    flush: bool = False,
    model: str = ACCUMULATE,
    variant: Mapping[str, Any] | None = None,
    rounding: Callable[[Array], Array] | None = None,
    numbers: Arithmetic | None = None,
    instead: Instead = AS_WRITTEN,
    simulated: bool = True,
    proven: bool = True,
) -> dict[str, Expected]:
    """What a correct target returns for `case`, by quantity (``output``, ``grad.x``, ``jvp``, ``hvp.x`` ...).

    `model` is that of its half precision or TF32, see `precision_models`. For diagnoses, `variant` gives further
    keywords to the reference, `rounding` changes every number that goes in, and `numbers` is another arithmetic than
    that of the case's dtype. `instead` has the three for a record of a known divergence: to that a target is held as to
    the case, and what of a training run its machines show goes into the budgets too. A diagnosis does without, and so
    do budgets that are not `simulated`: those of norm 2 alone, which are the narrower ones. Whoever wants budgets alone
    needs no value that is `proven`.
    """
    simulated = simulated and case.formula.trajectory and not (variant or rounding or numbers)
    variant, rounding = variant or dict(instead.variant), rounding or instead.rounding
    numbers = numbers or instead.numbers(flush)
    inside = numbers or arithmetic(case.dtype.name, flush, model)
    if case.formula.composition:
        inside = replace(inside, statistical=True)
    inward = rounding or _unchanged
    with np.errstate(all="ignore"):
        propagate = _propagated_once if case.formula.trajectory else _propagated
        expected = propagate(case, quantities, inside, inward, flush, tuple(variant.items()))
        if simulated:
            expected = widened(case, expected, inside, instead)
        if case.dtype.name == "float64" and inside.unit == case.dtype.unit and finite(case):
            expected = sharpened(case, quantities, inward, variant, expected, proven)
    if case.formula.trajectory:
        expected = limited(case, expected, inside if simulated else None, instead)
    return {name: one.settled for name, one in expected.items()}


def _propagated(
    case: Case,
    quantities: frozenset[str],
    inside: Arithmetic,
    inward: Callable[[Array], Array],
    flush: bool,
    variant: tuple[tuple[str, Any], ...],
) -> dict[str, Expected]:
    """What the reading `Budget` tells: nothing simulated, nothing proven."""
    store = arithmetic(case.dtype.name, flush)  # the fused model too rounds its result to the dtype
    found = evaluate(case, quantities, _lift(inside, inward, flush), _direct(inside, inward), dict(variant))
    return {name: _stored(budget, store, case) for name, budget in found.items()}


#: A training run may be asked for twice: without simulated machines, and with them.
_propagated_once = lru_cache(maxsize=1)(_propagated)


def _unchanged(array: Array) -> Array:
    return array


def _lift(numbers: Arithmetic, inward: Callable[[Array], Array], flush: bool) -> Callable[[Array], Budget]:
    """Inputs are exact: they were rounded to the dtype before anyone sees them. Flushed subnormals are not."""

    def lift(array: Array) -> Budget:
        x = inward(array.astype(np.float64))
        lost = np.where(np.abs(x) < numbers.step, np.abs(x), 0.0) if flush else np.zeros(())
        return Budget(x, numbers, lost, lost**2) if lost.any() else Budget(x, numbers)

    return lift


def _direct(numbers: Arithmetic, inward: Callable[[Array], Array]) -> Callable[[Array], Budget]:
    """Tangents as they enter."""
    return lambda array: entered(Budget(inward(array.astype(np.float64)), numbers))


def entered(tangent: Budget) -> Budget:
    """A tangent enters with two roundings: reverse mode multiplies it by its cofactor before it meets the others.

    And that is a product, of a cotangent or a constant and the formula's own derivative: one rounding each. Differences
    of tangents are exact in our order of operations, but not where each product is rounded first, as it is where the
    gradients by two inputs are formed apart.
    """
    return tangent.rounded(None, None, units=2.0, deviation=math.sqrt(2))


def _stored(budget: Any, store: Arithmetic, case: Case) -> Expected:
    """The result in the target's dtype: u|y| and an underflow, where its last operation has not paid for it.

    What is exact and fits into the dtype is not rounded at all.
    """
    if not isinstance(budget, Budget):
        budget = Budget(budget, store)
    composition = case.formula.composition
    own = np.where(_untouched(budget, store, case.dtype), 0.0, store.unit * np.abs(budget.value) + store.step)
    if budget.exact:
        return Expected(budget.value, COMPOSED * own if composition else own, own)
    # Where each operation was rounded to the dtype already, only the worst case leaves room for one more.
    combined = np.hypot if budget.arithmetic.unit < store.unit else np.maximum
    hard = budget.hard + own
    if budget.beyond is not None:  # the result itself is an infinity in the target
        hard = np.where(np.abs(budget.value) > store.largest, budget.beyond + np.where(np.isinf(own), 0.0, own), hard)
    sharp = combined(np.sqrt(budget.var), own)
    # So far below 1 the square of an error is no float64 any more: norm 2 is anything up to there, and norm 1 at most.
    least = np.where(budget.var < LEAST_SQUARE, np.minimum(hard, math.sqrt(LEAST_SQUARE)), 0.0)
    sharp = np.maximum(np.where(np.isnan(sharp), np.inf, sharp), least)  # inf - inf: where norm 1 has no bound either
    return Expected(budget.value, COMPOSED * sharp if composition else hard, sharp)


def _untouched(budget: Budget, store: Arithmetic, dtype: Dtype) -> Any:
    """Where no operation has lost anything, nor will the dtype; what is flushed to zero is lost."""
    y = budget.value
    held = (dtype.round(y).astype(np.float64) == y) & ((np.abs(y) >= store.step) | (y == 0))
    return held if budget.exact else held & (budget.hard == 0)

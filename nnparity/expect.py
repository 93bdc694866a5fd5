"""Expectation: the value and the budgets of every quantity of a case, from the reference and its readings."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnparity.reference import FORMULAS
from nnparity.reference.readings import Arithmetic, Budget, Dual, tangent_of
from nnparity.spec import DTYPES, Case, Dtype

Array = NDArray[Any]
#: The families of quantities, in the order they are computed and shown.
QUANTITIES = ("output", "grad", "jvp", "hvp")
#: A composition's hard budget is this many times its norm 2: norm 1 grows with the product of all norms.
COMPOSED = 16.0


@dataclass(frozen=True)
class Expected:
    """One quantity: its exact value as far as float64 tells, `hard` and `sharp` budgets for each element."""

    value: Array
    hard: Array
    sharp: Array


@lru_cache(maxsize=None)
def arithmetic(dtype: str, flush: bool = False, wide: bool = False) -> Arithmetic:
    """How a target of that dtype computes; `flush` if it has no subnormals, `wide` if float32 inside."""
    inner = DTYPES["float32" if wide else dtype]
    return Arithmetic(inner.unit, inner.tiny if flush else inner.step, inner.largest, _holder(inner))


def _holder(dtype: Dtype) -> Any:
    def holds(value: float) -> bool:
        return not math.isfinite(value) or float(dtype.round(np.float64(value))) == value

    return holds


def expect(
    case: Case,
    quantities: frozenset[str],
    *,
    flush: bool = False,
    wide: bool = False,
    variant: Mapping[str, Any] | None = None,
    rounding: Callable[[Array], Array] | None = None,
    numbers: Arithmetic | None = None,
) -> dict[str, Expected]:
    """What a correct target returns for `case`, by quantity (``output``, ``grad.x``, ``jvp``, ``hvp.x`` ...).

    For diagnoses, `variant` gives further keywords to the reference, `rounding` changes every number that goes in,
    and `numbers` is another arithmetic than that of the case's dtype.
    """
    numbers = numbers or arithmetic(case.dtype.name, flush, wide)
    reading = _Read(case, numbers, dict(variant or {}), rounding or _unchanged)
    with np.errstate(all="ignore"):
        found = reading.forward(quantities) | reading.backward(quantities)
    store = arithmetic(case.dtype.name, flush)  # the wide model too rounds its result to the dtype
    return {name: _stored(budget, store, case.formula.composition) for name, budget in found.items()}


def _unchanged(array: Array) -> Array:
    return array


class _Read:
    """The reference of one case, read over `Budget`, inside a `Dual` when derivatives are asked for."""

    def __init__(self, case: Case, numbers: Arithmetic, variant: dict[str, Any], rounding: Callable[[Array], Array]) -> None:
        self.case = case
        self.formula = case.formula
        self.reference = FORMULAS[case.formula.id]
        self.numbers = numbers
        self.keywords: dict[str, Any] = {**case.signature.attributes, **variant}
        self.rounding = rounding

    def forward(self, quantities: frozenset[str]) -> dict[str, Any]:
        """``output`` and ``jvp``: one pass gives both."""
        if not quantities & {"output", "jvp"}:
            return {}
        results = self.reference(*self._inputs(dual="jvp" in quantities), **self.keywords)
        results = results if isinstance(results, tuple) else (results,)
        return self._named(quantities, zip(self.formula.results, results, strict=True), ("output", "jvp"))

    def backward(self, quantities: frozenset[str]) -> dict[str, Any]:
        """``grad`` and ``hvp``: one pass gives both."""
        if not self.formula.wrt or not quantities & {"grad", "hvp"}:
            return {}
        cotangents = [self._exact(g) for g in self.case.cotangents.values()]
        g = tuple(cotangents) if len(cotangents) > 1 else cotangents[0]
        gradients = self.reference.gradients(g, *self._inputs(dual="hvp" in quantities), **self.keywords)
        return self._named(quantities, zip(self.formula.wrt, gradients, strict=True), ("grad", "hvp"))

    def _named(self, quantities: frozenset[str], results: Any, families: tuple[str, str]) -> dict[str, Any]:
        value, tangent = families
        named: dict[str, Any] = {}
        for name, result in results:
            suffix = "" if name == "output" else f".{name}"
            if value in quantities:
                named[f"{value}{suffix}"] = result.value if isinstance(result, Dual) else result
            if tangent in quantities and self.formula.wrt:
                named[f"{tangent}{suffix}"] = tangent_of(result)
        return named

    def _inputs(self, dual: bool) -> list[Any]:
        inputs: list[Any] = []
        for name, array in self.case.inputs.items():
            if self.formula.integer(name):
                inputs.append(array)
                continue
            exact = self._exact(array)
            moving = dual and name in self.formula.wrt
            inputs.append(Dual(exact, self._direction(self.case.tangents[name])) if moving else exact)
        return inputs

    def _direction(self, array: Array) -> Budget:
        """A tangent enters with one rounding: reverse mode multiplies it by its cofactor before it meets the others.

        Differences of tangents are exact in our order of operations, but not where each product is rounded first.
        """
        exact = self._exact(array)
        return exact.rounded(None, None)

    def _exact(self, array: Array) -> Budget:
        return Budget(self.rounding(array.astype(np.float64)), self.numbers)


def _stored(budget: Any, store: Arithmetic, composition: bool) -> Expected:
    """The result rounded to the target's dtype once more: u|y| and an underflow."""
    if not isinstance(budget, Budget):
        budget = Budget(budget, store)
    own = store.unit * np.abs(budget.value) + store.step
    sharp = own if budget.exact else np.hypot(np.sqrt(budget.var), own)
    hard = own if budget.exact else budget.hard + own
    if not budget.exact:  # far below 1 the square of an error is no float64 any more: norm 1 stands in for norm 2
        sharp = np.where(budget.var < np.finfo(np.float64).tiny / np.finfo(np.float64).eps, hard, sharp)
    return Expected(budget.value, COMPOSED * sharp if composition else hard, sharp)

"""Alternatives: what other readings of a case give, kept as long as that case is the one at hand.

Its quantities are diagnosed one after the other, and often all fail together: each reading is computed once for all
quantities of a family. Its numbers alone take a small part of the time that its budgets take.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from nnparity.expect.budgets import expect
from nnparity.expect.evaluation import Lift, evaluate
from nnparity.expect.expected import Array, Expected
from nnparity.reference.readings.base import plain
from nnparity.reference.readings.rounded import on
from nnparity.spec import Case


class Alternatives:
    """Those of one case at a time."""

    def __init__(self) -> None:
        self._case: Case | None = None
        self._found: dict[Any, dict[str, Any]] = {}

    def expect(self, case: Case, family: frozenset[str], name: str, **reading: Any) -> dict[str, Expected]:
        """As `expect.expect` for a `reading` of that name."""
        return self.once(case, (family, name, reading.get("flush")), lambda: expect(case, family, **reading))

    def numbers(
        self,
        case: Case,
        family: frozenset[str],
        name: str,
        *,
        variant: Mapping[str, Any] | None = None,
        rounding: Callable[[Array], Array] | None = None,
        **_: Any,
    ) -> dict[str, Array]:
        """What it gives in float64, without a budget."""
        lift = wide if rounding is None else lambda x: rounding(wide(x))
        return self.once(case, (family, name, wide), lambda: numbers(case, family, lift, variant or {}))

    def rounded(self, case: Case, family: frozenset[str], flush: bool, lanes: int) -> dict[str, Array]:
        """What the reading `Rounded` gives in the case's dtype, sums in the order of the index."""
        lift = on(case.dtype.name, flush, lanes)
        return self.once(case, (family, flush, lanes), lambda: numbers(case, family, lift, {}))

    def once(self, case: Case, key: Any, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """What `make` gives, the first time that it is asked for of this case."""
        if case is not self._case:
            self._case, self._found = case, {}
        if key not in self._found:
            self._found[key] = make()
        return self._found[key]


def numbers(case: Case, family: frozenset[str], lift: Lift, variant: Mapping[str, Any]) -> dict[str, Array]:
    """The values of a reading, by quantity."""
    found = evaluate(case, family, lift, lift, variant)
    return {name: np.asarray(plain(reading), np.float64) for name, reading in found.items()}


def wide(x: Array) -> Array:
    """In float64."""
    return x.astype(np.float64)


#: Of the case that this process diagnoses.
alternatives = Alternatives()

"""The diagnosis: which known wrong reading an observation that does not conform does meet.

Tried in order: the formula's own variants (kernel not flipped, gates swapped), sums in half precision, numbers rounded
on the way in or out (TF32, half precision), a computation in a narrower format, and a constant factor. Each is an
expectation with budgets of its own, so that a name is given only when the numbers fit it.
"""

from collections.abc import Callable, Iterator
from typing import Any

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

from nnparity.expect.budgets import expect
from nnparity.expect.evaluation import evaluate
from nnparity.expect.expected import Expected
from nnparity.expect.precision_models import narrow
from nnparity.judge.grades import judge
from nnparity.reference.readings import Arithmetic
from nnparity.reference.readings.base import plain
from nnparity.reference.readings.rounded import on
from nnparity.spec import DTYPES, Case
from nnparity.spec.precision import NARROW

Array = NDArray[Any]


def tf32(x: Array) -> Array:
    """Rounded to the 11 significant bits of TF32 (10 stored), to nearest, ties to even."""
    mantissa, exponent = np.frexp(x.astype(np.float64))
    return np.asarray(np.ldexp(np.rint(mantissa * 2.0**11), exponent - 11))


def through(numpy: Any) -> Callable[[Array], Array]:
    """Rounded to a format and back."""
    return lambda x: np.asarray(x.astype(numpy).astype(np.float64))


#: How many sums a kernel may run beside each other: one, or as many numbers as a vector register holds.
LANES = (1, 4, 8, 16, 32)
ROUNDINGS: dict[str, Callable[[Array], Array]] = {
    "10-bit mantissas: TF32": tf32,
    "float16": through(np.float16),
    "bfloat16": through(ml_dtypes.bfloat16),
    "float32": through(np.float32),
}


def diagnose(case: Case, quantity: str, observed: Array, expected: Expected, flush: bool) -> str | None:
    """The name of the fault that explains `observed`, or None."""
    with np.errstate(all="ignore"):
        for says, candidate in _candidates(case, quantity, observed, expected, flush):
            if _bounded(candidate, expected) and judge(observed, candidate, case.dtype).grade == "conforms":
                return says
    return None


class _Memory:
    """The wrong readings of one case: its quantities are diagnosed one after the other, and often all fail together."""

    def __init__(self) -> None:
        self._case: Case | None = None
        self._found: dict[Any, dict[str, Any]] = {}

    def expect(self, case: Case, family: frozenset[str], name: str, **reading: Any) -> dict[str, Expected]:
        """As `expect.expect` for a `reading` of that name."""
        return self._once(case, (family, name, reading.get("flush")), lambda: expect(case, family, **reading))

    def rounded(self, case: Case, family: frozenset[str], flush: bool, lanes: int) -> dict[str, Array]:
        """What the reading `Rounded` gives in the case's dtype, sums in the order of the index."""
        lift = on(case.dtype.name, flush, lanes)
        return self._once(case, (family, flush, lanes), lambda: _numbers(evaluate(case, family, lift, lift, {})))

    def _once(self, case: Case, key: Any, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        if case is not self._case:
            self._case, self._found = case, {}
        if key not in self._found:
            self._found[key] = make()
        return self._found[key]


def _numbers(found: dict[str, Any]) -> dict[str, Array]:
    return {name: np.asarray(plain(reading), np.float64) for name, reading in found.items()}


_memory = _Memory()


def _bounded(candidate: Expected, expected: Expected) -> bool:
    """Whether the candidate says anything: where its budget is infinite, everything meets it.

    Where it is NaN nothing but NaN does; but of half of the elements it must know a number. The steps of a training
    run that it cannot foresee are met by everything too: most of those judged must be among the others.
    """
    far = 2 * (candidate.steps or 0) >= (expected.steps or 0)
    told, nothing = np.isfinite(candidate.judged.hard), np.isnan(candidate.judged.value)
    return far and bool((told | nothing).all() and 2 * nothing.sum() <= nothing.size)


def _candidates(
    case: Case, quantity: str, seen: Array, expected: Expected, flush: bool
) -> Iterator[tuple[str, Expected]]:
    family = frozenset({quantity.split(".", maxsplit=1)[0]})
    for variant in case.formula.variants.values():
        yield variant.says, _memory.expect(case, family, variant.says, flush=flush, variant=variant.set)[quantity]
    yield from _accumulated(case, quantity, family, expected, flush)
    yield from _rounded_inputs(case, quantity, family, flush)
    yield from _rounded_result(case, seen, expected)
    yield from _narrow(case, quantity, family)
    yield from _factor(seen, expected)


def _accumulated(
    case: Case, quantity: str, family: frozenset[str], expected: Expected, flush: bool
) -> Iterator[tuple[str, Expected]]:
    """Sums in the half precision of the case, where float32 is promised.

    Any order of additions, as far as a bound holds; and the order of the index, in so many lanes, from which a kernel
    may be no further than a correct one from the result. A sum that stops growing is told by the second alone.
    """
    if narrow(case.dtype.name):
        says = f"accumulates in {case.dtype.name}"
        yield says, _memory.expect(case, family, says, flush=flush, model=NARROW)[quantity]
        for lanes in LANES:
            value = _memory.rounded(case, family, flush, lanes)[quantity]
            yield says, Expected(value, expected.hard, expected.sharp, steps=expected.steps)


def _narrower(case: Case) -> list[str]:
    """The roundings that lose something of this dtype."""
    digits = {"10-bit mantissas: TF32": 11} | {name: dtype.digits for name, dtype in DTYPES.items()}
    return [name for name in ROUNDINGS if digits[name] < case.dtype.digits]


def _rounded_inputs(case: Case, quantity: str, family: frozenset[str], flush: bool) -> Iterator[tuple[str, Expected]]:
    for name in _narrower(case):
        found = _memory.expect(case, family, f"in {name}", flush=flush, rounding=ROUNDINGS[name])[quantity]
        yield f"{case.dtype.name} inputs rounded to {name}", found


def _rounded_result(case: Case, seen: Array, expected: Expected) -> Iterator[tuple[str, Expected]]:
    """All numbers seen are those of a narrower format, and as near as that format comes."""
    for name in reversed(_narrower(case)):
        rounded = ROUNDINGS[name](seen)
        if seen.size > 1 and np.array_equal(rounded, seen.astype(np.float64)) and np.count_nonzero(seen):
            unit = 2.0**-11 if "TF32" in name else DTYPES[name].unit
            slack = unit * np.abs(expected.value)
            yield (
                f"the result was rounded to {name}",
                Expected(expected.value, expected.hard + slack, np.hypot(expected.sharp, slack)),
            )


def _narrow(case: Case, quantity: str, family: frozenset[str]) -> Iterator[tuple[str, Expected]]:
    for name, dtype in DTYPES.items():
        if dtype.digits < case.dtype.digits:
            numbers = Arithmetic(dtype.unit, dtype.step, dtype.largest, lambda value: False)
            found = _memory.expect(case, family, f"narrow {name}", numbers=numbers)[quantity]
            yield f"as accurate as a computation in {name}", found


def _factor(seen: Array, expected: Expected) -> Iterator[tuple[str, Expected]]:
    """The right numbers times a constant."""
    x, y = expected.value, seen.astype(np.float64)
    if x.size < 2 or not np.isfinite(y).all() or not np.any(x):
        return
    c = float(np.vdot(x, y) / np.vdot(x, x))
    if c:
        yield f"the expected result times {c:.6g}", Expected(x * c, expected.hard * abs(c), expected.sharp * abs(c))

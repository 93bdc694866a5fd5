"""The diagnosis: which known wrong readings an observation that does not conform does meet, and how surely.

Tried in order: the formula's own variants (kernel not flipped, gates swapped), a constant factor, sums in half
precision, numbers rounded on the way in or out (TF32, half precision), another code of the same function that loses
digits elsewhere, and a computation in a narrower format. Each is an expectation with budgets of its own, and a name is
given only where these are small beside what tells the readings apart: see `evidence`. All that fit equally are named;
where too little speaks for a name, it is said to be likely.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

from nnparity.expect.budgets import expect
from nnparity.expect.evaluation import evaluate
from nnparity.expect.expected import Expected
from nnparity.expect.precision_models import narrow
from nnparity.judge import evidence
from nnparity.judge.answer_patterns import moved, pattern, stale, tail
from nnparity.judge.error_patterns import TOWARDS_ZERO, error_pattern, factor_told, towards_zero, unlike_rounding
from nnparity.judge.grades import form, judge
from nnparity.judge.sensitivity import blind
from nnparity.reference.readings import Arithmetic
from nnparity.reference.readings.base import plain
from nnparity.reference.readings.rounded import on
from nnparity.reports.records import LIKELY, OR, UNKNOWN
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


#: Numerators and denominators of factors that are tried before anything is said of precision.
SIMPLE = 8
#: How many sums a kernel may run beside each other: one, or as many numbers as a vector register holds.
LANES = (1, 4, 8, 16, 32)
ROUNDINGS: dict[str, Callable[[Array], Array]] = {
    "10-bit mantissas: TF32": tf32,
    "float16": through(np.float16),
    "bfloat16": through(ml_dtypes.bfloat16),
    "float32": through(np.float32),
}


@dataclass(frozen=True)
class Diagnosis:
    """All names that fit equally, none if nothing does; then `pattern` says how the error looks."""

    names: tuple[str, ...] = ()
    likely: bool = False
    pattern: str = ""

    @classmethod
    def of(cls, name: str, bits: float) -> "Diagnosis":
        """A single name, by the bits that speak for it."""
        return cls((name,), bits < evidence.CERTAIN)

    @property
    def text(self) -> str:
        """As a verdict tells it."""
        if not self.names:
            return f"{UNKNOWN}{self.pattern}"
        return (LIKELY if self.likely else "") + OR.join(self.names)


@dataclass(frozen=True)
class Candidate:
    """A reading that may explain it, of a group whose members are tried together."""

    says: str
    expected: Expected
    group: str
    #: bits of what was chosen to fit
    cost: float = 0.0
    #: bits that speak for it where it is as far from the truth as the truth itself
    own: float = 0.0
    #: that it is as accurate as
    dtype: str = ""


VARIANT, FACTOR, IN_LANES, PRECISION, ACCURACY = "variant", "factor", "in lanes", "precision", "accuracy"
REWRITING, ROUNDING = "rewriting", "rounding"


def diagnose(case: Case, quantity: str, observed: Array, expected: Expected, flush: bool) -> str | None:
    """The first name of the faults that explain `observed`, or None."""
    with np.errstate(all="ignore"):
        found = next(_explaining(case, quantity, observed, expected, flush), None)
    return found[0].says if found else None


def diagnosed(
    case: Case, quantity: str, observed: Array, expected: Expected, flush: bool, before: Sequence[Case] = ()
) -> Diagnosis:
    """All that explains `observed`, and how surely; or the pattern of its error. `before` are the cases before it."""
    if wrong := form(observed, expected, case.dtype):
        return Diagnosis(pattern=wrong)
    with np.errstate(all="ignore"):
        zeros = pattern(quantity, observed, expected)
        found = _tied(case, _explaining(case, quantity, observed, expected, flush))
        surest = max((bits for _, bits in found), default=0.0)
        if not zeros and surest < evidence.CERTAIN and all(one.group != VARIANT for one, _ in found):
            other = (
                moved(case, observed, expected)
                or stale(case, quantity, observed, expected, before, flush)
                or tail(case, quantity, observed, expected)
            )
            if other and other[1] > surest:
                return Diagnosis.of(*other)
        names = [*filter(None, [zeros]), *dict.fromkeys(one.says for one, _ in found)]
        if not names:
            return Diagnosis(pattern=error_pattern(case, observed, expected))
    return Diagnosis(tuple(names), surest < evidence.CERTAIN and not zeros)


def _tied(case: Case, found: Iterator[tuple[Candidate, float]]) -> list[tuple[Candidate, float]]:
    """Those of the first group that has any; of a training run, where each costs seconds, the first alone."""
    tied: list[tuple[Candidate, float]] = []
    for one in found:
        group = one[0].group
        if tied and (case.formula.trajectory or group not in (tied[0][0].group, FACTOR)):
            break
        if tied and group == ACCURACY and tied[0][0].dtype == case.dtype.name:  # it promises more than a narrower one
            break
        if (
            not tied
            or group in (VARIANT, REWRITING)
            or np.array_equal(one[0].expected.value, tied[0][0].expected.value)
        ):
            tied.append(one)
    return tied


def _explaining(
    case: Case, quantity: str, seen: Array, expected: Expected, flush: bool
) -> Iterator[tuple[Candidate, float]]:
    """The candidates that `seen` meets and that say something, each with the bits that speak for it."""
    if towards_zero(seen, expected, case.dtype) is not None:
        yield Candidate(TOWARDS_ZERO, expected, ROUNDING), evidence.CERTAIN
        return
    for one in _candidates(case, quantity, seen, expected, flush):
        told = one.group == REWRITING or _bounded(one.expected, expected)  # of a rewriting, places tell
        if not told or judge(seen, one.expected, case.dtype).grade != "conforms":
            continue
        bits = one.own or evidence.bits(one.expected, expected, case.dtype) - one.cost
        if one.group == ACCURACY:
            bits = _accuracy(case, seen, expected, one.dtype)
            if bits < evidence.CERTAIN and _meets_most(one.expected, case):
                continue  # nor do its numbers tell, all of which would be of that format
        if bits >= evidence.POSSIBLE and not evidence.empty(one.expected, case, one.group == ACCURACY):
            yield one, bits


def _accuracy(case: Case, seen: Array, expected: Expected, dtype: str) -> float:
    """The bits for a computation in a dtype, of an observation that it might have made: that what is off looks like it.

    An error of some size has that size for any reason. A narrower dtype shows in that the numbers are those of its
    format; or, where the case's own came after it, in that the errors are as those of such roundings.
    """
    digits = DTYPES[dtype].digits
    if not evidence.as_accurate(seen, expected, digits):
        return 0.0
    if digits < case.dtype.digits:
        held = {name: _in_format(case, seen, expected, name) for name in reversed(DTYPES) if name in _narrower(case)}
        if any(held.values()):
            return held[dtype] if dtype == next(name for name, bits in held.items() if bits) else 0.0
        if not evidence.irregular(case, seen, expected, digits):
            return 0.0
    return 0.0 if unlike_rounding(case, seen, expected) else evidence.POSSIBLE


def _meets_most(candidate: Expected, case: Case) -> bool:
    """Whether the budget of most elements reaches their own size, so that a narrower computation may be anything.

    Of a long sum the worst case soon does, while norm 2 tells still; of a composition both go together.
    """
    budget = candidate.hard if case.formula.composition else candidate.sharp
    return 2 * blind(replace(candidate, hard=budget)) > 1


def _in_format(case: Case, seen: Array, expected: Expected, dtype: str) -> float:
    fewer = case.dtype.digits - DTYPES[dtype].digits
    return evidence.in_format(seen, ROUNDINGS[dtype](seen), expected, fewer)


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


def _candidates(case: Case, quantity: str, seen: Array, expected: Expected, flush: bool) -> Iterator[Candidate]:
    family = frozenset({quantity.split(".", maxsplit=1)[0]})
    for variant in case.formula.variants.values():
        found = _memory.expect(case, family, variant.says, flush=flush, variant=variant.set)[quantity]
        yield Candidate(variant.says, found, VARIANT)
    yield from _factor(seen, expected, case.dtype.unit, simple=True)
    for says, found, group in _accumulated(case, quantity, family, expected, flush):
        yield Candidate(says, found, group, dtype=case.dtype.name)
    for says, found in _rounded_inputs(case, quantity, family, flush):
        yield Candidate(says, found, PRECISION)
    for says, found, digits in _rounded_result(case, seen, expected):
        yield Candidate(says, found, PRECISION, own=evidence.on_grid(seen, digits, case.dtype))
    yield from _factor(seen, expected, case.dtype.unit, simple=False)
    if not case.formula.trajectory:  # there anything that changes a step a little is as far off as a narrow format
        codes = _rewritten(case, quantity, family, seen, expected, flush)
        yield from sorted(codes, key=lambda one: float(np.sum(one.expected.judged.sharp)))  # the strictest first
        for name, found in _narrow(case, quantity, family):
            yield Candidate(f"as accurate as a computation in {name}", found, ACCURACY, dtype=name)


def _accumulated(
    case: Case, quantity: str, family: frozenset[str], expected: Expected, flush: bool
) -> Iterator[tuple[str, Expected, str]]:
    """Sums in the half precision of the case, where float32 is promised.

    Any order of additions, as far as a bound holds; and the order of the index, in so many lanes, from which a kernel
    may be no further than a correct one from the result. A sum that stops growing is told by the second alone.
    """
    if narrow(case.dtype.name):
        says = f"accumulates in {case.dtype.name}"
        yield says, _memory.expect(case, family, says, flush=flush, model=NARROW)[quantity], ACCURACY
        for lanes in LANES:
            value = _memory.rounded(case, family, flush, lanes)[quantity]
            yield says, Expected(value, expected.hard, expected.sharp, steps=expected.steps), IN_LANES


def _narrower(case: Case) -> list[str]:
    """The roundings that lose something of this dtype."""
    digits = {"10-bit mantissas: TF32": 11} | {name: dtype.digits for name, dtype in DTYPES.items()}
    return [name for name in ROUNDINGS if digits[name] < case.dtype.digits]


def _rounded_inputs(case: Case, quantity: str, family: frozenset[str], flush: bool) -> Iterator[tuple[str, Expected]]:
    for name in _narrower(case):
        found = _memory.expect(case, family, f"in {name}", flush=flush, rounding=ROUNDINGS[name])[quantity]
        yield f"{case.dtype.name} inputs rounded to {name}", found


def _rounded_result(case: Case, seen: Array, expected: Expected) -> Iterator[tuple[str, Expected, int]]:
    """All numbers seen are those of a narrower format, and as near as that format comes."""
    for name in reversed(_narrower(case)):
        rounded = ROUNDINGS[name](seen)
        if seen.size > 1 and np.array_equal(rounded, seen.astype(np.float64)) and np.count_nonzero(seen):
            unit = 2.0**-11 if "TF32" in name else DTYPES[name].unit
            slack = unit * np.abs(expected.value)
            yield (
                f"the result was rounded to {name}",
                Expected(expected.value, expected.hard + slack, np.hypot(expected.sharp, slack)),
                11 if "TF32" in name else DTYPES[name].digits,
            )


def _rewritten(
    case: Case, quantity: str, family: frozenset[str], seen: Array, expected: Expected, flush: bool
) -> Iterator[Candidate]:
    for code in case.formula.rewritings.values():
        found = _memory.expect(case, family, code.says, flush=flush, variant=code.set)[quantity]
        yield Candidate(code.says, found, REWRITING, own=evidence.placed(seen, found, expected, case.dtype))


def _narrow(case: Case, quantity: str, family: frozenset[str]) -> Iterator[tuple[str, Expected]]:
    for name, dtype in DTYPES.items():
        if dtype.digits < case.dtype.digits:
            numbers = Arithmetic(dtype.unit, dtype.step, dtype.largest, lambda value: False)
            yield name, _memory.expect(case, family, f"narrow {name}", numbers=numbers)[quantity]


def _factor(seen: Array, expected: Expected, unit: float, simple: bool) -> Iterator[Candidate]:
    """The right numbers times a constant, rounded once more: a simple fraction where one fits, else what fits best."""
    x, y = expected.value, seen.astype(np.float64)
    if not x.size or not np.isfinite(y).all() or not np.any(x):
        return
    sharp = np.hypot(expected.sharp, unit * np.abs(x))
    squares = float(np.vdot(x, x))
    c = float(np.vdot(x, y)) / squares
    near = simplest(c, math.sqrt(float(np.vdot(x * x, np.square(sharp)))) * (1 + abs(c)) / squares)
    most = max(abs(near.numerator), near.denominator)
    if c and near and (most <= SIMPLE) == simple and (simple or x.size > 1):
        hard = (expected.hard + unit * np.abs(x)) * abs(c)
        found = Expected(x * float(near), hard, sharp * abs(c), steps=expected.steps)
        says = f"the expected result times {factor_told(float(near), 6)}"
        yield Candidate(says, found, FACTOR, cost=1 + 2 * math.log2(most))


def simplest(value: float, radius: float) -> Fraction:
    """The fraction of the smallest denominator that is no further than `radius` from it."""
    if not math.isfinite(radius) or not math.isfinite(value):
        return Fraction(0)
    most, exact = 1, Fraction(value)
    while abs((near := exact.limit_denominator(most)) - exact) > radius:
        most *= 2
    return near

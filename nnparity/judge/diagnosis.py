"""The diagnosis: which known wrong readings an observation that does not conform does meet, and how surely.

Tried in order: the formula's own variants (kernel not flipped, gates swapped), a constant factor, sums in half
precision, numbers rounded on the way in or out (TF32, half precision), another code of the same function that loses
digits elsewhere, and a computation in a narrower format. Each is an expectation with budgets of its own, and a name is
given only where these are small beside what tells the readings apart: see `evidence`. All that fit equally are named;
where too little speaks for a name, it is said to be likely.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import partial
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnparity.expect.alternatives import alternatives, numbers, wide
from nnparity.expect.budgets import expect
from nnparity.expect.expected import Expected
from nnparity.expect.precision_models import narrow
from nnparity.judge import evidence
from nnparity.judge.answer_patterns import misread, moved, pattern, stale, tail
from nnparity.judge.error_patterns import TOWARDS_ZERO, error_pattern, factor_told, towards_zero, unlike_rounding
from nnparity.judge.grades import form, judge
from nnparity.judge.narrower.formats import ROUNDINGS, narrower
from nnparity.judge.narrower.scatter import elsewhere_right, scattered, surprising
from nnparity.reference.readings import Arithmetic
from nnparity.reports.records import LIKELY, OR, UNKNOWN
from nnparity.spec import DTYPES, Case
from nnparity.spec.given import Moving
from nnparity.spec.precision import NARROW

Array = NDArray[Any]


#: Numerators and denominators of factors that are tried before anything is said of precision.
SIMPLE = 8
#: How many sums a kernel may run beside each other: one, or as many numbers as a vector register holds.
LANES = (1, 4, 8, 16, 32)


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
    #: whether the output that came with a derivative is not that of the reading
    refuted: bool = False


VARIANT, FACTOR, ACCUMULATED, IN_LANES, PRECISION = "variant", "factor", "accumulated", "in lanes", "precision"
REWRITING, ACCURACY, ROUNDING = "rewriting", "accuracy", "rounding"
#: Said of a derivative that meets a variant whose output the target does not have, and of no other.
NOT_THE_OUTPUT = ", but not in the output"
OUTPUT = frozenset({"output"})
#: Family -> the directions that it is taken along, and what a derivative says that lacks one of them.
DIRECTIONS = {
    frozenset({"grad"}): ("cotangents", "what comes back through {} is left out"),
    frozenset({"jvp"}): ("tangents", "the tangent of {} is left out"),
    frozenset({"hvp"}): ("tangents", "what the tangent of {} adds is left out"),
}


@dataclass(frozen=True)
class Failing:
    """A quantity that does not conform: what is expected of it, and what was seen."""

    case: Case
    quantity: str
    seen: Array
    expected: Expected
    flush: bool
    #: All that came of the case, by quantity, where that is known.
    beside: Mapping[str, Any] = field(default_factory=dict)

    @property
    def family(self) -> frozenset[str]:
        """That of the quantity: what is computed together."""
        return frozenset({self.quantity.partition(".")[0]})

    def expect(self, name: str, **reading: Any) -> Expected:
        """What a reading of that name makes of it."""
        return alternatives.expect(self.case, self.family, name, **reading)[self.quantity]

    def refuted(self, says: str, variant: Mapping[str, Any]) -> bool:
        """Whether a variant that a derivative meets is none of the output that came with it."""
        if self.family == OUTPUT or self.case.formula.trajectory or not self.beside:
            return False
        told = alternatives.expect(self.case, OUTPUT, says, flush=self.flush, variant=variant)
        outputs = ((self.beside.get(name), truth) for name, truth in told.items())
        there = [(y, truth) for y, truth in outputs if isinstance(y, np.ndarray)]
        return any(judge(y, truth, self.case.dtype).grade != "conforms" for y, truth in there)

    def nearer(self, name: str, **reading: Any) -> Expected | None:
        """The same, where the numbers of the reading alone say that it may be what was seen; else nothing.

        They take a small part of the time that its budgets take, and of most readings are all there is to know.
        """
        value = alternatives.numbers(self.case, self.family, name, **reading)[self.quantity]
        if not evidence.nearer(self.seen, value, self.expected):
            return None
        return self.expect(name, flush=self.flush, **reading)


def diagnose(case: Case, quantity: str, observed: Array, expected: Expected, flush: bool) -> str | None:
    """The first name of the faults that explain `observed`, or None."""
    with np.errstate(all="ignore"):
        found = next(_explaining(Failing(case, quantity, observed, expected, flush)), None)
    return found[0].says if found else None


def diagnosed(
    case: Case,
    quantity: str,
    observed: Array,
    expected: Expected,
    flush: bool,
    before: Sequence[Case] = (),
    beside: Mapping[str, Any] = MappingProxyType({}),
) -> Diagnosis:
    """All that explains `observed`, and how surely; or the pattern of its error.

    `before` are the cases before it, `beside` all that came of the same case: what a derivative alone seems to be says
    so, and is left out where a name explains the output as well.
    """
    if wrong := form(observed, expected, case.dtype):
        return Diagnosis(pattern=wrong)
    with np.errstate(all="ignore"):
        zeros = pattern(case, quantity, observed, expected)
        tied = _tied(_explaining(Failing(case, quantity, observed, expected, flush, beside)))
        found = [one for one in tied if not one[0].refuted] or ([] if zeros else tied)
        surest = max((bits for _, bits in found), default=0.0)
        if not zeros and surest < evidence.CERTAIN and all(one.group != VARIANT for one, _ in found):
            other = (
                moved(case, observed, expected)
                or stale(case, quantity, observed, expected, before, flush)
                or misread(case, quantity, observed, expected, flush)
                or tail(case, quantity, observed, expected)
            )
            if other and other[1] > surest:
                return Diagnosis.of(*other)
        names = [*filter(None, [zeros]), *dict.fromkeys(one.says for one, _ in found)]
        if not names:
            return Diagnosis(pattern=error_pattern(case, observed, expected))
    return Diagnosis(tuple(names), surest < evidence.CERTAIN and not zeros)


def _tied(found: Iterator[tuple[Candidate, float]]) -> list[tuple[Candidate, float]]:
    """Those that fit equally: all readings of their own, and of others those with the very numbers of the first."""
    tied: list[tuple[Candidate, float]] = []
    for one in found:
        own = one[0].group in (VARIANT, REWRITING)
        if not tied or own or np.array_equal(one[0].expected.value, tied[0][0].expected.value):
            tied.append(one)
    return tied


def _explaining(failing: Failing) -> Iterator[tuple[Candidate, float]]:
    """The candidates that `seen` meets and that say something, each with the bits that speak for it.

    All are of the first group that has any, or factors: the groups behind it are not computed. Of a training run, where
    each costs seconds, the first is all.
    """
    if towards_zero(failing.seen, failing.expected, failing.case.dtype) is not None:
        yield Candidate(TOWARDS_ZERO, failing.expected, ROUNDING), evidence.CERTAIN
        return
    named = ""
    for group, candidates in _groups(failing):
        if named and group not in (named, FACTOR):
            continue
        for one in candidates:
            if bits := _bits(one, failing):
                yield one, bits
                named = named or group
                if failing.case.formula.trajectory:
                    return


def _bits(one: Candidate, failing: Failing) -> float:
    """What speaks for a candidate; 0 where it is not met, where much else would meet it, or they are few."""
    case, expected = failing.case, failing.expected
    accuracy = one.group in (ACCUMULATED, ACCURACY)
    told = one.group == REWRITING or _bounded(one.expected, expected)  # of a rewriting, places tell
    judged = judge(failing.seen, one.expected, case.dtype)
    if not told or judged.grade != "conforms":
        return 0.0
    bits = one.own or evidence.bits(one.expected, expected, case.dtype) - one.cost
    if one.refuted and bits < evidence.CERTAIN:
        return 0.0
    vague = accuracy and bits < evidence.CERTAIN  # its numbers do not tell, all of which would be of that format
    if vague and (evidence.meets_most(one.expected, case) or surprising(judged, failing.seen, expected)):
        return 0.0
    return bits if bits >= evidence.POSSIBLE and not evidence.empty(one.expected, case, accuracy) else 0.0


def _accuracy(one: Failing, dtype: str) -> float:
    """The bits for a computation in a dtype, of an observation that it might have made: that what is off looks like it.

    An error of some size has that size for any reason. A narrower dtype shows in that the numbers are those of its
    format; or, where the case's own came after it, in that the errors are as those of such roundings. So they are where
    the case's own dtype is that in which sums are added up.
    """
    case, seen, expected, digits = one.case, one.seen, one.expected, DTYPES[dtype].digits
    if not evidence.as_accurate(seen, expected, digits):
        return 0.0
    if digits < case.dtype.digits:
        held = {name: _in_format(one, name) for name in reversed(DTYPES) if name in narrower(case.dtype)}
        if any(held.values()):
            return held[dtype] if dtype == next(name for name, bits in held.items() if bits) else 0.0
    if unlike_rounding(case, seen, expected) or not scattered(case, seen, expected, digits):
        return 0.0
    return evidence.POSSIBLE


def _in_format(one: Failing, dtype: str) -> float:
    fewer = one.case.dtype.digits - DTYPES[dtype].digits
    return evidence.in_format(one.seen, ROUNDINGS[dtype](one.seen), one.expected, fewer)


def _bounded(candidate: Expected, expected: Expected) -> bool:
    """Whether the candidate says anything: where its budget is infinite, everything meets it.

    Where it is NaN nothing but NaN does; but of half of the elements it must know a number. The steps of a training
    run that it cannot foresee are met by everything too: most of those judged must be among the others.
    """
    far = 2 * (candidate.steps or 0) >= (expected.steps or 0)
    told, nothing = np.isfinite(candidate.judged.hard), np.isnan(candidate.judged.value)
    return far and bool((told | nothing).all() and 2 * nothing.sum() <= nothing.size)


def _groups(one: Failing) -> Iterator[tuple[str, Iterator[Candidate]]]:
    """The groups in the order in which they are tried, their candidates computed as they are asked for."""
    yield VARIANT, _variants(one)
    yield FACTOR, _factor(one, simple=True)
    if narrow(one.case.dtype.name):
        yield ACCUMULATED, _accumulated(one)
        yield IN_LANES, _in_lanes(one)
    yield PRECISION, _rounded_inputs(one)
    yield PRECISION, _rounded_result(one)
    yield FACTOR, _factor(one, simple=False)
    if not one.case.formula.trajectory:  # there anything that changes a step a little is as far off as a narrow format
        yield REWRITING, _rewritten(one)
        yield ACCURACY, _narrow(one)


def _variants(one: Failing) -> Iterator[Candidate]:
    for variant in one.case.formula.variants.values():
        if found := one.nearer(variant.says, variant=variant.set):
            refuted = one.refuted(variant.says, variant.set)
            yield Candidate(variant.says + NOT_THE_OUTPUT * refuted, found, VARIANT, refuted=refuted)
    if one.family in DIRECTIONS and not one.case.formula.composition:
        yield from _without(one, *DIRECTIONS[one.family])


def _without(one: Failing, directions: str, says: str) -> Iterator[Candidate]:
    """The derivatives as if one of several outputs, or inputs, had no part in them."""
    case, given = one.case, getattr(one.case, directions)
    names = (case.formula, case.signature, case.dataset, case.dtype, case.salt, case.inputs)
    both = {"cotangents": case.cotangents, "tangents": case.tangents}
    for name, direction in given.items() if len(given) > 1 else ():
        lost = Moving(*names, *(both | {directions: {**given, name: np.zeros_like(direction)}}).values())
        key = (one.family, directions, name)
        value = alternatives.once(case, key, partial(numbers, lost, one.family, wide, {}))[one.quantity]
        if evidence.nearer(one.seen, value, one.expected):
            asked = partial(expect, lost, one.family, flush=one.flush)
            found = alternatives.once(case, (*key, one.flush), asked)[one.quantity]
            yield Candidate(says.format(name), found, VARIANT)


def _accumulated(one: Failing) -> Iterator[Candidate]:
    """Sums in the half precision of the case, where float32 is promised: any order, as far as a bound holds."""
    if bits := _accuracy(one, one.case.dtype.name):
        found = one.expect(_accumulates(one), flush=one.flush, model=NARROW)
        yield Candidate(_accumulates(one), found, ACCUMULATED, own=bits)


def _in_lanes(one: Failing) -> Iterator[Candidate]:
    """And in the order of the index, in so many lanes, from which a kernel may be no further than a correct one.

    A sum that stops growing is told by that alone.
    """
    for lanes in LANES:
        value = alternatives.rounded(one.case, one.family, one.flush, lanes)[one.quantity]
        yield Candidate(_accumulates(one), replace(one.expected, value=value, low=0.0), IN_LANES)


def _accumulates(one: Failing) -> str:
    return f"accumulates in {one.case.dtype.name}"


def _rounded_inputs(one: Failing) -> Iterator[Candidate]:
    for name in narrower(one.case.dtype):
        if found := one.nearer(f"in {name}", rounding=ROUNDINGS[name]):
            yield Candidate(f"{one.case.dtype.name} inputs rounded to {name}", found, PRECISION)


def _rounded_result(one: Failing) -> Iterator[Candidate]:
    """All numbers seen are those of a narrower format, and as near as that format comes."""
    seen, expected = one.seen, one.expected
    for name in reversed(narrower(one.case.dtype)):
        rounded = ROUNDINGS[name](seen)
        if seen.size > 1 and np.array_equal(rounded, seen.astype(np.float64)) and np.count_nonzero(seen):
            unit, digits = (2.0**-11, 11) if "TF32" in name else (DTYPES[name].unit, DTYPES[name].digits)
            slack = unit * np.abs(expected.value)
            found = Expected(expected.value, expected.hard + slack, np.hypot(expected.sharp, slack))
            own = evidence.on_grid(seen, digits, one.case.dtype)
            yield Candidate(f"the result was rounded to {name}", found, PRECISION, own=own)


def _rewritten(one: Failing) -> Iterator[Candidate]:
    """The strictest first."""
    codes = one.case.formula.rewritings.values()
    found = {code.says: one.expect(code.says, flush=one.flush, variant=code.set) for code in codes}
    for says, other in sorted(found.items(), key=lambda pair: float(np.sum(pair[1].judged.sharp))):
        own = evidence.placed(one.seen, other, one.expected, one.case.dtype)
        yield Candidate(says, other, REWRITING, own=own)


def _narrow(one: Failing) -> Iterator[Candidate]:
    for name in (name for name, dtype in DTYPES.items() if dtype.digits < one.case.dtype.digits):
        if bits := _accuracy(one, name):
            inside = Arithmetic(DTYPES[name].unit, DTYPES[name].step, DTYPES[name].largest, lambda value: False)
            says = f"narrow {name}"
            found = one.expect(says, numbers=inside)
            if bits >= evidence.CERTAIN or _together(
                one, alternatives.expect(one.case, one.family, says, numbers=inside)
            ):
                yield Candidate(f"as accurate as a computation in {name}", found, ACCURACY, own=bits)


def _together(one: Failing, narrow: Mapping[str, Expected]) -> bool:
    """Whether all that was computed together with it is right, or may be off by what a format rounds as well."""
    others = {name: y for name, y in one.beside.items() if name in narrow and name != one.quantity}
    truth = alternatives.expect(one.case, one.family, "as it is", flush=one.flush) if others else {}
    return all(
        not isinstance(y, np.ndarray)
        or judge(y, truth[name], one.case.dtype).grade == "conforms"
        or (judge(y, narrow[name], one.case.dtype).grade == "conforms" and not elsewhere_right(y, truth[name]))
        for name, y in others.items()
    )


def _factor(one: Failing, simple: bool) -> Iterator[Candidate]:
    """The right numbers times a constant, rounded once more: a simple fraction where one fits, else what fits best."""
    expected, unit = one.expected, one.case.dtype.unit
    x, y = expected.value, one.seen.astype(np.float64)
    squares = float(np.vdot(x, x))
    if not squares or not np.isfinite(y).all():  # of subnormal numbers of float64 they are 0 too
        return
    sharp = np.hypot(expected.sharp, unit * np.abs(x))
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

"""The diagnosis of special values: what puts just these NaN, infinities and zeros where others are right.

Tried are the formula's variants and its other codes, as they are and with every operation rounded, so that they
overflow; what the formula gives where one thing stands for another in its inputs, as 0 for NaN or the largest number
for an infinity; and the right result with such a thing in the place of another. All that fit are named, as surely as
the number of elements tells. Where nothing does, the kinds say what is wrong; of ordinary numbers `judge.diagnosis`
knows more.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial
from types import MappingProxyType
from typing import Any

import numpy as np

from nnparity.expect.alternatives import alternatives, numbers, wide
from nnparity.expect.budgets import expect
from nnparity.expect.evaluation import Lift
from nnparity.expect.expected import Expected
from nnparity.expect.precision_models import arithmetic, narrow, unlimited
from nnparity.judge import evidence
from nnparity.judge.answer_patterns import pattern
from nnparity.judge.diagnosis import Diagnosis, diagnosed
from nnparity.judge.elements import Array, element_ratios
from nnparity.judge.error_patterns import FEW, between, confined, error_pattern
from nnparity.judge.grades import form
from nnparity.judge.special_values.rules import decided
from nnparity.reference.readings.rounded import on
from nnparity.spec import Case
from nnparity.spec.given import Given

#: What an element tells that is NaN, an infinity of either sign or 0, in bits: one of these or another number.
KIND = math.log2(5)
#: Names that are told, at most.
TOLD = 3
#: The kinds of what is no number.
NO_NUMBER = ("NaN", "inf", "-inf")
#: Roundings that a number may be off which no budget is known of.
ROUNDINGS = 8


@dataclass(frozen=True)
class Instead:
    """What is put in the place of all numbers of a kind."""

    says: str
    there: Callable[[Array], Array]
    #: The number in that place, of the numbers that were there and the largest of the dtype.
    put: Callable[[Array, float], Any]

    def __call__(self, x: Array, largest: float) -> Array:
        """The numbers, those of the kind exchanged."""
        return np.where(self.there(x), self.put(x, largest), x)


def _either(x: Array) -> Array:
    """Where there are both NaN and infinities; of one of them alone the others speak."""
    both = np.isnan(x).any() and np.isinf(x).any()
    return np.asarray(both & ~np.isfinite(x))


def _as_numbers(x: Array, largest: float) -> Any:
    return np.where(np.isnan(x), 0.0, np.sign(x) * largest)


#: What may be taken for another thing on the way in, and what may become another on the way out.
TAKEN = (
    Instead("NaN in {} taken for 0", np.isnan, lambda x, _: 0.0),
    Instead("NaN in {} taken for -inf", np.isnan, lambda x, _: -np.inf),
    Instead("NaN in {} taken for inf", np.isnan, lambda x, _: np.inf),
    Instead("infinities in {} taken for the largest numbers", np.isinf, lambda x, most: np.sign(x) * most),
    Instead("infinities in {} taken for 0", np.isinf, lambda x, _: 0.0),
    Instead("-inf in {} taken for -10,000", np.isneginf, lambda x, _: -1e4),
    Instead("-inf in {} taken for -1e9", np.isneginf, lambda x, _: -1e9),
    Instead("NaN in {} taken for 0 and infinities for the largest numbers", _either, _as_numbers),
)
BECAME = (
    Instead("what is NaN in the result became 0", np.isnan, lambda x, _: 0.0),
    Instead("infinities of the result became the largest numbers", np.isinf, lambda x, most: np.sign(x) * most),
    Instead("infinities of the result became NaN", np.isinf, lambda x, _: np.nan),
    Instead("what is NaN in the result became 0, infinities the largest numbers", _either, _as_numbers),
)


@dataclass(frozen=True)
class Failing:
    """A quantity of a special case that is none of what is permitted."""

    case: Case
    quantity: str
    seen: Array
    truth: Expected
    flush: bool

    @property
    def family(self) -> frozenset[str]:
        """That of the quantity."""
        return frozenset({self.quantity.partition(".")[0]})

    @cached_property
    def wrong(self) -> Array:
        """Which elements are."""
        return np.asarray(element_ratios(self.seen, self.truth, self.case.dtype) > 1)

    def value(self, says: str, case: Case, lift: Lift, variant: Mapping[str, Any]) -> Array:
        """What a reading of another case, or a variant, gives in the dtype of the case."""
        make = partial(numbers, case, self.family, lift, variant)
        found = alternatives.once(self.case, (self.family, says, wide), make)[self.quantity]
        return np.asarray(found.astype(self.case.dtype.numpy).astype(np.float64))

    def expected(self, says: str, case: Case, variant: Mapping[str, Any]) -> Expected:
        """The same with budgets, where nothing overflows that does not in the numbers themselves."""
        limits = unlimited(arithmetic(case.dtype.name, self.flush))
        make = partial(expect, case, self.family, flush=self.flush, variant=dict(variant), numbers=limits)
        return decided(alternatives.once(self.case, (self.family, says, self.flush, unlimited), make)[self.quantity])


def diagnosed_special(
    case: Case,
    quantity: str,
    seen: Array,
    truth: Expected,
    flush: bool,
    beside: Mapping[str, Any] = MappingProxyType({}),
) -> Diagnosis:
    """All that explains `seen`, which is none of what is permitted, and how surely; or what is wrong with it, by kinds.

    `truth` is the nearest of what is permitted, `beside` all that came of the same case.
    """
    if wrong := form(seen, truth, case.dtype):
        return Diagnosis(pattern=wrong)
    with np.errstate(all="ignore"):
        one = Failing(case, quantity, seen, truth, flush)
        bits = {says: _bits(one, expected) for says, expected in (*_variants(one), *_taken(one), *_became(one))}
        told = [says for says, some in bits.items() if some >= evidence.POSSIBLE][:TOLD]
        if zeros := pattern(case, quantity, seen, truth):
            return Diagnosis((zeros, *told))
        if told:
            return Diagnosis(tuple(told), likely=max(bits.values()) < evidence.CERTAIN)
        if np.isfinite(seen.astype(np.float64)).all() and np.isfinite(truth.value).all():
            ordinary = diagnosed(case, quantity, seen, truth, flush, beside=beside)
            return ordinary if ordinary.names else replace(ordinary, pattern=_at_zeros(one) or ordinary.pattern)
        return Diagnosis(pattern=_by_kinds(one) or error_pattern(case, seen, truth))


def _variants(one: Failing) -> Iterator[tuple[str, Expected]]:
    """The variants and codes of the formula; of a composition, which has many and takes long, none."""
    formula = one.case.formula
    readings = {} if formula.composition else {**formula.variants, **formula.rewritings}
    for reading in readings.values():
        if _same_kinds(one.seen, one.value(reading.says, one.case, wide, reading.set)):
            yield reading.says, one.expected(reading.says, one.case, reading.set)
            continue
        dtype = "float32" if narrow(one.case.dtype.name) else one.case.dtype.name
        machine = one.value(f"{reading.says} in {dtype}", one.case, on(dtype, one.flush, 1), reading.set)
        yield f"{reading.says}, which overflows", _near(one, machine)


def _taken(one: Failing) -> Iterator[tuple[str, Expected]]:
    """What the formula gives of other numbers in the place of special ones, in one input or in all."""
    case, largest = one.case, one.case.dtype.largest
    inputs = [name for name, x in case.inputs.items() if not case.formula.integer(name) and x.size]
    for instead in () if case.formula.composition else TAKEN:
        there = {name: x for name in inputs if instead.there(x := case.inputs[name].astype(np.float64)).any()}
        changed = {name: instead(x, largest).astype(case.dtype.numpy) for name, x in there.items()}
        for names in dict.fromkeys([*((name,) for name in changed), tuple(changed)]):
            says = instead.says.format(" and ".join(names))
            if names and all(not np.array_equal(changed[name], case.inputs[name]) for name in names):
                yield from _with(one, says, {name: changed[name] for name in names})


def _with(one: Failing, says: str, changed: Mapping[str, Array]) -> Iterator[tuple[str, Expected]]:
    case = one.case
    names = (case.formula, case.signature, case.dataset, case.dtype, f"{case.salt}-{says}")
    other = Given(*names, {**case.inputs, **changed}, case.cotangents)
    if _same_kinds(one.seen, one.value(says, other, wide, {})):
        yield says, one.expected(says, other, {})


def _became(one: Failing) -> Iterator[tuple[str, Expected]]:
    """The right result with another thing in the place of special ones."""
    truth = one.truth
    for instead in BECAME:
        if instead.there(truth.value).any():
            put = Expected(instead(truth.value, one.case.dtype.largest), truth.hard, truth.sharp, truth.low)
            yield instead.says, decided(put)


def _near(one: Failing, value: Array) -> Expected:
    """These numbers with the budgets of the right ones, where there are any."""
    there = np.isfinite(value) & np.isfinite(one.truth.value)
    own = ROUNDINGS * one.case.dtype.unit * np.abs(value)
    hard, sharp = (np.where(there, budget, own) for budget in (one.truth.hard, one.truth.sharp))
    return decided(Expected(np.where(there, one.truth.value, value), hard, sharp))


def _same_kinds(seen: Array, value: Array) -> bool:
    """Whether NaN and the infinities of either sign stand in the same places."""
    y = seen.astype(np.float64)
    same = seen.shape == value.shape and np.array_equal(np.isnan(y), np.isnan(value))
    return bool(same and np.array_equal(np.where(np.isinf(y), y, 0), np.where(np.isinf(value), value, 0)))


def _bits(one: Failing, expected: Expected) -> float:
    """What speaks for a candidate: of each wrong element its kind, or the digits of a number that it foretells.

    Nothing where it is not met, or leaves open what the wrong elements are; and little where what is right is as near.
    """
    wrong, dtype = one.wrong, one.case.dtype
    if np.isinf(expected.hard[wrong]).any() or not (element_ratios(one.seen, expected, dtype) <= 1).all():
        return 0.0
    value, right, budget = expected.value[wrong], one.truth.value[wrong], expected.sharp[wrong]
    known = np.isfinite(value) & np.isfinite(right)
    far = np.where(known, np.abs(value - right), np.where(value == 0, np.inf, np.abs(value)))
    told = np.log2(far / np.where(known, budget + one.truth.sharp[wrong], budget))
    most = np.where(np.isfinite(value) & (value != 0), float(dtype.digits), KIND)
    return float(np.clip(np.nan_to_num(told, nan=np.inf, posinf=np.inf), 0.0, most).sum())


def _by_kinds(one: Failing) -> str:
    """What stands where what is right, if that is the same wherever anything is wrong, and where that is."""
    wrong, largest = one.wrong, one.case.dtype.largest
    pairs = zip(one.seen.astype(np.float64)[wrong], one.truth.value[wrong], strict=True)
    kinds = {(_kind(y, largest), _kind(x, largest)) for y, x in pairs}
    if len(kinds) != 1:
        return ""
    ((y, x),) = kinds
    if y == x:
        return ""
    places = [str(place.tolist()) for place in np.argwhere(wrong)] if wrong.sum() <= FEW < wrong.size else []
    where = ", ".join(places) or confined(wrong)
    said = f"{y} where {x} is right, in {int(wrong.sum())} of {wrong.size} elements{f': {where}' if where else ''}"
    told = y in NO_NUMBER and x not in NO_NUMBER
    return said + (between(one.case, np.isnan(one.seen[wrong])) if told else "")


def _at_zeros(one: Failing) -> str:
    """All that is wrong stands where an input is 0, and all that stands there is: another choice than the formula's."""
    zeros = (name for name, x in one.case.inputs.items() if one.wrong.any() and np.array_equal(one.wrong, x == 0))
    return next((f"only where {name} is 0, and everywhere there" for name in zeros), "")


def _kind(value: float, largest: float) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    return "0" if value == 0 else "the largest number" if abs(value) == largest else "a number"

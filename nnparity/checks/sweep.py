"""Elementary functions exhaustively: every input of float16 and bfloat16, a dense sweep of float32 and float64.

One array holds them all, a power of two long, and an odd tail behind it that repeats some of them: a vector body and
the scalar code for what is left over must agree. Every element is held against the budget of the formula.
"""

import dataclasses
from collections.abc import Iterator
from functools import cache

import numpy as np

from nnparity.checks.common import Finding, first_order, judgeable, misshapen, unsupported
from nnparity.checks.inquiry import Found, Inquiry, saying
from nnparity.execute.observer import Observed
from nnparity.execute.requests import request
from nnparity.execute.target import Target
from nnparity.expect.budgets import expect
from nnparity.expect.expected import Expected
from nnparity.judge.elements import Array, element_ratios, first_element, spacing
from nnparity.judge.grades import Judgement, judge
from nnparity.judge.sensitivity import blind, resolution
from nnparity.judge.special_values.rules import decided
from nnparity.reports.records import OCTAVES, Fact, Number, Ulps, number
from nnparity.spec import DTYPES, Case, Dtype, Formula
from nnparity.spec.cases.special_values import resized
from nnparity.spec.cases.sweeps import TAIL, points
from nnparity.spec.given import Given
from nnparity.spec.loader import signatures
from nnparity.spec.schema import plain
from nnparity.spec.selection import Selection

TABLE = "elementary functions"
DATASET = "sweep"


def sweep(target: Target, formula: Formula, dtype: str, selection: Selection) -> Inquiry:
    """Finds a verdict on the outputs and one on the derivatives, where they are furthest off, and how far by octave."""
    case = sweep_case(formula, DTYPES[dtype])
    if reason := target.refuses(formula):
        return saying(unsupported(case, reason))
    quantities, flush = first_order(formula, selection.quantities), target.flushes[dtype]
    truth = cache(lambda: expected(case, quantities, flush))
    return Inquiry(
        lambda answers: _judged(target, case, truth(), answers[0]),
        [case],
        [(target.observer, [request(case, quantities)])],
        truth,
    )


def _judged(target: Target, case: Given, truth: dict[str, Expected], observed: Observed) -> Iterator[Found]:
    dtype = case.dtype.name
    told: list[str] = []
    for place, (quantity, one) in enumerate(judgeable(truth, observed).items()):
        seen = observed.observation.get(quantity)
        wrong = misshapen(seen, observed, one, case.dtype)
        judged = wrong or judgement(case, plain(quantity), seen, one, target.flushes[dtype])  # type: ignore[arg-type]
        if not wrong:
            judged = dataclasses.replace(judged, blind=blind(one), resolution=resolution(one, case.dtype))
        if quantity == "output" and isinstance(seen, np.ndarray) and not wrong:
            inputs, ulps = _ulps(case, seen, one, target.flushes[dtype])
            told.append(_furthest(case, seen, inputs, ulps))
            yield Ulps(case.formula.id, dtype, target.name, by_octave(inputs, ulps))
        took = () if place else (observed,)
        yield Finding(case, quantity, judged, took=took, seen=None if wrong else seen, truth=one)
    yield Fact(TABLE, f"{case.formula.id} {dtype}", target.name, "; ".join(told))


def sweep_case(formula: Formula, dtype: Dtype) -> Given:
    """All points in one row; every derivative is taken as it is, that is, the cotangent is 1."""
    x = points(dtype)[None]
    (name,) = formula.inputs
    signature = resized(formula, signatures(formula)[0], {"n": 1, "d": x.shape[1]})
    numbers, ones = {name: x}, {one: np.ones(x.shape, dtype.numpy) for one in formula.results}
    return Given(formula, signature, DATASET, dtype, "", numbers, ones)


def expected(case: Case, quantities: frozenset[str], flush: bool) -> dict[str, Expected]:
    """What the formula gives, by quantity."""
    return {name: decided(one) for name, one in expect(case, quantities, flush=flush).items()}


def answers(case: Case, quantity: str, truth: Expected, flush: bool) -> list[Expected]:
    """What the formula gives, and the other answers that the spec permits for some special value."""
    family = frozenset({quantity.partition(".")[0]})
    sets = [
        permit.set
        for permits in case.formula.permits.values()
        for permit in permits
        if permit.set and permit.covers(quantity)
    ]
    others = (expect(case, family, flush=flush, variant=one)[quantity] for one in sets)
    return [truth, *map(decided, others)]


def outside(case: Case, quantity: str, seen: Array, truth: Expected, flush: bool) -> Array:
    """Where an element is outside of the hard budgets of all that is right."""
    return _outside_of_all(seen, answers(case, quantity, truth, flush), case.dtype)


def _outside_of_all(seen: Array, right: list[Expected], dtype: Dtype) -> Array:
    return np.asarray(np.all([_off(seen, one, dtype) for one in right], axis=0))


def judgement(case: Case, quantity: str, seen: Array, truth: Expected, flush: bool) -> Judgement:
    """The budgets, wherever the formula decides: see the special values for NaN, and for the corner at 0."""
    with np.errstate(invalid="ignore"):  # signalling NaNs are among the inputs, and may come out
        judged = judge(seen, truth, case.dtype)
    if judged.grade == "conforms":
        return judged
    right = answers(case, quantity, truth, flush)
    if len(right) == 1:
        return judged
    wrong = _outside_of_all(seen, right, case.dtype)
    if wrong.any():
        return dataclasses.replace(judged, worst=first_element(wrong, seen, truth.value))
    with np.errstate(invalid="ignore"):
        settled = np.where(_off(seen, truth, case.dtype), truth.value.astype(seen.dtype), seen)
        return judge(settled, truth, case.dtype)


def _off(seen: Array, expected: Expected, dtype: Dtype) -> Array:
    """Where an element is outside of its hard budget."""
    return np.asarray(element_ratios(seen, expected, dtype) > 1)


def _ulps(case: Given, seen: Array, expected: Expected, flush: bool) -> tuple[Array, Array]:
    """The inputs, and the error of each output in units of the last place; NaN where that is no normal number."""
    (x,) = case.inputs.values()
    with np.errstate(all="ignore"):
        inputs, numbers = x.astype(np.float64), seen.astype(np.float64)
        ulps = np.abs(numbers - expected.value - expected.low) / spacing(expected.value, case.dtype)
        usual = np.isfinite(ulps) & (np.abs(expected.value) >= case.dtype.tiny)
        usual &= np.abs(inputs) >= (case.dtype.tiny if flush else 0)
    return inputs, np.where(usual, ulps, np.nan)


def _furthest(case: Given, seen: Array, inputs: Array, ulps: Array) -> str:
    """The largest error of an output, and at which input.

    Not of a derivative: what is left of 1 - y^2 in the tails of tanh says nothing about the kernel.
    """
    (x,) = case.inputs.values()
    largest = np.nan_to_num(ulps, nan=0.0)
    place = np.unravel_index(int(np.argmax(largest)), largest.shape)
    alike = "" if _tail_agrees(x[0], seen[0]) else ", the tail of the array otherwise than its body"
    return (f"{largest[place]:.3g} ulp at {inputs[place]:.9g}" if largest[place] else "exact") + alike


def by_octave(inputs: Array, ulps: Array) -> list[Number | None]:
    """The largest of each octave, as `Ulps` has them, to three digits."""
    least, most = OCTAVES
    told = ~np.isnan(ulps)
    x, errors = inputs[told], ulps[told]
    with np.errstate(divide="ignore"):
        exponents = np.clip(np.floor(np.log2(np.abs(x))), least - 1, most - 1)
    places = (most - least) + (np.sign(x) * (exponents - least + 1)).astype(int)
    found = [errors[places == place] for place in range(2 * (most - least) + 1)]
    return [number(float(f"{one.max():.3g}")) if one.size else None for one in found]


def _tail_agrees(x: Array, y: Array) -> bool:
    """Whether the last, left-over elements got what the same inputs got in the body, bit for bit."""
    body, tail = (np.ascontiguousarray(part).view(f"u{x.itemsize}") for part in (x[:-TAIL], x[-TAIL:]))
    twins = [np.flatnonzero(body == value)[-1] for value in tail]
    return y[-TAIL:].tobytes() == y[twins].tobytes()

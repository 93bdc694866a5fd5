"""Flush to zero: probed once with a dense layer, then required of every operation, all or nothing.

A target that keeps subnormal numbers must keep them everywhere. Where some of its operations flush and others keep,
the report says which, and all are judged by the weaker rule. Within one array it is never both: a vector body
that flushes beside a tail that does not `diverges`. So that no verdict depends on what else the plan asks for, a
target whose dense layer keeps them is asked for all formulas of the spec, and their gradients; verdicts are the plan's.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from nnparity.checks.common import Finding, alike, failure, first_order, judgeable, misshapen
from nnparity.execute.observer import Observed
from nnparity.execute.requests import request
from nnparity.execute.target import Target
from nnparity.expect.budgets import expect
from nnparity.expect.expected import Expected
from nnparity.judge.elements import Array, first_element
from nnparity.judge.grades import Judgement
from nnparity.judge.special_value_rules import settle
from nnparity.reports.records import Fact
from nnparity.spec import Case, Formula
from nnparity.spec.cases.special_values import special_case, specials_of
from nnparity.spec.loader import load
from nnparity.spec.schema import plain
from nnparity.spec.selection import Selection

DATASET = "subnormal"
TABLE = "properties"
FIRST_ORDER = ("output", "grad")
KEEPS, FLUSHES, BOTH = "kept", "flushed to zero", "both in one array"


@dataclass(frozen=True)
class Seen:
    """One quantity of a subnormal case: what the target does with such numbers, None where it cannot be told."""

    case: Case
    quantity: str
    observed: Observed
    first: bool
    does: str | None


def subnormals(
    target: Target, formulas: Sequence[Formula], dtype: str, selection: Selection
) -> Iterator[Finding | Fact]:
    """A verdict for each formula and quantity, and which formulas keep or flush."""
    probed = target.flushes[dtype]  # then the weaker rule is settled, and nothing else need be compiled
    quantities = selection.quantities if probed else FIRST_ORDER
    cases = [
        special_case(formula, DATASET, dtype, selection.salt)
        for formula in (formulas if probed else _parts())
        if DATASET in specials_of(formula) and not target.refuses(formula)
    ]
    target.observer.submit(
        [request(case, first_order(case.formula, quantities), alike(case, selection)) for case in cases]
    )
    seen = [
        one
        for case, observed in zip(cases, list(target.observer.collect()), strict=True)
        for one in _seen(case, observed, first_order(case.formula, quantities))
    ]
    flush = probed or any(one.does in (FLUSHES, BOTH) for one in seen)
    for one in seen:
        if one.case.formula in formulas and _asked(one.quantity, selection):
            yield Finding(
                one.case,
                one.quantity,
                _judged(target, one, flush, first_order(one.case.formula, quantities)),
                note=_note(one, probed),
                seconds=one.observed.seconds if one.first else 0.0,
            )
    yield Fact(TABLE, f"subnormals {dtype}", target.name, _summed(seen, probed))


def _parts() -> list[Formula]:
    """All formulas of the spec but the compositions, as in `checks.items`."""
    return [formula for formula in load().values() if not formula.composition]


def _asked(quantity: str, selection: Selection) -> bool:
    """Whether the plan asks for it; the output that comes with the gradients, where it asks for both."""
    family = quantity.partition(".")[0]
    return family in selection.quantities and (plain(quantity) == quantity or "grad" in selection.quantities)


def _seen(case: Case, observed: Observed, asked: frozenset[str]) -> Iterator[Seen]:
    for place, (quantity, kept) in enumerate(judgeable(expect(case, asked), observed).items()):
        array = observed.observation.get(quantity)
        does = None if misshapen(array, observed, kept, case.dtype) else does_with(array, kept, case)  # type: ignore[arg-type]
        yield Seen(case, quantity, observed, place == 0, does)


def does_with(seen: Array, kept: Expected, case: Case) -> str | None:
    """What a target does with them, told by the elements that are subnormal and further from zero than any rounding."""
    telling = (np.abs(kept.value) < case.dtype.tiny) & (np.abs(kept.value) > 2 * kept.hard)
    if not telling.any():
        return None
    zero = seen[telling] == 0
    return FLUSHES if zero.all() else BOTH if zero.any() else KEEPS


def _judged(target: Target, one: Seen, flush: bool, asked: frozenset[str]) -> Judgement:
    array = one.observed.observation.get(one.quantity)
    if wrong := failure(array, one.observed):
        return wrong
    model = target.model(one.case.formula.id, one.case.dtype.name, plain(one.quantity))
    judged, _ = settle(one.case, plain(one.quantity), array, flush, asked, model)  # type: ignore[arg-type]
    if one.does == BOTH and judged.grade == "conforms":
        kept = expect(one.case, frozenset({one.quantity.partition(".")[0]}))[plain(one.quantity)]
        worst = first_element((array == 0) & (kept.value != 0), array, kept.value)  # type: ignore[arg-type]
        return Judgement("diverges", judged.hard, judged.sharp, worst=worst, message=f"subnormals: {BOTH}")
    return judged


def _note(one: Seen, probed: bool) -> str | None:
    """What a formula does otherwise than the dense layer of the probe."""
    other = KEEPS if probed else FLUSHES
    return f"subnormals {one.does}, unlike in the dense layer" if one.does == other else None


def _summed(seen: Sequence[Seen], probed: bool) -> str:
    """All formulas of one target and dtype, in one cell."""
    by = {
        does: list(dict.fromkeys(one.case.formula.id for one in seen if one.does == does))
        for does in (KEEPS, FLUSHES, BOTH)
    }
    told = [(does, names) for does, names in by.items() if names]
    if len(told) <= 1:
        return f"{told[0][0] if told else FLUSHES if probed else KEEPS}: all formulas"
    return "; ".join(f"{does}: {', '.join(names)}" for does, names in told)

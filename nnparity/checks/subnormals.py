"""Flush to zero: probed once (see `subnormal_probe`), then required of every operation, all or nothing.

A target that keeps subnormal numbers must keep them everywhere. Where some of its operations flush and others keep,
the report says which, and all are judged by the weaker rule; but what an array keeps must be right, whatever others do.
Within one array it is never both: a vector body that flushes beside a tail that does not `diverges`. So that no
verdict depends on what else the plan asks for, a target whose probe keeps them is asked for all formulas of the
primer, and their gradients; verdicts are the plan's. A pack's formulas are not asked for where a plan has none of them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from nnparity.checks.common import Finding, alike, failure, first_order, judgeable, misshapen
from nnparity.checks.inquiry import Found, Inquiry
from nnparity.execute.observer import Observed
from nnparity.execute.requests import request
from nnparity.execute.subnormal_probe import probe
from nnparity.execute.target import Target
from nnparity.expect.budgets import expect
from nnparity.expect.expected import Expected
from nnparity.judge.elements import Array, first_element
from nnparity.judge.grades import Judgement, judge
from nnparity.judge.special_values.rules import Settled, accepted, settle
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
    #: What was asked of the case.
    asked: frozenset[str]
    first: bool
    does: str | None
    #: What is expected of who keeps them.
    kept: Expected


def subnormals(target: Target, formulas: Sequence[Formula], dtype: str, selection: Selection) -> Inquiry:
    """Finds a verdict for each formula and quantity, and which formulas keep or flush."""
    probed = target.flushes[dtype]  # then the weaker rule is settled, and nothing else need be compiled
    quantities = selection.quantities if probed else FIRST_ORDER
    cases = [
        special_case(formula, DATASET, dtype, selection.salt)
        for formula in (formulas if probed else _parts(formulas))
        if DATASET in specials_of(formula) and dtype in formula.dtypes and not target.refuses(formula)
    ]
    asked = [first_order(case.formula, quantities) for case in cases]
    requests = [request(case, own, alike(case, selection)) for case, own in zip(cases, asked, strict=True)]

    def judged(answers: Sequence[Observed]) -> Iterator[Found]:
        together = zip(cases, answers, asked, strict=True)
        seen = [one for case, observed, own in together for one in _seen(case, observed, own)]
        yield from _judged(target, seen, formulas, probed, selection)
        yield Fact(TABLE, f"subnormals {dtype}", target.name, _summed(seen, probed))

    planned = [case for case in cases if case.formula in formulas]  # of the others no verdict is told
    return Inquiry(judged, [*planned, *cases], [(target.observer, requests)])


def _judged(
    target: Target, seen: Sequence[Seen], formulas: Sequence[Formula], probed: bool, selection: Selection
) -> Iterator[Finding]:
    flush = probed or any(one.does in (FLUSHES, BOTH) for one in seen)
    by = probe(target.observer.info)
    for one in seen:
        if one.case.formula in formulas and _asked(one.quantity, selection):
            found = _settled(target, one, flush)
            yield Finding(
                one.case,
                one.quantity,
                found.judgement,
                note=_note(one, probed, by),
                took=(one.observed,) if one.first else (),
                seen=found.seen,
                truth=found.truth,
            )


def _parts(formulas: Sequence[Formula]) -> list[Formula]:
    """All formulas of the primer but the compositions, as in `checks.items`, and those of the plan that packs have."""
    primers = [formula for formula in load().values() if not (formula.composition or formula.pack)]
    return primers + [formula for formula in formulas if formula.pack]


def _asked(quantity: str, selection: Selection) -> bool:
    """Whether the plan asks for it; the output that comes with the gradients, where it asks for both."""
    family = quantity.partition(".")[0]
    return family in selection.quantities and (plain(quantity) == quantity or "grad" in selection.quantities)


def _seen(case: Case, observed: Observed, asked: frozenset[str]) -> Iterator[Seen]:
    for place, (quantity, kept) in enumerate(judgeable(expect(case, asked), observed).items()):
        array = observed.observation.get(quantity)
        does = None if misshapen(array, observed, kept, case.dtype) else does_with(array, kept, case)  # type: ignore[arg-type]
        yield Seen(case, quantity, observed, asked, place == 0, does, kept)


def does_with(seen: Array, kept: Expected, case: Case) -> str | None:
    """What a target does with them, told by the elements that are subnormal and further from zero than any rounding."""
    telling = _telling(kept, case)
    if not telling.any():
        return None
    zero = seen[telling] == 0
    return FLUSHES if zero.all() else BOTH if zero.any() else KEEPS


def _telling(kept: Expected, case: Case) -> Array:
    return np.asarray((np.abs(kept.value) < case.dtype.tiny) & (np.abs(kept.value) > 2 * kept.hard))


def _settled(target: Target, one: Seen, flush: bool) -> Settled:
    array = one.observed.observation.get(one.quantity)
    if wrong := failure(array, one.observed):
        return Settled(wrong)
    assert isinstance(array, np.ndarray)
    quantity = plain(one.quantity)
    model = target.model(one.case.formula.id, one.case.dtype.name, quantity)
    found = settle(one.case, quantity, array, flush, one.asked, model)
    if found.judgement.grade != "conforms":
        return found
    if one.does == BOTH:
        worst = first_element((array == 0) & (one.kept.value != 0), array, one.kept.value)
        hard, sharp = found.judgement.hard, found.judgement.sharp
        return Settled(Judgement("diverges", hard, sharp, worst=worst, message=f"subnormals: {BOTH}"))
    if one.does == KEEPS and flush:
        return _wrongly_kept(array, one, model) or found
    return found


def _wrongly_kept(array: Array, one: Seen, model: str) -> Settled | None:
    """What is wrong with the subnormal numbers that were kept, by the rule for those who keep them; None if nothing."""
    case, telling, wrong = one.case, _telling(one.kept, one.case), []
    for truth, _ in accepted(case, plain(one.quantity), False, one.asked, model):
        hard, sharp = (np.where(telling, budget, np.inf) for budget in (truth.hard, truth.sharp))
        only = replace(truth, hard=hard, sharp=sharp)
        judged = judge(array, only, case.dtype)
        if judged.grade == "conforms":
            return None
        wrong.append(Settled(judged, None, only, array))
    return min(wrong, key=lambda found: found.judgement.hard or 0.0)


def _note(one: Seen, probed: bool, by: str | None) -> str | None:
    """What a formula does otherwise than that of the probe."""
    other, probing = KEEPS if probed else FLUSHES, "the dense layer" if by == "dense" else by
    return f"subnormals {one.does}, unlike in {probing}" if by and one.does == other else None


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

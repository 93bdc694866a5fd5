"""Special values: what a target makes of NaN, infinities, zeros, ties, largest numbers, empty and tiny arrays.

Structure does not depend on the dtype: empty batches and dimensions of size one, each alone and all together, or all of
one size, are asked in one dtype only.
"""

from collections.abc import Iterator, Sequence

from nnparity.checks.common import (
    Finding,
    alike,
    failure,
    first_line,
    first_order,
    judgeable,
    raised,
    refused,
    representative,
    unsupported,
)
from nnparity.checks.comparison import CellText
from nnparity.checks.inquiry import Found, Inquiry, saying
from nnparity.execute.observer import Observed
from nnparity.execute.requests import request
from nnparity.execute.target import Target
from nnparity.judge.elements import Array, fingerprint
from nnparity.judge.grades import Judgement
from nnparity.judge.special_values.rules import Settled, expected, permits, settle
from nnparity.reports.records import Fact, Number
from nnparity.spec import Case, Formula
from nnparity.spec.cases.special_values import special, special_case, specials_of
from nnparity.spec.schema import plain
from nnparity.spec.selection import Selection

TABLE = "special values"
PLAIN = "as the formula says"


def special_values(target: Target, formula: Formula, selection: Selection) -> Inquiry:
    """Finds a verdict for each special case and quantity, and one cell that sums them up."""
    cases = special_cases(formula, selection)
    if reason := target.refuses(formula):
        return saying(unsupported(cases[0], reason))
    quantities = first_order(formula, selection.quantities)
    return Inquiry(
        lambda answers: _judged(target, cases, quantities, selection, answers),
        cases,
        [(target.observer, [request(case, quantities, alike(case, selection)) for case in cases])],
        lambda: [expected(case, quantities, target.flushes[case.dtype.name], None, "") for case in cases],
    )


def _judged(
    target: Target, cases: list[Case], quantities: frozenset[str], selection: Selection, answers: Sequence[Observed]
) -> Iterator[Found]:
    words = CellText(selection.dtypes)
    for case, observed in zip(cases, answers, strict=True):
        for found in findings(target, case, observed, quantities):
            words.add(case.dataset, _saying(found), case.dtype.name)
            yield found
    yield Fact(TABLE, cases[0].formula.id, target.name, words.text(PLAIN))


def special_cases(formula: Formula, selection: Selection) -> list[Case]:
    """The special cases of a formula in the dtypes of a selection; those of sizes alone in one of them."""
    names = [name for name in specials_of(formula) if name != "subnormal"]
    return [
        special_case(formula, name, dtype, selection.salt)
        for dtype in selection.dtypes
        for name in names
        if dtype == representative(selection) or not special(name).structural
    ]


def findings(target: Target, case: Case, observed: Observed, asked: frozenset[str]) -> Iterator[Finding]:
    """What is found of one special case, a finding for each quantity."""
    flush = target.flushes[case.dtype.name]
    for place, quantity in enumerate(judgeable(expected(case, asked, flush, None, ""), observed)):
        seen = observed.observation.get(quantity)
        wrong = failure(seen, observed)
        found = (
            _refusal(case, plain(quantity), wrong, seen)
            if wrong
            else _settled(target, case, plain(quantity), seen, asked)  # type: ignore[arg-type]
        )
        took = () if place else (observed,)
        told = (found.judgement, found.note, took, fingerprint(seen), found.seen, found.truth)
        yield Finding(case, quantity, *told, ordinary=_ordinary(case), beside=observed.observation)


def _ordinary(case: Case) -> bool:
    """Whether only the sizes are special, and there are numbers at all."""
    return special(case.dataset).structural and all(array.size for array in case.inputs.values())


def _settled(target: Target, case: Case, quantity: str, seen: Array, asked: frozenset[str]) -> Settled:
    model = target.model(case.formula.id, case.dtype.name, quantity)
    return settle(case, quantity, seen, target.flushes[case.dtype.name], asked, model)


def _refusal(case: Case, quantity: str, judged: Judgement, seen: object) -> Settled:
    """Who raises where the spec permits it conforms. See `refused` for empty arrays."""
    says = next((permit.says for _, permit in permits(case, quantity) if permit.raises), None)
    if raised(seen) and says:
        return Settled(Judgement("conforms"), says)
    return Settled(refused(judged, seen, case) or judged)


def _saying(found: Finding) -> str:
    """A finding in the fewest words."""
    judged = found.judgement
    if judged.grade == "conforms":
        return found.note or PLAIN
    told = first_line(judged.message) if judged.grade != "diverges" or judged.worst is None else ""
    where = f"{found.quantity} {judged.grade}"
    if judged.grade == "inconclusive":  # which wrong answers would conform, the verdict says
        return where
    if judged.worst:
        return f"{where}: {_short(judged.worst.observed)} instead of {_short(judged.worst.expected)}"
    return f"{where}: {told}" if told else where


def _short(value: Number) -> str:
    return value if isinstance(value, str) else f"{value:.6g}"

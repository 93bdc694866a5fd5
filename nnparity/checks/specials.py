"""Special values: what a target makes of NaN, infinities, zeros, ties, largest numbers, empty and tiny arrays.

Structure does not depend on the dtype: empty batches and dimensions of size one are asked in one dtype only.
"""

from collections.abc import Iterator

from nnparity.checks.ask import amiss, families, first_line, request, unsupported
from nnparity.checks.exact import Answer, expected, permits, settle
from nnparity.checks.words import Words
from nnparity.judge import Judgement
from nnparity.observe import Observed
from nnparity.plan import Plan
from nnparity.reports.records import Fact, Line, Number, Verdict
from nnparity.run import Target, as_verdict
from nnparity.spec import Case, Formula
from nnparity.spec.specials import SPECIALS, special_case, specials_of

TABLE = "special values"
PLAIN = "as the formula says"


def special_values(target: Target, formula: Formula, plan: Plan) -> Iterator[Line]:
    """A verdict for each special case and quantity; one cell that sums them up."""
    words = Words(plan.dtypes)
    cases = _cases(formula, plan)
    if reason := target.refuses(formula):
        yield unsupported(target, cases[0], reason)
        return
    quantities = frozenset(plan.quantities)
    target.observer.submit([request(case, quantities) for case in cases])
    for case in cases:  # while the target works
        expected(case, families(formula, quantities), target.flushes[case.dtype.name], None, "")
    for case, observed in zip(cases, target.observer.collect(), strict=True):
        for line in _verdicts(target, case, observed, families(formula, quantities)):
            words.add(case.dataset, _saying(line), case.dtype.name)
            yield line
    yield Fact(TABLE, formula.id, target.name, words.text(PLAIN))


def _cases(formula: Formula, plan: Plan) -> list[Case]:
    names = [name for name in specials_of(formula) if name != "subnormal"]
    return [
        special_case(formula, name, dtype, plan.salt)
        for place, dtype in enumerate(plan.dtypes)
        for name in names
        if not (place and SPECIALS[name].sizes)
    ]


def _verdicts(target: Target, case: Case, observed: Observed, asked: frozenset[str]) -> Iterator[Verdict]:
    flush = target.flushes[case.dtype.name]
    for place, quantity in enumerate(expected(case, asked, flush, None, "")):
        seen = observed.observation.get(quantity)
        wrong = amiss(seen, observed)
        judged, note = (
            _refusal(case, quantity, wrong) if wrong else settle(case, quantity, seen, flush, asked)  # type: ignore[arg-type]
        )
        yield as_verdict(target, case, quantity, judged, note=note, seconds=0.0 if place else observed.seconds)


def _refusal(case: Case, quantity: str, judged: Judgement) -> Answer:
    """Who raises where the spec permits it conforms. For an empty batch, it says loudly that it has no answer."""
    raised = judged.grade == "error"
    says = next((permit.says for _, permit in permits(case, quantity) if permit.raises), None)
    if raised and says:
        return Judgement("conforms"), says
    if raised and case.dataset == "empty":
        return Judgement("unsupported", message=f"refuses an empty batch: {first_line(judged.message)}"), None
    return judged, None


def _saying(line: Verdict) -> str:
    """A verdict in the fewest words."""
    if line.grade == "conforms":
        return line.note or PLAIN
    told = first_line(line.message) if line.grade != "diverges" or line.worst is None else ""
    where = f"{line.quantity} {line.grade}"
    if line.worst:
        return f"{where}: {_short(line.worst.observed)} instead of {_short(line.worst.expected)}"
    return f"{where}: {told}" if told else where


def _short(value: Number) -> str:
    return value if isinstance(value, str) else f"{value:.6g}"

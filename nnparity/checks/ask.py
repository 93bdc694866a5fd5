"""What all checks share: a case with given numbers, asked of a target, and what came back."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from nnparity.adapters.request import Failure, Request
from nnparity.judge import Judgement
from nnparity.observe import Observed, Observer
from nnparity.plan import Plan
from nnparity.reports.records import Verdict
from nnparity.run import Target, as_verdict
from nnparity.spec import Case
from nnparity.spec.cases import Arrays
from nnparity.spec.schema import Formula


@dataclass(frozen=True, eq=False)
class Given(Case):
    """A case whose numbers are given instead of drawn."""

    numbers: Arrays = field(default_factory=dict)
    against: Arrays = field(default_factory=dict)

    @cached_property
    def inputs(self) -> Arrays:
        """As given."""
        return self.numbers

    @cached_property
    def cotangents(self) -> Arrays:
        """As given."""
        return self.against


def request(case: Case, quantities: frozenset[str]) -> Request:
    """The case as the target is asked; without derivatives when the formula has none."""
    wanted = families(case.formula, quantities)
    return Request(
        formula=case.formula.id,
        inputs=dict(case.inputs),
        attributes=dict(case.signature.attributes),
        wrt=case.formula.wrt,
        outputs=tuple(case.formula.results),
        cotangents=dict(case.cotangents) if "grad" in wanted else {},
        quantities=wanted,
        dtype=case.dtype.name,
    )


def families(formula: Formula, quantities: frozenset[str]) -> frozenset[str]:
    """Those of the quantities that the formula has; the checks know no second derivatives."""
    return quantities & ({"output", "grad"} if formula.wrt else {"output"})


def representative(plan: Plan) -> str:
    """The dtype for what does not depend on it: float32 when it is there."""
    return "float32" if "float32" in plan.dtypes else plan.dtypes[0]


def ask(observer: Observer, requests: Sequence[Request]) -> list[Observed]:
    """What became of each request."""
    observer.submit(requests)
    return list(observer.collect())


def amiss(seen: Any, observed: Observed) -> Judgement | None:
    """The judgement of what is no array: the process died, the target raised or refused. Otherwise None."""
    if observed.fate:
        return Judgement(observed.fate, message=observed.message)
    if seen is None:
        return Judgement("error", message="the adapter did not return this quantity")
    if isinstance(seen, Failure):
        return Judgement(seen.kind, message=seen.message)
    return None


def unsupported(target: Target, case: Case, reason: str) -> Verdict:
    """The verdict on a formula that the target does not have."""
    return as_verdict(target, case, "output", Judgement("unsupported", message=reason))


def first_line(text: str | None) -> str:
    """What fits into a cell of a table."""
    return next(iter((text or "").strip().splitlines()), "")

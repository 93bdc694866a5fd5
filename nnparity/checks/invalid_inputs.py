"""Inputs to reject: mismatched sizes, wrong ranks, kernels larger than the image, integers, labels out of range.

A target must raise. One that answers has broadcast, truncated, converted or read something that is not there: it
`diverges`, and the message says what it returned. The process that is asked is the target's twin: a kernel that reads
past its arrays may die later, and must not take the ordinary cases along.
"""

from collections.abc import Iterator

import numpy as np

from nnparity.adapters.request import Failure
from nnparity.checks.common import Finding, Given, first_line, observe, representative, unsupported
from nnparity.checks.special_values import TABLE
from nnparity.execute.observer import Observed
from nnparity.execute.requests import request
from nnparity.execute.target import Target
from nnparity.judge.grades import Judgement
from nnparity.reports.records import Fact
from nnparity.spec import Case, Formula
from nnparity.spec.cases.case import Arrays
from nnparity.spec.cases.invalid_inputs import rejected
from nnparity.spec.selection import Selection


def rejects(target: Target, formula: Formula, selection: Selection) -> Iterator[Finding | Fact]:
    """A verdict for each wrong input, in one dtype: that something is amiss does not depend on it."""
    spoilt = list(rejected(formula, representative(selection), selection.salt))
    cases = [_case(name, case, inputs) for name, case, inputs in spoilt]
    if reason := target.refuses(formula):
        yield unsupported(cases[0], reason)
        return
    raised: list[str] = []
    answered: list[str] = []
    observed = observe(target.observer.twin(), [request(case, frozenset({"output"})) for case in cases])
    for (name, _, _), case, seen in zip(spoilt, cases, observed, strict=True):
        judged, note = _judged(seen)
        if judged.grade == "conforms":
            raised.append(name)
        else:
            answered.append(f"{name}: {first_line(judged.message).partition(':')[0]}")
        yield Finding(case, "output", judged, note=note, seconds=seen.seconds)
    told = [f"raises: {', '.join(raised)}"] if raised else []
    yield Fact(TABLE, f"{formula.id}: inputs to reject", target.name, "; ".join(told + answered))


def _case(name: str, case: Case, inputs: Arrays) -> Given:
    return Given(case.formula, case.signature, f"rejects: {name}", case.dtype, case.salt, inputs)


def _judged(seen: Observed) -> tuple[Judgement, str | None]:
    """Raising is right, for whatever reason it is given; anything returned is wrong."""
    if seen.fate:
        return Judgement(seen.fate, message=seen.message), None
    answers = [one for one in seen.observation.values() if isinstance(one, np.ndarray)]
    failures = [one for one in seen.observation.values() if isinstance(one, Failure)]
    if failures and not answers:
        return Judgement("conforms"), f"raises {first_line(failures[0].message)}"
    shapes = ", ".join(f"{one.dtype.name} {one.shape}" for one in answers)
    numbers = [float(number) for one in answers for number in one.ravel()[:3]]
    shown = ", ".join(f"{number:.4g}" for number in numbers[:3])
    return Judgement("diverges", message=f"answers {shapes or 'nothing'}: {shown}"), None

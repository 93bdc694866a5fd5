"""Inputs to reject: mismatched sizes, wrong ranks, kernels larger than the image, integers, labels out of range.

A target must raise. One that answers has broadcast, truncated, converted or read something that is not there: it
`diverges`, and the message says what it returned. It must be the framework that raises, not a slip of the adapter; and
right before, the same call with valid inputs must succeed. The process that is asked is the target's twin: a kernel
that reads past its arrays may die later, and must not take the ordinary cases along.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from nnparity.adapters.request import Failure
from nnparity.checks.common import Finding, first_line, representative, unsupported
from nnparity.checks.inquiry import Found, Inquiry, saying
from nnparity.checks.special_values import TABLE
from nnparity.execute.observer import Observed
from nnparity.execute.requests import request
from nnparity.execute.target import Target
from nnparity.judge.grades import Judgement
from nnparity.reports.records import Fact
from nnparity.spec import Case, Formula
from nnparity.spec.cases.case import Arrays
from nnparity.spec.cases.invalid_inputs import rejected
from nnparity.spec.given import Given
from nnparity.spec.selection import Selection


def rejects(target: Target, formula: Formula, selection: Selection) -> Inquiry:
    """Finds a verdict for each wrong input, in one dtype: that something is amiss does not depend on it."""
    spoilt = list(rejected(formula, representative(selection), selection.salt))
    cases = [_case(name, case, inputs) for name, case, inputs in spoilt]
    if reason := target.refuses(formula):
        return saying(unsupported(cases[0], reason))
    asked = [one for (_, valid, _), case in zip(spoilt, cases, strict=True) for one in (valid, case)]
    names = [name for name, _, _ in spoilt]
    return Inquiry(
        lambda answers: _found(target, names, cases, answers),
        cases,
        [(target.observer.twin(), [request(one, frozenset({"output"})) for one in asked])],
    )


def _found(target: Target, names: list[str], cases: list[Given], answers: Sequence[Observed]) -> Iterator[Found]:
    raised: list[str] = []
    answered: list[str] = []
    for name, case, valid, seen in zip(names, cases, answers[::2], answers[1::2], strict=True):
        judged, note = (_invalid(valid), None) if _failing(valid) else _judged(seen)
        if judged.grade == "conforms":
            raised.append(name)
        else:
            answered.append(f"{name}: {first_line(judged.message).partition(':')[0]}")
        yield Finding(case, "output", judged, note=note, took=(valid, seen))
    told = [f"raises: {', '.join(raised)}"] if raised else []
    yield Fact(TABLE, f"{cases[0].formula.id}: inputs to reject", target.name, "; ".join(told + answered))


def _case(name: str, case: Case, inputs: Arrays) -> Given:
    return Given(case.formula, case.signature, f"rejects: {name}", case.dtype, case.salt, inputs)


def _failing(seen: Observed) -> bool:
    return bool(seen.fate) or not all(isinstance(one, np.ndarray) for one in seen.observation.values())


def _invalid(valid: Observed) -> Judgement:
    """What to say of one that cannot do it with valid inputs either."""
    failures = [one for one in valid.observation.values() if isinstance(one, Failure)]
    why = first_line(failures[0].message if failures else valid.message)
    refused = failures and all(one.kind == "unsupported" for one in failures)
    return Judgement("unsupported" if refused else "error", message=f"fails with valid inputs too: {why}")


def _judged(seen: Observed) -> tuple[Judgement, str | None]:
    """That the framework raises is right, for whatever reason it gives; anything returned is wrong."""
    if seen.fate:
        return Judgement(seen.fate, message=seen.message), None
    answers = [one for one in seen.observation.values() if isinstance(one, np.ndarray)]
    failures = [one for one in seen.observation.values() if isinstance(one, Failure)]
    if failures and not answers:
        told = first_line(failures[0].message)
        if failures[0].raised_in:
            return Judgement("conforms"), f"raises {told}"
        return Judgement("error", message=f"raised by the adapter itself, not by what it calls: {told}"), None
    shapes = ", ".join(f"{one.dtype.name} {one.shape}" for one in answers)
    shown = ", ".join(_short(number) for one in answers for number in one.ravel()[:3].tolist())
    return Judgement("diverges", message=f"answers {shapes or 'nothing'}: {shown}"), None


def _short(number: object) -> str:
    return f"{number:.4g}" if isinstance(number, float) else str(number)

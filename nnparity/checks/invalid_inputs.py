"""Inputs to reject: mismatched sizes, wrong ranks, kernels larger than the image, integers, labels out of range.

A target must raise. One that answers has broadcast, truncated, converted or read something that is not there: it
`diverges`, and the message says what it returned. It must be the framework that raises, not a slip of the adapter; and
right before, the same call with valid inputs must succeed. The process that is asked is the target's twin: a kernel
that reads past its arrays may die later, and must not take the ordinary cases along.

After each of them the valid case is asked once more, with its gradients: a kernel that raises half way must leave
nothing behind, no workspace half written and no flag, that the next call sees. It is held against the same case before
all of them, within the budget of two computations; of a quantity the worst is told, and after which invalid inputs.
That case is a second call: what is wrong at any but the first was not left behind by what was refused.
"""

import dataclasses
from collections.abc import Iterator, Sequence
from functools import cache

import numpy as np

from nnparity.adapters.request import Failure, output_keys
from nnparity.checks.common import (
    Finding,
    alike,
    first_line,
    first_order,
    judgeable,
    named,
    representative,
    unsupported,
)
from nnparity.checks.comparison import SAME, CellText, again, by_itself
from nnparity.checks.inquiry import Found, Inquiry, saying
from nnparity.checks.pooled import truth_of
from nnparity.checks.special_values import TABLE
from nnparity.execute.observer import Observed
from nnparity.execute.requests import request
from nnparity.execute.target import Target
from nnparity.expect.expected import Expected
from nnparity.judge.grades import Judgement
from nnparity.reports.records import WRONG, Fact
from nnparity.spec import Case, Formula
from nnparity.spec.cases.case import Arrays
from nnparity.spec.cases.invalid_inputs import rejected
from nnparity.spec.given import Given
from nnparity.spec.selection import Selection

#: The valid case right after invalid inputs were refused, as a dataset.
AFTER_REFUSED = "after a refused call"
#: The diagnosis of what is wrong there.
LEFT_BEHIND = "right before a refused call, wrong after it"


def rejects(target: Target, formula: Formula, selection: Selection) -> Inquiry:
    """Finds verdicts for each wrong input and for the valid case after them, in one dtype: none depends on which."""
    spoilt = list(rejected(formula, representative(selection), selection.salt))
    cases = [_case(name, case, inputs) for name, case, inputs in spoilt]
    if reason := target.refuses(formula):
        return saying(unsupported(cases[0], reason))
    names, usual = [name for name, _, _ in spoilt], spoilt[0][1]
    after, quantities = named(usual, AFTER_REFUSED), first_order(formula, selection.quantities)
    valid = request(usual, quantities, alike(usual, selection))
    truth = cache(lambda: truth_of(target, usual, selection))
    between = [one for case in cases for one in (request(case, frozenset({"output"})), valid)]
    return Inquiry(
        lambda answers: _found(target, names, cases, (after, truth()), answers),
        [*cases, after],
        [(target.observer.twin(), [valid, valid, *between])],
        truth,
    )


def _found(
    target: Target,
    names: list[str],
    cases: list[Given],
    afterwards: tuple[Given, dict[str, Expected]],
    answers: Sequence[Observed],
) -> Iterator[Found]:
    """The answers to valid and invalid inputs take turns, and begin and end with valid ones.

    They begin with two: what is wrong at any second call has nothing to do with what was refused.
    """
    answers = answers[1:]
    raised: dict[str, Observed] = {}
    answered: list[str] = []
    valids, invalids = answers[::2], answers[1::2]
    for name, case, valid, seen, after in zip(names, cases, valids[:-1], invalids, valids[1:], strict=True):
        judged, note = (_invalid(valid), None) if _failing(valid, case.formula) else _judged(seen)
        if judged.grade == "conforms":
            raised[name] = after
        else:
            answered.append(f"{name}: {first_line(judged.message).partition(':')[0]}")
        yield Finding(case, "output", judged, note=note, took=(valid, seen))
    told = [f"raises: {', '.join(raised)}"] if raised else []
    given, truth = afterwards
    words = CellText((given.dtype.name,))
    for place, found in enumerate(_afterwards(given, truth, valids[0], raised, words)):
        yield dataclasses.replace(found, took=() if place else (valids[-1],))
    told += [*answered, words.text(SAME)] if words.said else answered
    yield Fact(TABLE, f"{given.formula.id}: inputs to reject", target.name, "; ".join(told))


def _afterwards(
    given: Given, truth: dict[str, Expected], before: Observed, after: dict[str, Observed], words: CellText
) -> list[Finding]:
    """The valid case after each input that was refused against before all: of each quantity the worst, and after what.

    What was answered has refused nothing, and its own verdict says so.
    """
    found: dict[str, Finding] = {}
    for name, seen in after.items():
        expected = judgeable(truth, seen)
        for one in again(given, truth, before, seen, words, ()):
            usual, note = found.get(one.quantity), one.note and f"after {name}: {one.note}"
            if usual is None or usual.judgement.grade == "conforms" != one.judgement.grade:
                array, own = seen.observation.get(one.quantity), expected[one.quantity]
                wrong = one.judgement.grade in WRONG
                left = wrong and by_itself(given, one.quantity, own, before).grade == "conforms"
                told = LEFT_BEHIND if left else None
                found[one.quantity] = dataclasses.replace(one, note=note, seen=array, truth=own, diagnosis=told)
    return list(found.values())


def _case(name: str, case: Case, inputs: Arrays) -> Given:
    return Given(case.formula, case.signature, f"rejects: {name}", case.dtype, case.salt, inputs)


def _failing(seen: Observed, formula: Formula) -> bool:
    """Whether there is no result; gradients are not asked of what must be refused."""
    results = [seen.observation.get(name) for name in output_keys("output", tuple(formula.results))]
    return bool(seen.fate) or not all(isinstance(one, np.ndarray) for one in results)


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

"""What a record of a known divergence expects instead, and whether a verdict meets it.

A record says how the target differs, and what differs otherwise is new. Either by an expectation with budgets of its
own (a variant of the spec, an inner dtype, a model of half precision), or by the largest margin that was measured, or
by the answer that stands where another should. Where a framework's numbers are wrong in no way that can be told, a
margin or an answer may take anything: a verdict says then which wrong answers its record would take as well.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Literal

import msgspec
import numpy as np

from nnparity.expect.budgets import expect
from nnparity.expect.expected import Expected
from nnparity.expect.instead import Instead
from nnparity.judge.elements import element_ratios, error_over_budget, errors
from nnparity.judge.grades import Judgement, furthest, root_mean_square
from nnparity.judge.sensitivity import graded, wrong_answers
from nnparity.judge.special_values.rules import decided
from nnparity.reports.records import PASSING, REPEATED, WRONG, Number, Verdict, number
from nnparity.spec import DTYPES, Case
from nnparity.spec.cases.special_values import is_special
from nnparity.spec.precision import ACCUMULATE, MODELS, NARROW
from nnparity.spec.schema import Formula, plain

Class = Literal[
    "wrong result",
    "no answer",
    "reduced precision",
    "special value",
    "input not rejected",
    "documented convention",
    "nondeterminism",
]
REJECTED = "rejects: "
ACCEPTS, INPUT_SHAPE, CRASHES = "accepts", "shape of an input", "crash"
#: Answers in words: what every element that is wrong must be.
ANSWERS: dict[str, Callable[[float], bool]] = {
    "NaN": math.isnan,
    "infinity": math.isinf,
    "finite": math.isfinite,
}
#: Expectations kept for the other quantities of the same family and the other targets of the same group.
CACHE = 64


class Expects(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An expectation (`variant`, `inner`, `model`), margins, or an answer; `dtype` is that of a result in another one.

    `variant` names one of the formula's variants or rewritings, `inner` the dtype that it is computed in, `model` one
    of half precision: they go together. `hard` and `sharp` are the largest margins: of that expectation where there is
    one, else of the verdict. A hard margin that is not given is at most 1, a sharp one anything. `answer` is what every
    element is that is wrong by them, or where none is by norm 2: a number, or one of `ANSWERS`; `ACCEPTS` for an input
    that is not rejected; `INPUT_SHAPE` for a result in the shape of an input, `CRASHES` for a process that dies.
    Several answers may be given. Beside margins either is enough. `raises` are words of the message, in its first line,
    of a framework that raises where it should answer.
    """

    variant: str = ""
    inner: str = ""
    model: str = ""
    dtype: str = ""
    hard: float | None = None
    sharp: float | None = None
    answer: str | tuple[str, ...] = ()
    raises: str = ""

    @property
    def computed(self) -> bool:
        """Whether it has an expectation of its own."""
        return bool(self.variant or self.inner or self.model)

    @property
    def margins(self) -> bool:
        """Whether it has margins."""
        return self.hard is not None or self.sharp is not None

    @property
    def answers(self) -> tuple[str, ...]:
        """All that may be answered."""
        return (self.answer,) if isinstance(self.answer, str) else self.answer

    def says(self, formula: Formula, dtype: str) -> str:
        """What the expectation is, in the words of a diagnosis; nothing where there is none."""
        told = [formula.recordable[self.variant].says] if self.variant else []
        told += [f"computed in {self.inner}"] if self.inner else []
        told += (
            [f"accumulates in {dtype}" if self.model == NARROW else f"precision: {self.model}"] if self.model else []
        )
        return "; ".join(told)

    def wrong(self, formulas: list[Formula]) -> str | None:
        """What is wrong with it for a record of these formulas, or None."""
        if not (self.computed or self.margins or self.dtype or self.answers or self.raises):
            return "an expectation, margins, a dtype, an answer or what is raised"
        for name, margin in (("hard", self.hard), ("sharp", self.sharp)):
            if margin is not None and not margin > 0:
                return f"{name} is the largest error over budget, and more than 0, not {margin:g}"
        for name, one, many in (
            ("inner", self.inner, DTYPES),
            ("model", self.model, MODELS),
            ("dtype", self.dtype, DTYPES),
        ):
            if one and one not in many:
                return f"{name} is one of {', '.join(many)}, not {one}"
        for formula in formulas:
            if self.variant and self.variant not in formula.recordable:
                return f"{formula.id} has no variant {self.variant}"
        return next((f"no answer: {one}" for one in self.answers if not _is_answer(one)), None)


@dataclass(frozen=True)
class Evidence:
    """What a verdict was judged by. Of what a check found, the case and the worst element of the verdict are known."""

    case: Case
    flush: bool = False
    seen: Any = None
    truth: Expected | None = None


def met(expects: Expects, kind: Class, verdict: Verdict, evidence: Evidence | None) -> bool:
    """Whether a verdict is not right, and is what a record of that class expects."""
    return verdict.grade not in PASSING and _met(expects, kind, verdict, evidence)


def _met(expects: Expects, kind: Class, verdict: Verdict, evidence: Evidence | None) -> bool:
    if verdict.grade == "nondeterministic" or (verdict.dataset in REPEATED and verdict.hard is not None):
        return kind == "nondeterminism" and verdict.hard is not None and _within(expects, verdict)
    if verdict.grade not in WRONG:
        return _no_answer(expects, verdict)
    if verdict.dataset.startswith(REJECTED):
        return ACCEPTS in expects.answers and (verdict.message or "").startswith("answers ")
    if verdict.hard is None:
        return evidence is not None and _misshapen(expects, verdict, evidence)
    if expects.answers and not expects.computed:
        return _answered(expects, verdict, evidence) or (expects.margins and _within(expects, verdict))
    return _numbers_met(expects, verdict, evidence)


def _no_answer(expects: Expects, verdict: Verdict) -> bool:
    """Whether the process died where the record says so, or the message has the words of the record."""
    if verdict.grade == "error":
        return bool(expects.raises) and expects.raises in (verdict.message or "").partition("\n")[0]
    return verdict.grade == "crashed" and CRASHES in expects.answers


def also_met(expects: Expects, kind: Class, verdict: Verdict, evidence: Evidence | None) -> tuple[str, ...]:
    """The wrong answers (zeros, the negative, NaN ...) that the record would take in this verdict's place."""
    if evidence is None or evidence.truth is None or evidence.seen is None or verdict.hard is None:
        return ()
    case, truth, quantity = evidence.case, evidence.truth, plain(verdict.quantity)
    if verdict.grade not in WRONG or quantity in case.formula.vanishing:
        return ()
    with np.errstate(all="ignore"):
        return tuple(
            name
            for name, answer in wrong_answers(truth, case)
            if (judged := graded(answer, truth, case, quantity)).grade != "conforms"
            and met(expects, kind, _in_place(verdict, judged), replace(evidence, seen=answer))
        )


def _in_place(verdict: Verdict, judged: Judgement) -> Verdict:
    hard, sharp = (None if one is None else number(one) for one in (judged.hard, judged.sharp))
    return msgspec.structs.replace(verdict, grade=judged.grade, hard=hard, sharp=sharp, worst=judged.worst)


def _numbers_met(expects: Expects, verdict: Verdict, evidence: Evidence | None) -> bool:
    if expects.computed:
        return evidence is not None and _conforms(expects, verdict, evidence)
    return expects.margins and _within(expects, verdict)


def _within(expects: Expects, judged: Verdict | Judgement) -> bool:
    """No margin is larger than on record. What goes unsaid of the hard one is 1, of the sharp one nothing."""
    hard, sharp = _number(judged.hard), _number(judged.sharp)
    return hard <= (expects.hard or 1.0) and (expects.sharp is None or sharp <= expects.sharp)


def _number(value: Number | None) -> float:
    return math.inf if value is None else float(value)


def _is_answer(text: str) -> bool:
    return text in (*ANSWERS, ACCEPTS, INPUT_SHAPE, CRASHES) or _as_number(text) is not None


def _as_number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _misshapen(expects: Expects, verdict: Verdict, evidence: Evidence) -> bool:
    """A wrong dtype or shape is on record only where the record names it; the numbers must be right all the same."""
    told = verdict.message or ""
    if INPUT_SHAPE in expects.answers:
        return any(told.startswith(f"returned shape {one.shape}, ") for one in evidence.case.inputs.values())
    if not expects.dtype or not told.startswith(f"returned {expects.dtype}, "):
        return False
    if evidence.seen is None or evidence.truth is None or evidence.seen.shape != evidence.truth.value.shape:
        return evidence.seen is None
    cast = replace(evidence, seen=evidence.case.dtype.round(evidence.seen))
    return _conforms(expects, verdict, cast)


def _answered(expects: Expects, verdict: Verdict, evidence: Evidence | None) -> bool:
    """Whether every element that is wrong has one of the answers on record; of a check, the worst."""
    if evidence is not None and evidence.truth is not None:
        return _all_answers(expects, evidence, evidence.truth)
    return verdict.worst is not None and _is(float(verdict.worst.observed), expects, verdict.dtype)


def _all_answers(expects: Expects, evidence: Evidence, found: Expected) -> bool:
    """Whether some elements are off by more than their budget, or the margin on record, and all are answers.

    `found` is the right result or what the record expects: of what that leaves open, those are off that are wrong.
    Where no element is too far off by itself, as 0 for a number near 0, those are off that are so for norm 2.
    """
    truth, dtype = evidence.truth, evidence.case.dtype
    ratios = element_ratios(evidence.seen, found, dtype)
    seen = evidence.seen[: len(ratios)] if ratios.ndim else evidence.seen
    off = ~(ratios <= (expects.hard or 1))
    if truth is not None and (wrong := ~(element_ratios(evidence.seen, truth, dtype) <= 1)).shape == off.shape:
        off |= wrong & ~np.isfinite(found.judged.hard)
    if not off.any():
        off = ~(error_over_budget(errors(evidence.seen, found)[1], found.judged.sharp) <= 1)
    return bool(off.any()) and all(_is(one, expects, dtype.name) for one in seen[off].astype(np.float64))


def _is(value: float, expects: Expects, dtype: str) -> bool:
    for answer in expects.answers:
        if answer in ANSWERS:
            if ANSWERS[answer](value):
                return True
        elif (number := _as_number(answer)) is not None and value == float(DTYPES[dtype].round(np.float64(number))):
            return True
    return False


def _conforms(expects: Expects, verdict: Verdict, evidence: Evidence) -> bool:
    """Whether the observation conforms to what the record expects, its inputs rounded to an inner dtype or not."""
    return any(_conforms_to(one, expects, verdict, evidence) for one in _all_instead(expects, evidence.case))


def _all_instead(expects: Expects, case: Case) -> Iterator[Instead]:
    variant = tuple(case.formula.recordable[expects.variant].set.items()) if expects.variant else ()
    for inward in (False, True) if expects.inner else (False,):
        yield Instead(variant, expects.inner, inward)


def _conforms_to(instead: Instead, expects: Expects, verdict: Verdict, evidence: Evidence) -> bool:
    """Whether the observation conforms to what is expected instead; of a check, whether its worst element does."""
    quantity = plain(verdict.quantity)
    asked = evidence.case, frozenset({quantity.partition(".")[0]}), evidence.flush
    found = _expected(*asked, expects.model, instead)[quantity]
    case = evidence.case
    if evidence.seen is not None and evidence.truth is not None and is_special(case.dataset):
        return _each_conforms_to(found, expects, evidence, evidence.truth)
    if evidence.seen is not None:
        judged = graded(evidence.seen, found, case, quantity, instead)
        met = _within(expects, judged) if expects.margins else judged.grade == "conforms"
        answered = bool(expects.answers) and _all_answers(expects, evidence, found)
        misshapen = verdict.hard is None
        told = misshapen or _told(found, evidence, quantity)
        return answered or (met and told and _bounded(found, evidence, misshapen=misshapen))
    if (worst := verdict.worst) is None:
        return False
    place = tuple(worst.index)
    value, hard, sharp = (np.array([part[place]]) for part in (found.value, found.hard, found.sharp))
    one = Expected(value, hard, sharp)
    ratio = element_ratios(np.array([float(worst.observed)]), one, case.dtype)[0]
    return bool(np.isfinite(hard).all() and ratio <= (expects.hard or 1))


def _each_conforms_to(found: Expected, expects: Expects, evidence: Evidence, truth: Expected) -> bool:
    """Of special values: whether all that is wrong conforms, to a budget that bounds it, or is one of the answers."""
    wrong = ~(element_ratios(evidence.seen, truth, evidence.case.dtype) <= 1)
    found = decided(found)
    ratios = element_ratios(evidence.seen, found, evidence.case.dtype)
    if wrong.shape != ratios.shape or not wrong.any():
        return False
    off = wrong & ~((ratios <= (expects.hard or 1)) & np.isfinite(found.hard))
    return all(_is(one, expects, evidence.case.dtype.name) for one in evidence.seen[off].astype(np.float64))


def _bounded(found: Expected, evidence: Evidence, *, misshapen: bool) -> bool:
    """Whether the expectation says anything of what is wrong: where its budgets are infinite, everything meets it.

    A number without a worst case is still held to what is to be expected, in the mean with all others; a NaN is not.
    Beside a wrong dtype no number need be wrong.
    """
    judged, truth = found.judged, evidence.truth
    numbers = np.isfinite(errors(evidence.seen, found)[0])
    bounded = np.isfinite(judged.hard) | (np.isfinite(judged.sharp) & numbers)
    if truth is None or bounded.all():
        return bool(bounded.all())
    wrong = ~(element_ratios(evidence.seen, truth, evidence.case.dtype) <= 1)
    if wrong.shape != bounded.shape or not bounded[wrong].all():
        return False
    return misshapen or bool(wrong.any()) or _right_by_itself(evidence, truth, ~bounded)


def _told(found: Expected, evidence: Evidence, quantity: str) -> bool:
    """Whether a training run is wrong in the steps already that the expectation foresees.

    In an inner dtype they may be a few of those that the case's own can tell. What first goes wrong behind them is
    explained by nothing that was judged.
    """
    truth = evidence.truth
    if truth is None or truth.steps is None or found.steps is None:
        return True
    early = replace(truth, steps=min(truth.steps, found.steps))
    return graded(evidence.seen, early, evidence.case, quantity).grade != "conforms"


def _right_by_itself(evidence: Evidence, truth: Expected, part: Any) -> bool:
    """Whether that part of an imprecise result, in which no element is wrong, is as it should be by norm 2 too.

    In the mean, and in its furthest element. What is too much then lies in the rest of it.
    """
    ratios = error_over_budget(errors(evidence.seen, truth)[1], truth.judged.sharp)
    if not part.any() or part.all():
        return False
    limit = furthest(truth.judged, evidence.case.dtype)
    return bool(root_mean_square(ratios[part]) <= 1 and ratios[part].max() <= limit)


@lru_cache(maxsize=CACHE)
def _expected(case: Case, family: frozenset[str], flush: bool, model: str, instead: Instead) -> dict[str, Expected]:
    return expect(case, family, flush=flush, model=model or ACCUMULATE, instead=instead)

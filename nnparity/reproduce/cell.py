"""A cell of the report, found by its names: a quantity of a case on a target, observed and judged once more."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from nnparity.checks import DERIVATIVES, SPECIALS, SUBNORMALS, making
from nnparity.checks.common import failure, judgeable, observe, refused
from nnparity.checks.subnormals import BOTH, FLUSHES, KEEPS, does_with
from nnparity.checks.subnormals import DATASET as SUBNORMAL
from nnparity.checks.sweep import DATASET as SWEEP
from nnparity.checks.sweep import answers as swept_answers
from nnparity.checks.sweep import expected as swept_expectation
from nnparity.checks.sweep import judgement, sweep_case
from nnparity.checks.threads import ALL_CORES, large
from nnparity.checks.threads import drawn as drawn_large
from nnparity.execute.observer import Observed
from nnparity.execute.requests import request
from nnparity.execute.target import Target, TargetName, start
from nnparity.expect.budgets import expect
from nnparity.expect.expected import Expected
from nnparity.judge.error_patterns import NONE_OUTWARD, towards_zero
from nnparity.judge.grades import Judgement, form
from nnparity.judge.sensitivity import graded, qualified
from nnparity.judge.special_values.rules import expected, permits, settle
from nnparity.reports.records import Verdict
from nnparity.reproduce.writing import answers
from nnparity.reproduce.writing.sources import Unreproducible
from nnparity.reproduce.writing.telling import Telling, cut_off, telling
from nnparity.spec import DTYPES, Case, load
from nnparity.spec.cases import naming
from nnparity.spec.cases.invalid_inputs import rejected
from nnparity.spec.cases.special_values import SpecialCase
from nnparity.spec.given import Given
from nnparity.spec.schema import QUANTITIES, plain
from nnparity.spec.usage import require

REJECTS = "rejects: "
#: The checks whose cases are one call each.
ONE_CALL = (SPECIALS, SUBNORMALS)
#: Cases of one call too, with thousands of numbers of which a few show as much, see `narrowing`.
MANY = (SWEEP, ALL_CORES)
FIRST_ORDER = frozenset({"output", "grad"})


@dataclass(frozen=True, eq=False)
class Cell:
    """A quantity of a case on a started target, observed when it is first asked for."""

    case: Case
    target: Target
    quantity: str
    #: The families of quantities that the run asked for, of an ordinary case.
    families: frozenset[str] = frozenset(QUANTITIES)

    @property
    def spoilt(self) -> bool:
        """Whether the target must refuse the inputs."""
        return self.case.dataset.startswith(REJECTS)

    @property
    def special(self) -> bool:
        """Whether the rules of special values decide."""
        return isinstance(self.case, SpecialCase)

    @property
    def swept(self) -> bool:
        """Whether its numbers are those of a sweep, or some of them."""
        return self.case.dataset == SWEEP

    @cached_property
    def flush(self) -> bool:
        """Whether the target has no subnormal numbers in this dtype: by its probe, or as this case shows.

        A run asks all formulas, see `checks.subnormals`: where another one flushes, it is the more lenient.
        """
        return self._does == FLUSHES or (self._does != KEEPS and self.target.flushes[self.case.dtype.name])

    @cached_property
    def _does(self) -> str | None:
        """What becomes of subnormal numbers, in a case that is about them."""
        kept = expect(self.case, self.asked).get(plain(self.quantity)) if self.case.dataset == SUBNORMAL else None
        if kept is None or form(self.seen, kept, self.case.dtype):
            return None
        return does_with(self.seen, kept, self.case)

    @property
    def asked(self) -> frozenset[str]:
        """The families of quantities that the target is asked for."""
        if self.spoilt:
            return frozenset({"output"})
        several = self.special or self.case.dataset in MANY
        return self.case.formula.families(self.families & FIRST_ORDER if several else self.families)

    @cached_property
    def observed(self) -> Observed:
        """What the target returned for the case.

        What must be refused may spoil the process of a target that does not: it is asked last, or of a twin.
        """
        (found,) = observe(self.target.observer, [self._request])
        return found

    @property
    def _request(self) -> Any:
        return request(self.case, self.asked)

    @property
    def seen(self) -> Any:
        """What it returned for the quantity."""
        return self.observed.observation.get(self.quantity)

    @cached_property
    def truth(self) -> Expected:
        """What is expected. Raises UsageError for a quantity that the case has not."""
        there = judgeable(self._expected, self.observed)
        require("quantity", (self.quantity,), tuple(there), f" of {self.case.id}")
        return there[self.quantity]

    @property
    def _expected(self) -> dict[str, Expected]:
        if self.special:
            return dict(expected(self.case, self.asked, self.flush, None, ""))
        if self.swept:
            return swept_expectation(self.case, self.asked, self.flush)
        model = self.target.model(self.case.formula.id, self.case.dtype.name, plain(self.quantity))
        return expect(self.case, self.asked, flush=self.flush, model=model)

    @cached_property
    def judged(self) -> Judgement:
        """The judgement, as in a run but for what a check adds."""
        if self.spoilt:
            return _refusal(self.observed)
        truth = self.truth
        failed = refused(failure(self.seen, self.observed), self.seen, self.case)
        if failed is not None:
            raises = any(permit.raises for _, permit in permits(self.case, plain(self.quantity)))
            return Judgement("conforms") if failed.grade == "error" and raises else failed
        if self.special:
            model = self.target.model(self.case.formula.id, self.case.dtype.name, plain(self.quantity))
            return (
                self._both
                or settle(self.case, plain(self.quantity), self.seen, self.flush, self.asked, model).judgement
            )
        if self.swept:
            return judgement(self.case, plain(self.quantity), self.seen, truth, self.flush)
        return qualified(
            graded(self.seen, truth, self.case, plain(self.quantity)), truth, self.case, plain(self.quantity)
        )

    @property
    def cut(self) -> bool:
        """Whether nothing is wrong but that it was cut off where it should be rounded to nearest."""
        return self.judged.message == NONE_OUTWARD

    @property
    def _both(self) -> Judgement | None:
        """Of an array in which some subnormal numbers were kept and some flushed."""
        return Judgement("diverges", message=f"subnormals: {BOTH}") if self._does == BOTH else None

    @property
    def answers(self) -> list[answers.Answer]:
        """All that is right; nothing where the target must raise."""
        if self.spoilt:
            return []
        if self.special:
            if self._both:  # each number is right by itself: it is one answer for all or the other
                kept = expected(self.case, self.asked, False, None, "")[plain(self.quantity)]
                return answers.kept_or_flushed(kept, self.case.dtype)
            return answers.special(self.case, plain(self.quantity), self.flush, self.asked)
        if self.swept:
            right = swept_answers(self.case, plain(self.quantity), self.truth, self.flush)
            return [answers.element_by_element(one, self.case.dtype) for one in right]
        return [answers.ordinary(self.truth, self.judged, self.seen, self.case.dtype)]

    @property
    def drawn(self) -> Case | None:
        """The ordinary case whose numbers these are, drawn from its id; None where they come from elsewhere."""
        if self.case.dataset == ALL_CORES:
            return drawn_large(self.case.formula, self.case.dtype.name, self.case.salt)
        return self.case if type(self.case) is Case else None

    @property
    def signed(self) -> bool:
        """Whether the sign of a zero counts."""
        return answers.signed(self.case, plain(self.quantity))

    @property
    def telling(self) -> Telling:
        """The elements that show what is wrong, and all that is right of them."""
        if self.spoilt or not isinstance(self.seen, np.ndarray) or self._both:
            return Telling(self.answers, whole=bool(not self.spoilt and self._both))
        if self.cut:
            places = towards_zero(self.seen, self.truth, self.case.dtype)
            assert places is not None
            return cut_off(self.answers, places)
        return telling(self.answers, self.seen[: self.truth.steps] if self.truth.steps else self.seen, self.signed)

    @property
    def note(self) -> str:
        """How the quantity was come by, where not as usual."""
        return self.observed.notes.get(self.quantity.partition(".")[0], "")


def _refusal(seen: Observed) -> Judgement:
    answered = [one for one in seen.observation.values() if not hasattr(one, "kind")]
    if seen.fate:
        return Judgement(seen.fate, message=seen.message)
    return Judgement("diverges", message="answers what it must refuse") if answered else Judgement("conforms")


def find(id: str, salt: str = "") -> Case:
    """The case that a script can be made of. Raises UsageError, or Unreproducible with the reason."""
    name, signed, dataset, dtype = naming.parts(id)
    if dataset.startswith(REJECTS):
        return _spoilt(name, dataset, dtype, salt)
    check = [] if dataset in naming.ordinary(load()[name]) else making(dataset)
    if dataset in MANY:
        return _many(name, signed, dataset, dtype, salt)
    if check and check[0] not in ONE_CALL:
        asks = "for derivatives by ways that no script has" if check[0] == DERIVATIVES else "more than one call"
        raise Unreproducible(f"{dataset!r} belongs to the check {check[0]!r}, which asks {asks}")
    return naming.find(id, salt)


def drawn(verdict: Verdict, salt: str) -> Case:
    """The case of a verdict, on its own numbers or else those of its run's salt. Raises as `find` does."""
    if verdict.layout:
        raise Unreproducible(f"its inputs are {verdict.layout}, and a script's lie as usual")
    return find(verdict.case, verdict.salted(salt))


def _many(name: str, signed: str, dataset: str, dtype: str, salt: str) -> Given:
    formula = load()[name]
    if dataset == SWEEP:
        require("formula that is swept", (name,), tuple(one.id for one in load().values() if one.elementwise))
        case = sweep_case(formula, DTYPES[dtype])
    else:
        case = large(formula, dtype, salt)
    require("signature", (signed,), (case.signature.id,), f" of {name} with {dataset}")
    return case


def _spoilt(name: str, dataset: str, dtype: str, salt: str) -> Given:
    formula = load()[name]
    require("entry to reject", (dataset.removeprefix(REJECTS),), tuple(formula.rejects), f" of {name}")
    (case, inputs) = next(
        (case, inputs) for one, case, inputs in rejected(formula, dtype, salt) if f"{REJECTS}{one}" == dataset
    )
    return Given(formula, case.signature, dataset, case.dtype, salt, inputs)


def cell(id: str, target: str, quantity: str, salt: str = "", timeout: float = 120.0) -> Cell:
    """A cell by its names, on a target that is started. Raises UsageError, Unreproducible, TargetUnavailable."""
    case = find(id, salt)
    started = start(TargetName.of(target), (case.dtype.name,), timeout)
    if reason := started.refuses(case.formula):
        started.observer.close()
        raise Unreproducible(f"there is nothing to reproduce: {reason}")
    return Cell(case, started, quantity)

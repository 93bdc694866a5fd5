"""The examiner: what is observed is held against what is expected, group by group, and becomes verdicts.

While the targets work on a group in their processes, this one computes its expectations; then each answer is judged
as it arrives. Those of a training run take longer than the run, and wait until a target turns out to have it.
"""

import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from threadpoolctl import threadpool_limits

from nnparity.adapters.registry import FOLDER, builtin_names, records
from nnparity.checks import Inquiry, Item
from nnparity.checks.common import Finding, answer, by_model, failure, first_line, judgeable, refused, unsupported
from nnparity.execute.observer import Observed
from nnparity.execute.requests import request
from nnparity.execute.target import Target
from nnparity.expect.budgets import expect
from nnparity.expect.expected import Expected
from nnparity.expect.precision_models import narrow
from nnparity.judge import known_divergences
from nnparity.judge.elements import fingerprint
from nnparity.judge.grades import Judgement, judge
from nnparity.judge.recorded_expectations import Evidence
from nnparity.judge.sensitivity import graded, qualified
from nnparity.reports.records import Curve, Verdict
from nnparity.run.kept_verdicts import Entry, Line, Told, kept_of, prepare
from nnparity.run.loss_curves import curves
from nnparity.run.plan import WHOLE, Plan
from nnparity.run.repetition import Repetition, repeated
from nnparity.run.verdicts import verdict_line
from nnparity.spec import Case
from nnparity.spec.precision import ACCUMULATE, FUSED
from nnparity.spec.schema import plain
from nnparity.spec.selection import CaseGroup

#: Expectations kept for the other targets of the same process; a group is judged for all before the next.
CACHE = 256
#: How a diagnosis begins that there is none of, for want of memory perhaps: that is not kept.
FAILED = "the diagnosis itself failed"
#: How a verdict's note says its grade under the other model of a narrow dtype.
WIDE = f" under the {FUSED} model"


def on_record(files: Iterable[Path] = ()) -> list[known_divergences.Known]:
    """All records of known divergences: those in the box, of installed packages, and in `files`.

    Those in the box speak of the backends in the box alone. Raises KnownError for one that is malformed.
    """
    return known_divergences.together(known_divergences.load(FOLDER, builtin_names()), [*records(), *files])


@lru_cache(maxsize=CACHE)
def _expected(case: Case, quantities: frozenset[str], flush: bool, model: str, simulated: bool) -> dict[str, Expected]:
    return expect(case, quantities, flush=flush, model=model, simulated=simulated)


@dataclass
class Examiner:
    """Judges groups; measures where the time went.

    From its making on this process has one BLAS thread: matrices are small, threads that wait for each other take
    longer than they give, and a float64 product must not depend on how many cores there are.
    """

    plan: Plan
    #: Whether what does not conform is given a name, which takes longer than to judge it.
    diagnosing: bool = True
    #: Whether verdicts are kept in the store of this process, where it has one.
    keeping: bool = False
    #: Whether an ordinary case that fails is asked once more.
    repeating: bool = False
    ledger: known_divergences.Ledger = field(init=False)
    repetition: Repetition = field(init=False)
    seconds: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    curves: list[Curve] = field(default_factory=list)

    def __post_init__(self) -> None:
        threadpool_limits(1, user_api="blas")
        if self.keeping:
            prepare()
        self.ledger = known_divergences.Ledger(
            on_record(self.plan.known), lambda one: self.plan.shard == WHOLE and one.whole(self.plan)
        )
        self.repetition = Repetition(self._asked_again, self._judged_again)

    def examine(self, group: CaseGroup, targets: Sequence[Target]) -> Iterator[Verdict]:
        """Every verdict of a group for each target; a target without the formula gets one that says so."""
        quantities = frozenset(self.plan.quantities)
        requests = [request(case, quantities) for case in group.cases]
        refusals = {target.name: target.refuses(group.cases[0].formula) for target in targets}
        able = [target for target in targets if refusals[target.name] is None]
        for target in able:
            target.observer.submit(requests)
        for target in targets:
            if reason := refusals[target.name]:
                yield self._verdict(target, unsupported(group.cases[0], reason))
        for target in able:
            yield from self._answered(group, target)

    def _answered(self, group: CaseGroup, target: Target) -> Iterator[Verdict]:
        """The verdicts on what a target answers to the requests of a group; from the first that fails on all at once.

        What fails is asked once more, and a target can be asked when it has answered all that it was asked before.
        """
        waiting: list[tuple[Case, Verdict]] = []
        for case, line in self._first_answers(group, target):
            if isinstance(line, Curve):
                self.curves.append(line)
            elif waiting or (self.repeating and repeated(line)):
                waiting.append((case, line))
            else:
                yield line
        yield from self.repetition.told(target, waiting)

    def _first_answers(self, group: CaseGroup, target: Target) -> Iterator[tuple[Case, Verdict | Curve]]:
        """Each case with the lines on what a target answers to it: those that are kept of the same answers."""
        entry = self._kept(target, group.cases, [sorted(self.plan.quantities), self.diagnosing])
        if not (entry.parts or group.cases[0].formula.trajectory):  # while the target works
            for case in group.cases:
                self._expectation(target, case, ACCUMULATE, simulated=True)
        for place, (case, observed) in enumerate(zip(group.cases, target.observer.collect(), strict=True)):
            self.seconds["frameworks"] += observed.seconds
            made = self._verdicts(target, case, observed, group.cases[:place])
            for line in self._told(entry, place, [observed], made):
                if isinstance(line, Verdict | Curve):
                    yield case, line
        entry.close()

    def _asked_again(self, target: Target, case: Case) -> Observed | None:
        observed = target.observer.once(request(case, frozenset(self.plan.quantities)))
        self.seconds["frameworks"] += observed.seconds if observed else 0.0
        return observed

    def _judged_again(self, target: Target, case: Case, quantity: str, observed: Observed) -> Judgement:
        seen = answer(observed, quantity)
        if failed := failure(seen, observed):
            return failed
        truth = self._held(target, case, observed)[plain(quantity)]
        return self._timed("judge", _graded, seen, observed, truth, case, plain(quantity))  # type: ignore[no-any-return]

    def _told(self, entry: Entry, place: int, answers: Sequence[Observed], made: Iterator[Told]) -> Iterator[Line]:
        """The lines that are kept of the same answers; of others those that are `made` of them now, which are kept."""
        digest = self._timed("judge", entry.digest, answers)
        if part := entry.again(place, digest):
            self.ledger.asked |= part.records
            yield from part.timed(answers)
            return
        lines, records = list[Told](), set[tuple[str, bool]]()
        while told := self._noting(records, made):
            lines.append(told)
            yield told[0]
        if not any(isinstance(line, Verdict) and (line.diagnosis or "").startswith(FAILED) for line, *_ in lines):
            entry.keep(place, digest, lines, records)

    def _noting(self, records: set[tuple[str, bool]], made: Iterator[Told]) -> Told | None:
        """The next of the lines; the records that it was held against are noted beside those of the others."""
        before, self.ledger.asked = self.ledger.asked, set()
        told = next(made, None)
        records |= self.ledger.asked
        self.ledger.asked |= before
        return told

    def _kept(self, target: Target, cases: Sequence[Case], asked: list[Any]) -> Entry:
        if not self.keeping:
            return Entry()
        return self._timed("judge", kept_of, target, cases, asked, self.ledger.digest)  # type: ignore[no-any-return]

    def _asks(self) -> list[Any]:
        """What of the plan a check's findings follow from, beside its cases."""
        plan = self.plan
        named = [plan.cases, plan.signatures, plan.datasets]
        return [self.diagnosing, plan.level, plan.salt, plan.dtypes, sorted(plan.quantities), named]

    def _expectation(self, target: Target, case: Case, model: str, simulated: bool) -> dict[str, Expected]:
        asked, flush = case.formula.families(self.plan.quantities), target.flushes[case.dtype.name]
        return self._timed("expect", _expected, case, asked, flush, model, simulated)  # type: ignore[no-any-return]

    def _timed(self, part: str, function: Any, *arguments: Any) -> Any:
        begin = time.process_time()
        result = function(*arguments)
        self.seconds[part] += time.process_time() - begin
        return result

    def _verdicts(self, target: Target, case: Case, observed: Observed, before: Sequence[Case]) -> Iterator[Told]:
        if declined := _declined(case, self.plan.quantities, observed):
            yield from ((self._verdict(target, one), (0,)) for one in declined)
            return
        held = self._held(target, case, observed)
        for line in self._timed("judge", self._lines, target, case, held, observed, before):
            yield line, (0,)

    def _lines(
        self, target: Target, case: Case, held: dict[str, Expected], observed: Observed, before: Sequence[Case]
    ) -> list[Line]:
        found = list(curves(target.name, case, held, observed)) if case.formula.trajectory else []
        asked = judgeable(held, observed)
        judged = (self._judged(target, case, name, truth, observed, before) for name, truth in asked.items())
        return [*found, *judged]

    def _held(self, target: Target, case: Case, observed: Observed) -> dict[str, Expected]:
        """What the observed is held to. Machines take long: they are asked of a training run that norm 2 does not hold.

        What they show makes budgets wider and leaves later steps unjudged: a run within norm 2 is right without them.
        """
        if case.formula.trajectory:
            alone = self._by_model(target, case, simulated=False)
            if self._timed("judge", _within, observed, alone, case):
                return alone
        return self._by_model(target, case, simulated=True)

    def _by_model(self, target: Target, case: Case, *, simulated: bool) -> dict[str, Expected]:
        """The expectations by the model of its precision that the target declares for each quantity."""
        ask = partial(self._expectation, target, case, simulated=simulated)
        return by_model(target, case, ask(ACCUMULATE), ask)

    def _judged(
        self, target: Target, case: Case, quantity: str, truth: Expected, observed: Observed, before: Sequence[Case]
    ) -> Verdict:
        seen = observed.observation.get(quantity)
        judgement = _graded(seen, observed, truth, case, plain(quantity))
        note = self._model(target, case, plain(quantity), seen) if judgement.grade == "conforms" else None
        if truth.steps is not None and judgement.hard is not None:
            note = f"{truth.steps} of {len(truth.value)} steps judged"
        note = "; ".join(filter(None, (observed.notes.get(quantity.partition(".")[0]), note))) or None
        told = (judgement, note, (observed,), fingerprint(seen), seen, truth)
        return self.enter(target, Finding(case, quantity, *told, ordinary=True, beside=observed.observation), before)

    def enter(self, target: Target, found: Finding, before: Sequence[Case] = ()) -> Verdict:
        """The verdict on a finding, with the known divergence or the diagnosis that explains what is wrong.

        `before` are the ordinary cases before it. Of what is neither ordinary nor special numbers, the check says why.
        """
        verdict, case, judgement = self._verdict(target, found), found.case, found.judgement
        fine = judgement.hard is None or judgement.grade in ("conforms", "inconclusive")
        explained = verdict.known and (case.formula.composition or not found.ordinary)
        if fine or not self.diagnosing or explained or not (found.ordinary or found.special):
            return verdict  # what is on record is explained, and to diagnose a training run takes seconds
        told = self.ledger.explanation(verdict, case.formula) or found.diagnosis or self._named(target, found, before)
        return msgspec.structs.replace(verdict, diagnosis=told)

    def _named(self, target: Target, found: Finding, before: Sequence[Case]) -> str:
        try:
            return found.diagnosed(target.flushes[found.case.dtype.name], before).text
        except Exception as error:  # noqa: BLE001 - a run of hours does not end because nobody knows a name for a fault
            return f"{FAILED}: {type(error).__name__}: {first_line(str(error))}"

    def check(self, item: Item, target: Target) -> Iterator[Line]:
        """What a check finds of a target: the lines that are kept of the same answers, or those made of them now."""
        inquiry = item.inquire(target)
        entry = self._kept(target, inquiry.cases, [item.id, *self._asks()])
        answers = inquiry.answers(ahead=not entry.parts)
        self.seconds["frameworks"] += sum(one.seconds for one in answers)
        yield from self._told(entry, 0, answers, self._findings(inquiry, target, answers))
        entry.close()

    def _findings(self, inquiry: Inquiry, target: Target, answers: Sequence[Observed]) -> Iterator[Told]:
        for found in inquiry.judged(answers):
            if not isinstance(found, Finding):
                yield found, ()
            elif self.plan.takes(found.case):
                yield self.enter(target, found), _places(found.took, answers)

    def _verdict(self, target: Target, found: Finding) -> Verdict:
        evidence = Evidence(found.case, target.flushes[found.case.dtype.name], found.seen, found.truth)
        return self.ledger.match(verdict_line(target, found), target.observer.info.versions, evidence)

    def _model(self, target: Target, case: Case, quantity: str, seen: Any) -> str | None:
        """Which model of a narrow dtype the target lives up to: wide is float32 inside and one rounding at the end."""
        if not narrow(case.dtype.name):
            return None
        flush = target.flushes[case.dtype.name]
        wide = _expected(case, case.formula.families(self.plan.quantities), flush, FUSED, simulated=True)[quantity]
        grade = judge(seen, wide, case.dtype).grade
        return f"{grade}{WIDE}"


def _declined(case: Case, families: Sequence[str], observed: Observed) -> list[Finding]:
    """What is found of a case of which the target declines all that is asked: nothing needs to be expected of it."""
    asked = [name for name in case.formula.quantities if name.partition(".")[0] in families]
    failures = [(name, failure(observed.observation.get(name), observed)) for name in asked]
    declined = [(name, failed) for name, failed in failures if failed and failed.grade == "unsupported"]
    if len(declined) < len(asked):
        return []
    notes = {name: observed.notes.get(name.partition(".")[0]) or None for name in asked}
    return [Finding(case, name, failed, notes[name], (observed,)) for name, failed in declined]


def _within(observed: Observed, held: Mapping[str, Expected], case: Case) -> bool:
    """Whether all arrays that came back conform."""
    seen = [(observed.observation.get(name), truth) for name, truth in held.items()]
    return all(judge(one, truth, case.dtype).grade == "conforms" for one, truth in seen if isinstance(one, np.ndarray))


def _graded(seen: Any, observed: Observed, truth: Expected, case: Case, quantity: str) -> Judgement:
    failed = refused(failure(seen, observed), seen, case)
    return failed or qualified(graded(seen, truth, case, quantity), truth, case, quantity)


def _places(took: Sequence[Observed], answers: Sequence[Observed]) -> tuple[int, ...]:
    return tuple(place for place, one in enumerate(answers) if any(one is other for other in took))

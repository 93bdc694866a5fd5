"""A run: plan -> expect -> observe -> judge -> record, group by group.

While the targets work on a group in their processes, this one computes its expectations; then each answer is judged
and recorded as it arrives.
"""

import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import msgspec

from nnparity import known, probe
from nnparity.adapters.request import Failure, Request
from nnparity.diagnose import diagnose
from nnparity.drawn import curves
from nnparity.expect import Expected, expect
from nnparity.judge import Judgement, judge
from nnparity.observe import Observed, Observer
from nnparity.plan import Group, Plan, TargetName
from nnparity.reports import records
from nnparity.reports.records import Verdict, number
from nnparity.spec import DTYPES, Case, Formula
from nnparity.together import weighed

#: Expectations kept for the other targets of the same process; a group is judged for all before the next.
CACHE = 256
#: How a verdict's note says its grade under the other model of a narrow dtype.
WIDE = " under the wide model"


@dataclass
class Target:
    """An observer with what was found out about it."""

    observer: Observer
    flushes: dict[str, bool]

    @property
    def name(self) -> str:
        """As verdicts carry it: ``torch:cpu:eager``."""
        return self.observer.hello.target

    def refuses(self, formula: Formula) -> str | None:
        """Why the target has nothing to say about the formula, or None."""
        hello = self.observer.hello
        if formula.id in hello.unsupported:
            return hello.unsupported[formula.id]
        return None if formula.id in hello.kernels else f"the adapter gives no {formula.id}"

    def line(self) -> records.TargetLine:
        """The target as the report shows it."""
        hello = self.observer.hello
        return records.TargetLine(
            target=hello.target,
            available=True,
            versions=hello.versions,
            kernels={name: records.Kernel(*kernel) for name, kernel in hello.kernels.items()},
            unsupported=hello.unsupported,
            properties={"second order": hello.second_order} | probe.described(self.flushes),
            import_seconds=round(hello.import_seconds, 3),
        )


def start(name: TargetName, dtypes: Sequence[str], timeout: float = 120.0, scratch: str = "") -> Target:
    """A target, ready. Raises TargetUnavailable."""
    observer = Observer(name.backend, name.device, name.mode, timeout, scratch)
    return Target(observer, probe.flushes(observer, dtypes))


@lru_cache(maxsize=CACHE)
def _expected(case: Case, quantities: frozenset[str], flush: bool, wide: bool = False) -> dict[str, Expected]:
    return expect(case, quantities, flush=flush, wide=wide)


@dataclass
class Examiner:
    """Judges groups; counts what it saw and where the time went."""

    plan: Plan
    ledger: known.Ledger = field(init=False)
    counts: Counter[str] = field(default_factory=Counter)
    explained: int = 0
    seconds: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    curves: list[records.Curve] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.ledger = known.Ledger(known.load(), lambda one: one.whole(self.plan))

    def examine(self, group: Group, targets: Sequence[Target]) -> Iterator[Verdict]:
        """Every verdict of a group for each target; a target without the formula gets one that says so."""
        quantities = frozenset(self.plan.quantities)
        requests = [_request(case, quantities) for case in group.cases]
        refusals = {target.name: target.refuses(group.cases[0].formula) for target in targets}
        able = [target for target in targets if refusals[target.name] is None]
        for target in able:
            target.observer.submit(requests)
        for target in targets:
            if reason := refusals[target.name]:
                judged = Judgement("unsupported", message=reason)
                yield self._counted(as_verdict(target, group.cases[0], "output", judged), target)
        for target in able:
            flush = target.flushes[group.cases[0].dtype.name]
            expectations = [self._timed("expect", _expected, case, quantities, flush) for case in group.cases]
            for case, expected, observed in zip(group.cases, expectations, target.observer.collect(), strict=True):
                self.seconds["frameworks"] += observed.seconds
                yield from self._timed("judge", self._verdicts, target, case, expected, observed)

    def _timed(self, part: str, function: Any, *arguments: Any) -> Any:
        begin = time.process_time()
        result = function(*arguments)
        self.seconds[part] += time.process_time() - begin
        return result

    def _verdicts(self, target: Target, case: Case, expected: dict[str, Expected], observed: Observed) -> list[Verdict]:
        if case.formula.trajectory:
            self.curves.extend(curves(target.name, case, expected, observed))
        return [self._verdict(target, case, quantity, truth, observed) for quantity, truth in expected.items()]

    def _verdict(self, target: Target, case: Case, quantity: str, truth: Expected, observed: Observed) -> Verdict:
        seen = observed.observation.get(quantity)
        judgement = _graded(seen, observed, truth, case, quantity)
        note = self._model(target, case, quantity, seen) if judgement.grade == "conforms" else None
        if truth.steps is not None and judgement.hard is not None:
            note = f"{truth.steps} of {len(truth.value)} steps judged"
        verdict = self._counted(as_verdict(target, case, quantity, judgement, note, observed.seconds), target)
        if judgement.hard is None or judgement.grade == "conforms" or (verdict.known and case.formula.composition):
            return verdict  # what is on record is explained, and to diagnose a training run takes seconds
        named = diagnose(case, quantity, seen, truth, target.flushes[case.dtype.name])  # type: ignore[arg-type]
        return msgspec.structs.replace(verdict, diagnosis=named)

    def enter(self, verdict: Verdict, target: Target) -> Verdict:
        """A verdict made elsewhere: counted, and with the known divergence that explains it."""
        self.seconds["frameworks"] += verdict.seconds
        return self._counted(verdict, target)

    def _counted(self, verdict: Verdict, target: Target) -> Verdict:
        verdict = self.ledger.match(verdict, target.observer.hello.versions)
        self.counts[verdict.grade] += 1
        self.explained += verdict.known is not None
        return verdict

    def _model(self, target: Target, case: Case, quantity: str, seen: Any) -> str | None:
        """Which model of a narrow dtype the target lives up to: wide is float32 inside and one rounding at the end."""
        if case.dtype.digits >= DTYPES["float32"].digits:
            return None
        flush = target.flushes[case.dtype.name]
        wide = _expected(case, frozenset(self.plan.quantities), flush, True)[quantity]
        grade = judge(seen, wide, case.dtype).grade
        return f"{grade}{WIDE}"


def as_verdict(
    target: Target, case: Case, quantity: str, judged: Judgement, note: str | None = None, seconds: float = 0.0
) -> Verdict:
    """The judgement as a line of the run file."""
    return Verdict(
        case=case.id,
        formula=case.formula.id,
        signature=case.signature.id,
        dataset=case.dataset,
        dtype=case.dtype.name,
        target=target.name,
        quantity=quantity,
        grade=judged.grade,
        hard=_number(judged.hard),
        sharp=_number(judged.sharp),
        ulp=_number(judged.ulp),
        bits=_number(judged.bits),
        worst=judged.worst,
        message=judged.message,
        seconds=round(seconds, 6),
        note=note,
    )


def _graded(seen: Any, observed: Observed, truth: Expected, case: Case, quantity: str) -> Judgement:
    if observed.fate:
        return Judgement(observed.fate, message=observed.message)
    if seen is None:
        return Judgement("error", message="the adapter did not return this quantity")
    if isinstance(seen, Failure):
        return Judgement(seen.kind, message=seen.message)
    return weighed(judge(seen, truth, case.dtype), seen, truth, case, quantity)


def _number(value: float | None) -> records.Number | None:
    return None if value is None else number(float(f"{value:.6g}"))


def _request(case: Case, quantities: frozenset[str]) -> Request:
    differentiated = bool(case.formula.wrt)
    return Request(
        formula=case.formula.id,
        inputs=dict(case.inputs),
        attributes=dict(case.signature.attributes),
        wrt=case.formula.wrt,
        outputs=tuple(case.formula.results),
        cotangents=dict(case.cotangents) if differentiated else {},
        tangents=dict(case.tangents) if differentiated else {},
        quantities=quantities if differentiated else quantities & {"output"},
        dtype=case.dtype.name,
    )


def failed(verdict: Verdict) -> bool:
    """Whether a verdict speaks against its target: neither conforming, nor on record, nor declared unsupported."""
    return verdict.grade not in ("conforms", "unsupported") and verdict.known is None

"""The answer of a run: is anything new, how many causes are known and how many are wrong numbers, what was left out."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from nnparity.reports.causes.causes import Cause
from nnparity.reports.causes.classes import CLASSES, UNTOLD
from nnparity.reports.formatting import count
from nnparity.reports.merge import MergedRun, Missing
from nnparity.reports.records import FAMILIES, MUTATION, SHORT, Environment
from nnparity.reports.statistics import fails

#: New causes named in the first sentence, at most.
NAMED = 3
_LEVELS = ("quick", "core", "full")


@dataclass(frozen=True)
class Answer:
    """What a run comes to, in numbers; each is counted from its verdicts."""

    verdicts: int = 0
    formulas: int = 0
    targets: int = 0
    grades: Counter[str] = field(default_factory=Counter)
    failing: int = 0
    unrecorded: int = 0
    known: int = 0
    classes: Counter[str] = field(default_factory=Counter)
    new: tuple[str, ...] = ()
    new_classes: Counter[str] = field(default_factory=Counter)
    stale: tuple[str, ...] = ()
    #: Targets with no verdict but of what is unsupported; not told where another share of the plan may judge them.
    idle: tuple[str, ...] = ()
    cut_short: int = 0
    missing: tuple[Missing, ...] = ()
    #: words with {what} in them, and what
    not_run: tuple[tuple[str, str], ...] = ()
    #: Whether only what a baseline had not is called new.
    only_news: bool = False

    @property
    def judged(self) -> int:
        """Verdicts that say something: neither unsupported nor inconclusive."""
        return self.verdicts - self.grades["unsupported"] - self.grades["inconclusive"]

    @property
    def wrong(self) -> int:
        """Known causes that are wrong ordinary numbers."""
        return self.classes["wrong result"]

    @property
    def incomplete(self) -> bool:
        """Whether a run did not come to its end, or a share of a plan is not there."""
        return bool(self.cut_short or self.missing)

    @property
    def told(self) -> str:
        """The answer in a sentence or two."""
        if not self.judged:
            return "Nothing was judged." if self.verdicts else "No verdict was recorded."
        return " ".join(filter(None, (self.news, self.records, self.stales, self.unjudged)))

    @property
    def news(self) -> str:
        """What is on no record, or that nothing is; where a baseline says what is new it is not called so."""
        if not self.new:
            return "Nothing on no record." if self.only_news else "Nothing new."
        rest = f"; and {count(len(self.new) - NAMED)} more" if len(self.new) > NAMED else ""
        many = _many(len(self.new), "divergence" if self.only_news else "new divergence")
        whose = " on no record" if self.only_news else ""
        return f"{many}{whose}: {'; '.join(self.new[:NAMED])}{rest}."

    @property
    def records(self) -> str:
        """What is known, and how much of it is wrong numbers."""
        if not self.known:
            return "No known cause was met."
        if self.classes[UNTOLD] == self.known:
            return f"{_many(self.known, 'known cause')}; the run file does not tell of which class."
        wrong = count(self.wrong) if self.wrong else "none"
        return f"{_many(self.known, 'known cause')}, {wrong} of them wrong numbers."

    @property
    def stales(self) -> str:
        """Records that nothing confirmed."""
        return f"{_many(len(self.stale), 'record')} that nothing confirms any more." if self.stale else ""

    @property
    def unjudged(self) -> str:
        """Targets of which nothing was judged, beside others."""
        return f"Nothing was judged on {', '.join(self.idle)}." if self.idle else ""


def _many(number: int, noun: str) -> str:
    return f"{count(number)} {noun}" + ("" if number == 1 else "s")


def answer_of(run: MergedRun, causes: list[Cause]) -> Answer:
    """The answer, counted."""
    known, new = [one for one in causes if not one.new], [one for one in causes if one.new]
    failing = list(filter(fails, run.verdicts))
    return Answer(
        verdicts=len(run.verdicts),
        formulas=len({verdict.formula for verdict in run.verdicts}),
        targets=len({verdict.target for verdict in run.verdicts}),
        grades=Counter(verdict.grade for verdict in run.verdicts),
        failing=len(failing),
        unrecorded=sum(verdict.known is None for verdict in failing),
        known=len(known),
        classes=_by_class(known),
        new=tuple(one.title for one in new),
        new_classes=_by_class(new),
        stale=tuple(run.stale),
        idle=tuple(_idle(run)),
        cut_short=run.cut_short,
        missing=tuple(run.missing),
        not_run=tuple(_left_out(run)),
    )


def _idle(run: MergedRun) -> Iterator[str]:
    judged = {verdict.target for verdict in run.verdicts if verdict.grade != "unsupported"}
    targets = dict.fromkeys(verdict.target for verdict in run.verdicts)
    return (target for target in targets if target not in judged and not run.missing)


def _by_class(causes: list[Cause]) -> Counter[str]:
    """Class -> how many causes, the worst first."""
    counted = Counter(cause.kind for cause in causes)
    return Counter({kind: counted[kind] for kind in dict.fromkeys((*CLASSES, *counted)) if counted[kind]})


def _left_out(run: MergedRun) -> Iterator[tuple[str, str]]:
    """What this run says nothing of: by its plan, by what is not here, by what an adapter has not."""
    yield from _unplanned(run)
    absent: dict[str, list[str]] = {}
    for line in run.targets.values():
        if not line.available:
            absent.setdefault(line.reason or "no reason given", []).append(line.target)
    for reason, targets in absent.items():
        yield "not here: {what}", f"{', '.join(sorted(targets))} ({reason})"
    asked = {verdict.formula for verdict in run.verdicts}
    idle = [formula for formula in run.formulas if formula not in asked]
    if idle:
        yield "formulas without a verdict: {what}", ", ".join(idle)


def judging(run: MergedRun) -> list[Environment]:
    """The environments of the runs that judged targets: `nnparity mutate` has a plan, and judges none by it."""
    return [environment for environment in run.environments if MUTATION not in environment.plan]


def _unplanned(run: MergedRun) -> Iterator[tuple[str, str]]:
    plans = [environment.plan for environment in judging(run)]

    def asked(name: str) -> set[str]:
        return {value for plan in plans for value in plan.get(name, [])}

    for name, says, everything in (("dtypes", "dtypes: {what}", SHORT), ("quantities", "quantities: {what}", FAMILIES)):
        missing = [one for one in everything if one not in asked(name)]
        if asked(name) and missing:
            yield says, ", ".join(missing)
    if levels := asked("level") & set(_LEVELS):
        beyond = _LEVELS[max(map(_LEVELS.index, levels)) + 1 :]
        if beyond:
            yield "signatures of level {what}", ", ".join(beyond)
    pool = sorted(asked("pool"))
    if pool and all(told.endswith(": none") for told in pool):
        yield "the pool of further shapes", ""

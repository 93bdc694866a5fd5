"""What ``nnparity hunt`` does: cases until the time is over, each failure made small and written down."""

import math
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from nnparity.execute.target import Target, start
from nnparity.hunt.draw import Prey, draws
from nnparity.hunt.shrink import kind_of, shrink
from nnparity.hunt.trial import Trial
from nnparity.reports.chain import sealed
from nnparity.reports.records import Fact, Verdict
from nnparity.run.counts import Counts, TotalCounts
from nnparity.run.examiner import Examiner
from nnparity.run.plan import Plan
from nnparity.run.recorder import Recorder
from nnparity.run.verdicts import failed, target_line
from nnparity.spec.cases.naming import ordinary
from nnparity.spec.usage import UsageError

TABLE = "what the hunt found, and how small it becomes"
#: Of one kind of failure so many are made small; more would tell the same.
ENOUGH = 2
#: Seconds past the end of the hunt in which one failure is still made smaller: where calls hang, each waits long.
LONGEST = 60.0


@dataclass
class Bag:
    """What a hunt found and covered."""

    cases: Counter[str] = field(default_factory=Counter)
    counts: Counts = field(default_factory=Counts)
    sizes: dict[str, int] = field(default_factory=dict)
    found: dict[tuple[str, ...], list[str]] = field(default_factory=dict)

    @property
    def unjudged(self) -> str | None:
        """Why the hunt says nothing, of all its targets or of one; None when each was judged."""
        idle = ", ".join(self.counts.idle)
        return f"nothing was judged on {idle}: it has nothing of what was drawn" if idle else None

    @property
    def told(self) -> Iterator[str]:
        """What was covered, and of each kind of failure how often it came and its smallest cases."""
        largest = ", ".join(f"{name} to {size}" for name, size in sorted(self.sizes.items()))
        covered = f"{self.cases.total()} cases of {len(self.cases)} formulas, {self.counts.grades.total()} verdicts"
        yield f"{covered}; sizes: {largest}"
        for kind, small in self.found.items():
            yield f"{' '.join(filter(None, kind))}: {len(small)} times; {'; '.join(small[:ENOUGH])}"
        if not self.found:
            yield "nothing found that is not on record"


class Hunt:
    """Targets, and what a hunt knows."""

    def __init__(
        self,
        plan: Plan,
        path: Path,
        timeout: float,
        seed: str = "1",
        giving_way: Callable[[Path], None] = lambda path: None,
    ) -> None:
        """Starts the targets; `giving_way` is then called of the file of a hunt before, which is as it was till then.

        Raises TargetUnavailable, and UsageError for what has no formula or no pool.
        """
        self._plan = plan
        self._drawn = draws(plan.chosen(), plan.dtypes, seed)
        self._examiner = Examiner(plan)
        self._targets: list[Target] = []
        #: When the time is over.
        self._until = 0.0
        self.bag = Bag()
        try:
            self._start(timeout)
            giving_way(path)
            self._recorder = Recorder.anew(path, plan, {"hunt": [seed]})
        except BaseException:
            self._end()
            raise
        self._recorder.write(*map(target_line, self._targets, plan.targets))

    def _start(self, timeout: float) -> None:
        """Raises UsageError for a target that refuses whatever is drawn."""
        for name in self._plan.targets:
            target = start(name, self._plan.dtypes, timeout)
            self._targets.append(target)
            target.observer.patience = math.inf  # what hangs is asked in smaller sizes, which may not
            self.bag.counts.judged[target.name] = 0
            if all(target.refuses(formula) for formula in self._plan.chosen() if formula.pool):
                raise UsageError(f"nothing was judged on {target.name}: every formula of the plan is unsupported there")

    def run(self, seconds: float, seen: Callable[[Bag], None]) -> Bag:
        """Until so many seconds are over, and what was found last is small; one case at least."""
        self._until = time.monotonic() + seconds
        try:
            for prey in self._drawn:
                self._try(prey)
                seen(self.bag)
                if time.monotonic() > self._until:
                    break
        finally:  # whatever ends it, what was found is whole
            self._recorder.write(TotalCounts(self.bag.counts).summary())
            sealed(self._recorder.path)
        return self.bag

    def _try(self, prey: Prey) -> None:
        case = prey.case
        having = [target for target in self._targets if target.refuses(case.formula) is None]
        if not having:
            return
        self.bag.cases[case.formula.id] += 1
        for name, size in case.signature.dims.items():
            self.bag.sizes[name] = max(size, self.bag.sizes.get(name, 0))
        for target in having:
            self._judge(prey, Trial(self._examiner, target))

    def _judge(self, prey: Prey, trial: Trial) -> None:
        verdicts = trial.verdicts(prey)
        self._recorder.write(*verdicts)
        for verdict in verdicts:
            self.bag.counts.add(verdict)
            if failed(verdict):
                self._found(prey, trial, verdict)

    def _found(self, prey: Prey, trial: Trial, verdict: Verdict) -> None:
        about = self._examiner.ledger.about(verdict.formula, verdict.target)
        there = ordinary(prey.formula)  # a record of special values or rejected inputs tells of no such case
        alike = [one.id for one in about if one.concerns(verdict) and one.takes_numbers_of(there)]
        like = f"(perhaps as {alike[0]})" if alike else ""
        kind = (verdict.formula, verdict.target, verdict.dtype, verdict.quantity, verdict.grade, like)
        small = self.bag.found.setdefault(kind, [])
        if len(small) >= ENOUGH:
            small.append("")
        elif like:  # to make it small again takes minutes of compiling, and tells nothing new
            small.append(_shown(prey, verdict))
        else:
            until = max(self._until, time.monotonic() + LONGEST)
            least = shrink(
                prey, lambda one: time.monotonic() < until and any(_same(v, verdict) for v in trial.verdicts(one))
            )
            again = next((v for v in trial.verdicts(least) if _same(v, verdict)), None)
            small.append(_shown(least, again) if again else f"{_shown(prey, verdict)} (not again)")
            drawn = f"{verdict.case} {verdict.quantity} with salt {prey.salt}"
            self._recorder.write(Fact(TABLE, drawn, verdict.target, small[-1]))

    def close(self) -> None:
        """Ends the targets and closes the file."""
        self._end()
        self._recorder.close()

    def _end(self) -> None:
        for target in self._targets:
            target.observer.close()


def _same(one: Verdict, other: Verdict) -> bool:
    """Whether a verdict fails in the quantity that failed, and as it did."""
    return failed(one) and one.quantity == other.quantity and kind_of(one) == kind_of(other)


def _shown(prey: Prey, verdict: Verdict) -> str:
    layout = f", {verdict.layout}" if verdict.layout else ""  # not what was drawn: the target may have no such layout
    margins = f"hard {verdict.hard}, sharp {verdict.sharp}" if verdict.hard is not None else verdict.message or ""
    return f"{prey.case.id} with salt {prey.salt}{layout}: {margins}"

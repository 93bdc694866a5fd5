"""A session: targets started, the run file opened, groups examined, a summary at the end.

Both faces, the command line and the pytest plugin, drive this; neither knows how a verdict is made.
"""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Self

from nnparity.adapters.registry import builtin_names
from nnparity.checks import Item
from nnparity.execute.observer import TargetUnavailable
from nnparity.execute.target import DEVICES, Target, TargetName, kind, start
from nnparity.reports.records import TargetLine, Verdict
from nnparity.run.counts import Counts, PartCounts, TotalCounts
from nnparity.run.examiner import Examiner
from nnparity.run.plan import Plan
from nnparity.run.recorder import Keeper, Recorder
from nnparity.run.verdicts import target_line
from nnparity.spec.selection import CaseGroup
from nnparity.store import memory


class Session:
    """One invocation. Use as a context manager: the targets' processes end with it."""

    def __init__(self, plan: Plan, path: Path | None, timeout: float = 120.0, scratch: str = "") -> None:
        """Opens the run file, or keeps its lines. Targets of several sessions may share the folder `scratch`."""
        self.plan = plan
        self.examiner = Examiner(plan, keeping=True, repeating=True)
        self.recorder = Keeper() if path is None else Recorder(path)
        self.targets: dict[TargetName, Target] = {}
        #: The targets that are told in the run file.
        self.told: set[TargetName] = set()
        self.counts = Counts()
        self._timeout, self._scratch = timeout, scratch
        self._begun = time.process_time()

    def total(self) -> TotalCounts:
        """What was counted, of a run that has this part alone."""
        total = TotalCounts()
        total.add(self.part())
        return total

    def started(self, name: TargetName) -> Target:
        """A target, started when it is first asked for, of which nothing is told yet. Raises TargetUnavailable."""
        if name not in self.targets:
            self.targets[name] = self._distinct(name, start(name, self.plan.dtypes, self._timeout, self._scratch))
            self.examiner.seconds["imports"] += self.targets[name].observer.info.import_seconds
        return self.targets[name]

    def target(self, name: TargetName) -> Target:
        """A target, started, and told in the run file. Raises TargetUnavailable."""
        target = self.started(name)
        if name not in self.told:  # a target that another session started is told in this run file too
            self.told.add(name)
            self.recorder.write(target_line(target, name), *_absent(target))
        return target

    def _distinct(self, name: TargetName, target: Target) -> Target:
        """The target, unless another name stands for the same: its usual mode may be named, or not."""
        for other, there in self.targets.items():
            if there.name == target.name:
                target.observer.close()
                raise TargetUnavailable(f"{other} and {name} are the same target, {target.name}")
        return target

    def examine(self, group: CaseGroup, names: tuple[TargetName, ...] | None = None) -> Iterator[Verdict]:
        """The verdicts of a group, of those targets that are asked for it, recorded as they fall."""
        targets = [self.target(name) for name in names or self.plan.targets if self.plan.asks(name, group)]
        for verdict in self.examiner.examine(group, targets):
            yield self._kept(verdict)
        self.recorder.write(*self.examiner.curves)
        self.examiner.curves.clear()

    def check(self, item: Item, names: tuple[TargetName, ...] | None = None) -> Iterator[Verdict]:
        """The verdicts of one of the further checks, recorded with its facts as they fall."""
        for target in [self.target(name) for name in names or self.plan.targets]:
            for line in self.examiner.check(item, target):
                if isinstance(line, Verdict):
                    yield self._kept(line)
                else:
                    self.recorder.write(line)

    def _kept(self, verdict: Verdict) -> Verdict:
        self.recorder.write(verdict)
        self.counts.add(verdict)
        return verdict

    def part(self) -> PartCounts:
        """What was counted since this was last asked."""
        now, ledger = time.process_time(), self.examiner.ledger
        programs = {target.name: target.observer.take_programs() for target in self.targets.values()}
        part = PartCounts(self.counts, dict(self.examiner.seconds), *ledger.take(), programs, memory.taken())
        part.seconds["harness"] = now - self._begun
        self.counts, self._begun = Counts(), now
        self.examiner.seconds.clear()
        return part

    def close_targets(self) -> None:
        """Ends the targets' processes."""
        for target in self.targets.values():
            target.observer.close()

    def close(self) -> None:
        """Ends the targets and closes the file."""
        self.close_targets()
        self.recorder.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _absent(target: Target) -> list[TargetLine]:
    """The devices that a backend in the box could use, were they here."""
    could = DEVICES if target.backend in builtin_names() else ()
    missing = [device for device in could if device not in map(kind, target.observer.info.devices)]
    reason = "not available here"
    names = [f"{target.backend}:{device}:{target.mode}" for device in missing]
    return [TargetLine(name, available=False, reason=reason) for name in names]

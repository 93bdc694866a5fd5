"""A session: targets started, the run file opened, groups examined, a summary at the end.

Both faces, the command line and the pytest plugin, drive this; neither knows how a verdict is made.
"""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Self

from nnparity.checks import Item
from nnparity.parts import Part
from nnparity.plan import DEVICES, Group, Plan, TargetName
from nnparity.record import Recorder, environment, formula_line
from nnparity.reports.records import Summary, TargetLine, Verdict
from nnparity.run import Examiner, Target, start
from nnparity.summary import Tally


class Session:
    """One invocation. Use as a context manager: the targets' processes end with it."""

    def __init__(self, plan: Plan, path: Path, timeout: float = 120.0, scratch: str = "") -> None:
        """Opens the run file. Targets of several sessions may share the folder `scratch`."""
        self.plan = plan
        self.examiner = Examiner(plan)
        self.recorder = Recorder(path)
        self.targets: dict[TargetName, Target] = {}
        self._recorded: set[TargetName] = set()
        self.tally = Tally()
        self._timeout, self._scratch = timeout, scratch
        self._begun = time.process_time()

    def open(self) -> None:
        """Writes the environment and the formulas: the head of a run file."""
        self.recorder.write(environment(self.plan), *map(formula_line, self.plan.chosen()))

    def finish(self) -> Summary:
        """Writes the summary: the tail of a run that was not cut short."""
        summary = self.summary()
        self.recorder.write(summary)
        return summary

    def target(self, name: TargetName) -> Target:
        """A target, started when it is first asked for. Raises TargetUnavailable."""
        if name not in self.targets:
            self.targets[name] = start(name, self.plan.dtypes, self._timeout, self._scratch)
            self.examiner.seconds["imports"] += self.targets[name].observer.hello.import_seconds
        if name not in self._recorded:  # a target that another session started is told in this run file too
            self._recorded.add(name)
            self.recorder.write(self.targets[name].line(), *_absent(self.targets[name]))
        return self.targets[name]

    def examine(self, group: Group, names: tuple[TargetName, ...] | None = None) -> Iterator[Verdict]:
        """The verdicts of a group, recorded as they fall."""
        targets = [self.target(name) for name in names or self.plan.targets]
        for verdict in self.examiner.examine(group, targets):
            self.recorder.write(verdict)
            yield verdict
        self.recorder.write(*self.examiner.curves)
        self.examiner.curves.clear()

    def check(self, item: Item, names: tuple[TargetName, ...] | None = None) -> Iterator[Verdict]:
        """The verdicts of one of the further checks, recorded with its facts as they fall."""
        for target in [self.target(name) for name in names or self.plan.targets]:
            for line in item.run(target):
                found = self.examiner.enter(line, target) if isinstance(line, Verdict) else line
                self.recorder.write(found)
                if isinstance(found, Verdict):
                    yield found

    def finish_part(self, worker: str) -> None:
        """As `finish`, for one of several processes that share a run file, unless it had nothing to do."""
        if not worker or self.targets:
            self.finish()

    def part(self) -> Part:
        """What was counted since this was last asked."""
        now, ledger = time.process_time(), self.examiner.ledger
        part = Part(self.tally, dict(self.examiner.seconds), *ledger.take())
        part.seconds["harness"] = now - self._begun
        self.tally, self._begun = Tally(), now
        self.examiner.seconds.clear()
        return part

    def summary(self) -> Summary:
        """Counts, stale records, seconds of CPU: `harness` is everything but imports and the frameworks' calls."""
        seconds = dict(self.examiner.seconds) | {"harness": time.process_time() - self._begun}
        return Summary(
            counts=dict(self.examiner.counts),
            known=self.examiner.explained,
            stale=self.examiner.ledger.stale(),
            seconds={name: round(value, 3) for name, value in sorted(seconds.items())},
        )

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
    """The devices that the target's backend could use, were they here."""
    backend, _, mode = target.name.rsplit(":", 2)
    missing = [device for device in DEVICES if device not in target.observer.hello.devices]
    reason = "not available here"
    return [TargetLine(f"{backend}:{device}:{mode}", available=False, reason=reason) for device in missing]

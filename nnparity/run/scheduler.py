"""Jobs: the units of a plan, shared out over processes that each have targets of their own.

A unit is a formula in one dtype, or one of the further checks. The job that begins a formula gets all its units, and
under another seed gets them again, since what is compiled for one serves the others; unless a job would be idle.
Every job appends its verdicts to the run file as they fall, and tells this process what it counted.
"""

import multiprocessing
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Self

from nnparity import checks
from nnparity.execute.target import Target, TargetName
from nnparity.run.counts import PartCounts
from nnparity.run.plan import Plan
from nnparity.run.session import Session
from nnparity.spec.selection import CaseGroup
from nnparity.store import memory

#: Fewer units than this for each job are not worth another process that imports everything again.
WORTH = 12


class JobDied(RuntimeError):
    """A process of nnparity itself was killed; what it had finished is in the run file."""


@dataclass(frozen=True)
class Unit:
    """What one job does in one go. `about` is its formula, or else the dtype of a check of all formulas."""

    title: str
    about: str
    parts: tuple[CaseGroup | checks.Item, ...]
    long: bool = False


def units(plan: Plan) -> list[Unit]:
    """The whole plan. Compositions come first: they take longest, and the last unit should not keep one job waiting."""
    found = []
    for (formula, dtype), groups in groupby(plan.groups(), lambda g: (g.cases[0].formula, g.cases[0].dtype.name)):
        found.append(Unit(f"{formula.id}/{dtype}", formula.id, tuple(groups), bool(formula.composition)))
    found += [Unit(item.id, item.subject.partition("/")[0], (item,)) for item in checks.items(plan)]
    return sorted(found, key=lambda unit: not unit.long)


def sensible(jobs: int, plan: Plan) -> int:
    """At most `jobs`, and not more than the plan keeps busy."""
    return max(1, min(jobs, len(units(plan)) // WORTH))


@dataclass
class Worker:
    """A job's side: one plan after the other, on the same targets."""

    timeout: float
    scratch: str
    targets: dict[TargetName, Target] = field(default_factory=dict)
    session: Session | None = None
    units: list[Unit] = field(default_factory=list)

    def begin(self, plan: Plan, path: Path) -> PartCounts:
        """Starts the targets of a plan. Raises TargetUnavailable for one that cannot be had."""
        if self.session is not None:
            self.session.recorder.close()
        self.session = Session(plan, path, self.timeout, self.scratch)
        self.session.targets = self.targets
        self.units = units(plan)
        for name in plan.targets:
            self.session.target(name)
        return self.session.part()

    def examine(self, place: int) -> PartCounts:
        """One unit, judged and recorded."""
        assert self.session is not None
        for part in self.units[place].parts:
            for _ in self.session.examine(part) if isinstance(part, CaseGroup) else self.session.check(part):
                pass
        return self.session.part()

    def close(self) -> None:
        """Ends the targets' processes."""
        if self.session is not None:
            self.session.close()


#: The worker of a process that is a job.
_own: list[Worker] = []


def _create(timeout: float, scratch: str, store: Path | None) -> None:
    memory.use(store)
    _own.append(Worker(timeout, scratch))


def _begin(plan: Plan, path: Path) -> PartCounts:
    return _own[0].begin(plan, path)


def _examine(place: int) -> PartCounts:
    return _own[0].examine(place)


def _result(future: "Future[PartCounts]", unit: Unit, path: Path) -> PartCounts:
    try:
        return future.result()
    except BrokenProcessPool as error:
        told = f"the process that worked on {unit.title} was killed (out of memory?); {path} has what was finished"
        raise JobDied(told) from error


class Here(Executor):
    """A single job: in this process, in which nothing else has to be done."""

    def submit(self, function: Callable[..., PartCounts], /, *arguments: object, **_: object) -> "Future[PartCounts]":  # type: ignore[override]
        """Calls the function at once."""
        future: Future[PartCounts] = Future()
        try:
            future.set_result(function(*arguments))
        except Exception as error:  # noqa: BLE001  (whoever asks for the result gets it)
            future.set_exception(error)
        return future

    def shutdown(self, *_: object, **__: object) -> None:
        """Ends the targets."""
        _own.pop().close()
        memory.leave()


class Jobs:
    """Several jobs. Use as a context manager: they end with it, and their targets with them."""

    def __init__(self, count: int, timeout: float = 120.0, store: Path | None = None) -> None:
        """`count` of 1 is this process itself. What was computed is kept in the folder `store`, if there is one."""
        self._scratch = TemporaryDirectory(prefix="nnparity-")
        arguments = (timeout, self._scratch.name, store)
        self._executors: list[Executor]
        if count == 1:
            _create(*arguments)
            self._executors = [Here()]
        else:  # spawned: a fork would carry along the threads and locks of this process
            context = multiprocessing.get_context("spawn")
            self._executors = [ProcessPoolExecutor(1, context, _create, arguments) for _ in range(count)]
        #: What a unit is about -> the job that began it.
        self._begun: dict[str, int] = {}

    def drive(self, plan: Plan, path: Path) -> Iterator[tuple[str, PartCounts]]:
        """What each job counted, with the title of the unit, as it falls. Raises TargetUnavailable."""
        for begun in [executor.submit(_begin, plan, path) for executor in self._executors]:
            yield "", begun.result()
        waiting = dict(enumerate(units(plan)))
        busy: dict[Future[PartCounts], tuple[int, Unit]] = {}
        free = list(range(len(self._executors)))
        while waiting or busy:
            for job in free:
                if (place := self._next(waiting, job)) is not None:
                    future = self._executors[job].submit(_examine, place)
                    unit = waiting.pop(place)
                    busy[future] = (job, unit)
                    self._begun.setdefault(unit.about, job)
            done, _ = wait(busy, return_when=FIRST_COMPLETED)
            free = []
            for future in done:
                job, unit = busy.pop(future)
                free.append(job)
                yield unit.title, _result(future, unit, path)

    def _next(self, waiting: dict[int, Unit], job: int) -> int | None:
        """The first unit of what no other job has begun; else the last of another's, so that none is idle."""
        own = (place for place, unit in waiting.items() if self._begun.get(unit.about, job) == job)
        return next(own, next(reversed(waiting), None))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for executor in self._executors:
            executor.shutdown(cancel_futures=True)
        self._scratch.cleanup()

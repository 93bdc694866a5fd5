"""Jobs: the units of a plan, shared out over processes that each have targets of their own.

A unit is a formula in one dtype, or one of the further checks. The job that begins a formula gets all its units, and
under another seed gets them again, since what is compiled for one serves the others; unless a job would be idle.
Every job appends its verdicts to the run file as they fall, and tells this process what it counted.
"""

import contextlib
import multiprocessing
import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from types import MappingProxyType
from typing import Self

from nnparity import checks
from nnparity.execute.lifetime import end_with
from nnparity.execute.observer import TargetUnavailable
from nnparity.execute.target import Target, TargetName
from nnparity.reference import packs
from nnparity.run.counts import PartCounts
from nnparity.run.journal import finished
from nnparity.run.plan import Plan
from nnparity.run.session import Session
from nnparity.spec.selection import CaseGroup
from nnparity.store import memory

#: Fewer units than this for each job are not worth another process that imports everything again.
WORTH = 12


#: Seconds after which a job that a target has stopped is told to go on.
AWAKE = 5.0


#: Target -> package -> version.
Versions = Mapping[str, dict[str, str]]


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
    """The whole plan, or the share asked for. Compositions come first: they take longest, and none should come last."""
    found = []
    for (formula, dtype), groups in groupby(plan.groups(), lambda g: (g.cases[0].formula, g.cases[0].dtype.name)):
        found.append(Unit(f"{formula.id}/{dtype}", formula.id, tuple(groups), bool(formula.composition)))
    found += [Unit(item.id, item.subject.partition("/")[0], (item,)) for item in checks.items(plan)]
    found.sort(key=lambda unit: not unit.long)
    place, count = plan.shard  # dealt out in turn: each share gets its part of what takes long
    return found[place - 1 :: count]


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

    def begin(self, plan: Plan, path: Path, versions: Versions) -> PartCounts:
        """Starts the targets of a plan. Raises TargetUnavailable for one that cannot be had, or not in its version."""
        if self.session is not None:
            self.session.recorder.close()
        for pack in plan.packs:
            packs.take(pack)
        self.session = Session(plan, path, self.timeout, self.scratch)
        self.session.targets = self.targets
        self.units = units(plan)
        for name in plan.targets:
            target = self.session.target(name)
            _agree(target.name, versions.get(target.name), target.observer.info.versions)
        return self.session.part()

    def examine(self, place: int) -> PartCounts:
        """One unit, judged and recorded."""
        assert self.session is not None
        for part in self.units[place].parts:
            for _ in self.session.examine(part) if isinstance(part, CaseGroup) else self.session.check(part):
                pass
        counted = self.session.part()
        self.session.recorder.write(finished(self.units[place].title, counted))
        self.session.recorder.flush()
        return counted

    def close(self) -> None:
        """Ends the targets' processes."""
        if self.session is not None:
            self.session.close()


#: The worker of a process that is a job.
_own: list[Worker] = []


def _agree(name: str, before: dict[str, str] | None, now: dict[str, str]) -> None:
    if before and before != now:
        raise TargetUnavailable(f"{name} has the versions {now} here, and had {before} when the run began")


def _create(timeout: float, scratch: str, store: Path | None, parent: int = 0) -> None:
    if parent:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever is asked to stop is the parent
        end_with(parent)
    memory.use(store)
    _own.append(Worker(timeout, scratch))


def _begin(plan: Plan, path: Path, versions: Versions) -> PartCounts:
    return _own[0].begin(plan, path, versions)


def _examine(place: int) -> PartCounts:
    return _own[0].examine(place)


def _wake() -> None:
    """Jobs that were stopped go on: a target is their child, and may send them what it likes."""
    for process in multiprocessing.active_children():
        with contextlib.suppress(OSError):
            os.kill(process.pid, signal.SIGCONT)  # type: ignore[arg-type]


def _ended(futures: Collection["Future[PartCounts]"]) -> set["Future[PartCounts]"]:
    """Those that have ended, once there is one. None where there is nothing to wait for."""
    ended: set[Future[PartCounts]] = set()
    while futures and not ended:
        ended, _ = wait(futures, AWAKE, return_when=FIRST_COMPLETED)
        _wake()
    return ended


def _result(future: "Future[PartCounts]", work: str, path: Path) -> PartCounts:
    try:
        return future.result()
    except BrokenProcessPool as error:
        told = f"the process that worked on {work} was killed (out of memory?); {path} has what was finished"
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


def _emptied(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


class Jobs:
    """Several jobs. Use as a context manager: they end with it, and their targets with them."""

    def __init__(
        self, count: int, timeout: float = 120.0, store: Path | None = None, scratch: Path | None = None
    ) -> None:
        """`count` of 1 is this process itself. What was computed is kept in the folder `store`, if there is one.

        `scratch` is a folder for what lasts as long as they; what a killed run has left there goes first.
        """
        self._scratch = _emptied(scratch) if scratch else Path(tempfile.mkdtemp(prefix="nnparity-"))
        arguments = (timeout, str(self._scratch), store)
        self._executors: list[Executor]
        if count == 1:
            _create(*arguments)
            self._executors = [Here()]
        else:  # spawned: a fork would carry along the threads and locks of this process
            context = multiprocessing.get_context("spawn")
            own = (*arguments, os.getpid())
            self._executors = [ProcessPoolExecutor(1, context, _create, own) for _ in range(count)]
        #: Whether no unit is to be begun any more.
        self.stopping = False
        #: What a unit is about -> the job that began it.
        self._begun: dict[str, int] = {}

    def drive(
        self, plan: Plan, path: Path, done: Collection[str] = (), versions: Versions = MappingProxyType({})
    ) -> Iterator[tuple[str, PartCounts]]:
        """What each job counted, with the title of the unit, as it falls; not of those that are `done`.

        `versions` are those that each target must have, where it is told. Raises TargetUnavailable.
        """
        for begun in [executor.submit(_begin, plan, path, dict(versions)) for executor in self._executors]:
            _ended([begun])
            yield "", _result(begun, "the start of its targets", path)
        waiting = {place: unit for place, unit in enumerate(units(plan)) if unit.title not in done}
        busy: dict[Future[PartCounts], tuple[int, Unit]] = {}
        free = list(range(len(self._executors)))
        while waiting or busy:
            if self.stopping:
                waiting.clear()
            for job in free:
                if (place := self._next(waiting, job)) is not None:
                    future = self._executors[job].submit(_examine, place)
                    unit = waiting.pop(place)
                    busy[future] = (job, unit)
                    self._begun.setdefault(unit.about, job)
            free = []
            for future in _ended(busy):
                job, unit = busy.pop(future)
                free.append(job)
                yield unit.title, _result(future, unit.title, path)

    def stop(self) -> None:
        """No unit is begun any more; those at hand are finished."""
        self.stopping = True

    def _next(self, waiting: dict[int, Unit], job: int) -> int | None:
        """The first unit of what no other job has begun; else the last of another's, so that none is idle."""
        own = (place for place, unit in waiting.items() if self._begun.get(unit.about, job) == job)
        return next(own, next(reversed(waiting), None))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None and not issubclass(kind, Exception):  # nobody waits; on Linux their targets end with them
            for process in multiprocessing.active_children():
                process.kill()
        for executor in self._executors:
            executor.shutdown(cancel_futures=True)
        shutil.rmtree(self._scratch, ignore_errors=True)

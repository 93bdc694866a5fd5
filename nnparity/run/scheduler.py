"""Jobs: the units of a plan, shared out over an engine's jobs, that each have targets of their own.

The job that begins a formula gets all its units, and under another seed gets them again, since what is compiled for one
serves the others; unless a job would be idle. What a job that was lost had at hand is done again by the next.
"""

from collections import Counter
from collections.abc import Collection, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from pathlib import Path
from types import MappingProxyType
from typing import Self

from nnparity.run.counts import PartCounts
from nnparity.run.engines.engine import Done, Engine, JobDied, Lost, Versions
from nnparity.run.engines.units import WORTH, Crew, Unit, of_crew, turned, units
from nnparity.run.engines.worker import agree
from nnparity.run.journal import entered
from nnparity.run.plan import Plan
from nnparity.spec.usage import UsageError

#: Seconds after which a job that a target has stopped is told to go on.
AWAKE = 5.0

#: What a job is busy with that has no unit yet.
START = Unit("", "the start of its targets", ())


class Jobs:
    """An engine's jobs. Use as a context manager: they end with it, and their targets with them."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        #: Whether no unit is to be begun any more.
        self.stopping = False
        #: How jobs ended that were replaced.
        self.lost: list[str] = []
        #: What a unit is about -> the job that began it.
        self._begun: dict[str, int] = {}
        #: Jobs, and other crews whose targets they have started.
        self._helping: set[tuple[int, Crew]] = set()

    def units(self, plan: Plan) -> list[Unit]:
        """All that is to be done: each unit once for each crew."""
        return [unit for own in self._shares(plan).values() for unit in own]

    def _shares(self, plan: Plan) -> dict[Crew, list[Unit]]:
        cut = units(plan)
        return {crew: of_crew(cut, crew) for crew in self._engine.crews}

    def drive(
        self, plan: Plan, path: Path, done: Collection[str] = (), versions: Versions = MappingProxyType({})
    ) -> Iterator[tuple[str, PartCounts]]:
        """What each job counted, with the title of the unit, as it falls; not of those that are `done`.

        `versions` are those that each target must have, where it is told. Raises TargetUnavailable.
        """
        waiting = self._waiting(plan, path, done)
        turn = _Turn(self._engine, plan, path, dict(versions))
        for job in range(len(self._engine.crews)):
            turn.begin(job)
        while turn.on(waiting.values()):
            if self.stopping:
                for left in waiting.values():
                    left.clear()
            for job in turn.ready():
                crew = self._crew(waiting, job)
                if (place := self._next(waiting[crew], job)) is not None:
                    turn.give(job, place, unit := waiting[crew].pop(place), crew)
                    self._begun.setdefault(unit.about, job)
                elif len(waiting) > 1 and not self._engine.helpful:  # other targets may be waiting for its room
                    turn.leave(job)
            for job, place, unit, found in turn.ended():
                if isinstance(found, Lost):
                    self.lost.append(f"{unit.title or unit.about}: {found}")
                    waiting[self._engine.crews[job]] |= {} if unit is START else {place: unit}
                else:
                    yield unit.title, found.counted

    def _crew(self, waiting: dict[Crew, dict[int, Unit]], job: int) -> Crew:
        """Whose units a job does: its own crew's, then those of the one that has most left, where that is enough."""
        own = self._engine.crews[job]
        if waiting[own] or not self._engine.helpful:
            return own
        most = max(waiting, key=lambda crew: len(waiting[crew]))
        if (job, most) not in self._helping and len(waiting[most]) < 2 * WORTH:
            return own
        self._helping.add((job, most))
        return most

    def _waiting(self, plan: Plan, path: Path, done: Collection[str]) -> dict[Crew, dict[int, Unit]]:
        """What each crew has to do. Raises UsageError where what is done was shared out among others."""
        shares = self._shares(plan)
        if foreign := set(done) - {unit.title for own in shares.values() for unit in own}:
            told = f"what is finished there was shared out otherwise ({min(foreign)})"
            raise UsageError(f"{path} cannot be gone on with: {told}; go on as it was begun")
        return {
            crew: {at: unit for at, unit in turned(own, number / len(shares)).items() if unit.title not in done}
            for number, (crew, own) in enumerate(shares.items())
        }

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
        self._engine.close(now=kind is not None and not issubclass(kind, Exception))


class _Turn:
    """An engine's jobs on one plan: which are free, and what the others are busy with."""

    def __init__(self, engine: Engine, plan: Plan, path: Path, versions: dict[str, dict[str, str]]) -> None:
        self._engine, self._plan, self._path, self._versions = engine, plan, path, versions
        self._free: list[int] = []
        self._busy: dict[Future[Done], tuple[int, int, Unit]] = {}
        #: Work -> how often it cost its job.
        self._losses: Counter[str] = Counter()

    def begin(self, job: int) -> None:
        """Has a job start its targets."""
        self._busy[self._engine.begin(job, self._plan, self._path, self._versions)] = (job, -1, START)

    def give(self, job: int, place: int, unit: Unit, crew: Crew) -> None:
        """Has a job that is free do a unit of its own crew, or of another."""
        self._free.remove(job)
        self._busy[self._engine.examine(job, place, crew)] = (job, place, unit)

    def leave(self, job: int) -> None:
        """Gives up the room of a job that is free."""
        self._free.remove(job)
        self._engine.replace(job)

    def on(self, waiting: Collection[Collection[int]]) -> bool:
        """Whether there is something to do, or to wait for."""
        at_hand = any(self._engine.prompt or unit is not START for _, _, unit in self._busy.values())
        return at_hand or any(waiting)

    def ready(self) -> list[int]:
        """The jobs that may be given something: in an engine that is prompt none before all have begun."""
        held = self._engine.prompt and any(unit is START for _, _, unit in self._busy.values())
        return [] if held else list(self._free)

    def ended(self) -> Iterator[tuple[int, int, Unit, Done | Lost]]:
        """What has come of what has ended: lines are in the run file, the lost replaced. Nothing when it takes long."""
        ended, _ = wait(self._busy, AWAKE, return_when=FIRST_COMPLETED)
        self._engine.awake()
        for future in ended:
            job, place, unit = self._busy.pop(future)
            yield job, place, unit, self._settled(future, job, unit)

    def _settled(self, future: "Future[Done]", job: int, unit: Unit) -> Done | Lost:
        work = unit.title or unit.about
        try:
            found = self._engine.result(future)
        except Lost as error:
            self._losses[work] += 1
            if self._losses[work] >= self._engine.attempts:
                told = f"the process that worked on {work} was killed ({error}); {self._path} has what was finished"
                raise JobDied(told) from error
            self._engine.replace(job)
            self.begin(job)
            return error
        del self._losses[work]
        for name, versions in found.versions.items():
            agree(name, self._versions.setdefault(name, versions), versions)
        if found.lines:
            entered(self._path, found.lines)
        self._free.append(job)
        return found

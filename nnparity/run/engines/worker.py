"""A job's side: it has targets of its own, does one unit after the other on them, and says what it counted."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from nnparity.execute.observer import TargetUnavailable
from nnparity.execute.target import Target, TargetName
from nnparity.reference import packs
from nnparity.run.engines.engine import Done, Versions
from nnparity.run.engines.units import Crew, Unit, of_crew, units
from nnparity.run.journal import SOURCE, finished, made_of
from nnparity.run.plan import Plan
from nnparity.run.session import Session
from nnparity.spec.selection import CaseGroup


@dataclass
class Worker:
    """One plan after the other, on the same targets: all of the plan, or those of a crew."""

    timeout: float
    scratch: str
    crew: Crew = ()
    targets: dict[TargetName, Target] = field(default_factory=dict)
    session: Session | None = None
    units: list[Unit] = field(default_factory=list)

    def begin(self, plan: Plan, path: Path | None, versions: Versions) -> Done:
        """Starts the targets of a plan. Raises TargetUnavailable for one that cannot be had, or not in its version.

        Lines go to the run file at `path`; without one they are handed back.
        """
        if self.session is not None:
            self.session.recorder.close()
        for pack in plan.packs:
            packs.take(pack)
        self.session = Session(plan, path, self.timeout, self.scratch)
        self.session.targets = self.targets
        self.units = units(plan)
        found = self._started(self.session, self.crew or plan.targets, versions)
        return Done(self.session.part(), found, self.session.recorder.take())

    def _started(self, session: Session, names: Iterable[TargetName], versions: Versions) -> dict[str, dict[str, str]]:
        """Starts targets, and says what they are made of; each once."""
        found = {}
        for name in [one for one in names if one not in session.told]:
            target = session.started(name)
            info = target.observer.info
            found[target.name] = made_of(info.versions, info.source)
            told = target.name if name.boxed else f"{target.name} ({name.backend})"
            agree(told, versions.get(target.name), found[target.name])
            session.target(name)  # told in the run file, now that it may share in it
        return found

    def examine(self, place: int, crew: Crew | None = None) -> Done:
        """One unit, judged and recorded; of another crew's targets, which are started for it, where one is named."""
        assert self.session is not None
        crew = self.crew if crew is None else crew
        (unit,), own = of_crew([self.units[place]], crew), crew or None
        found = self._started(self.session, crew, {})
        for part in unit.parts:
            for _ in self.session.examine(part, own) if isinstance(part, CaseGroup) else self.session.check(part, own):
                pass
        counted, recorder = self.session.part(), self.session.recorder
        recorder.write(finished(unit.title, counted))
        recorder.flush()
        return Done(counted, found, recorder.take())

    def close(self) -> None:
        """Ends the targets' processes."""
        if self.session is not None:
            self.session.close()


def agree(name: str, before: dict[str, str] | None, now: dict[str, str]) -> None:
    """Raises TargetUnavailable where a target is made of something else than it was.

    Its adapter's own code is compared where both tell of it, and versions where those of before are told.
    """
    was, source = (one.get(SOURCE) for one in (before or {}, now))
    if was and source and was != source:
        changed = f"its digest is {source}, and was {was}"
        raise TargetUnavailable(f"{name}: the source of its adapter is not what it was when the run began: {changed}")
    before, now = ({k: v for k, v in (one or {}).items() if k != SOURCE} for one in (before, now))
    if before and before != now:
        raise TargetUnavailable(f"{name} has the versions {now} here, and had {before} when the run began")

"""A job in a Ray actor, on whichever machine: what it is told when it begins, and what it checks before it does.

It has no run file. The lines of a unit go back with what was counted, when the unit is finished.
"""

import importlib.metadata
import os
import platform
import shutil
import signal
import subprocess
import tempfile
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from nnparity.reference import packs
from nnparity.run.engines.engine import Done, Versions
from nnparity.run.engines.units import Crew
from nnparity.run.engines.worker import Worker
from nnparity.run.plan import Plan
from nnparity.run.recorder import OURS, code
from nnparity.spec.usage import UsageError
from nnparity.store import memory

#: What the environment says to nnparity holds on every machine.
OWN = "NNPARITY_"
#: A process that wakes the one of that number every few seconds, as long as there is one: a target is the child of a
#: job, and may stop it.
WAKER = ("sh", "-c", "while kill -s CONT $0; do sleep 2; done")


@dataclass(frozen=True)
class Told:
    """What every job of a run is told. `scratch` is a folder for what lasts as long as they, if they share one."""

    timeout: float
    store: Path | None
    scratch: str = ""
    folder: Path = field(default_factory=Path.cwd)
    environment: dict[str, str] = field(
        default_factory=lambda: {k: v for k, v in os.environ.items() if k.startswith(OWN)}
    )


def made_of(plan: Plan) -> dict[str, str]:
    """What decides what a job computes and judges, and has to be alike on all machines. Takes in the plan's packs."""
    for pack in plan.packs:
        packs.take(pack)
    versions = {name: importlib.metadata.version(name) for name in OURS if name != "pytest"}
    return {"code of nnparity": code(), "Python": platform.python_version(), **versions}


class Actor:
    """A job. Not more than one is in a process."""

    def __init__(self) -> None:
        """Nothing that can fail: what is wrong is told by `begin`."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever is asked to stop is the driver
        self._worker: Worker | None = None
        self._own_scratch = ""

    def begin(self, told: Told, crew: Crew, plan: Plan, versions: Versions, made: dict[str, str]) -> Done:
        """Starts the targets of a plan. Raises UsageError on a machine where a job would be made of something else."""
        if self._worker is None:
            self._worker = self._created(told, crew)
        if wrong := sorted(f"{name} {there}" for name, there in made_of(plan).items() if made.get(name) != there):
            where = f"{platform.node()} cannot share in this run: it has {', '.join(wrong)}"
            raise UsageError(f"{where}; the run is made with {made}")
        return self._worker.begin(plan, None, versions)

    def _created(self, told: Told, crew: Crew) -> Worker:
        os.environ.update(told.environment)
        with suppress(OSError):  # where paths of the command line lie, if they lie here
            os.chdir(told.folder)
        subprocess.Popen([*WAKER, str(os.getpid())], stderr=subprocess.DEVNULL)
        memory.use(told.store)
        self._own_scratch = "" if told.scratch else tempfile.mkdtemp(prefix="nnparity-")
        return Worker(told.timeout, told.scratch or self._own_scratch, crew)

    def examine(self, place: int) -> Done:
        """One unit, judged; with its lines."""
        assert self._worker is not None
        return self._worker.examine(place)

    def close(self) -> None:
        """Ends the targets; what was computed is kept."""
        if self._worker is not None:
            self._worker.close()
            memory.leave()
        if self._own_scratch:
            shutil.rmtree(self._own_scratch, ignore_errors=True)

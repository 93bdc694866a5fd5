"""What the scheduler asks of those who run jobs, wherever these are."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path

from nnparity.run.counts import PartCounts
from nnparity.run.engines.units import Crew
from nnparity.run.plan import Plan

#: Target -> package -> version.
Versions = Mapping[str, dict[str, str]]


class JobDied(RuntimeError):
    """A process of nnparity itself was killed; what it had finished is in the run file."""


class Lost(Exception):
    """A job is gone, and with it what it had at hand. The message says how."""


@dataclass(frozen=True)
class Done:
    """What came of a beginning or of a unit."""

    counted: PartCounts
    versions: Versions
    #: For the run file, where the job has not written them there itself.
    lines: bytes = b""


class Engine(ABC):
    """Jobs, counted from 0. What one is told to do it does in the order in which it is told."""

    #: The targets of each job.
    crews: tuple[Crew, ...] = ()
    #: Whether all jobs are waited for before the first unit: those of a cluster may find room late, or never.
    prompt = True
    #: Whether a job may do the units of another crew too, and start its targets, once it has none left.
    helpful = False
    #: How often something is begun that costs its job.
    attempts = 1

    @abstractmethod
    def begin(self, job: int, plan: Plan, path: Path, versions: Versions) -> "Future[Done]":
        """Has a job start the targets of a plan, in these versions where they are told."""

    @abstractmethod
    def examine(self, job: int, place: int, crew: Crew) -> "Future[Done]":
        """Has a job do the unit at that place of the plan that it began last, on the targets of its crew or another."""

    @abstractmethod
    def result(self, future: "Future[Done]") -> Done:
        """What came of it. Raises Lost, and what the job raised."""

    @abstractmethod
    def replace(self, job: int) -> None:
        """Another in the place of a job that is lost, or of one that is not needed for now. It is to begin anew."""

    @abstractmethod
    def awake(self) -> None:
        """Jobs that were stopped go on: a target is their child, and may send them what it likes."""

    @abstractmethod
    def close(self, *, now: bool) -> None:
        """Ends the jobs and their targets; `now`, whatever they have at hand."""

"""Jobs in actors of a Ray cluster: on the machines that have what their targets need, replaced when they are lost.

Ray is no dependency of nnparity; it is imported when it is asked for. Of Ray this uses actors that ask for resources
and are never restarted by Ray itself: which unit is done again is decided by the scheduler, and by nobody else.
"""

import contextlib
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from types import MappingProxyType
from typing import Any

from nnparity.execute.observer import TargetUnavailable
from nnparity.execute.target import TargetName, kind
from nnparity.run.engines.actor import Actor, Told, made_of
from nnparity.run.engines.engine import Done, Engine, Lost, Versions
from nnparity.run.engines.units import Crew, sensible
from nnparity.run.plan import Plan
from nnparity.spec.usage import UsageError

#: How `--on` is said: `ray` for a cluster in this machine, a Ray Client's address, or `ray:` and what `ray.init` takes.
RAY, CLIENT = "ray", "ray://"
#: Ray's variable with the address of a cluster, which stands where `ray` alone is said.
ADDRESS = "RAY_ADDRESS"
#: Backend -> requirements of its jobs' runtime environment, as pip takes them.
Requirements = Mapping[str, Sequence[str]]
#: What Ray does by default, and a run here must not: calls nobody, leaves its jobs the priority of this process, hides
#: no GPU from a target on the CPU, whose report says which devices there are.
SETTINGS = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_worker_niceness": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}
#: Seconds for jobs to end their targets.
FAREWELL = 30.0


def imported() -> Any:
    """Ray. Raises UsageError where it is not installed."""
    try:
        import ray  # noqa: PLC0415 - only who asks for it needs it
    except ImportError as error:
        raise UsageError(f"--on ray needs Ray, which is not here ({error}): pip install 'nnparity[ray]'") from error
    return ray


def meant(where: str) -> bool:
    """Whether `--on` means a Ray cluster."""
    return where == RAY or where.startswith(f"{RAY}:")


def _address(where: str) -> str | None:
    """What `ray.init` takes for what `--on` says."""
    if where == RAY:
        return os.environ.get(ADDRESS)
    return where if where.startswith(CLIENT) else where.removeprefix(f"{RAY}:")


def crews(targets: Sequence[TargetName], requirements: Requirements) -> dict[Crew, dict[str, Any]]:
    """The targets, in crews that need the same of a machine, and what; those that need a GPU first.

    One crew of all targets is none in particular.
    """
    found: dict[tuple[int, tuple[str, ...]], list[TargetName]] = {}
    for target in targets:
        need = (int(kind(target.device) == "cuda"), tuple(requirements.get(target.backend, ())))
        found.setdefault(need, []).append(target)
    options: dict[Crew, dict[str, Any]] = {}
    for (gpus, pip), names in sorted(found.items(), key=lambda one: -one[0][0]):
        crew = tuple(names) if len(found) > 1 else ()
        options[crew] = {"num_cpus": 1, "num_gpus": gpus}
        if pip:
            options[crew]["runtime_env"] = {"pip": list(pip)}
    return options


def shared_out(
    options: Mapping[Crew, Mapping[str, Any]], has: Mapping[str, float], jobs: int | None, most: int
) -> list[Crew]:
    """The crew of each job: `jobs` for each crew, or else as many as the cluster has room for and the plan keeps busy.

    Raises TargetUnavailable for a crew that needs a GPU where there is none.
    """
    gpus, left = int(has.get("GPU", 0)), int(has.get("CPU", 0))
    found: list[Crew] = []
    for place, (crew, need) in enumerate(options.items()):
        if need["num_gpus"] and not gpus:
            raise TargetUnavailable(f"no machine of the cluster has a GPU for {', '.join(map(str, crew)) or 'CUDA'}")
        room = gpus if need["num_gpus"] else left // (len(options) - place)
        count = jobs or max(1, min(room, most))
        left -= count
        found += [crew] * count
    return found


class Cluster(Engine):
    """Jobs in actors. One that is lost is replaced wherever there is room; until then the others go on."""

    prompt = False
    attempts = 3

    def __init__(
        self,
        where: str,
        plan: Plan,
        jobs: int | None = None,
        timeout: float = 120.0,
        store: Path | None = None,
        requirements: Requirements = MappingProxyType({}),
    ) -> None:
        """`where` is what `--on` says. Raises UsageError for a cluster that is not to be had."""
        self._ray = imported()
        self._temporary = ""
        options = crews(plan.targets, requirements)
        with _own_signals():
            self._connect(where, jobs and jobs * len(options))
        try:
            self.crews = tuple(shared_out(options, self._ray.cluster_resources(), jobs, sensible(1 << 20, plan)))
        except BaseException:
            self._end_cluster()
            raise
        self._told = Told(timeout, store, self._temporary)
        self._options = [options[crew] for crew in self.crews]
        self._kind = self._ray.remote(Actor)
        #: The actor of each job that has one, and of those that have begun.
        self._actors: dict[int, Any] = {}
        self._there: dict[int, Any] = {}

    def _connect(self, where: str, cpus: int | None) -> None:
        quiet = {"log_to_driver": False, "logging_level": "error"}
        address = _address(where)
        try:
            if address and address != "local":
                self._ray.init(address, **quiet)
                return
            for name, value in SETTINGS.items():
                os.environ.setdefault(name, value)
            self._temporary = tempfile.mkdtemp(prefix="nnparity-")
            self._ray.init("local", num_cpus=cpus, include_dashboard=False, _temp_dir=self._temporary, **quiet)
        except (ConnectionError, OSError, RuntimeError, ValueError) as error:
            self._end_cluster()
            raise UsageError(f"no Ray cluster at {address or 'this machine'}: {error}") from error

    def begin(self, job: int, plan: Plan, path: Path, versions: Versions) -> "Future[Done]":  # noqa: ARG002  (which no actor has)
        """Has an actor start its targets, as soon as there is room for it."""
        if job not in self._actors:
            once = {"max_restarts": 0, "max_task_retries": 0, "scheduling_strategy": "SPREAD"}
            self._actors[job] = self._kind.options(**self._options[job], **once).remote()
        actor = self._actors[job]
        begun: Future[Done]
        begun = actor.begin.remote(self._told, self.crews[job], plan, dict(versions), made_of(plan)).future()
        begun.add_done_callback(lambda done: done.exception() or self._there.update({job: actor}))
        return begun

    def examine(self, job: int, place: int, crew: Crew) -> "Future[Done]":  # noqa: ARG002  (its own)
        """Has an actor do a unit."""
        return self._actors[job].examine.remote(place).future()  # type: ignore[no-any-return]

    def result(self, future: "Future[Done]") -> Done:
        """What came of it; what a job raised is raised here, without Ray's wrapping."""
        errors = self._ray.exceptions
        try:
            return future.result()
        except errors.RayTaskError as error:
            raise (error.cause if isinstance(error.cause, Exception) else error) from error
        except errors.RuntimeEnvSetupError as error:
            raise TargetUnavailable(f"its runtime environment cannot be made: {error}") from error
        except errors.RayError as error:
            raise Lost(_first(error)) from error

    def replace(self, job: int) -> None:
        """Ends an actor, should it still be there; the next beginning makes another."""
        self._there.pop(job, None)
        if (actor := self._actors.pop(job, None)) is not None:
            self._ray.kill(actor)

    def awake(self) -> None:
        """Nothing: each actor has who wakes it, on its machine."""

    def close(self, *, now: bool) -> None:
        """Ends the actors; those that are there and have nothing at hand end their targets themselves."""
        asked = [] if now else [actor.close.remote() for actor in list(self._there.values())]
        if asked:
            self._ray.wait(asked, num_returns=len(asked), timeout=FAREWELL)
        for job in list(self._actors):
            self.replace(job)
        self._end_cluster()

    def _end_cluster(self) -> None:
        with _own_signals():
            self._ray.shutdown()
        if self._temporary:
            shutil.rmtree(self._temporary, ignore_errors=True)


def _first(error: Exception) -> str:
    """What Ray says of a loss, its first lines in one."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return " ".join(lines[:2]) or type(error).__name__


@contextlib.contextmanager
def _own_signals() -> Iterator[None]:
    """Whatever Ray does with signals is undone: what they do is said by whoever runs the plan."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

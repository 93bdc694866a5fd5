"""Jobs in processes of this machine; a single one is this process itself. They write into the run file themselves."""

import contextlib
import gc
import multiprocessing
import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from pathlib import Path

from nnparity.execute.lifetime import end_with
from nnparity.run.engines.engine import Done, Engine, JobDied, Lost, Versions
from nnparity.run.engines.units import Crew
from nnparity.run.engines.worker import Worker
from nnparity.run.plan import Plan
from nnparity.store import memory

#: The worker of a process that is a job.
_own: list[Worker] = []


def pool(count: int, begin: Callable[..., None], *arguments: object) -> ProcessPoolExecutor:
    """So many processes that end with this one, each of which begins by calling `begin`."""
    # spawned: a fork would carry along the threads and locks of this process
    spawning = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(count, spawning, partial(_obedient, os.getpid(), begin, *arguments))


@contextlib.contextmanager
def sharing(count: int, begin: Callable[..., None], *arguments: object) -> Iterator[ProcessPoolExecutor]:
    """A `pool` for work that is done within; what ends that early ends the processes, whatever they have at hand."""
    with pool(count, begin, *arguments) as processes:
        try:
            yield processes
        except BaseException:  # nobody waits for the others
            kill()
            raise


def _obedient(parent: int, begin: Callable[..., None], *arguments: object) -> None:
    """Begins as a process that ends with its parent, and leaves it to that to be interrupted."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with(parent)
    gc.freeze()  # what is imported stays, see `execute.worker`
    begin(*arguments)


def kill() -> None:
    """Ends all processes of this one, whatever they have at hand; on Linux their targets end with them."""
    for process in multiprocessing.active_children():
        process.kill()


def _create(crew: Crew, timeout: float, scratch: str, store: Path | None) -> None:
    memory.use(store)
    _own.append(Worker(timeout, scratch, crew))


def _begin(plan: Plan, path: Path, versions: Versions) -> Done:
    return _own[0].begin(plan, path, versions)


def _examine(place: int, crew: Crew) -> Done:
    return _own[0].examine(place, crew)


def _leave() -> None:
    """Ends the targets: the system adds their CPU time to that of a process that has waited for them."""
    while _own:
        _own.pop().close()


class Here(Executor):
    """A single job: in this process, in which nothing else has to be done."""

    def submit(self, function: Callable[..., Done], /, *arguments: object, **_: object) -> "Future[Done]":  # type: ignore[override]
        """Calls the function at once."""
        future: Future[Done] = Future()
        try:
            future.set_result(function(*arguments))
        except Exception as error:  # noqa: BLE001  (whoever asks for the result gets it)
            future.set_exception(error)
        return future

    def shutdown(self, *_: object, **__: object) -> None:
        """Ends the targets."""
        _leave()
        memory.leave()


def _emptied(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


class Processes(Engine):
    """Several jobs, each in a process that lasts as long as they all do."""

    helpful = True

    def __init__(
        self,
        count: int,
        timeout: float = 120.0,
        store: Path | None = None,
        scratch: Path | None = None,
        crews: Sequence[Crew] = ((),),
    ) -> None:
        """`count` of 1 is this process itself. What was computed is kept in the folder `store`, if there is one.

        `scratch` is a folder for what lasts as long as they; what a killed run has left there goes first. `crews` are
        dealt out in turn, and there is a job for each.
        """
        count = max(count, len(crews))
        self.crews = tuple(crews[job % len(crews)] for job in range(count))
        self._scratch = _emptied(scratch) if scratch else Path(tempfile.mkdtemp(prefix="nnparity-"))
        arguments = (timeout, str(self._scratch), store)
        self._executors: list[Executor]
        if count == 1:
            _create((), *arguments)
            self._executors = [Here()]
        else:
            self._executors = [pool(1, _create, crew, *arguments) for crew in self.crews]

    def begin(self, job: int, plan: Plan, path: Path, versions: Versions) -> "Future[Done]":
        """Has a process start its targets."""
        return self._executors[job].submit(_begin, plan, path, dict(versions))

    def examine(self, job: int, place: int, crew: Crew) -> "Future[Done]":
        """Has a process do a unit."""
        return self._executors[job].submit(_examine, place, crew)

    def result(self, future: "Future[Done]") -> Done:
        """What came of it."""
        try:
            return future.result()
        except BrokenProcessPool as error:
            raise Lost("out of memory?") from error

    def replace(self, job: int) -> None:
        """No: on one machine, whatever killed one process of ours is likely to kill the next."""
        raise JobDied(f"job {job} is gone")

    def awake(self) -> None:
        """Wakes all children."""
        for process in multiprocessing.active_children():
            with contextlib.suppress(OSError):
                os.kill(process.pid, signal.SIGCONT)  # type: ignore[arg-type]

    def close(self, *, now: bool) -> None:
        """Ends the processes, and removes what lasted as long as they."""
        if now:
            kill()
        else:
            for executor in self._executors:
                with contextlib.suppress(BrokenProcessPool):  # one that died
                    executor.submit(_leave)
        for executor in self._executors:
            executor.shutdown(cancel_futures=now)
        shutil.rmtree(self._scratch, ignore_errors=True)

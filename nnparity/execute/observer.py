"""Observers: each keeps one target in a process of its own, and outlives that process's death.

Frameworks never share a process, and none lives in this one. A target that hangs is killed, one that dies is
started again; either costs those quantities of the case at hand that it hangs or dies in, and nothing else.
"""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO

from nnparity.adapters.request import PROGRAMS, Failure, Observation, Request, keys
from nnparity.execute import messages
from nnparity.execute.channel import Channel, Closed, Late, Malformed
from nnparity.execute.limits import allowed, time_limit, with_limit
from nnparity.execute.program_cache import kept
from nnparity.execute.protocol import Response, TargetInfo
from nnparity.spec import packs
from nnparity.spec.schema import QUANTITIES

#: Seconds for a framework to be imported and to say what it is.
START_SECONDS = 300.0
#: Seconds for a process to end that has closed its channel.
GONE_SECONDS = 5.0
#: So many calls in a row of a formula in a dtype, or for a derivative, without an answer in time: no more are asked.
PATIENCE = 8
NOT_ASKED = "not asked: {} calls in a row of this formula in this dtype gave no answer in time"
#: Bytes of what a process has printed, of which the last lines are told.
LAST_WORDS = 1 << 14
#: What says how many threads OpenMP, the BLAS libraries, TensorFlow and XLA take. One each, unless the user's
#: environment says otherwise: on small arrays a pool costs far more than it gives, and several targets work at once.
THREADS = (
    *("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TF_NUM_INTRAOP_THREADS"),
    *("NPROC", "PJRT_NPROC"),
)
#: Threads of OpenMP that have nothing to do sleep: else they spin, and take what others on a busy machine would use.
WAITING = "OMP_WAIT_POLICY"


class TargetUnavailable(RuntimeError):
    """A target that cannot be made here: unknown, not installed, or its device is absent."""


@dataclass(frozen=True)
class Observed:
    """What became of one request: an observation, or a `fate` (`crashed`, `timed out`, `error`) with its message.

    Beside a fate the observation has what the target gives of no formula: that is unsupported, and met with nothing.
    """

    observation: Observation
    seconds: float = 0.0
    fate: str = ""
    message: str = ""
    #: family -> how it was come by, where not as usual
    notes: dict[str, str] = field(default_factory=dict)


class Observer:
    """One target. `submit` requests, do something else, then `collect` what came of them."""

    def __init__(
        self,
        backend: str,
        device: str = "cpu",
        mode: str = "",
        timeout: float = 120.0,
        scratch: str = "",
        threads: int | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Starts the process. Raises TargetUnavailable with the target's own words, UsageError for no time.

        `scratch` is a folder that it may share with others of its kind, for programs that are not kept from run to
        run; without one it gets its own. `threads` are those of its kernels; without it one, or as many as the
        environment says. `environment` is what else its process is told: its programs are other ones than usual
        then, and lie in `scratch`.
        """
        time_limit(timeout)
        allowed()  # said here, where it can be told
        self._own_scratch = None if scratch else tempfile.TemporaryDirectory(prefix="nnparity-")
        self._scratch = scratch or (self._own_scratch.name if self._own_scratch else "")
        #: How many programs its processes needed since `take_programs` was called last.
        self._programs: Counter[str] = Counter()
        self.key = ":".join(filter(None, (backend, device, mode)))
        self._arguments = (backend, device, mode)
        self._timeout = timeout
        self._pending: Sequence[Request] = ()
        self._threads = threads
        self._told = environment
        self._twins: dict[int | None, Observer] = {}
        self._unread = 0
        #: which of the answers to the requests sent last comes next
        self._next = 0
        #: what to answer from now on, once the process could not be started again
        self._lost: Observed | None = None
        #: how often in a row a family of quantities of a formula in a dtype may give no answer in time, and has
        self.patience: float = PATIENCE
        self._hung: Counter[tuple[str, str, str]] = Counter()
        self.info = self._start()

    def _start(self) -> TargetInfo:
        ours, theirs = socket.socketpair()
        self._channel = Channel(ours)
        self._log: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  (closed with the process, in `close`)
        # -P: what lies in the working directory stands in the way of no framework, see `_search_path`
        command = [sys.executable, "-P", "-m", "nnparity.execute.worker", *self._arguments]
        self._process = subprocess.Popen(
            [*command, str(theirs.fileno()), str(os.getpid())],
            start_new_session=True,  # so that all that it starts can be ended with it
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            env=self._environment(),
        )
        theirs.close()
        info = self._receive(START_SECONDS)
        if isinstance(info, TargetInfo):
            return info
        self.close()
        said = info.message if isinstance(info, Observed) else str(info)
        raise TargetUnavailable(f"{self.key}: {with_limit(said)}")

    def _environment(self) -> dict[str, str]:
        """What the process is told: where modules and packs are, where programs are kept, how many threads to take.

        And where temporary files go: one that is killed cannot remove its own.
        """
        own = {"PYTHONPATH": os.pathsep.join(_search_path()), PROGRAMS: kept() or self._scratch, **packs.told()}
        own["TMPDIR"] = str(Path(self._scratch).absolute())
        own[WAITING] = os.environ.get(WAITING, "PASSIVE")
        if self._told is not None:
            own |= {PROGRAMS: self._scratch, **self._told}
        return os.environ | self._thread_counts() | own

    def _thread_counts(self) -> dict[str, str]:
        if self._threads is not None:
            return dict.fromkeys(THREADS, str(self._threads))
        usual = {name: os.environ.get(name, "1") for name in THREADS}
        return {**usual, "PJRT_NPROC": os.environ.get("PJRT_NPROC", usual["NPROC"])}  # XLA's, and before its NPROC

    def take_programs(self) -> Counter[str]:
        """How many programs were compiled or read from the cache since this was last asked, by its twins too."""
        taken, self._programs = self._programs, Counter()
        return sum((twin.take_programs() for twin in self._twins.values()), taken)

    def on_threads(self, threads: int) -> "Observer | OnThreads":
        """This target, its kernels on so many threads: this process where it sets that itself, else a twin.

        A process more is an import of the framework more, which takes longer than all that is asked of it.
        """
        return OnThreads(self, threads) if self.info.sets_threads else self.twin(threads)

    def twin(self, threads: int | None = None) -> "Observer":
        """Another process of the same target, with so many threads, started when first asked for.

        It ends with this one. They share a folder: what one has compiled the other need not compile again.
        """
        if threads not in self._twins:
            self._twins[threads] = Observer(*self._arguments, self._timeout, self._scratch, threads, self._told)
        return self._twins[threads]

    def single_threaded(self) -> "Observer | OnThreads":
        """This one, where its kernels take one thread; or on one where the environment gives them more."""
        return self if set(self._thread_counts().values()) == {"1"} else self.on_threads(1)

    def submit(self, requests: Sequence[Request]) -> None:
        """Sends requests; the target works on them while this process goes on."""
        if self._unread:  # the reader of the last answers gave up: the next must not be taken for them
            self._lost = self._lost or self._restart()
        self._pending, self._unread = requests, len(requests)
        self._send(requests)

    def collect(self) -> Iterator[Observed]:
        """What became of each request submitted, in order."""
        for done, request in enumerate(self._pending, start=1):
            self._unread -= 1
            asked = self._asked(request)
            if asked is None:
                yield self._completed(request, request, Observed({}, 0.0, "timed out", NOT_ASKED.format(self.patience)))
                continue
            answer = self._answer()
            found = self._taken(answer) if isinstance(answer, Response) else self._salvaged(asked, answer)
            if self._hung or not isinstance(answer, Response):
                self._count(asked, found)
            if not isinstance(answer, Response):
                self._send(self._pending[done:])
            yield self._completed(request, asked, found)

    def once(self, request: Request) -> Observed | None:
        """What becomes of one request more; None where part of it is not asked any more, or there is no process.

        What it costs its process is not had family by family, and counts for nothing: it was answered before.
        """
        if self._lost or self._asked(request) is not request:
            return None
        self.submit([request])
        self._unread = 0
        answer = self._answer()
        return self._taken(answer) if isinstance(answer, Response) else answer

    def _asked(self, request: Request) -> Request | None:
        """What of it is asked: nothing that hung whenever it was, in this formula and dtype: hours for one cause.

        That is nothing at all where it is the first of its families, as in `_salvaged`.
        """
        if not self._hung:
            return request
        families = _families(request)
        left = [family for family in families if self._hung[(*_kind(request), family)] < self.patience]
        if left == families:
            return request
        asked = replace(request, quantities=frozenset(left), together=frozenset())
        return asked if left[:1] == families[:1] else None

    def _count(self, asked: Request, found: Observed) -> None:
        """How often in a row each family has hung, with what became of this request."""
        for family in _families(asked):
            seen = [found.observation.get(name) for name in keys(family, asked)]
            lost = any(isinstance(one, Failure) and one.kind == "timed out" for one in seen)
            place = (*_kind(asked), family)
            if lost or found.fate == "timed out":
                self._hung[place] += 1
            else:
                self._hung.pop(place, None)

    def _completed(self, request: Request, asked: Request, found: Observed) -> Observed:
        """With what of a request was not asked, or not to be had at all."""
        if found.fate:
            none: Observation = {
                name: Failure("unsupported", self.info.lacking[family])
                for family in _families(request)
                if family in self.info.lacking
                for name in keys(family, request)
            }
            return replace(found, observation=none)
        if asked is request:
            return found
        why = Failure("timed out", NOT_ASKED.format(self.patience))
        left_out = [family for family in _families(request) if family not in asked.quantities]
        missing: Observation = dict.fromkeys((name for family in left_out for name in keys(family, request)), why)
        return replace(found, observation=found.observation | missing)

    def _answer(self) -> Response | Observed:
        """The next response; or a fate, after which there is a new process. One that comes again is passed over."""
        answer = self._lost or self._receive(self._timeout)
        deadline = time.monotonic() + self._timeout
        while isinstance(answer, Response) and answer.number < self._next and time.monotonic() < deadline:
            answer = self._receive(self._timeout)
        if isinstance(answer, Response):
            if answer.number == self._next:
                self._next += 1
                return answer
            answer = f"the answer to request {answer.number} came where that to {self._next} was due"
        self._lost = self._lost or self._restart()
        return answer if isinstance(answer, Observed) else Observed({}, 0.0, "error", str(answer))

    def _taken(self, answer: Response) -> Observed:
        self._programs.update(answer.programs)
        return Observed(answer.observation, answer.seconds, notes=answer.notes)

    def _salvaged(self, request: Request, fate: Observed) -> Observed:
        """What of a request that cost its process can be had: its families of quantities, asked one by one.

        Who meets a fate at the first of them alone, the output mostly, meets it at all.
        """
        families = _families(request)
        if len(families) < 2 or self._lost:
            return fate
        found = Observed({})
        for family in families:
            # not together with others: one program that gives all would meet with it for each of them
            self._send([replace(request, quantities=frozenset({family}), together=frozenset())])
            answer = self._answer()
            if not isinstance(answer, Response):
                if family == families[0]:
                    return fate
                failed = Failure(answer.fate, answer.message)  # type: ignore[arg-type]
                answer = Response(dict.fromkeys(keys(family, request), failed), 0.0)
            one = self._taken(answer)
            seen, notes = found.observation | one.observation, found.notes | one.notes
            found = Observed(seen, found.seconds + one.seconds, notes=notes)
        return found

    def _send(self, requests: Sequence[Request]) -> None:
        self._next = 0
        asked = [one for one in map(self._asked, requests) if one is not None]
        if asked and not self._channel.closed:
            # the process is gone, or takes nothing: `collect` finds out, and says how
            with contextlib.suppress(Closed, Late):
                self._channel.send(messages.of_requests(asked), self._timeout)

    def _receive(self, seconds: float) -> TargetInfo | Response | Observed | str:
        try:
            return messages.answer(self._channel.receive(seconds))
        except Late:
            self._process.kill()
            return Observed({}, seconds, "timed out", f"no answer within {seconds:g} s; the process was killed")
        except Closed:
            return Observed({}, 0.0, "crashed", self._last_words())
        except (Malformed, messages.MessageError) as error:
            return Observed({}, 0.0, "error", str(error))

    def _last_words(self) -> str:
        try:
            how = f"the process died: {_ending(self._process.wait(GONE_SECONDS))}"
        except subprocess.TimeoutExpired:
            self._process.kill()
            how = "it closed its channel and lived on; the process was killed"
        self._log.seek(max(self._log.seek(0, os.SEEK_END) - LAST_WORDS, 0))
        lines = self._log.read().decode(errors="replace").strip().splitlines()[-12:]
        return "\n".join([how, *lines])

    def _restart(self) -> Observed | None:
        """A new process; or what to answer from now on, when there can be none."""
        self._end()
        try:
            self.info = self._start()
        except TargetUnavailable as error:
            return Observed({}, 0.0, "crashed", f"it could not be started again: {error}")
        return None

    def close(self) -> None:
        """Ends the process, and its twin's."""
        while self._twins:
            self._twins.popitem()[1].close()
        self._end()
        if self._own_scratch is not None:
            self._own_scratch.cleanup()

    def _end(self) -> None:
        self._channel.close()
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._log.close()


@dataclass(frozen=True)
class OnThreads:
    """What is asked of an observer, with a number of threads for it."""

    observer: Observer
    threads: int

    def submit(self, requests: Sequence[Request]) -> None:
        """See `Observer`."""
        self.observer.submit([replace(request, threads=self.threads) for request in requests])

    def collect(self) -> Iterator[Observed]:
        """See `Observer`."""
        return self.observer.collect()


def _kind(request: Request) -> tuple[str, str]:
    return request.formula, request.float_dtype


def _families(request: Request) -> list[str]:
    """The families of quantities that it asks for, in order."""
    return [family for family in QUANTITIES if family in request.quantities]


def _ending(code: int) -> str:
    """How a process ended, in words."""
    if code >= 0:
        return f"exit status {code}"
    with contextlib.suppress(ValueError):
        return f"killed by {signal.Signals(-code).name}"
    return f"killed by signal {-code}"


def _search_path() -> list[str]:
    """Where this process finds its modules, so that the other finds the same; last of all the working directory.

    There an adapter of the caller's own may lie, in a file that is called like its framework.
    """
    return [*(path or str(Path.cwd()) for path in sys.path), str(Path.cwd())]

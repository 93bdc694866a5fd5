"""Asked to stop: the first interrupt lets what is at hand be finished, the second and a termination stop now."""

import contextlib
import signal
from collections.abc import Callable, Iterator
from types import FrameType

#: The exit status of a run that was interrupted, as shells have it.
INTERRUPTED = 128 + signal.SIGINT
#: What ends a process unless it says otherwise, where the system has it.
SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


@contextlib.contextmanager
def gentle(stop: Callable[[], None]) -> Iterator[None]:
    """At the first SIGINT `stop` is called; the next one, SIGTERM or SIGHUP raises SystemExit with 128 + its number."""
    asked: list[int] = []

    def heard(number: int, frame: FrameType | None) -> None:
        if number != signal.SIGINT or asked:
            raise SystemExit(128 + number)
        asked.append(number)
        stop()

    with _hearing(heard):
        yield


@contextlib.contextmanager
def stopping() -> Iterator[None]:
    """Each of the signals raises SystemExit with 128 + its number: for what cannot be gone on with later."""

    def heard(number: int, frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    with _hearing(heard):
        yield


@contextlib.contextmanager
def _hearing(heard: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Has the signals heard; one that is ignored stays so: by nohup, or by a shell's job in the background."""
    heeded = [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, heard) for number in heeded}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

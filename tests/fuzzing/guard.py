"""Calls what reads a file: within a time, and with what it says kept."""

import contextlib
import io
import re
import signal
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from types import FrameType
from typing import Any

import typer

from nnparity.command_line import main as cli

#: CPU seconds that a file may take, and seconds on the clock: other processes of the machine take their part of those.
CPU, CLOCK = 10.0, 120.0
#: What a terminal takes for more than text, and how much text nobody reads.
RAW = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
MUCH = 20_000


class Hangs(BaseException):
    """Something takes too long; no Exception, so that nobody takes it for an error that can be told."""


@dataclass(frozen=True)
class Ended:
    """How a command ended, and what it said."""

    status: Any
    out: str
    err: str

    @property
    def wrong(self) -> str | None:
        """What a command must not do, whatever it is given."""
        if "Traceback" in self.err:
            return f"a traceback: {self.err.strip().splitlines()[-1][:200]}"
        if self.status not in (0, 1, 2):
            return f"status {self.status}: {self.err[-200:]}"
        if self.status == 2 and not self.err.strip():
            return "status 2, and not a word"
        if met := RAW.search(self.err + self.out):
            return f"{met[0]!r} goes to the terminal"
        if len(self.err) > MUCH:
            return f"{len(self.err)} characters on standard error"
        return None


@contextlib.contextmanager
def bounded() -> Iterator[None]:
    """Raises Hangs in what takes too long."""

    def over(number: int, frame: FrameType | None) -> None:
        raise Hangs(signal.Signals(number).name)

    timers = ((signal.ITIMER_VIRTUAL, signal.SIGVTALRM, CPU), (signal.ITIMER_REAL, signal.SIGALRM, CLOCK))
    before = [signal.signal(number, over) for _, number, _ in timers]
    try:
        for timer, _, seconds in timers:
            signal.setitimer(timer, seconds)
        yield
    finally:
        for (timer, number, _), handler in zip(timers, before, strict=True):
            signal.setitimer(timer, 0)
            signal.signal(number, handler)


@cache
def _commands() -> Any:
    """What the application makes of its commands, at every call anew."""
    return typer.main.get_command(cli.application)


def command(*arguments: object) -> Ended:
    """A command of nnparity, in this process."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = cli.guarded(lambda: _commands().main([str(one) for one in arguments]))
    return Ended(status, out.getvalue(), err.getvalue())


def tried(what: Callable[[], Iterator[str]]) -> list[str]:
    """What is wrong, as a reader's check tells it; what it raises, and that it hangs, is wrong too."""
    found: list[str] = []
    try:
        with bounded():
            found.extend(what())
    except Hangs as over:
        found.append(f"hangs: {over}, {_place(over)}")
    except Exception as error:  # noqa: BLE001  (whatever it is, it is what is looked for)
        found.append(f"raises {type(error).__name__}: {str(error)[:200]} {_place(error)}")
    return found


def _place(error: BaseException) -> str:
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"at {last.filename.rpartition('nnparity/')[2]}:{last.lineno}"

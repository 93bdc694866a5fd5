"""An adapter that attacks the harness itself: the process that started it, and the file of the run."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nnparity.adapters.numpy import NumpyAdapter
from nnparity.adapters.request import Request

#: The environment's word for what is to be done, and for the run file.
DO, RUN = "NNPARITY_VANDAL", "NNPARITY_VANDAL_RUN"


def _run() -> Path:
    return Path(os.environ[RUN])


def writes_into() -> None:
    with _run().open("ab") as file:
        file.write(b'{"kind":"verdict"}\nrubbish\n')


def overwrites() -> None:
    with _run().open("r+b") as file:
        file.write(b"x" * 100)


def doubles() -> None:
    line = _run().read_bytes().split(b"\n")[-2]
    with _run().open("ab") as file:
        file.write(line + b"\n")


def cuts() -> None:
    """Whole lines, so that what is left looks well."""
    lines = _run().read_bytes().splitlines(keepends=True)
    os.truncate(_run(), len(b"".join(lines[:-2])))


DEEDS: dict[str, Callable[[], Any]] = {
    "kill": lambda: os.kill(os.getppid(), signal.SIGKILL),
    "terminate": lambda: os.kill(os.getppid(), signal.SIGTERM),
    "stop": lambda: os.kill(os.getppid(), signal.SIGSTOP),
    "write into": writes_into,
    "double": doubles,
    "overwrite": overwrites,
    "cut": cuts,
    "truncate": lambda: os.truncate(_run(), 10),
    "remove": lambda: _run().unlink(),
    "replace": lambda: (_run().unlink(), _run().write_text("{}\n")),
}


class Vandal(NumpyAdapter):
    """The reference, and one attack, once the first case of dense is asked for."""

    backend = "vandal"
    _done = False

    def observe(self, request: Request) -> Any:
        if request.formula == "dense" and not self._done:
            type(self)._done = True
            DEEDS[os.environ[DO]]()
        return super().observe(request)

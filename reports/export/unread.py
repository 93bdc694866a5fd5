"""Output that nobody reads any more: a pipe whose reader has ended, a terminal that was closed. It ends no command.

A run of hours would be lost with the reader of its progress, and behind `| head` a status would say something else.
"""

import errno
import io
import os
import stat
import sys
from pathlib import Path
from typing import Any, TextIO


class Output(io.FileIO):
    """The file of a standard stream: once nobody reads it, what is written goes nowhere, and is no error.

    Another error is raised once: what is left of the output would meet it again when the interpreter ends.
    """

    def write(self, data: Any) -> int:
        """Writes, perhaps nowhere."""
        try:
            return super().write(data)
        except OSError as error:
            read = not _unread(error, self.fileno())
            self._turn_away()
            if read:
                raise
        return super().write(data)

    def _turn_away(self) -> None:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self.fileno())
        os.close(nowhere)


def _unread(error: OSError, number: int) -> bool:
    """Whether it says that nobody reads: of a terminal the system says no more than that it cannot be written to."""
    terminal = error.errno == errno.EIO and stat.S_ISCHR(os.fstat(number).st_mode)
    return terminal or isinstance(error, ConnectionError)


def outlived() -> None:
    """From now on this process outlives the readers of its output, and has some where the streams were closed."""
    sys.stdout, sys.stderr = _outliving(sys.stdout, 1), _outliving(sys.stderr, 2)


def _outliving(stream: TextIO | None, number: int) -> TextIO:
    if stream is None:  # closed by whoever started this process
        return Path(os.devnull).open("w", encoding="utf-8")
    if not isinstance(stream, io.TextIOWrapper) or stream.fileno() != number:
        return stream  # somebody else's, who knows what becomes of it
    return io.TextIOWrapper(
        io.BufferedWriter(Output(number, "wb", closefd=False)),
        encoding=stream.encoding,
        errors=stream.errors,
        line_buffering=stream.line_buffering or stream.write_through,  # the latter as PYTHONUNBUFFERED has it
    )

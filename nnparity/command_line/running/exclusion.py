"""One run at a time in a folder: a second one would append to the same file, and nobody could tell them apart.

A report holds its folder too: it would take the run file away from the run that writes it.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from nnparity.spec.usage import UsageError

#: The name of the file that is locked; it is of no use by itself, and stays.
LOCK = ".nnparity.lock"


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Holds the folder for one run or report; a folder that was made for nothing goes again.

    Raises UsageError where another has it, or where nothing can be written.
    """
    made = not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / LOCK, timeout=0):
            try:
                yield
            finally:
                if made:
                    _cleared(folder)
    except Timeout as error:
        raise UsageError(f"another run writes into {folder}: name another folder by --out") from error
    except PermissionError as error:
        raise UsageError(f"{folder} cannot be written to: {error}") from error


def _cleared(folder: Path) -> None:
    """Takes a folder away in which nothing but the lock lies: what was to be written there was refused."""
    with contextlib.suppress(OSError):
        if [one.name for one in folder.iterdir()] == [LOCK]:
            (folder / LOCK).unlink()
            folder.rmdir()

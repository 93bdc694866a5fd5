"""One run at a time in a folder: a second one would append to the same file, and nobody could tell them apart."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from nnparity.spec.usage import UsageError

#: The name of the file that is locked; it is of no use by itself, and stays.
LOCK = ".nnparity.lock"


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Holds the folder for one run. Raises UsageError where another run has it, or where nothing can be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / LOCK, timeout=0):
            yield
    except Timeout as error:
        raise UsageError(f"another run writes into {folder}: name another folder by --out") from error
    except PermissionError as error:
        raise UsageError(f"{folder} cannot be written to: {error}") from error

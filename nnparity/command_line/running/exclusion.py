"""One run at a time in a folder: a second one would append to the same file, and nobody could tell them apart.

A report holds its folder too: it would take the run file away from the run that writes it. A hunt has a file of its
own, and holds the folder against other hunts alone; so does `mutate` against others of its kind. Where the folder
cannot be written to, that is told: it is no fault of nnparity's.
"""

import contextlib
import errno
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from nnparity.spec.usage import UsageError

#: The name of the file that is locked; it is of no use by itself, and stays.
LOCK = ".nnparity.lock"
#: The same, by what holds the folder.
LOCKS = {"run": LOCK, "hunt": ".nnparity.hunt.lock", "mutation": ".nnparity.mutation.lock"}
#: What the system says where nothing more can be written: no room, none for this user, or a file of the largest size.
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)


@contextlib.contextmanager
def alone(folder: Path, what: str = "run", option: str = "--out") -> Iterator[None]:
    """Holds the folder for one run or report, one hunt or one `mutate`; a folder that was made for nothing goes again.

    `option` is what names it. Raises UsageError where another has it, or where nothing can be written.
    """
    made = not _there(folder)
    try:
        with written(folder), FileLock(folder / LOCKS[what], timeout=0):
            try:
                yield
            finally:
                if made:
                    _cleared(folder, LOCKS[what])
    except Timeout as error:
        raise UsageError(f"another {what} writes into {folder}: name another folder by {option}") from error


def _there(folder: Path) -> bool:
    """Whether it exists; not if the system cannot even look, as for a name that is too long: `written` tells why."""
    with contextlib.suppress(OSError):
        return folder.exists()
    return False


def _cleared(folder: Path, lock: str) -> None:
    """Takes a folder away in which nothing but the lock lies: what was to be written there was refused."""
    with contextlib.suppress(OSError):
        if [one.name for one in folder.iterdir()] == [lock]:
            (folder / lock).unlink()
            folder.rmdir()


@contextlib.contextmanager
def written(folder: Path) -> Iterator[None]:
    """Makes the folder that a command writes into. Raises UsageError for what the system refuses there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise UsageError(f"{error.filename} is a file: name a folder by --out") from error
    except OSError as error:
        raise UsageError(f"{folder} cannot be made: {error}") from error
    try:
        yield
    except OSError as error:
        if isinstance(error, PermissionError) or error.errno in FULL or _within(folder, error):
            raise UsageError(f"{folder} cannot be written to: {error}") from error
        raise


def _within(folder: Path, error: OSError) -> bool:
    """Whether it is about something in the folder, where a file may lie in the place of a folder, or one of a file."""
    about = error.filename
    return isinstance(about, str) and Path(about).absolute().is_relative_to(folder.absolute())

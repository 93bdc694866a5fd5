"""Where the store lies: in the user's cache folder, or where NNPARITY_STORE says, or nowhere.

A file that SQLite finds damaged is neither repaired nor renamed under the processes that have it open: a mark beside it
says that it is set aside, and a new one is begun under the next number. Numbers are never used again.
"""

import itertools
import os
from pathlib import Path

from nnparity.store.encoding import FORMAT


class StoreError(Exception):
    """A store that cannot be had, or a file that is none; the message says which and why."""


#: The folder of the store, or OFF.
VARIABLE = "NNPARITY_STORE"
OFF = "off"
#: Bytes that a store may take, unless BOUND_VARIABLE says otherwise: `make parity` fills 3.7 GiB, and what is left
#: after room was made must hold them, or a run throws away what its next target needs.
BOUND = 6 * 2**30
#: How large it may become, in MiB.
BOUND_VARIABLE = "NNPARITY_STORE_MIB"


def folder() -> Path | None:
    """The folder of the store, made or not; None where there is to be none."""
    asked = os.environ.get(VARIABLE)
    if asked == OFF:
        return None
    if asked:
        return Path(asked)
    import platformdirs  # noqa: PLC0415 - only who has a store asks where

    return Path(platformdirs.user_cache_path("nnparity"))


def bound() -> int:
    """How many bytes the store may take. Raises StoreError."""
    asked = os.environ.get(BOUND_VARIABLE, "")
    if asked and not asked.isdecimal():
        raise StoreError(f"{BOUND_VARIABLE} is a number of MiB, not {asked}")
    return int(asked) * 2**20 if asked else BOUND


def file(folder: Path) -> Path:
    """The first file of this format that is not set aside."""
    numbered = (folder / f"expectations-{FORMAT}.{number}.sqlite" for number in itertools.count())
    return next(path for path in numbered if not _mark(path).exists())


def set_aside(path: Path) -> None:
    """Marks a damaged file, which stays for whoever wants to look at it; of those before it only the marks stay."""
    _mark(path).touch()
    remove_set_aside(path.parent, but=path)


def remove_set_aside(folder: Path, but: Path | None = None) -> None:
    """Removes the files set aside, `but` that one."""
    for mark in folder.glob("*.damaged"):
        path = mark.with_suffix("")
        for part in ("", "-wal", "-shm") if path != but else ():
            Path(f"{path}{part}").unlink(missing_ok=True)


def _mark(path: Path) -> Path:
    return path.with_name(f"{path.name}.damaged")

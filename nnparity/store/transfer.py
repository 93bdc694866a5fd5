"""A store looked at, emptied, written into one file and read from one, as `nnparity store` does.

What is read from a file is checked entry by entry; a file that is no store is refused.
"""

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from nnparity.store import location
from nnparity.store.database import DamagedFile, Database
from nnparity.store.encoding import DamagedEntry, decode
from nnparity.store.location import StoreError

#: Entries that are written in one transaction: each waits for the disk.
AT_ONCE = 256


@dataclass(frozen=True)
class Brought:
    """What came out of a file: entries, and how many of them were damaged and left out."""

    entries: int
    damaged: int

    def __str__(self) -> str:
        return f"{self.entries:,} entries" + (f", {self.damaged:,} damaged ones left out" if self.damaged else "")


def info(folder: Path) -> dict[str, str]:
    """What there is to say of the store in a folder."""
    with _opened(folder) as database:
        size, bound = database.size / 2**20, database.bound / 2**20
        told = {"file": str(database.path), "entries": f"{len(database.keys()):,}"}
    aside = sum(1 for _ in folder.glob("*.damaged"))
    return told | {"size": f"{size:,.1f} MiB of {bound:,.0f}"} | ({"set aside": f"{aside} damaged"} if aside else {})


def clear(folder: Path) -> None:
    """Removes all that is kept, damaged files too."""
    with _opened(folder) as database:
        database.clear()
    location.remove_set_aside(folder)


def write_to(folder: Path, path: Path) -> int:
    """Writes the store of a folder into one file, in the place of any other; how many entries there are."""
    beside = path.with_name(f"{path.name}.{os.getpid()}.part")
    with _opened(folder) as database:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            database.copy_to(beside)
            beside.replace(path)
            return len(database.keys())
        finally:
            beside.unlink(missing_ok=True)


def read_from(folder: Path, path: Path) -> Brought:
    """Keeps in the store of a folder what a file holds."""
    entries = damaged = 0
    waiting: dict[bytes, bytes] = {}
    with _opened(folder) as database, _told(), closing(Database(path, create=False)) as other:
        for key in other.keys():  # noqa: SIM118 - no dict
            body = other.get(key)
            try:
                decode(key, body)
            except DamagedEntry:
                damaged += 1
            else:
                assert isinstance(body, bytes)
                waiting[key] = body
                entries += 1
                if len(waiting) == AT_ONCE:
                    database.put(waiting)
                    waiting = {}
        database.put(waiting)
    return Brought(entries, damaged)


@contextmanager
def _opened(folder: Path) -> Iterator[Database]:
    with _told():
        folder.mkdir(parents=True, exist_ok=True)
        with closing(Database(location.file(folder), location.bound())) as database:
            yield database


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except (OSError, DamagedFile) as error:
        raise StoreError(str(error)) from error

"""Compiled programs are kept from run to run, in a folder of the user's: what a run has compiled the next one reads.

Each framework's own cache lies in there (see its adapter), under its own keys. JAX can bound its cache by itself, but
looks through all of it whenever it writes: here the folder is cut back once, before a target starts.
"""

import os
from functools import cache
from pathlib import Path

import platformdirs

from nnparity.adapters.request import PROGRAMS

#: What the variable says to keep nothing.
OFF = "off"
#: Bytes that may lie in the folder when a target is started; what JAX needs, and Keras on it, was 41 MiB.
LARGEST = 2**30


def kept() -> str:
    """The folder; nothing where it is switched off, or cannot be made."""
    told = os.environ.get(PROGRAMS)
    if told in ("", OFF):
        return ""
    folder = Path(told) if told else platformdirs.user_cache_path("nnparity") / "programs"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return ""
    _trim_once(folder.resolve())
    return str(folder.resolve())


@cache
def _trim_once(folder: Path) -> None:
    trim(folder, LARGEST)


def trim(folder: Path, largest: int) -> None:
    """Deletes what was used longest ago until the rest is small enough. Others may read, write and delete meanwhile."""
    total = 0
    for path, told in sorted(_files(folder), key=lambda one: max(one[1].st_atime, one[1].st_mtime), reverse=True):
        total += told.st_size
        if total > largest:
            path.unlink(missing_ok=True)


def _files(folder: Path) -> list[tuple[Path, os.stat_result]]:
    found = []
    for path in folder.rglob("*"):
        try:
            found += [(path, path.stat())] if path.is_file() else []
        except OSError:  # deleted by another process since it was listed
            continue
    return found

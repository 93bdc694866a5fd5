"""Compiled programs are kept from run to run, in a folder of the user's: what a run has compiled the next one reads.

Each framework's own cache lies in there (see its adapter), under its own keys. JAX can bound its cache by itself, but
looks through all of it whenever it writes: here the folder is cut back once, before a target starts.

What is cut back is nnparity's own folder alone. The folder that a user names may hold anything else.
"""

import contextlib
import os
import stat
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import platformdirs

from nnparity.adapters.request import PROGRAMS

#: What the variable says to keep nothing.
OFF = "off"
#: The folder of nnparity's own in the one that the variable names.
OWN = "nnparity-programs"
#: Bytes that may lie in the folder when a target is started; what JAX needs, and Keras on it, was 167 MiB.
LARGEST = 2**30


def kept() -> str:
    """The folder; nothing where it is switched off, cannot be written to, or is a link to what is not our own."""
    folder = _folder()
    if folder is None or trouble():
        return ""
    _trim_once(folder.resolve())
    return str(folder.resolve())


def trouble() -> str:
    """Why no program is kept though the user did not switch that off, in words; nothing where they are kept."""
    folder = _folder()
    if folder is None:
        return ""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        return str(error)
    if folder.is_symlink():
        return f"{folder} is a link"
    return "" if os.access(folder, os.W_OK | os.X_OK) else f"{folder} cannot be written to"


def _folder() -> Path | None:
    told = os.environ.get(PROGRAMS)
    if told in ("", OFF):
        return None
    return Path(told, OWN) if told else platformdirs.user_cache_path("nnparity") / "programs"


@cache
def _trim_once(folder: Path) -> None:
    trim(folder, LARGEST)


def trim(folder: Path, largest: int) -> None:
    """Deletes what was used longest ago until the rest is small enough. Others may read, write and delete meanwhile."""
    total = 0
    for path, told in sorted(_files(folder), key=lambda one: max(one[1].st_atime, one[1].st_mtime), reverse=True):
        total += told.st_size
        if total > largest:
            with contextlib.suppress(OSError):  # another user's
                Path(path).unlink()


def _files(folder: Path) -> Iterator[tuple[str, os.stat_result]]:
    """Those that lie in the folder itself: links are neither files of it, nor followed.

    As text: of tens of thousands a `Path` each takes as long as all else.
    """
    for within, _, names in os.walk(folder):
        for path in (f"{within}/{name}" for name in names):
            try:
                told = os.lstat(path)
            except OSError:  # deleted by another process since it was listed
                continue
            if stat.S_ISREG(told.st_mode):
                yield path, told

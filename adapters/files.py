"""An adapter in a file of one's own, imported under a name that takes the place of no other.

The file may be called like its framework: what it imports under that name is the framework, not the file.
"""

import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType

from nnparity.adapters.traceback import FRAMES, lines_in, located
from nnparity.spec.file_modules import executed

#: What stands before the file's name in the name of its module.
PREFIX = "nnparity_adapter_"


class Broken(LookupError):
    """The file of an adapter cannot be run; the message has its lines."""


class _Elsewhere:
    """A finder of modules that takes a name for anything but one file, first in `sys.meta_path`."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The module of that name as without the file's folder; None of other names."""
        if name != self.path.stem or path is not None:
            return None
        places = [place for place in sys.path if Path(place or ".").resolve() != self.path.parent]
        for finder in sys.meta_path:
            if finder is not self and (found := _found(finder, name, places, target)) is not None:
                return found
        raise ModuleNotFoundError(f"No module named {name!r} but {self.path.name} itself", name=name)


def _found(finder: object, name: str, places: list[str], target: ModuleType | None) -> ModuleSpec | None:
    if finder is PathFinder:
        return PathFinder.find_spec(name, places, target)
    ask = getattr(finder, "find_spec", None)
    found: ModuleSpec | None = ask(name, None, target) if ask else None
    return found


def from_file(path: Path) -> ModuleType:
    """The module in a file. Raises FileNotFoundError, or `Broken` for one that cannot be run."""
    if not path.is_file():
        raise FileNotFoundError(f"no file {path}")
    path = path.resolve()
    if not any(isinstance(finder, _Elsewhere) and finder.path == path for finder in sys.meta_path):
        sys.meta_path.insert(0, _Elsewhere(path))  # for good: a method may import when it is called
    try:
        return executed(PREFIX + path.stem, path)
    except Exception as error:
        raise Broken(_told(error, path)) from error


def _told(error: Exception, path: Path) -> str:
    """What was raised, and where in the file."""
    what = f"{path.name} cannot be run: {type(error).__name__}: {error}"
    if isinstance(error, SyntaxError):
        return what
    frames = [located(str(path), line, name) for line, name in lines_in(error, str(path))]
    return "\n".join([what, *frames[-FRAMES:]])

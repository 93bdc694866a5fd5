"""The code from outside that modules are made of: what they import, and what that imports in turn.

It is found as an import would find it, by the statements in the source, and nothing is imported: the process that asks
may not be the one that runs it. A module that is named as the program runs (`importlib.import_module`) is not seen.
"""

import ast
import hashlib
import importlib.metadata
import importlib.util
import pkgutil
import sys
import sysconfig
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cache
from importlib.machinery import ModuleSpec
from pathlib import Path

#: Folders of installed packages, by their names.
INSTALLED = frozenset({"site-packages", "dist-packages"})


@cache
def foreign(name: str, file: str) -> bool:
    """Whether a module is neither installed, Python's nor nnparity's."""
    path = Path(file).resolve()
    if name.partition(".")[0] in ("nnparity", "__main__", "__mp_main__") or INSTALLED.intersection(path.parts):
        return False
    places = (sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib"))
    return not any(path.is_relative_to(Path(place).resolve()) for place in places)


def behind(files: Iterable[Path]) -> dict[str, str]:
    """Each module from outside that these files import, and those import: a digest of its file.

    For packages that are installed their version speaks, and what they import is not looked at.
    """
    return {name: _digest(file) if file else _version(name) for name, file in _followed(files)}


def files_behind(files: Iterable[Path], modules: Iterable[str] = ()) -> dict[str, Path]:
    """The file of each module from outside that these files, and these modules, import or are, and what those import.

    Also of what is imported later, within a function.
    """
    return {name: file for name, file in _followed(files, modules) if file}


def _followed(files: Iterable[Path], modules: Iterable[str] = ()) -> Iterator[tuple[str, Path | None]]:
    """Modules from outside with their files, and installed packages without."""
    folders: dict[str, Sequence[str]] = {}  # of the submodules of each module
    left = deque(name for file in files for name in _imports(file.read_bytes()))
    left += (above for name in modules for above in _upward(name))
    while left:
        name = left.popleft()
        if name in folders:
            continue
        above = name.rpartition(".")[0]
        file, folders[name] = _found(name, folders[above] if above else None)
        if file and foreign(name, str(file)):
            yield name, file
            left += _imported(file, name if folders[name] else above)
        elif file or not folders[name]:  # and no folder without an __init__.py, which may hold anything
            folders[name] = ()
            if not above and name not in sys.stdlib_module_names:
                yield name, None


def _found(name: str, folders: Sequence[str] | None) -> tuple[Path | None, Sequence[str]]:
    """Where a module lies, and its submodules; `folders` are those of the package above it."""
    specs = _searched(name) if folders is None else _looked_up(name, folders)
    portions: list[str] = []
    for spec in specs:
        there = list(spec.submodule_search_locations or ())
        if spec.loader is not None:
            file = Path(spec.origin or "")
            return (file if file.is_file() else None), there
        portions += there
    return None, portions


def _searched(name: str) -> Iterator[ModuleSpec]:
    for finder in sys.meta_path:
        with suppress(ImportError):  # as `adapters.files` has one say of an adapter's own file
            if spec := finder.find_spec(name, None):
                yield spec
                return


def _looked_up(name: str, folders: Sequence[str]) -> Iterator[ModuleSpec]:
    """In the folders themselves: finders ask for the package above, which was not imported."""
    for folder in folders:
        finder = pkgutil.get_importer(folder)
        if finder and (spec := finder.find_spec(name)):
            yield spec


@cache  # in this process an import of it gives the same for good
def _digest(file: Path) -> str:
    return hashlib.blake2b(file.read_bytes(), digest_size=16).hexdigest()


@cache
def _imported(file: Path, package: str) -> tuple[str, ...]:
    return tuple(_imports(file.read_bytes(), package)) if file.suffix == ".py" else ()


def _imports(body: bytes, package: str = "") -> Iterator[str]:
    """The modules that a source may import, each after the packages above it; some are names in a module."""
    try:
        tree = ast.parse(body)
    except (SyntaxError, ValueError):
        return  # who imports it is told
    for node in ast.walk(tree):
        for name in _named(node, package):
            yield from _upward(name)


def _upward(name: str) -> Iterator[str]:
    """A module after the packages above it."""
    parts = name.split(".")
    return (".".join(parts[:count]) for count in range(1, len(parts) + 1))


def _named(node: ast.AST, package: str) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (one.name for one in node.names)
    if isinstance(node, ast.ImportFrom):
        with suppress(ImportError):  # a relative import above the uppermost package
            home = importlib.util.resolve_name("." * node.level + (node.module or ""), package)
            yield from (home if one.name == "*" else f"{home}.{one.name}" for one in node.names)


def _version(name: str) -> str:
    """Of the distribution that brings a module; nothing where there is none."""
    with suppress(importlib.metadata.PackageNotFoundError):
        return importlib.metadata.version(name)
    return ", ".join(sorted(map(importlib.metadata.version, _distributions().get(name, ()))))


@cache
def _distributions() -> Mapping[str, list[str]]:
    return importlib.metadata.packages_distributions()

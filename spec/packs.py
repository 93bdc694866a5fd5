"""Packs: folders of formulas from outside that this process has taken in, beside the primer's.

A pack is a folder with ``*.toml``, read as `formulas/` is. `take` makes its formulas known to `load`, `drop` forgets
them. What else lies in the folder (the reference, methods of frameworks, records) is read by the rooms it belongs to.
"""

import hashlib
import importlib.util
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path

import msgspec

from nnparity.spec import imported
from nnparity.spec.cases import special_values
from nnparity.spec.loader import OUTSIDE, SpecError, load, read
from nnparity.spec.schema import Formula
from nnparity.spec.usage import UsageError

#: Entry points of this group name packs that are installed: a package whose folder is one.
GROUP = "nnparity.packs"
#: What tells the process of a target which packs it has to take in.
VARIABLE = "NNPARITY_PACKS"
#: The folders of what Python makes of a pack's files: all other files are the pack, its data too.
BYTECODE = "__pycache__"
#: The module of a pack's references, where it has one for all its formulas.
REFERENCE = "reference.py"


@dataclass(frozen=True)
class Pack:
    """A folder of formulas; `given` is how it was named."""

    given: str
    folder: Path
    formulas: dict[str, Formula]
    #: A hash of all that it is made of: its files, and what its references import.
    digest: str

    @property
    def name(self) -> str:
        """That of the folder."""
        return self.folder.name

    def module(self, stem: str) -> str:
        """The name under which one of its modules is imported."""
        return f"nnparity_pack_{self.name}_{stem}"

    @property
    def references(self) -> list[Path]:
        """The modules of its references: one for all, or one beside each of its files of formulas."""
        return _references(self.folder, self.formulas)


#: Folder -> the pack, in the order in which they were taken in.
_taken: dict[Path, Pack] = {}


def installed() -> list[str]:
    """The names of packs that installed packages offer."""
    return sorted(entry_points(group=GROUP).names)


def take(given: str | Path) -> Pack:
    """Makes the formulas of a folder, or of an installed pack, known to `load`. Raises UsageError, and keeps nothing.

    One that is taken in already is given again.
    """
    folder = _folder(str(given))
    if folder not in _taken:
        _taken[folder] = _read(str(given), folder)
        OUTSIDE.update(_taken[folder].formulas)
    return _taken[folder]


def drop(pack: Pack) -> None:
    """Forgets it."""
    for id in _taken.pop(pack.folder, pack).formulas:
        OUTSIDE.pop(id, None)


def taken() -> tuple[Pack, ...]:
    """Those that this process has taken in."""
    return tuple(_taken.values())


def of(id: str) -> Pack | None:
    """The pack that a formula belongs to."""
    return next((pack for pack in _taken.values() if id in pack.formulas), None)


def told() -> dict[str, str]:
    """What a process that is started is told of them, by its environment."""
    return {VARIABLE: json.dumps([str(folder) for folder in _taken])}


def take_told(environment: Mapping[str, str] = os.environ) -> None:
    """In a process that was told, takes them in."""
    for folder in json.loads(environment.get(VARIABLE) or "[]"):
        take(folder)


def _folder(given: str) -> Path:
    """Where it lies: an installed one is found without being imported."""
    if given not in entry_points(group=GROUP).names:
        folder = Path(given).resolve()
        if not folder.is_dir():
            raise UsageError(f"{folder}: no formula here: there is no such folder, and no pack {given} is installed")
        return folder
    named = entry_points(group=GROUP)[given].value
    found = importlib.util.find_spec(named.partition(":")[0])
    if found is None or found.origin is None:
        raise UsageError(f"the pack {given} is installed as {named}, which is no package with a file of its own")
    return Path(found.origin).resolve().parent


def _read(given: str, folder: Path) -> Pack:
    try:
        found = read(folder)
    except SpecError as error:
        raise UsageError(str(error)) from error
    if any(one.name == folder.name for one in _taken.values()):
        raise UsageError(f"{folder}: there is a pack called {folder.name} already")
    for id, formula in found.items():
        if id in load():
            raise UsageError(f"{folder}: {id}: there is a formula of that id already")
        for field, wrong in special_values.unknown(formula):
            raise UsageError(f"{folder / formula.chapter}.toml: {id}.{field}: {wrong}")
    edition = _digest(folder, imported.behind(_references(folder, found)))
    formulas = {id: msgspec.structs.replace(one, pack=folder.name, edition=edition) for id, one in found.items()}
    return Pack(given, folder, formulas, edition)


def _references(folder: Path, formulas: Mapping[str, Formula]) -> list[Path]:
    chapters = dict.fromkeys(f"{formula.chapter}.py" for formula in formulas.values())
    return [path for name in (REFERENCE, *chapters) if (path := folder / name).is_file()]


def _digest(folder: Path, behind: Mapping[str, str]) -> str:
    """Of all files in the folder, and of what stands behind its references: name -> what it is."""
    told = hashlib.blake2b(repr(sorted(behind.items())).encode(), digest_size=16)
    for path in sorted(folder.rglob("*")):
        if path.is_file() and BYTECODE not in path.parts:
            told.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return told.hexdigest()

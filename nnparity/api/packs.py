"""Formula packs: formulas from outside, as data in TOML with a reference module beside it.

A folder with ``*.toml`` as in `spec/formulas/` and a ``reference.py`` that registers a function and its VJP for each,
as in `reference/formulas/`. Once loaded, its formulas are asked for by their ids like those of the primer.
`Pack.prove` holds every VJP against the forward derivative and the float64 reference against enclosures.
"""

import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from nnparity.api.proofs import proofs
from nnparity.reference import FORMULAS, Reference
from nnparity.spec import Formula, SpecError, load
from nnparity.spec.usage import UsageError

REFERENCE = "reference.py"
#: The formulas of all packs of this process.
_LOADED: dict[str, Formula] = {}


@dataclass(frozen=True)
class Pack:
    """What `load_pack` gives: its formulas by id."""

    folder: Path
    formulas: dict[str, Formula]

    def prove(self) -> list[str]:
        """What is wrong with its formulas, a line each; none if every one is proven."""
        return [wrong for formula in self.formulas.values() for wrong in proofs(formula)]

    def close(self) -> None:
        """Forgets it."""
        for id in self.formulas:
            _LOADED.pop(id, None)
            FORMULAS.pop(id, None)

    def __repr__(self) -> str:
        return f"Pack({self.folder.name}: {', '.join(self.formulas)})"


def load_pack(folder: str | Path) -> Pack:
    """The formulas of a folder; from now on they are known by their ids in this process.

    Args:
        folder: Holds ``*.toml``, the formulas as data, and ``reference.py``, each of them in plain NumPy with its VJP.

    Raises:
        UsageError: For what is wrong, with file and field; then nothing of it is kept.
    """
    place = Path(folder)
    try:
        found = load(place)
    except SpecError as error:
        raise UsageError(str(error)) from error
    for id in found:
        if id in FORMULAS or id in _LOADED:
            raise UsageError(f"{place}: {id}: there is a formula of that id already")
    before = dict(FORMULAS)
    try:
        _run(place / REFERENCE)
        for wrong in _faults(found, {id: one for id, one in FORMULAS.items() if id not in before}):
            raise UsageError(f"{place / REFERENCE}: {wrong}")
    except BaseException:
        FORMULAS.clear()
        FORMULAS.update(before)
        raise
    _LOADED.update(found)
    return Pack(place, found)


def known() -> dict[str, Formula]:
    """Every formula that there is: the primer's, then those of packs."""
    return load() | _LOADED


def _run(path: Path) -> None:
    """Imports the module, which registers its formulas."""
    if not path.is_file():
        raise UsageError(f"{path}: not there; a pack has its formulas in plain NumPy in {REFERENCE}")
    spec = importlib.util.spec_from_file_location(f"nnparity_pack_{path.parent.name}", path)
    assert spec is not None
    assert spec.loader is not None
    try:
        spec.loader.exec_module(importlib.util.module_from_spec(spec))
    except UsageError:
        raise
    except Exception as error:
        raise UsageError(f"{path}: {type(error).__name__}: {error}") from error


def _faults(formulas: dict[str, Formula], references: dict[str, Reference]) -> Iterator[str]:
    for id in sorted(formulas.keys() ^ references.keys()):
        yield f"{id!r} is " + ("in the TOML, and not registered here" if id in formulas else "registered, in no TOML")
    for id, one in references.items():
        if formulas[id].wrt and one.backward is None:
            yield f"{id!r} has no VJP, and is differentiated by {', '.join(formulas[id].wrt)}"

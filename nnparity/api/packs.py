"""Formula packs: formulas from outside, as data in TOML with a reference module beside it.

A folder with ``*.toml`` as in `spec/formulas/` and a ``reference.py`` that registers a function and its VJP for each,
as in `reference/formulas/`. Once loaded, its formulas are asked for by their ids like those of the primer.
`Pack.prove` holds every VJP against the forward derivative and the float64 reference against enclosures.
"""

from dataclasses import dataclass
from pathlib import Path

from nnparity.api.proofs import proofs
from nnparity.reference import FORMULAS
from nnparity.reference import packs as references
from nnparity.spec import Formula, packs
from nnparity.spec.usage import UsageError


@dataclass(frozen=True)
class Pack:
    """What `load_pack` gives: its formulas by id."""

    folder: Path
    formulas: dict[str, Formula]
    taken: packs.Pack

    def prove(self) -> list[str]:
        """What is wrong with its formulas, a line each; none if every one is proven."""
        return [wrong for formula in self.formulas.values() for wrong in proofs(formula)]

    def close(self) -> None:
        """Forgets it."""
        references.drop(self.taken)

    def __repr__(self) -> str:
        return f"Pack({self.folder.name}: {', '.join(self.formulas)})"


def load_pack(folder: str | Path) -> Pack:
    """The formulas of a folder; from now on they are known by their ids in this process.

    Args:
        folder: Holds ``*.toml``, the formulas as data, and ``reference.py``, each of them in plain NumPy with its VJP.
            Or the name of a pack that is installed.

    Raises:
        UsageError: For what is wrong, with file and field; then nothing of it is kept.
    """
    before = {*FORMULAS}
    found = references.take(folder)
    for id in found.formulas:
        if id in before:
            raise UsageError(f"{folder}: {id}: there is a formula of that id already")
    return Pack(found.folder, found.formulas, found)

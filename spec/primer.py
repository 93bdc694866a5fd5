"""The primer's table of contents: every formula, step, listing and question of it, and what of the spec it became.

The data is `primer.toml`. An entry has formulas, or a reason why nothing of it can be computed.
"""

import tomllib
from functools import cache
from pathlib import Path
from typing import Literal

import msgspec

from nnparity.spec.loader import SpecError, load

FILE = Path(__file__).resolve().parent / "primer.toml"


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One thing that the primer says, at `place` (its section)."""

    place: str
    kind: Literal["prose", "formula", "step", "listing", "faq"]
    says: str
    formulas: tuple[str, ...] = ()
    reason: str = ""


@cache
def entries(path: Path = FILE) -> tuple[Entry, ...]:
    """All entries in the primer's order.

    Raises SpecError for one that is malformed, names an unknown formula, or has neither formulas nor a reason.
    """
    try:
        found = msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), dict[str, tuple[Entry, ...]])["entry"]
    except (tomllib.TOMLDecodeError, msgspec.ValidationError, KeyError) as error:
        raise SpecError(f"{path}: {error}") from error
    for entry in found:
        if bool(entry.formulas) == bool(entry.reason):
            raise SpecError(f"{path}: {entry.place} {entry.says!r}: give either formulas or a reason")
        for name in entry.formulas:
            if name not in load():
                raise SpecError(f"{path}: {entry.place} {entry.says!r}: no formula is called {name!r}")
    return found

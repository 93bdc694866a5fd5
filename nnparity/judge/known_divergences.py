"""Known divergences: what a released framework does differently, on record in ``adapters/*/known.toml``.

A record is narrow: formula, target, dtype, quantity, dataset, version range. Verdicts that it covers keep their
grade and carry its id. A record whose whole scope was run and in which everything conforms is stale, and fails the run.
"""

import fnmatch
import tomllib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import msgspec
from packaging.specifiers import InvalidSpecifier, SpecifierSet

from nnparity.reports.records import Verdict
from nnparity.spec import load as formulas
from nnparity.spec.schema import QUANTITIES
from nnparity.spec.selection import Selection


class KnownError(ValueError):
    """A record that cannot be read. The message names file and field."""


Patterns = str | tuple[str, ...]


class Known(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One recorded divergence. Names are shell patterns; `versions` is package -> specifier, ``{torch = ">=2.1"}``.

    Formulas, targets and datasets may be several.

    `upstream` is a link, or "not reported". `salt` is that of a run that shows it, where a plain run's numbers do
    not: it explains verdicts in any run, and is stale only if that one does not need it.
    """

    formula: Patterns
    target: Patterns
    dtype: tuple[str, ...]
    versions: dict[str, str]
    reason: str
    upstream: str
    quantity: str = "*"
    dataset: Patterns = "*"
    signature: str = "*"
    salt: str = ""
    id: str = ""

    def whole(self, selection: Selection) -> bool:
        """Whether the selection has all that the record speaks of, on the numbers that show it; of its targets, any.

        A part (one formula of several, other numbers) may well conform, and tells nothing of the rest.
        """
        asked = {formula.id for formula in selection.chosen()}
        return (
            selection.salt == self.salt
            and selection.level != "quick"
            and set(selection.quantities) == set(QUANTITIES)
            and set(selection.dtypes) >= set(self.dtype)
            and all(id in asked for id in formulas() if _fits(id, self.formula))
        )

    def covers(self, verdict: Verdict, versions: dict[str, str]) -> bool:
        """Whether the verdict lies in this record's scope."""
        patterns = ("formula", "target", "quantity", "dataset", "signature")
        return (
            verdict.dtype in self.dtype
            and all(_fits(getattr(verdict, name), getattr(self, name)) for name in patterns)
            and all(name in versions and versions[name] in SpecifierSet(text) for name, text in self.versions.items())
        )


def _fits(name: str, patterns: Patterns) -> bool:
    return any(fnmatch.fnmatchcase(name, one) for one in ((patterns,) if isinstance(patterns, str) else patterns))


def load(folder: Path) -> list[Known]:
    """All records in the packages of `folder`. Raises KnownError for one that is malformed."""
    return [known for path in sorted(folder.glob("*/known.toml")) for known in _read(path)]


def _read(path: Path) -> Iterator[Known]:
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise KnownError(f"{path}: not TOML: {error}") from error
    for name, table in tables.items():
        try:
            known = msgspec.convert({**table, "id": name}, Known)
            for text in known.versions.values():
                SpecifierSet(text)
        except (msgspec.ValidationError, InvalidSpecifier) as error:
            raise KnownError(f"{path}: {name}: {str(error).replace('$', name)}") from error
        yield known


class Ledger:
    """Matches verdicts with records, and remembers which records were run and which held."""

    def __init__(self, known: Iterable[Known], whole: Callable[[Known], bool] = lambda _: True) -> None:
        """`whole` says of which records all is run: only those can turn out to be stale."""
        self._known = list(known)
        self._whole = {one.id for one in self._known if whole(one)}
        self._run: set[str] = set()
        self._held: set[str] = set()

    def match(self, verdict: Verdict, versions: dict[str, str]) -> Verdict:
        """The verdict, with the id of the record that explains it when one does."""
        for known in self._known:
            if not known.covers(verdict, versions):
                continue
            if known.id in self._whole:
                self._run.add(known.id)
            if verdict.grade in ("imprecise", "diverges"):
                self._held.add(known.id)
                return msgspec.structs.replace(verdict, known=known.id)
        return verdict

    def take(self) -> tuple[set[str], set[str]]:
        """The records whose scope was run, and those that held, since this was last asked."""
        taken = self._run, self._held
        self._run, self._held = set(), set()
        return taken

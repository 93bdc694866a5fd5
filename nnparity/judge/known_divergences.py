"""Known divergences: what a released framework does differently, on record in ``adapters/*/known.toml`` and in packs.

A record is narrow: formula, target, dtype, quantity, dataset, signature, version range. A verdict in that scope is
judged by what the record expects instead: one that meets it keeps its grade and carries the record's id, any other is
new. A record whose whole scope was run and in which everything that was judged conforms is stale, and fails the run.
"""

import fnmatch
import hashlib
import tomllib
from collections.abc import Callable, Collection, Iterable
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Literal, get_args

import msgspec
from packaging.specifiers import InvalidSpecifier, SpecifierSet

from nnparity.judge.applicability import LACKS, beyond, ended, instructions, runs_on, unknown, within
from nnparity.judge.recorded_expectations import Class, Evidence, Expects, also_met, met
from nnparity.reports.records import ALSO_MET, PASSING, Verdict
from nnparity.spec import DTYPES, packs
from nnparity.spec import load as formulas
from nnparity.spec.cases.layouts import FREE
from nnparity.spec.loader import RECORDS
from nnparity.spec.schema import QUANTITIES, Formula, plain
from nnparity.spec.selection import Selection
from nnparity.spec.usage import meant, nearest


class KnownError(ValueError):
    """A record that cannot be read, or two that cover the same verdict. The message names them."""


Patterns = str | tuple[str, ...]
#: The fields of a verdict that a record has patterns for; the last of them are names of a plan's cases.
OF_PLANS = ("dataset", "signature", "case")
SCOPE = ("formula", "target", "quantity", *OF_PLANS, "layout")
#: What the id of a case is made of.
CASE = ("formula", "signature", "dataset", "dtype")


class Known(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One recorded divergence. Names are shell patterns; `versions` is package -> range, ``{torch = ">=2.1,<2.14"}``.

    Formulas, targets, quantities, datasets and signatures may be several; `case` has patterns of whole cases, where
    not all combinations differ. `kind`, in the file ``class``, says what sort of difference it is, and `expects` what
    a verdict in the scope must be instead. `layout` names how the inputs of a hunt lay: of inputs that lie as usual a
    record with one says nothing.

    `unbounded` says why a version range has no upper end. `processor` names instructions, by Linux's names, that a
    processor must have to show it, or with "!" before the name must lack: on any other the record says nothing.
    `varies` says on what it depends besides: such a record is never stale. `upstream` is a link, or "not reported".
    `salt` is that of a run that shows it, where a plain run's numbers do not: it explains verdicts in any run, where no
    record without one speaks, and is stale only if that run does not need it. `pool` is "all" for sizes that only the
    pool has: the record goes before those of all sizes, and is stale only if a run of the whole pool does not need it.
    `backends`, said by whoever reads the file, are those that it may speak of; none are all. One beside a `pack` speaks
    of the formulas of that pack, any other of the primer's.
    """

    formula: Patterns
    target: Patterns
    dtype: tuple[str, ...]
    versions: dict[str, str]
    kind: Class = msgspec.field(name="class")
    expects: Expects
    reason: str
    upstream: str
    quantity: Patterns = "*"
    dataset: Patterns = "*"
    signature: Patterns = "*"
    case: Patterns = "*"
    layout: Patterns = "*"
    unbounded: str = ""
    salt: str = ""
    pool: Literal["", "all"] = ""
    processor: tuple[str, ...] = ()
    varies: str = ""
    backends: tuple[str, ...] = ()
    id: str = ""
    pack: str = ""

    def whole(self, selection: Selection) -> bool:
        """Whether the selection has all that the record speaks of, on the numbers that show it; of its targets, any.

        A part (one formula of several, other numbers) may well conform, and tells nothing of the rest. Of what varies
        from call to call not even all of it does: two calls may give the same bits by chance.
        """
        asked = {formula.id for formula in selection.chosen()}
        return (
            not self.varies
            and self.kind != "nondeterminism"
            and not selection.narrowed
            and selection.salt == self.salt
            and self.pool in ("", selection.pool)
            and selection.level != "quick"
            and set(selection.quantities) == set(QUANTITIES)
            and set(selection.dtypes) >= set(self.dtype)
            and all(id in asked for id in formulas() if self.means(id))
        )

    def means(self, formula: str) -> bool:
        """Whether it speaks of the formula of that id."""
        found = formulas().get(formula)
        return _fits(formula, self.formula) and (found is None or found.pack == self.pack)

    def speaks_of(self, verdict: Verdict) -> bool:
        """Whether the verdict lies in this record's scope, whatever the version."""
        named = all(_fits(getattr(verdict, name), getattr(self, name)) for name in OF_PLANS)
        return named and _fits(verdict.layout or "", self.layout) and self.concerns(verdict)

    def concerns(self, verdict: Verdict) -> bool:
        """Whether it speaks of that quantity of the formula and the target, in that dtype, whatever the case."""
        if self.backends and verdict.target.rsplit(":", 2)[0] not in self.backends:
            return False
        fits = _fits(verdict.target, self.target) and _fits(plain(verdict.quantity), self.quantity)
        return fits and verdict.dtype in self.dtype and self.means(verdict.formula)

    def takes_numbers_of(self, datasets: Iterable[str]) -> bool:
        """Whether it speaks of numbers of one of these datasets, and not of special values or rejected inputs alone."""
        parts = [one.split("/") for one in _several(self.case)]
        named = tuple(one[2] if len(one) == len(CASE) else "*" for one in parts)
        return any(_fits(name, self.dataset) and _fits(name, named) for name in datasets)

    def covers(self, verdict: Verdict, versions: dict[str, str], present: Collection[str]) -> bool:
        """Whether the verdict lies in this record's scope, of a version and a processor that it speaks of."""
        return self.speaks_of(verdict) and self.applies(versions, present)

    def applies(self, versions: dict[str, str], present: Collection[str]) -> bool:
        """Whether it speaks of these versions, and of a processor with the instructions `present`."""
        return within(versions, self.versions) and runs_on(present, self.processor)

    def wrong(self) -> str | None:
        """What is wrong with the record beyond its form, or None."""
        if told := self._unknown():
            return told
        for package, text in self.versions.items():
            if not ended(text) and not self.unbounded:
                return f"versions: {package} {text} has no upper end, and `unbounded` does not say why"
        told = self.expects.wrong([one for id, one in formulas().items() if self.means(id)])
        if told:
            return f"expects: {told}"
        if (self.kind == "input not rejected") != ("accepts" in self.expects.answers):
            return 'expects: answer = "accepts" goes with the class "input not rejected"'
        if self.expects.raises and self.kind != "no answer":
            return 'expects: raises goes with the class "no answer"'
        return None

    def _unknown(self) -> str | None:
        """A formula, dtype, quantity or instruction that there is not: such a record would explain nothing, unsaid."""
        meant = [one for one in formulas().values() if one.pack == self.pack]
        for one in _several(self.formula):
            if not any(_fits(formula.id, one) for formula in meant):
                whose = f"the pack {self.pack}" if self.pack else "the primer"
                return f"formula: {whose} has none called {one}{nearest(one, [formula.id for formula in meant])}"
        for one in self.dtype:
            if one not in DTYPES:
                return f"dtype: none is called {one}{nearest(one, DTYPES)}; there are: {', '.join(DTYPES)}"
        there = {name for formula in meant if _fits(formula.id, self.formula) for name in formula.quantities}
        for one in _several(self.quantity):
            if not any(_fits(name, one) for name in there):
                return f"quantity: {one} is none of {', '.join(sorted(there))}"
        for one in _several(self.layout):
            if not any(_fits(name, one) for name in FREE):
                return f"layout: a hunt has none called {one}{nearest(one, FREE)}; there are: {', '.join(FREE)}"
        nowhere = unknown(self.processor)
        return f"processor: no processor has an instruction called {nowhere}" if nowhere else None


def _several(patterns: Patterns) -> tuple[str, ...]:
    return (patterns,) if isinstance(patterns, str) else patterns


@lru_cache(maxsize=1 << 14)  # the same few names and patterns meet a hundred thousand times
def _fits(name: str, patterns: Patterns) -> bool:
    return any(fnmatch.fnmatchcase(name, one) for one in _several(patterns))


def load(folder: Path, backends: Collection[str] = ()) -> list[Known]:
    """All records in the packages of `folder`, of these backends alone, and those of packs.

    Raises KnownError for one that is malformed.
    """
    found = [one for path in sorted(folder.glob(f"*/{RECORDS}")) for one in _read(path, backends)]
    places = [(pack, pack.folder / RECORDS) for pack in packs.taken()]
    return found + [one for pack, path in places if path.is_file() for one in _read(path, pack=pack.name)]


def together(records: Iterable[Known], paths: Iterable[Path]) -> list[Known]:
    """The records, and those of further files. Raises KnownError for an id that there is twice."""
    found = {one.id: one for one in records}
    for path in paths:
        for one in _read(path):
            if one.id in found:
                raise KnownError(f"{path}: {one.id}: there is a record of that id already")
            found[one.id] = one
    return list(found.values())


def _read(path: Path, backends: Collection[str] = (), pack: str = "") -> tuple[Known, ...]:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise KnownError(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise KnownError(f"{path}: not TOML: {error}") from error
    return _records(path, text, tuple(backends), pack, tuple(one.digest for one in packs.taken()))


@lru_cache(maxsize=64)  # a run asks for its records when it is planned, when it begins and when it ends
def _records(
    path: Path,
    text: str,
    backends: tuple[str, ...],
    pack: str,
    taken: tuple[str, ...],  # which formulas there are
) -> tuple[Known, ...]:
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise KnownError(f"{path}: not TOML: {error}") from error
    return tuple(_record(path, name, table, backends, pack) for name, table in tables.items())


def _record(path: Path, name: str, table: object, backends: tuple[str, ...], pack: str) -> Known:
    if not isinstance(table, dict):
        raise KnownError(f"{path}: {name}: a record is a table, [{name}], not a {type(table).__name__}")
    try:
        known = msgspec.convert({**table, "id": name, "backends": backends, "pack": pack}, Known)
        for text in known.versions.values():
            SpecifierSet(text)
    except (msgspec.ValidationError, InvalidSpecifier) as error:
        told = str(error).replace("$", name)
        classes = f"; there are: {', '.join(get_args(Class))}" if told.endswith(f"{name}.class`") else ""
        near = meant(error, Known) if isinstance(error, msgspec.ValidationError) else ""
        raise KnownError(f"{path}: {name}: {told}{near}{classes}") from error
    if wrong := known.wrong():
        raise KnownError(f"{path}: {name}: {wrong}")
    return known


class Ledger:
    """Matches verdicts with records, and remembers which records were run and which held."""

    def __init__(
        self,
        known: Iterable[Known],
        whole: Callable[[Known], bool] = lambda _: True,
        present: Collection[str] | None = None,
    ) -> None:
        """`whole` says of which records all is run: only those can turn out to be stale.

        `present` are the instructions of the processor that ran, where it is not this one.
        """
        self._known = list(known)
        self._present = instructions() if present is None else present
        self._near: dict[tuple[str, str], list[Known]] = {}
        self._whole = {one.id for one in self._known if whole(one)}
        #: The records that verdicts were held against since `take` was called last, and whether they held.
        self.asked: set[tuple[str, bool]] = set()

    def match(self, verdict: Verdict, versions: dict[str, str], evidence: Evidence | None = None) -> Verdict:
        """The verdict, with the id of the record that explains it when one does.

        One that a record speaks of and does not explain is new, and says so. Raises KnownError where two records
        cover it: one of them would be shadowed.
        """
        near = [one for one in self.about(verdict.formula, verdict.target) if one.speaks_of(verdict)]
        found = settled([one for one in near if one.applies(versions, self._present)])
        if len(found) > 1:
            names = " and ".join(one.id for one in found)
            raise KnownError(f"{verdict.case} {verdict.quantity} of {verdict.target} is covered by {names}")
        if not found:
            return _asked_again(verdict, versions, near, self._present)
        (known,) = found
        held = met(known.expects, known.kind, verdict, evidence)
        if held or verdict.grade != "unsupported":  # of what nobody judged a record need not hold
            self.asked.add((known.id, held))
        if held:
            return msgspec.structs.replace(verdict, known=known.id, note=_noted(known, verdict, evidence))
        return _told(verdict, f"in the scope of {known.id}, but not what it expects")

    def explanation(self, verdict: Verdict, formula: Formula) -> str:
        """What the record of a verdict expects, where all numbers were held against it: no diagnosis knows better."""
        known = next((one for one in self.about(verdict.formula, verdict.target) if one.id == verdict.known), None)
        return known.expects.says(formula, verdict.dtype) if known else ""

    def about(self, formula: str, target: str) -> list[Known]:
        """The records of a formula and a target: few, of which many verdicts are asked."""
        if (formula, target) not in self._near:
            fit = [one for one in self._known if one.means(formula) and _fits(target, one.target)]
            self._near[formula, target] = fit
        return self._near[formula, target]

    def take(self) -> tuple[set[str], set[str]]:
        """The records of which all is run whose scope was run, and those that held, since this was last asked."""
        asked, self.asked = self.asked, set()
        return {id for id, _ in asked if id in self._whole}, {id for id, held in asked if held}

    @cached_property
    def digest(self) -> bytes:
        """That of all records, and of the processor that they are asked on."""
        return hashlib.blake2b(msgspec.msgpack.encode([self._known, sorted(self._present)]), digest_size=16).digest()


def settled(found: list[Known]) -> list[Known]:
    """Of records that cover a verdict those that judge it.

    What the pool alone shows goes before what any run does, and that before what other numbers do; of these one of
    certain cases before one of any: which sizes a hunt draws nobody knows, and both may mean one of them.
    """
    pooled = [one for one in found if one.pool]
    plain = [one for one in found if not one.salt]
    return pooled or plain or [one for one in found if one.case != "*"] or found


def _noted(known: Known, verdict: Verdict, evidence: Evidence | None) -> str | None:
    also = also_met(known.expects, known.kind, verdict, evidence)
    told = f"{ALSO_MET}{', '.join(also)}" if also else None
    return "; ".join(filter(None, (verdict.note, told))) or None


def _asked_again(verdict: Verdict, versions: dict[str, str], near: list[Known], present: Collection[str]) -> Verdict:
    """A verdict that records would cover, were the version not past their end or the processor another one."""
    for known in near:
        if not runs_on(present, known.processor):
            return _told(verdict, f"on record as {known.id}, of processors with {_listed(known.processor)}")
        if since := beyond(versions, known.versions):
            return _told(verdict, f"on record as {known.id}, {since}")
    return verdict


def _listed(processor: tuple[str, ...]) -> str:
    """`avx512f, without amx_tile`."""
    return ", ".join(one.replace(LACKS, "without ") for one in processor)


def _told(verdict: Verdict, what: str) -> Verdict:
    if verdict.grade in PASSING:
        return verdict
    return msgspec.structs.replace(verdict, message="; ".join(filter(None, (verdict.message, what))))

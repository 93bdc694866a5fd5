"""Formulas, packs and records of known divergences with odd values: refused with file and field, or good for all."""

import random
import re
import shutil
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from nnparity.adapters.registry import FOLDER as ADAPTERS
from nnparity.adapters.registry import builtin_names
from nnparity.expect.budgets import expect
from nnparity.judge.known_divergences import KnownError, Ledger
from nnparity.judge.recorded_expectations import Evidence
from nnparity.reports.records import Verdict, decode, encode
from nnparity.run.examiner import on_record
from nnparity.run.plan import Plan
from nnparity.run.recorder import formula_line, known_line
from nnparity.spec import Formula, SpecError, load, loader
from nnparity.spec.cases.case import cases_of
from nnparity.spec.cases.naming import listed
from nnparity.tests.fuzzing.guard import command, tried
from nnparity.tests.fuzzing.mutations import toml_spoilt

#: A pack of a checkout; who has none takes formulas and records of the suite alone.
PACK = Path(__file__).resolve().parents[2] / "packs" / "modern"
TABLE = re.compile(r"(?m)^(?=\[[a-z0-9_-]+\]$)")
#: Groups of cases of a formula that are drawn, and numbers of one that are worth it.
GROUPS, NUMBERS = 6, 1 << 20
#: One of so many records is held against an expectation that is computed.
COMPUTED = 10


def tables(path: Path) -> list[str]:
    """The tables of a file, each with those under it."""
    return [one for one in TABLE.split(path.read_text(encoding="utf-8")) if one.startswith("[")]


class Specs:
    """Formulas as `spec/formulas` has them: one spoilt, and all that a plan asks of it."""

    name = "spec files"

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "spec"
        self.folder.mkdir(exist_ok=True)
        self.tables = [one for path in sorted(loader.FOLDER.glob("*.toml")) for one in tables(path)]

    def spoilt(self, chance: random.Random) -> tuple[str, bytes]:
        """What was done, and what came of it."""
        table = chance.choice(self.tables)
        told, data = toml_spoilt(chance, table)
        return f"{table.partition(chr(10))[0]} {told}", data

    def wrong(self, _: str, data: bytes) -> list[str]:
        """What must not be of what reads the file."""
        path = self.folder / "spoilt.toml"
        path.write_bytes(data)
        return tried(lambda: self._read(path))

    def _read(self, path: Path) -> Iterator[str]:
        try:
            formulas = loader.read(self.folder)
        except SpecError as error:
            if str(path) not in str(error):
                yield f"refused, and the file is not named: {error}"
            return
        for formula in formulas.values():
            yield from _asked(formula)


def _asked(formula: Formula) -> Iterator[str]:
    """What a plan asks of a formula that is not refused."""
    list(listed([formula]))
    formula_line(formula)
    for dtype in formula.dtypes:
        for group in islice(cases_of(formula, dtype, "full"), GROUPS):
            for case in group[:2]:
                drawn = loader.shapes.elements(formula.inputs.values(), case.signature.sizes) < NUMBERS
                if drawn and (case.inputs.keys() != formula.inputs.keys() or not case.cotangents):
                    yield f"{case.id} cannot be drawn"


class Packs:
    """A folder of formulas from outside, with one of its files spoilt, as the command line takes it in."""

    name = "packs"

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "spoilt_pack"
        shutil.copytree(PACK, self.folder, ignore=shutil.ignore_patterns("__pycache__"))
        self.texts = {path.name: path.read_text(encoding="utf-8") for path in sorted(self.folder.glob("*.toml"))}

    def spoilt(self, chance: random.Random) -> tuple[str, bytes]:
        """What was done, and what came of it; the name of the file is the first word."""
        name = chance.choice(list(self.texts))
        told, data = toml_spoilt(chance, self.texts[name])
        return f"{name} {told}", data

    def wrong(self, told: str, data: bytes) -> list[str]:
        """What must not be of what reads the folder."""
        name = told.partition(" ")[0]
        try:
            (self.folder / name).write_bytes(data)
            return tried(lambda: self._read(name))
        finally:
            (self.folder / name).write_text(self.texts[name], encoding="utf-8")

    def _read(self, name: str) -> Iterator[str]:
        records = name == loader.RECORDS
        arguments = ("explain", "nothing") if records else ("list", "--signatures")
        ended = command(*arguments, "--pack", self.folder)
        if ended.wrong:
            yield f"{arguments[0]}: {ended.wrong}"
        if ended.status == 2 and str(self.folder) not in ended.err and "'nothing'" not in ended.err:
            yield f"{arguments[0]}: refused, and the file is not named: {ended.err[-200:]}"


class Records:
    """Known divergences as a file of one's own has them: one spoilt, and verdicts held against it."""

    name = "known-divergence files"

    def __init__(self, folder: Path) -> None:
        self.path = folder / "spoilt_known.toml"
        files = [*sorted(ADAPTERS.glob(f"*/{loader.RECORDS}"))]
        self.tables = [one for path in files for one in tables(path)]
        self.plan = Plan(formulas=("dense",))
        self.formulas = [one for one in load().values() if not one.composition]

    def spoilt(self, chance: random.Random) -> tuple[str, bytes]:
        """What was done, and what came of it."""
        table = re.sub(r"^\[", "[spoilt-", chance.choice(self.tables))
        told, data = toml_spoilt(chance, table)
        return f"{table.partition(chr(10))[0]} {told}", data

    def wrong(self, told: str, data: bytes) -> list[str]:
        """What must not be of what reads the file."""
        self.path.write_bytes(data)
        return tried(lambda: self._read(random.Random(told)))

    def _read(self, chance: random.Random) -> Iterator[str]:
        try:
            known = [one for one in on_record([self.path]) if not one.backends]
        except KnownError as error:
            if str(self.path) not in str(error):
                yield f"refused, and the file is not named: {error}"
            return
        ledger = Ledger(known, lambda one: one.whole(self.plan))
        for one in known:
            line = known_line(one)
            if decode(encode(line).rstrip()) != line:
                yield f"{one.id} is another record when it is read again"
            for formula in self.formulas:
                if one.means(formula.id):
                    self._judge(ledger, formula, one.dtype, chance)
                    break
        ledger.take()

    def _judge(self, ledger: Ledger, formula: Formula, dtypes: tuple[str, ...], chance: random.Random) -> None:
        """Some verdicts in its scope, and rarely one with what was seen."""
        computed = not chance.randrange(COMPUTED)
        for target in (f"{chance.choice(builtin_names())}:cpu:eager", "keras-torch:cpu:eager"):
            for dtype in (one for one in dtypes if one in formula.dtypes):
                case = next(cases_of(formula, dtype))[0]
                truth = expect(case, frozenset({"output"})) if computed else {}
                name, found = next(iter(truth.items()), ("output", None))
                evidence = found and Evidence(case, False, found.value * 2, found)
                fields = (case.id, formula.id, case.signature.id, case.dataset, dtype, target, name)
                for told in (_verdict(fields, 2.5), _verdict(fields, None), _verdict(fields, "nan")):
                    ledger.match(told, {"keras": "3.15.0", "torch": "2.9.0", "jax": "0.7"}, evidence)
                computed = False


def _verdict(fields: tuple[str, ...], hard: Any) -> Verdict:
    return msgspec.structs.replace(Verdict(*fields, "diverges"), hard=hard, sharp=hard, message="answers 1")

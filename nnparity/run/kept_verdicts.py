"""Verdicts are kept from run to run, in the store that keeps expectations: of the same answers they are the same.

A verdict follows from what was asked, from what the target answered, bit for bit, from what the target says of itself,
from the records of known divergences, and from our code. What is kept of a target's answers is their digest and the
lines that were made of them. The target is asked in every run; where it answers as before nothing is judged anew, and
nothing that would be expected is computed or read.
"""

import dataclasses
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np

from nnparity.execute.observer import Observed
from nnparity.execute.target import Target
from nnparity.expect.kept import told_formula
from nnparity.reports.records import Curve, Fact, Ulps, Verdict
from nnparity.spec import Case, packs
from nnparity.store import memory, questions, sources
from nnparity.store.memory import KEPT, Form, Memory

#: On what a verdict depends beside what was asked and answered.
ROOMS = ("spec", "reference", "expect", "judge", "checks", "execute", "adapters", "run", "reports")
#: What is written into a run file of a target's answers.
Line = Verdict | Curve | Fact | Ulps
#: A line, with the places of the answers whose seconds it tells.
Told = tuple[Line, tuple[int, ...]]


class Part(msgspec.Struct, frozen=True, array_like=True):
    """What was made of some answers. `records` are the known divergences that were asked, and whether each held."""

    answers: bytes
    lines: tuple[Told, ...]
    records: frozenset[tuple[str, bool]]

    def timed(self, observed: Sequence[Observed]) -> list[Line]:
        """The lines, with the seconds that the same answers took this time."""
        return [_timed(line, sum((observed[place].seconds for place in places), 0.0)) for line, places in self.lines]


def _timed(line: Line, seconds: float) -> Line:
    return msgspec.structs.replace(line, seconds=round(seconds, 6)) if isinstance(line, Verdict) else line


_parts = msgspec.msgpack.Decoder(dict[int, Part])
FORM = Form("verdicts", msgspec.msgpack.encode, _parts.decode)


@dataclass
class Entry:
    """What is kept of one target's answers to some requests, part by part. Without a store nothing is."""

    store: Memory | None = None
    key: bytes = b""
    parts: dict[int, Part] = field(default_factory=dict)
    made: dict[int, Part] = field(default_factory=dict)
    found: int = 0

    def digest(self, observed: Sequence[Observed]) -> bytes:
        """What `answers` says of them, where it is asked for: a part is found and kept by it."""
        return b"" if self.store is None else answers(observed)

    def again(self, place: int, digest: bytes) -> Part | None:
        """What was made of that part's answers, if these are the same."""
        part = self.parts.get(place)
        if part is None or part.answers != digest:
            return None
        self.found += _verdicts(part)
        return part

    def keep(self, place: int, digest: bytes, lines: Iterable[Told], records: Iterable[tuple[str, bool]]) -> None:
        """Keeps what was made of a part's answers, once the entry is closed."""
        if self.store is not None:
            self.made[place] = Part(digest, tuple(lines), frozenset(records))

    def close(self) -> None:
        """Writes what is new, and counts."""
        if self.store is None:
            return
        counted = {KEPT: self.found}
        if self.made:
            how = self.store.keep(self.key, FORM, self.parts | self.made)
            counted[how] = sum(map(_verdicts, self.made.values()))
        for how, verdicts in counted.items():
            if verdicts:
                self.store.count(FORM, how, verdicts)


def _verdicts(part: Part) -> int:
    return sum(isinstance(line, Verdict) for line, _ in part.lines)


def kept_of(target: Target, cases: Sequence[Case], asked: Any, records: bytes) -> Entry:
    """What is kept of a target's answers to these cases, whose numbers follow from their names.

    `asked` is what else is asked of it, in plain values, and `records` a digest of those of known divergences.
    """
    store = memory.used()
    if store is None or not cases:
        return Entry()
    try:
        told = [told_formula(formula) for formula in {case.formula.id: case.formula for case in cases}.values()]
    except questions.Nameless:
        return Entry()
    names = [(msgspec.msgpack.encode(case.signature), case.id, case.salt) for case in cases]
    says = msgspec.msgpack.encode(dataclasses.replace(target.observer.info, import_seconds=0.0))
    flushes = sorted({(case.dtype.name, target.flushes[case.dtype.name]) for case in cases})
    asked = [asked, told, names, says, flushes, records, [pack.digest for pack in packs.taken()]]
    key = questions.key(ROOMS, __name__, asked)
    return Entry(store, key, store.found(key, FORM) or {})


def prepare() -> None:
    """Looks at the code before any of it has answered: a file that is written meanwhile is not taken for what ran."""
    if memory.used():
        sources.digest(*ROOMS)


def answers(observed: Sequence[Observed]) -> bytes:
    """A digest of all bits of what was answered; the seconds that it took make no difference."""
    found = hashlib.blake2b(digest_size=16)
    for one in observed:
        found.update(repr((one.fate, one.message, sorted(one.notes.items()), len(one.observation))).encode())
        for name, seen in one.observation.items():
            if isinstance(seen, np.ndarray):
                found.update(repr((name, seen.dtype.name, seen.shape)).encode())
                found.update(seen.tobytes())
            else:
                found.update(repr((name, seen.kind, seen.message, seen.raised_in)).encode())
    return found.digest()

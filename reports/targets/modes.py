"""The modes of one backend on one device, held against each other: where compiled and eager code say something else.

What each mode says was judged by itself. Here the same quantity of the same case is looked at in both: the digests tell
whether the bits are the same, the grades whether both are right. No verdict comes of it.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import msgspec

from nnparity.reports.aggregation import Aggregate, grouped
from nnparity.reports.differences import UNSUPPORTED, Key, by_key, verdict_at
from nnparity.reports.formatting import badness, margin
from nnparity.reports.records import PASSING, Fact, Verdict

#: What the section says of itself.
ABOUT = (
    "Each mode is judged by itself; here the results of two modes for the same numbers are compared, by their bits: "
    "the same bits, or no result in either; other bits and both right; or only one of them right. "
    "What is in one mode only is counted, not compared. A row is a formula "
    "in which anything differs, with the case in which the modes are farthest apart (grade and hard margin of each) "
    "and what explains the difference: the known divergences that what is not right meets, and the pass of the "
    "compiler that makes it, where nnparity report --passes has looked for it."
)
#: The table of facts that say what of a compiler makes a difference: formula, target and dtype, answer and cell.
PASSES = "what of the compiler makes the difference"
#: The mode that others are held against, where a place has it; else its first.
EAGER = "eager"
SAME, ROUNDED, FIRST, SECOND, NEITHER, ALONE = "same", "rounded", "first", "second", "neither", "alone"
#: What two results of the same cell may be to each other, and how a column says it.
KINDS = {
    SAME: "the same",
    ROUNDED: "other bits, both right",
    FIRST: "only {one} right",
    SECOND: "only {other} right",
    NEITHER: "other bits, neither right",
    ALONE: "in one mode only",
}
#: From the difference that matters least to the one that matters most.
WORST = (ALONE, ROUNDED, NEITHER, FIRST, SECOND)
Pair = tuple[Verdict, Verdict]
#: The same cell in two modes; one of them may not have it.
Cell = tuple[Verdict | None, Verdict | None]


@dataclass
class Difference:
    """The results of a formula in two modes: how many are what, and the pairs that differ.

    `known` counts the records that failing results meet, and under "" those that no record knows of. `passes` says
    what of the compiler makes a difference, and in which dtypes.
    """

    formula: str
    counts: Counter[str] = field(default_factory=Counter)
    pairs: list[Pair] = field(default_factory=list)
    known: Counter[str] = field(default_factory=Counter)
    passes: dict[str, list[str]] = field(default_factory=dict)

    def add(self, one: Verdict | None, other: Verdict | None) -> None:
        """The same cell in both modes, or in one."""
        kind = told(one, other)
        self.counts[kind] += 1
        if one is None or other is None or kind in (SAME, ALONE):
            return
        self.pairs.append((one, other))
        self.known.update({verdict.known or "" for verdict in (one, other) if verdict.grade not in PASSING})

    @property
    def worst(self) -> Pair | None:
        """The pair that differs most."""
        return max(self.pairs, key=apart, default=None)

    @property
    def differs(self) -> bool:
        """Whether any result that both have has other bits."""
        return bool(self.pairs)


@dataclass(frozen=True)
class Modes:
    """Two modes of a place, `torch:cpu`: all that they were asked, added up, and by formula where they differ."""

    place: str
    one: str
    other: str
    total: Difference
    formulas: list[Difference]

    def columns(self) -> list[str]:
        """The kinds of `KINDS`, with the modes' names."""
        return [text.format(one=self.one, other=self.other) for text in KINDS.values()]


def modes(aggregate: Aggregate) -> list[Modes]:
    """Each mode of a place against the eager one, or the first; nothing of places with one mode."""
    places = grouped((target.rpartition(":")[0], target) for target in aggregate.targets)
    wanted = [
        (place, first, target)
        for place, targets in places.items()
        for first in [next((one for one in targets if one == f"{place}:{EAGER}"), targets[0])]
        for target in targets
        if target != first
    ]
    if not wanted:
        return []  # as of most runs, whose verdicts need not be gone through then
    verdicts = grouped((verdict.target, verdict) for verdict in aggregate.run.verdicts)
    order = [line.id for line in aggregate.formulas]
    found = [_compared(*pair, verdicts, order) for pair in wanted]
    for pair in found:
        _say_passes(pair, aggregate.run.facts)
    return found


def _say_passes(pair: Modes, facts: Iterable[Fact]) -> None:
    rows = {row.formula: row for row in pair.formulas}
    for fact in facts:
        target, _, dtype = fact.column.rpartition(" ")
        if fact.table == PASSES and target == f"{pair.place}:{pair.other}" and fact.row in rows:
            rows[fact.row].passes.setdefault(fact.text.rpartition("; ")[0], []).append(dtype)


def _compared(place: str, one: str, other: str, verdicts: dict[str, list[Verdict]], order: list[str]) -> Modes:
    total, formulas = Difference(""), {name: Difference(name) for name in order}
    for pair in _cells(one, other, by_key((*verdicts[one], *verdicts[other]))):
        total.add(*pair)
        formulas[next(verdict.formula for verdict in pair if verdict)].add(*pair)
    first, second = (target.removeprefix(f"{place}:") for target in (one, other))
    return Modes(place, first, second, total, [found for found in formulas.values() if found.differs])


def _cells(one: str, other: str, verdicts: dict[Key, Verdict]) -> Iterator[Cell]:
    """Each cell that either mode has a result of; what one mode alone tells apart is held against what it is not."""
    for case, quantity, salt, layout in dict.fromkeys((case, *drawn) for case, _, *drawn in verdicts):
        cell = (
            _of(verdicts, (case, one, quantity, salt, layout)),
            _of(verdicts, (case, other, quantity, salt, layout)),
        )
        there = [verdict for verdict in cell if verdict is not None]
        if any(verdict.grade != UNSUPPORTED for verdict in there) and _told_apart(there):
            yield cell


def _of(verdicts: dict[Key, Verdict], key: Key) -> Verdict | None:
    """The verdict of a cell, by the quantity that was looked for: the plain one stands for what has its bits."""
    verdict = verdict_at(verdicts, key)
    if verdict is None or verdict.quantity == key[2]:
        return verdict
    return msgspec.structs.replace(verdict, quantity=key[2])


def _told_apart(there: Iterable[Verdict]) -> bool:
    """Whether bits can be compared: older runs tell margins without a digest."""
    return all(verdict.digest or verdict.hard is None for verdict in there)


def told(one: Verdict | None, other: Verdict | None) -> str:
    """What two results of the same cell are to each other. Where neither mode has any, both refuse or both fail."""
    if one is None or other is None or UNSUPPORTED in (one.grade, other.grade):
        return ALONE
    right = one.grade in PASSING, other.grade in PASSING
    if one.digest == other.digest and (one.digest or right[0] == right[1]):
        return SAME
    return {(True, True): ROUNDED, (True, False): FIRST, (False, True): SECOND, (False, False): NEITHER}[right]


def apart(pair: Pair) -> tuple[int, float]:
    """Orders pairs by how much they differ: by what they are to each other, then by how far their margins are apart."""
    one, other = (badness(verdict.hard) for verdict in pair)
    return WORST.index(told(*pair)), abs(one - other) if one != other else 0.0


def furthest(found: Difference) -> str:
    """The pair that differs most, in words: its cell, and what each mode comes to."""
    if found.worst is None:
        return ""
    one, other = found.worst
    return f"{one.case} {one.quantity}: {_said(one)} and {_said(other)}"


def _said(verdict: Verdict) -> str:
    return f"{verdict.grade} {margin(verdict.hard)}" if verdict.hard is not None else verdict.grade


def explained(found: Difference) -> str:
    """The records that failing results meet, how many no record knows of, and what of the compiler it is."""
    known = [f"{name} (×{number})" for name, number in found.known.most_common() if name]
    new = [f"not recorded (×{found.known['']})"] if found.known[""] else []
    return "; ".join([*known, *new, *(f"{said} ({', '.join(dtypes)})" for said, dtypes in found.passes.items())])

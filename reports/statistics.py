"""Verdicts added up: how many of each grade, the worst margins, and the one verdict that says it best.

All verdicts are counted once, in groups as small as anything shown tells apart; what is larger is joined of those.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

from nnparity.reports.formatting import badness, real
from nnparity.reports.order import checked
from nnparity.reports.records import GRADES, PASSING, Number, Verdict

#: A glyph for each grade, so that colour is never the only sign. All of them are in every font.
SYMBOLS = {
    "conforms": "✓",
    "inconclusive": "?",
    "imprecise": "≈",
    "nondeterministic": "≠",
    "diverges": "✗",
    "error": "!",
    "crashed": "†",
    "timed out": "…",
    "unsupported": "–",
    "not run": "·",
}
#: What each grade means, for the legend.
MEANINGS = {
    "conforms": "error within both budgets",
    "inconclusive": "within budgets so wide that a plainly wrong answer, zeros or the negative, would be so too",
    "imprecise": "right formula, bits missing: only the sharp budget is exceeded, or it is cut off instead of rounded",
    "nondeterministic": "within the budgets, but other bits for the same case once more, and that is not declared",
    "diverges": "beyond the hard budget, or a wrong NaN, infinity, zero, shape or dtype",
    "error": "the target raised an exception",
    "crashed": "the process died",
    "timed out": "no answer in time",
    "unsupported": "nothing to judge: the adapter declares it, with a reason",
    "not run": "no verdict in this run",
}
#: The grades that say that a target does not do what the formula says.
FAILING = tuple(grade for grade in GRADES if grade not in PASSING)
_SEVERITY = {grade: rank for rank, grade in enumerate(("unsupported", "inconclusive", "conforms", *FAILING))}


def severity(grade: str) -> int:
    """Rank of a grade: `unsupported` below all that was judged, a grade unknown here above all."""
    return _SEVERITY.get(grade, len(_SEVERITY))


def symbol(grade: str) -> str:
    """The glyph of a grade."""
    return SYMBOLS.get(grade, "¿")


Key = TypeVar("Key")
Part = TypeVar("Part")
#: Grade, hard and sharp margin, as they are ordered; and that of no verdict, below all others.
Rank = tuple[int, float, float]
UNRANKED: Rank = (-1, 0.0, 0.0)


@dataclass(slots=True)
class Statistics:
    """What a group of verdicts comes to. Margins, ULP: the largest; bits: the fewest.

    `worst` is the verdict of the worst grade with the largest margins, and `rank`, by which groups are ordered, its
    place among all; `unrecorded` counts failing verdicts that match no known record.
    """

    grades: Counter[str] = field(default_factory=Counter)
    hard: Number | None = None
    sharp: Number | None = None
    ulp: Number | None = None
    bits: Number | None = None
    worst: Verdict | None = None
    rank: Rank = UNRANKED
    diagnoses: Counter[str] = field(default_factory=Counter)
    known: Counter[str] = field(default_factory=Counter)
    notes: Counter[str] = field(default_factory=Counter)
    unrecorded: int = 0

    def add(self, verdict: Verdict) -> None:
        """Count one more verdict in."""
        self.grades[verdict.grade] += 1
        self.hard = _larger(self.hard, verdict.hard)
        self.sharp = _larger(self.sharp, verdict.sharp)
        self.ulp = _larger(self.ulp, verdict.ulp)
        self.bits = _fewer(self.bits, verdict.bits)
        rank = _rank(verdict)
        if rank > self.rank:
            self.worst, self.rank = verdict, rank
        if verdict.note:
            self.notes[verdict.note] += 1
        if fails(verdict):
            self._blame(verdict)

    def _blame(self, verdict: Verdict) -> None:
        if verdict.diagnosis:
            self.diagnoses[verdict.diagnosis] += 1
        if verdict.known:
            self.known[verdict.known] += 1
        else:
            self.unrecorded += 1

    def take(self, other: "Statistics") -> None:
        """Count a group of other verdicts in."""
        self.grades.update(other.grades)
        self.hard = _larger(self.hard, other.hard)
        self.sharp = _larger(self.sharp, other.sharp)
        self.ulp = _larger(self.ulp, other.ulp)
        self.bits = _fewer(self.bits, other.bits)
        if other.rank > self.rank:
            self.worst, self.rank = other.worst, other.rank
        self.notes.update(other.notes)
        self.diagnoses.update(other.diagnoses)
        self.known.update(other.known)
        self.unrecorded += other.unrecorded

    @property
    def grade(self) -> str:
        """The worst grade; `unsupported` only when nothing was judged."""
        return max(self.grades, key=severity, default="not run")

    @property
    def judged(self) -> int:
        """How many verdicts speak for the target or against it: not `unsupported`, and not `inconclusive`."""
        return self.grades.total() - self.grades["unsupported"] - self.grades["inconclusive"]

    @property
    def failing(self) -> int:
        """How many of them do not conform."""
        return self.judged - self.grades["conforms"]

    @property
    def recorded(self) -> bool:
        """Whether something fails and all of it is a known record."""
        return self.failing > 0 and self.unrecorded == 0

    @property
    def tail(self) -> str:
        """The counts as a cell shows them: `54`, or `2/54` when 2 of them fail, or nothing."""
        return f"{self.failing}/{self.judged}" if self.failing else str(self.judged or "")

    @property
    def words(self) -> str:
        """The counts of all grades in words, best grade first."""
        return ", ".join(f"{number} {grade}" for grade, number in sorted(self.grades.items(), key=_by_grade))


def fails(told: "Verdict | Group") -> bool:
    """Whether a verdict, or a group of them, speaks against its target, on record or not."""
    return told.grade not in PASSING


def _by_grade(item: tuple[str, int]) -> int:
    return GRADES.index(item[0]) if item[0] in GRADES else len(GRADES)


def _rank(verdict: Verdict) -> Rank:
    return severity(verdict.grade), badness(verdict.hard), badness(verdict.sharp)


def _larger(old: Number | None, new: Number | None) -> Number | None:
    return new if new is not None and (old is None or badness(new) > badness(old)) else old


def _fewer(old: Number | None, new: Number | None) -> Number | None:
    return new if new is not None and (old is None or _precision(new) < _precision(old)) else old


def _precision(bits: Number) -> float:
    number = real(bits)
    return -math.inf if number is None or math.isnan(number) else number


class Group(NamedTuple):
    """What the verdicts of one of the smallest groups have in common; `checked` are those of a further check."""

    formula: str
    target: str
    dtype: str
    quantity: str
    grade: str
    checked: bool


def group_of(verdict: Verdict) -> Group:
    """The group that a verdict is of."""
    dataset = checked(verdict.dataset)
    return Group(verdict.formula, verdict.target, verdict.dtype, verdict.quantity, verdict.grade, dataset)


def counted(verdicts: Iterable[Verdict]) -> dict[Group, Statistics]:
    """The smallest groups, in the order they are first met."""
    groups: defaultdict[Group, Statistics] = defaultdict(Statistics)
    for verdict in verdicts:
        groups[group_of(verdict)].add(verdict)
    return dict(groups)


def joined(groups: Mapping[Part, Statistics], key: Callable[[Part], Key]) -> dict[Key, Statistics]:
    """One statistics for each value of `key`, in the order they are first met."""
    found: defaultdict[Key, Statistics] = defaultdict(Statistics)
    for group, statistics in groups.items():
        found[key(group)].take(statistics)
    return dict(found)

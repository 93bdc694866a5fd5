"""The result of a check: what was judged, in a table, and what does not conform as a person reads it."""

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from tabulate import tabulate

from nnparity.reports.formatting import badness, margin, pair, significant
from nnparity.reports.records import GRADES, PASSING, Verdict

#: Verdicts that are told one by one below the table.
SHOWN = 3
HEADERS = ("quantity", "verdicts", "hard", "sharp", "resolution", "what is wrong")


@dataclass(frozen=True)
class Result:
    """True if it conforms: nothing failed, and each quantity was told from wrong answers at least once.

    A quantity of which all verdicts are inconclusive is no pass: zeros would have had the same.
    """

    verdicts: Sequence[Verdict]
    #: What was asked, in words.
    asked: str

    def __bool__(self) -> bool:
        return not self.failures and not self.untold and bool(self.verdicts)

    @property
    def failures(self) -> list[Verdict]:
        """What does not conform, worst first, and of a grade what has a diagnosis before what has none."""
        return sorted((v for v in self.verdicts if v.grade not in PASSING), key=_badness, reverse=True)

    @property
    def untold(self) -> list[str]:
        """Quantities without a verdict that conforms, nor one that fails."""
        return [
            quantity
            for quantity, verdicts in self._by_quantity.items()
            if {v.grade for v in verdicts} <= {"inconclusive", "unsupported"}
        ]

    @property
    def worst(self) -> Verdict:
        """The verdict that is worst by its grade; of several one with a diagnosis, then the one of larger margins."""
        return max(self.verdicts, key=_badness)

    @property
    def resolution(self) -> float:
        """The smallest relative error that would have been seen, had all numbers of any one quantity been so far off.

        Infinite where some quantity could not be told at all.
        """
        found = [one for one in map(_resolution, self._by_quantity.values()) if one is not None]
        return max(found, default=float("inf"))

    @cached_property
    def _by_quantity(self) -> dict[str, list[Verdict]]:
        found: dict[str, list[Verdict]] = defaultdict(list)
        for verdict in self.verdicts:
            found[verdict.quantity].append(verdict)
        return found

    @property
    def headline(self) -> str:
        """In one line."""
        if self:
            return f"{self.asked}: conforms; {self._seen}"
        if self.failures:
            return f"{self.asked}: {len(self.failures)} of {len(self.verdicts)} verdicts do not conform"
        if not self.verdicts:
            return f"{self.asked}: nothing was asked, which is no pass"
        return f"{self.asked}: inconclusive, which is no pass: nothing tells wrong answers of {', '.join(self.untold)}"

    @property
    def _seen(self) -> str:
        """What would have been seen, of a result that conforms."""
        if math.isfinite(self.resolution):
            return f"a relative error of {self.resolution:.2g} would have been seen"
        return "the exact result is 0, of which there is no relative error"

    def __str__(self) -> str:
        rows = [_row(quantity, verdicts) for quantity, verdicts in self._by_quantity.items()]
        table = tabulate(rows, headers=HEADERS, disable_numparse=True)
        shown = self.failures or [v for v in self.verdicts if v.quantity in self.untold]
        rest = len(shown) - SHOWN
        more = [f"and {rest} more"] if rest > 0 else []
        return "\n".join([self.headline, table, *map(told, shown[:SHOWN]), *more])

    __repr__ = __str__


def _badness(verdict: Verdict) -> tuple[int, bool, float, float]:
    grade = -1 if verdict.grade == "unsupported" else GRADES.index(verdict.grade)
    return grade, verdict.diagnosis is not None, badness(verdict.hard), badness(verdict.sharp)


def _resolution(verdicts: Sequence[Verdict]) -> float | None:
    """The best of a quantity; None where the exact result is 0 throughout: there is no relative error of that."""
    judged = [v for v in verdicts if v.hard is not None and v.grade != "inconclusive"]
    found = [float(v.resolution) for v in judged if v.resolution is not None]
    return min(found) if found else None if judged else float("inf")


def _row(quantity: str, verdicts: Sequence[Verdict]) -> tuple[str, ...]:
    counts = Counter(v.grade for v in verdicts)
    grades = ", ".join(f"{counts[grade]} {grade}" for grade in GRADES if counts[grade])
    hard, sharp = (max((getattr(v, one) for v in verdicts), key=badness) for one in ("hard", "sharp"))
    known = (f"on record as {v.known}" if v.known else None for v in verdicts)
    causes = dict.fromkeys(filter(None, (*(v.diagnosis for v in verdicts), *known)))
    return quantity, grades, margin(hard), margin(sharp), significant(_resolution(verdicts), 2), "; ".join(causes)


def told(verdict: Verdict) -> str:
    """A verdict in a few lines."""
    return "\n".join([_headline(verdict), *(f"    {line}" for line in _details(verdict))])


def _headline(verdict: Verdict) -> str:
    margins = f", {_margins(verdict)}" if verdict.hard is not None else ""
    return f"{verdict.quantity} of {verdict.case}: {verdict.grade}{margins}"


def _margins(verdict: Verdict) -> str:
    return f"error over budget: hard {margin(verdict.hard)}, sharp {margin(verdict.sharp)}"


def _details(verdict: Verdict) -> list[str]:
    lines = [verdict.diagnosis or ""] if verdict.diagnosis else []
    lines += [verdict.note] if verdict.known and verdict.note else []
    lines += (verdict.message or "").splitlines()
    if verdict.worst:
        observed, expected = pair(verdict.worst.observed, verdict.worst.expected)
        lines.append(f"worst element {verdict.worst.index}: observed {observed}, expected {expected}")
    if verdict.resolution is not None:
        lines.append(f"a relative error of {significant(verdict.resolution, 2)} would have been seen")
    return lines

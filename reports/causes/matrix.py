"""The matrix by class: what a formula comes to on a target, in all dtypes or in one."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from nnparity.reports.causes.causes import Cause
from nnparity.reports.causes.classes import rank
from nnparity.reports.formatting import badness, bits, margin, real
from nnparity.reports.records import Number, Verdict
from nnparity.reports.statistics import Group, Statistics, fails

#: Formula, target, and a dtype or "" for all of them.
Key = tuple[str, str, str]
ALL = ""


@dataclass
class Cell:
    """A formula on a target. `causes` are those of its failing verdicts, the worst first; `classes` of which class."""

    statistics: Statistics = field(default_factory=Statistics)
    classes: Counter[str] = field(default_factory=Counter)
    causes: list[Cause] = field(default_factory=list)
    #: the largest margin, hard or sharp, by class; of what conforms under "conforms"
    margins: dict[str, Number] = field(default_factory=dict)
    #: the fewest bits by class
    fewest: dict[str, Number] = field(default_factory=dict)
    new: int = 0

    @property
    def kind(self) -> str:
        """The worst class of what fails; else the grade."""
        return min(self.classes, key=rank) if self.classes else self.statistics.grade

    @property
    def failing(self) -> int:
        """How many verdicts fail."""
        return self.classes.total()

    @property
    def margin(self) -> str:
        """The worst margin of that class; where no margin says why its verdicts fail, how many they are."""
        worst = self.margins.get(self.kind)
        if self.classes and not badness(worst) > 1:
            return f"×{self.classes[self.kind]}"
        return "" if worst is None else margin(worst)

    @property
    def bits(self) -> str:
        """The fewest effective bits of that class, where its verdicts have any that are a number."""
        found = real(self.fewest.get(self.kind))
        return bits(found) if found is not None and math.isfinite(found) else ""

    def take(self, group: Group, statistics: Statistics) -> None:
        """Counts a group of verdicts in; of what fails, `blame` tells the class."""
        self.statistics.take(statistics)
        if not fails(group):
            self._note(group.grade, statistics.hard, statistics.sharp, statistics.bits)

    def blame(self, verdict: Verdict, cause: Cause) -> None:
        """A failing verdict's class, and why it fails."""
        self.classes[cause.kind] += 1
        self.new += cause.new
        if cause not in self.causes:
            self.causes.append(cause)
        self._note(cause.kind, verdict.hard, verdict.sharp, verdict.bits)

    def _note(self, kind: str, hard: Number | None, sharp: Number | None, bits: Number | None) -> None:
        for value in (hard, sharp):
            if value is not None and badness(value) > badness(self.margins.get(kind)):
                self.margins[kind] = value
        if bits is not None and (kind not in self.fewest or badness(bits) < badness(self.fewest[kind])):
            self.fewest[kind] = bits


def cells_of(groups: Mapping[Group, Statistics], causes: Iterable[Cause]) -> dict[Key, Cell]:
    """Every cell, by dtype and of all dtypes together."""
    cells: defaultdict[Key, Cell] = defaultdict(Cell)
    for group, statistics in groups.items():
        for dtype in (ALL, group.dtype):
            cells[group.formula, group.target, dtype].take(group, statistics)
    for cause in causes:
        for verdict in cause.verdicts:
            for dtype in (ALL, verdict.dtype):
                cells[verdict.formula, verdict.target, dtype].blame(verdict, cause)
    for cell in cells.values():
        cell.causes.sort(key=lambda one: (not one.new, rank(one.kind), one.id))
    return dict(cells)

"""The matrix by class: what a formula comes to on a target, in all dtypes or in one."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from nnparity.reports.causes.causes import Cause
from nnparity.reports.causes.classes import rank
from nnparity.reports.formatting import badness, bits, margin, real
from nnparity.reports.merge import MergedRun
from nnparity.reports.records import Number, Verdict
from nnparity.reports.statistics import Statistics

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

    def add(self, verdict: Verdict, cause: Cause | None) -> None:
        """Counts one more verdict."""
        self.statistics.add(verdict)
        kind = cause.kind if cause else verdict.grade
        if cause:
            self.classes[kind] += 1
            self.new += cause.new
            if cause not in self.causes:
                self.causes.append(cause)
        for value in (verdict.hard, verdict.sharp):
            if value is not None and badness(value) > badness(self.margins.get(kind)):
                self.margins[kind] = value
        if verdict.bits is not None and (kind not in self.fewest or badness(verdict.bits) < badness(self.fewest[kind])):
            self.fewest[kind] = verdict.bits


def cells_of(run: MergedRun, causes: Iterable[Cause]) -> dict[Key, Cell]:
    """Every cell, by dtype and of all dtypes together."""
    blamed = {id(verdict): cause for cause in causes for verdict in cause.verdicts}
    cells: defaultdict[Key, Cell] = defaultdict(Cell)
    for verdict in run.verdicts:
        for dtype in (ALL, verdict.dtype):
            cells[verdict.formula, verdict.target, dtype].add(verdict, blamed.get(id(verdict)))
    for cell in cells.values():
        cell.causes.sort(key=lambda one: (not one.new, rank(one.kind), one.id))
    return dict(cells)

"""What a run says, sorted and added up once, for the page and for the Markdown alike."""

import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from operator import itemgetter
from typing import TypeVar

from nnparity.reports.causes.answer import Answer, answer_of, judging
from nnparity.reports.causes.causes import Cause, causes_of
from nnparity.reports.causes.commands import Place, caution, unsteady
from nnparity.reports.causes.matrix import Cell, Key, cells_of
from nnparity.reports.causes.news import News
from nnparity.reports.differences import Differences, compare
from nnparity.reports.merge import MergedRun
from nnparity.reports.order import as_asked, dtype_place
from nnparity.reports.records import FAMILIES, GRADES, FormulaLine, TargetLine, Verdict
from nnparity.reports.statistics import Group, Statistics, counted, fails, joined, severity

K = TypeVar("K")
V = TypeVar("V")
#: Formula, target, dtype, quantity: what a row of margins stands for.
RowKey = tuple[str, str, str, str]


def dtype_order(dtype: str) -> tuple[int, str]:
    """Widest dtype first, those unknown here last."""
    return dtype_place(dtype), dtype


def quantity_order(quantity: str) -> tuple[int, str]:
    """Output, gradients, then the directional and the second derivatives."""
    family = quantity.partition(".")[0]
    return (FAMILIES.index(family) if family in FAMILIES else len(FAMILIES)), quantity


def section_order(section: str) -> list[tuple[int, str]]:
    """Section numbers as numbers: 3.10 after 3.9."""
    return [(int(part), "") if part.isdecimal() else (0, part) for part in re.split(r"\.", section)]


def anchor(*names: str) -> str:
    """An id for HTML made of names: `gap-conv2d-torch-cpu-eager`."""
    return "-".join(re.sub(r"\W+", "-", name).strip("-") for name in names)


@dataclass(frozen=True)
class Row:
    """One line of a table of margins, or of the list of what does not conform: there `statistics` has only what fails.

    `judged` counts all verdicts that were judged, as `Statistics.judged` does, those that conform included.
    """

    formula: FormulaLine
    target: str
    dtype: str
    quantity: str
    statistics: Statistics
    judged: int


@dataclass(frozen=True)
class Block:
    """All rows of a formula on one target in which something fails."""

    formula: FormulaLine
    target: str
    rows: list[Row]

    @property
    def anchor(self) -> str:
        """The id of this block in the page."""
        return anchor("gap", self.formula.id, self.target)

    @property
    def grade(self) -> str:
        """The worst grade of the rows."""
        return max((row.statistics.grade for row in self.rows), key=severity)

    @property
    def recorded(self) -> bool:
        """Whether each failing verdict here is a known record."""
        return all(row.statistics.recorded for row in self.rows)


@dataclass(frozen=True)
class Aggregate:
    """A run seen from above. Everything is computed when first asked for, once.

    With `only_news` not all that is on no record fails the run, but what is news since the baseline.
    """

    run: MergedRun
    baseline: MergedRun | None = None
    only_news: bool = False

    @cached_property
    def changes(self) -> Differences | None:
        """What differs from the baseline, where one is given."""
        return compare(self.baseline, self.run) if self.baseline else None

    @cached_property
    def news(self) -> News:
        """What of that is news; without a baseline nothing."""
        return News.since(self.baseline, self.run, self.changes) if self.baseline and self.changes else News()

    @property
    def standing(self) -> str:
        """`bad` where what is told fails the run, `good` where it does not; nothing where nothing was judged."""
        answer = self.answer
        wrong = self.news.told if self.only_news else answer.new or answer.stale
        if wrong or answer.incomplete or (answer.judged and answer.idle):
            return "bad"
        return "good" if answer.judged else ""

    @cached_property
    def causes(self) -> list[Cause]:
        """Why verdicts fail: what is new first, then the worst class."""
        return causes_of(self.run)

    @cached_property
    def unsteady(self) -> frozenset[Place]:
        """Formulas and targets of which one call may not show again what is wrong."""
        return unsteady(self.run)

    def caution(self, verdict: Verdict) -> str:
        """What is to be said of the command that shows a verdict again, if anything."""
        return caution(self.run, self.unsteady, verdict)

    @cached_property
    def answer(self) -> Answer:
        """What the run comes to."""
        return replace(answer_of(self.run, self.causes), only_news=self.only_news)

    @cached_property
    def matrix(self) -> dict[Key, Cell]:
        """(formula, target, dtype or "" for all) -> what it comes to by class."""
        return cells_of(self.groups, self.causes)

    @cached_property
    def formulas(self) -> list[FormulaLine]:
        """In the order of the primer; a formula that only verdicts speak of is there by its id."""
        named = dict.fromkeys(verdict.formula for verdict in self.run.verdicts)
        lines = {**{name: _nameless(name) for name in named}, **self.run.formulas}
        return sorted(lines.values(), key=lambda line: (not line.section, section_order(line.section)))

    @cached_property
    def asked(self) -> Callable[[str], tuple[int, str]]:
        """The place of a target among all: in the order of the plans, then by name."""
        return as_asked(judging(self.run))

    @cached_property
    def targets(self) -> list[str]:
        """The targets that were judged, in the order they were asked for."""
        return sorted({verdict.target for verdict in self.run.verdicts}, key=self.asked)

    @cached_property
    def present(self) -> list[TargetLine]:
        """Judged or available targets."""
        lines = {target: TargetLine(target=target, available=True) for target in self.targets} | self.run.targets
        return sorted(
            (line for line in lines.values() if line.available or line.target in self.targets),
            key=lambda line: self.asked(line.target),
        )

    @cached_property
    def absent(self) -> list[TargetLine]:
        """Targets that are not available where the run was made."""
        here = {line.target for line in self.present}
        return sorted(
            (line for line in self.run.targets.values() if line.target not in here), key=lambda line: line.target
        )

    @cached_property
    def dtypes(self) -> dict[str, list[str]]:
        """Target -> the dtypes it was judged in."""
        met = {(verdict.target, verdict.dtype) for verdict in self.run.verdicts}
        return {
            target: sorted((dtype for name, dtype in met if name == target), key=dtype_order) for target in self.targets
        }

    @cached_property
    def unjudged(self) -> dict[str, tuple[int, int]]:
        """Target -> of how many formulas nothing was judged, and how many there are; only those with such ones."""
        asked = {(verdict.formula, verdict.target) for verdict in self.run.verdicts}
        told = {(verdict.formula, verdict.target) for verdict in self.run.verdicts if verdict.grade != "unsupported"}
        left, whole = (Counter(target for _, target in pairs) for pairs in (asked - told, asked))
        return {target: (left[target], whole[target]) for target in self.targets if left[target]}

    @property
    def width(self) -> int:
        """Columns of the matrix: all dtypes of all targets."""
        return sum(map(len, self.dtypes.values()))

    @cached_property
    def counts(self) -> dict[str, int]:
        """Grade -> number of verdicts, best first, only grades that were given."""
        counter = self.total.grades
        return {grade: counter[grade] for grade in dict.fromkeys((*GRADES, *counter)) if counter[grade]}

    @cached_property
    def groups(self) -> dict[Group, Statistics]:
        """The smallest groups of verdicts, of which all that follows is joined."""
        return counted(self.run.verdicts)

    @cached_property
    def total(self) -> Statistics:
        """All verdicts as one group."""
        return joined(self.overall, lambda _: None).get(None, Statistics())

    @cached_property
    def overall(self) -> dict[str, Statistics]:
        """Formula -> all its verdicts as one group."""
        return joined(self.cells, itemgetter(0))

    @cached_property
    def failing(self) -> set[str]:
        """The formulas in which something does not conform."""
        return {formula for formula, statistics in self.overall.items() if statistics.failing}

    @cached_property
    def cells(self) -> dict[tuple[str, str, str], Statistics]:
        """(formula, target, dtype) -> statistics."""
        return joined(self._by_row, itemgetter(0, 1, 2))

    def cell(self, formula: str, target: str, dtype: str) -> Statistics:
        """One cell of the matrix; what the adapter declares unsupported is, without any verdict."""
        statistics = self.cells.get((formula, target, dtype))
        if statistics is not None:
            return statistics
        line = self.run.targets.get(target)
        declared = line is not None and formula in line.unsupported
        return Statistics(grades=Counter({"unsupported": 0} if declared else {}))

    @cached_property
    def rows(self) -> dict[str, list[Row]]:
        """Formula -> its margins, one row for each target, dtype and quantity."""
        return self._rows(self._by_row)

    @cached_property
    def failures(self) -> dict[str, list[Row]]:
        """The same, of failing verdicts only."""
        return self._rows(joined({group: one for group, one in self.groups.items() if fails(group)}, _row_key))

    def _rows(self, groups: dict[RowKey, Statistics]) -> dict[str, list[Row]]:
        rows: dict[str, list[Row]] = {formula.id: [] for formula in self.formulas}
        lines = {line.id: line for line in self.formulas}
        for group, statistics in groups.items():
            rows[group[0]].append(Row(lines[group[0]], *group[1:], statistics, self._by_row[group].judged))
        return {formula: sorted(lines, key=_row_order) for formula, lines in rows.items()}

    @cached_property
    def _by_row(self) -> dict[RowKey, Statistics]:
        return joined(self.groups, _row_key)

    @cached_property
    def blocks(self) -> list[Block]:
        """What does not conform: first what no record knows of, then the worst grade, then the primer's order."""
        blocks = [
            Block(formula, target, rows)
            for formula in self.formulas
            for target, rows in grouped((row.target, row) for row in self.failures[formula.id]).items()
        ]
        return sorted(blocks, key=lambda block: (block.recorded, -severity(block.grade)))

    @property
    def chapters(self) -> dict[str, list[FormulaLine]]:
        """Chapter -> its formulas."""
        return grouped((formula.chapter, formula) for formula in self.formulas)


def grouped(pairs: Iterable[tuple[K, V]]) -> dict[K, list[V]]:
    """Key -> the values that came with it, both in the order they came."""
    groups: dict[K, list[V]] = {}
    for key, value in pairs:
        groups.setdefault(key, []).append(value)
    return groups


#: A row's part of the key of a group.
_row_key: Callable[[Group], RowKey] = itemgetter(0, 1, 2, 3)


def _row_order(row: Row) -> tuple[object, ...]:
    return row.target, dtype_order(row.dtype), quantity_order(row.quantity)


def _nameless(formula: str) -> FormulaLine:
    return FormulaLine(id=formula, section="", title={}, latex="", inputs={}, outputs={})

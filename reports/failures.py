"""What fails, told once: rows of a block that have the same diagnoses and records share one explanation."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

from nnparity.reports.aggregation import Row, grouped
from nnparity.reports.records import Verdict
from nnparity.reports.statistics import Statistics


@dataclass(frozen=True)
class Said:
    """Rows of a block that follow each other and fail in the same known or unknown way.

    `lines` are the rows as shown: those without any margin and otherwise alike share one, with all their quantities.
    """

    rows: list[Row]
    lines: list[tuple[Row, list[str]]]

    @property
    def worst(self) -> Verdict | None:
        """The verdict that speaks for all of them."""
        return self.record.worst

    @property
    def record(self) -> Statistics:
        """All rows together."""
        total = Statistics()
        for row in self.rows:
            total.take(row.statistics)
        return total

    @property
    def others(self) -> list[tuple[str, list[Row]]]:
        """What else is said, and by which rows: messages that differ from that of the worst verdict."""
        first = self.worst and self.worst.message
        found = ((row.statistics.worst and row.statistics.worst.message, row) for row in self.rows)
        return list(grouped((message, row) for message, row in found if message and message != first).items())


def where(rows: list[Row]) -> str:
    """Dtypes and quantities of rows, dtypes with the same quantities together: `float32, float16: output, grad.x`."""
    quantities = grouped((row.dtype, row.quantity) for row in rows)
    dtypes = grouped((", ".join(names), dtype) for dtype, names in quantities.items())
    return "; ".join(f"{', '.join(group)}: {names}" for names, group in dtypes.items())


def said(rows: list[Row]) -> list[Said]:
    """Rows that follow each other with the same diagnoses and records, once for all of them."""
    groups = (list(group) for _, group in groupby(rows, key=_reason))
    return [Said(group, [(same[0], [row.quantity for row in same]) for same in _alike(group)]) for group in groups]


def _reason(row: Row) -> tuple[object, ...]:
    return sorted(row.statistics.diagnoses), sorted(row.statistics.known), row.statistics.recorded


def _alike(rows: list[Row]) -> Iterator[list[Row]]:
    for _, group in groupby(rows, key=_look):
        same = list(group)
        if same[0].statistics.hard is None and same[0].statistics.sharp is None:
            yield same
        else:
            yield from ([row] for row in same)


def _look(row: Row) -> tuple[object, ...]:
    statistics = row.statistics
    return (
        row.dtype,
        statistics.grade,
        statistics.failing,
        row.judged,
        statistics.hard is None and statistics.sharp is None,
    )

"""The result of a port: every layer in a table, and before it the first that departs, and why."""

from collections.abc import Sequence
from dataclasses import dataclass

from tabulate import tabulate

from nnparity.adapters.capture.layer import RESULT
from nnparity.porting.between import BETWEEN
from nnparity.porting.rows import DIFFERS, HEADERS, UNMATCHED, Row

INCONCLUSIVE = "inconclusive"
#: Layers that are told by name in the first lines.
SHOWN = 5


@dataclass(frozen=True)
class Ported:
    """True if all layers conform.

    None departs, none has other parameters or settings, none is inconclusive, and none is without a counterpart that
    nothing explains.
    """

    rows: Sequence[Row]

    def __bool__(self) -> bool:
        return bool(self.pairs) and all(row.grade == "conforms" for row in self.rows)

    @property
    def pairs(self) -> list[Row]:
        """The layers that have a counterpart."""
        return [row for row in self.rows if row.a and row.b and row.kind not in (BETWEEN, RESULT)]

    @property
    def departures(self) -> list[Row]:
        """What departs, in the order of a."""
        return [row for row in self.rows if row.departs]

    @property
    def first(self) -> Row | None:
        """The first that departs."""
        return next(iter(self.departures), None)

    @property
    def unmatched(self) -> list[Row]:
        """Layers without a counterpart that nothing explains."""
        return [row for row in self.rows if row.grade == UNMATCHED]

    @property
    def differing(self) -> list[Row]:
        """Pairs of other parameters or settings, of which these inputs show nothing."""
        return [row for row in self.rows if row.grade == DIFFERS]

    @property
    def inconclusive(self) -> list[Row]:
        """Pairs of which zeros or another plain error would have passed too."""
        return [row for row in self.rows if row.grade == INCONCLUSIVE]

    @property
    def headline(self) -> str:
        """The answer, in a line or a few."""
        if self:
            return f"all layers conform: {_layers(len(self.pairs))} in both models"
        lines = self._departing if self.departures else []
        if not self.pairs:
            lines.append("no layer of a has a counterpart in b, which is no pass")
        lines += [f"{row.a} / {row.b} ({row.kind}) differs: {'; '.join(row.why)}" for row in self.differing[:SHOWN]]
        if self.differing:
            lines.append(f"{_layers(len(self.differing))} in all that differ so, of which these inputs show nothing")
        for rows, says in (
            (self.unmatched, "without a counterpart, and nothing says what becomes of it (match= says which is which)"),
            (self.inconclusive, "inconclusive: wrong results would conform too on these inputs"),
        ):
            if rows:
                lines.append(f"{_layers(len(rows))} {says}: {_named(rows)}")
        return "\n".join(lines)

    @property
    def _departing(self) -> list[str]:
        first, *others = self.departures
        name = f"{first.a or 'nothing'} / {first.b or 'nothing'}"
        lines = [f"the first layer that departs is {name} ({first.kind}): {'; '.join(first.why) or first.grade}"]
        if others:
            lines.append(f"{len(others)} more: {_named(others)}")
        return lines

    def __str__(self) -> str:
        table = tabulate([row.told for row in self.rows], headers=HEADERS, disable_numparse=True)
        return f"{self.headline}\n{table}"

    __repr__ = __str__


def _layers(count: int) -> str:
    return "1 layer" if count == 1 else f"{count} layers"


def _named(rows: Sequence[Row]) -> str:
    names = [row.a or row.b for row in rows]
    rest = [f"and {len(names) - SHOWN} more"] if len(names) > SHOWN else []
    return ", ".join([*names[:SHOWN], *rest])

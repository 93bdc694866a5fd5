"""The modes of a backend compared, as Markdown: a table for each two of them."""

from collections.abc import Iterator

from nnparity.reports.aggregation import Aggregate
from nnparity.reports.formatting import count
from nnparity.reports.render.gfm import code, compact, text
from nnparity.reports.targets.modes import ABOUT, KINDS, Difference, explained, furthest, modes


def compared(aggregate: Aggregate) -> Iterator[str]:
    """The section; nothing of a run without two modes of one place."""
    found = modes(aggregate)
    if found:
        yield "## Modes compared"
        yield ABOUT
    for pair in found:
        yield f"### {code(pair.place)}: {code(pair.one)} and {code(pair.other)}"
        columns = ["formula", *map(text, pair.columns()), "farthest apart", "explained by"]
        yield compact(columns, [_row(pair.total), *map(_row, pair.formulas)])


def _row(found: Difference) -> list[str]:
    counts = [count(found.counts[kind]) for kind in KINDS]
    if not found.formula:
        return ["all", *counts, text(furthest(found)), ""]
    return [code(found.formula), *counts, text(furthest(found)), text(explained(found))]

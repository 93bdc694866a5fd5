"""What the page's matrix and cards of causes are made of: cells by number, links between both, the script's data."""

import re
from collections.abc import Mapping

from markupsafe import Markup, escape

from nnparity.reports.aggregation import Aggregate, dtype_order
from nnparity.reports.causes.causes import Cause, worst_of
from nnparity.reports.causes.classes import CLASSES, FINE, SIGNS
from nnparity.reports.causes.commands import ALONE, CHANCE, FOLLOWS, MOVED, UNSTEADY, reproduction
from nnparity.reports.causes.matrix import ALL, Cell
from nnparity.reports.causes.scripts import Carried
from nnparity.reports.formatting import visible
from nnparity.reports.records import GRADES, SHORT, FormulaLine, ScriptLine, Verdict
from nnparity.reports.render.words import CHINESE, ENGLISH, catalogue

#: (formula, target) -> the id of its cell.
Numbers = dict[tuple[str, str], str]
#: The labels of cards: there are so many that a script puts in the Chinese ones.
LABELS = (
    *(
        "class",
        "reason",
        "upstream",
        "versions",
        "seen in",
        "cells",
        "worst example",
        "again",
        "element",
        "observed",
        "expected",
    ),
    *(
        "wrong answers on record too",
        "asked once more",
        "of that element:",
        "error over hard budget",
        "of the array: sharp margin",
    ),
    *("dtype", "margin", "bits", "failing/judged", "not reported"),
    *(ALONE, CHANCE, FOLLOWS, MOVED, UNSTEADY),
)
#: Words of the tables that lie in a page compressed: a script puts in the Chinese ones when they are unpacked.
TABLED = (
    *GRADES,
    *("quantity", "grade", "fail", "Kernels", "Conventions", "Variants", "Reference", "Erratum", "Notes", "targets"),
    *("formula", "formulas", "target", "what", "verdicts", "part", "time", "known record", "not recorded"),
    *("worst case", "reference", "The primer says", "Why that fails", "Taken to mean", "on record", "import"),
    *("No verdict in this run.", "the whole message"),
)
#: Names shown of a list, at most.
LISTED = 12
#: All classes, as the script numbers them.
KINDS = (*CLASSES, *FINE)


def numbered(aggregate: Aggregate) -> Numbers:
    """The ids of the cells: by row and column, so that no name can make two alike."""
    return {
        (formula.id, target): f"m{row}-{column}"
        for row, formula in enumerate(aggregate.formulas)
        for column, target in enumerate(aggregate.targets)
    }


def row_id(aggregate: Aggregate, cause: Cause, cell: str) -> str:
    """The id of the row of a cause's card that speaks of a cell."""
    return f"c{aggregate.causes.index(cause)}--{cell}"


def rows(cause: Cause) -> list[tuple[str, str, list[Verdict], Verdict]]:
    """Formula, target, the verdicts there, and the worst of them: the rows of a card."""
    return [(*place, several, worst_of(several)) for place, several in cause.cells.items()]


def shortened(names: list[str]) -> str:
    """Names set off by commas, of many only the first."""
    rest = len(names) - LISTED
    return ", ".join(names[:LISTED]) + (f" … (+{rest})" if rest > 0 else "")


def dtypes(verdicts: list[Verdict]) -> str:
    """The dtypes of verdicts, short, with how many are in each."""
    counted: dict[str, int] = {}
    for verdict in verdicts:
        counted[verdict.dtype] = counted.get(verdict.dtype, 0) + 1
    return " ".join(f"{SHORT.get(name, name)} {counted[name]}" for name in sorted(counted, key=dtype_order))


def places(cause: Cause) -> list[str]:
    """The cells that a cause is seen in, as texts."""
    return [f"{formula} × {target}" for formula, target in cause.cells]


def example(aggregate: Aggregate, verdict: Verdict) -> str:
    """The command that shows a verdict again."""
    return reproduction(aggregate.run, verdict)


def data(aggregate: Aggregate) -> dict[str, object]:
    """Names, and of each cell by dtype: class, margin, bits, failing, judged, new."""
    found = sorted({dtype for dtypes in aggregate.dtypes.values() for dtype in dtypes}, key=dtype_order)
    return {
        "words": {word: catalogue()[word] for word in (*LABELS, *TABLED, *KINDS) if word in catalogue()},
        "kinds": [[kind, SIGNS[kind]] for kind in KINDS],
        "dtypes": list(map(visible, found)),
        "targets": list(map(visible, aggregate.targets)),
        "titles": {visible(formula.id): _titles(formula) for formula in aggregate.formulas if formula.title},
        "formulas": [visible(formula.id) for formula in aggregate.formulas],
        "cells": {
            id: [_figures(aggregate.matrix.get((*place, dtype))) for dtype in found]
            for place, id in numbered(aggregate).items()
            if (*place, ALL) in aggregate.matrix
        },
    }


def scripted(found: Mapping[Cause, ScriptLine | None], carried: Carried) -> dict[str, object]:
    """Card -> the number of its script and what it is of; of those without one why, nothing where room is lacking."""
    lines = {cause.anchor: line for cause, line in found.items() if line}
    return {
        "scripts": {
            anchor: [place, visible(f"{line.case} {line.quantity} {line.target}"), line.text.count("\n")]
            for anchor, line in lines.items()
            if (place := carried.number(line)) is not None
        },
        "unscripted": {anchor: visible(line.why) for anchor, line in lines.items() if carried.number(line) is None},
    }


def _titles(formula: FormulaLine) -> list[str]:
    return [visible(formula.title.get(language, "")) for language in (ENGLISH, CHINESE)]


def _figures(cell: Cell | None) -> list[object]:
    if cell is None:
        return []
    kind = KINDS.index(cell.kind) if cell.kind in KINDS else KINDS.index("not run")
    return [kind, cell.margin, cell.bits, cell.failing, cell.statistics.judged, cell.new]


def linked(upstream: str) -> Markup:
    """Where something was reported, its address as a link; other words stay words."""
    found = re.match(r"https://[\w./#?=&%~+-]+", upstream)
    if found is None:
        return escape(visible(upstream))
    return Markup('<a href="{}" rel="noreferrer">{}</a>{}').format(found[0], found[0], visible(upstream[found.end() :]))

"""Layouts: the same numbers once more as views of other strides, off alignment, expanded, or one array for two inputs.

Each must give what contiguous inputs give, within the budget of two computations, and the table says whether bit for
bit. Only layouts that the target has are asked for: see `Adapter.layouts`.
"""

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass

from nnparity.adapters.request import Request
from nnparity.checks.cell_text import CellText
from nnparity.checks.common import Finding, Given, alike, first_order, held, observe
from nnparity.checks.comparison import SAME, again
from nnparity.execute.observer import Observed
from nnparity.execute.requests import request
from nnparity.execute.target import Target
from nnparity.expect.expected import Expected
from nnparity.reports.records import Fact
from nnparity.spec import DTYPES, Case, Formula, shapes
from nnparity.spec.cases.layouts import CONTIGUOUS, FREE, LAYOUTS, numbers
from nnparity.spec.loader import signatures
from nnparity.spec.schema import Signature
from nnparity.spec.selection import Selection

TABLE = "layouts, against contiguous inputs"


def layouts(target: Target, formula: Formula, selection: Selection) -> Iterator[Finding | Fact]:
    """Verdicts on each layout in each dtype, and a cell with what was the same."""
    if target.refuses(formula):
        return  # the ordinary cases have said so
    dtypes = [dtype for dtype in selection.dtypes if dtype in formula.dtypes]
    words = CellText(tuple(dtypes))
    quantities = first_order(formula, selection.quantities)
    for dtype in dtypes:
        case = Case(formula, largest(formula), "normal", DTYPES[dtype], selection.salt)
        yield from _arrangements(target, case, quantities, selection, words)
    if words.said:
        yield Fact(TABLE, formula.id, target.name, words.text(SAME))


def _arrangements(
    target: Target, case: Case, quantities: frozenset[str], selection: Selection, words: CellText
) -> Iterator[Finding]:
    """One dtype. Layouts of the same numbers share what is expected of them, and the contiguous observation."""
    plain: dict[str, Contiguous] = {}
    for layout in (layout for layout in LAYOUTS if layout in target.observer.info.layouts):
        if (given := arranged(case, layout)) is None:
            continue
        asked = request(given, quantities, alike(given, selection))
        own = CONTIGUOUS if layout in FREE else layout
        held = plain.get(own) or _contiguous(target, given, asked)
        plain[own] = held.told
        (seen,) = observe(target.observer, [dataclasses.replace(asked, layout=layout)])
        yield from again(given, held.truth, held.observed, seen, words)


def arranged(case: Case, layout: str) -> Given | None:
    """The case with the layout's numbers, called by its name; None where the layout says nothing of it."""
    found = numbers(case, layout)
    if found is None:
        return None
    return Given(case.formula, case.signature, layout, case.dtype, case.salt, found.inputs, found.cotangents)


def largest(formula: Formula) -> Signature:
    """The signature with the most numbers in its inputs, of the ordinary ones."""
    found = [one for one in signatures(formula) if one.level != "full"] or signatures(formula)
    return max(found, key=lambda one: shapes.elements(formula.inputs.values(), one.dims))


@dataclass(frozen=True)
class Contiguous:
    """What is expected of some numbers, and what became of them in the usual layout: the same for several others."""

    truth: dict[str, Expected]
    observed: Observed

    @property
    def told(self) -> "Contiguous":
        """The same, whose time a verdict has told already."""
        return Contiguous(self.truth, dataclasses.replace(self.observed, seconds=0.0))


def _contiguous(target: Target, case: Given, asked: Request) -> Contiguous:
    truth = held(target, case, asked.quantities)
    (observed,) = observe(target.observer, [asked])
    return Contiguous(truth, observed)

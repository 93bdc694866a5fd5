"""Layouts: the same numbers once more as views of other strides, off alignment, expanded, or one array for two inputs.

Each must give what contiguous inputs give, within the budget of two computations, and the table says whether bit for
bit. Only layouts that the target has are asked for: see `Adapter.layouts`.
"""

import dataclasses
from collections.abc import Iterator

from nnparity.adapters.request import Request
from nnparity.checks.cell_text import CellText
from nnparity.checks.common import Finding, Given, alike, first_order, observe
from nnparity.checks.comparison import SAME, again
from nnparity.execute.requests import request
from nnparity.execute.target import Target
from nnparity.expect.budgets import expect
from nnparity.reports.records import Fact
from nnparity.spec import DTYPES, Case, Formula, shapes
from nnparity.spec.cases.layouts import LAYOUTS, numbers
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
        for layout in LAYOUTS:
            if layout in target.observer.info.layouts and (given := arranged(case, layout)):
                asked = request(given, quantities, alike(given, selection))
                yield from _told(target, given, asked, words)
    if words.said:
        yield Fact(TABLE, formula.id, target.name, words.text(SAME))


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


def _told(target: Target, case: Given, plain: Request, words: CellText) -> Iterator[Finding]:
    truth = expect(case, plain.quantities, flush=target.flushes[case.dtype.name])
    first, second = observe(target.observer, [plain, dataclasses.replace(plain, layout=case.dataset)])
    yield from again(case, truth, first, second, words)

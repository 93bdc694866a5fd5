"""Layouts: the same numbers once more as views of other strides, off alignment, expanded, or one array for two inputs.

Each must give what contiguous inputs give, within the budget of two computations, and the table says whether bit for
bit. Only layouts that the target has are asked for: see `Adapter.layouts`. Of what the target gets of the pool those
that any numbers may lie in: a tail and a stride break a kernel together that neither breaks alone.
"""

import dataclasses
from collections.abc import Iterator, Sequence
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
from nnparity.spec.cases import naming
from nnparity.spec.cases.layouts import CONTIGUOUS, FREE, LAYOUTS, numbers
from nnparity.spec.cases.pool import Drawn, pool
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
        yield from _arrangements(target, case, quantities, selection, words, LAYOUTS)
    for case in _pooled(target, formula, selection):
        yield from _arrangements(target, case, quantities, selection, words, FREE)
    if words.said:
        yield Fact(TABLE, formula.id, target.name, words.text(SAME))


def _pooled(target: Target, formula: Formula, selection: Selection) -> Iterator[Case]:
    """The cases of the pool that the target gets, or those named: of a signature and a dtype the first."""
    if not set(FREE) & set(target.observer.info.layouts):
        return
    asked = {(largest(formula).id, dtype) for dtype in selection.dtypes}
    for one in _named(formula, selection) if selection.cases else _drawn(target, formula, selection):
        if one.dtype in selection.dtypes and (key := (one.signature.id, one.dtype)) not in asked:
            asked.add(key)
            yield Case(formula, one.signature, one.dataset, DTYPES[one.dtype], selection.salt)


def _drawn(target: Target, formula: Formula, selection: Selection) -> Iterator[Drawn]:
    reach = selection.reach(target.name)
    for one in pool(formula)[:reach] if reach else ():  # the pool of a formula takes time to draw
        if not selection.signatures or one.signature.id in selection.signatures:
            yield one


def _named(formula: Formula, selection: Selection) -> Iterator[Drawn]:
    for id in selection.cases:
        name, signed, dataset, dtype = naming.parts(id)
        if name == formula.id and dataset in FREE:
            yield from (one for one in pool(formula) if (one.signature.id, one.dtype) == (signed, dtype))


def _arrangements(
    target: Target,
    case: Case,
    quantities: frozenset[str],
    selection: Selection,
    words: CellText,
    layouts: Sequence[str],
) -> Iterator[Finding]:
    """One dtype. Layouts of the same numbers share what is expected of them, and the contiguous observation."""
    plain: dict[str, Contiguous] = {}
    for layout in (layout for layout in layouts if layout in target.observer.info.layouts):
        if (given := arranged(case, layout)) is None:
            continue
        asked = request(given, quantities, alike(given, selection))
        own = CONTIGUOUS if layout in FREE else layout
        held = plain.get(own) or _contiguous(target, case if layout in FREE else given, asked, selection)
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


def _contiguous(target: Target, case: Case, asked: Request, selection: Selection) -> Contiguous:
    """Of numbers of the spec's own all is expected at once that their ordinary case is asked for: it is kept then."""
    every = asked.quantities if isinstance(case, Given) else frozenset(selection.quantities)
    truth = {name: one for name, one in held(target, case, every).items() if name.partition(".")[0] in asked.quantities}
    (observed,) = observe(target.observer, [asked])
    return Contiguous(truth, observed)

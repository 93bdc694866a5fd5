"""Layouts: the same numbers once more as views of other strides, off alignment, expanded, or one array for two inputs.

Each must give what contiguous inputs give, within the budget of two computations, and the table says whether bit for
bit. Only layouts that the target has are asked for: see `Adapter.layouts`. Of what the target gets of the pool those
that any numbers may lie in: a tail and a stride break a kernel together that neither breaks alone. So of training
runs, whose parameters are matrices that an optimiser changes in place: its own formulas have vectors.
"""

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial

from nnparity.adapters.request import Request
from nnparity.checks.common import Finding, alike, first_order, held, judgeable
from nnparity.checks.comparison import SAME, CellText, again, by_itself
from nnparity.checks.inquiry import Found, Inquiry, saying
from nnparity.checks.pooled import pooled, truth_of
from nnparity.execute.observer import Observed
from nnparity.execute.requests import request
from nnparity.execute.target import Target
from nnparity.expect.expected import Expected
from nnparity.reports.records import Fact
from nnparity.spec import DTYPES, Case, Formula, shapes
from nnparity.spec.cases.layouts import ALIASED, FREE, KEPT, LAYOUTS, OF_A_SUM, aliased, numbers
from nnparity.spec.given import Given
from nnparity.spec.loader import ordinary
from nnparity.spec.schema import Signature, plain
from nnparity.spec.selection import Selection

TABLE = "layouts, against contiguous inputs"
#: What is said of a verdict on numbers that a layout needs, where it is not the layout that is at fault.
USUAL = "contiguous inputs"
GRADIENT = frozenset({"grad"})


def layouts(target: Target, formula: Formula, selection: Selection) -> Inquiry:
    """Finds verdicts on each layout in each dtype, and a cell with what was the same."""
    if target.refuses(formula):
        return saying()  # the ordinary cases have said so
    dtypes = [dtype for dtype in selection.dtypes if dtype in formula.dtypes]
    ordinary = [case for dtype in dtypes for case in _usual(formula, dtype, selection)]
    asked = [_arrangements(target, case, selection, KEPT if formula.trajectory else LAYOUTS) for case in ordinary]
    asked += [_arrangements(target, case, selection, FREE) for case in _pooled(target, formula, selection)]
    requests = [each for several in asked for one in several for each in one.requests]
    return Inquiry(
        lambda answers: _judged(target, asked, dtypes, selection, iter(answers)),
        [one.given for several in asked for one in several],
        [(target.observer, requests)],
    )


def _usual(formula: Formula, dtype: str, selection: Selection) -> Iterator[Case]:
    """The ordinary cases that are laid out: of a training run those of each optimiser, else the largest one."""
    if formula.trajectory:
        dataset, several = formula.datasets[0], _of_each_optimiser(formula)
    else:
        dataset, several = "normal", [largest(formula), *_of_single_weights(formula)]
    for one in several:
        yield Case(formula, one, dataset, DTYPES[dtype], selection.salt)


def _of_each_optimiser(formula: Formula) -> list[Signature]:
    """The first signature with each value of the attributes that are words."""
    found: dict[tuple[str, ...], Signature] = {}
    for one in ordinary(formula):
        found.setdefault(tuple(value for value in one.attributes.values() if isinstance(value, str)), one)
    return list(found.values())


def _of_single_weights(formula: Formula) -> list[Signature]:
    """The largest of which weights alone have axes of one element: kernels of one pixel are a product of matrices."""
    first, *others = formula.inputs.values()
    found = [one for one in ordinary(formula) if _single(others, one) and not _single([first], one)]
    return [max(found, key=lambda one: _elements(formula, one))] if found else []


def _judged(
    target: Target,
    asked: Sequence[Sequence["Arranged"]],
    dtypes: Sequence[str],
    selection: Selection,
    answers: Iterator[Observed],
) -> Iterator[Found]:
    words = CellText(tuple(dtypes))
    for several in asked:
        truth = cache(partial(_truth, target, selection))  # layouts of the same numbers share it
        usual: dict[str, Observed] = {}
        for one in several:
            own = one.own.id
            if one.first:
                before, usual[own] = next(answers) if one.drawn else None, next(answers)
                if before:
                    expected = truth(one.own, one.request.quantities)
                    yield from _as_usual(target, one, expected, before, usual[own], selection)
            seen = next(answers)
            took = (usual[own], seen) if one.first else (seen,)
            yield from again(one.given, _enough(one, truth, usual[own], seen), usual[own], seen, words, took)
    if words.said:
        yield Fact(TABLE, asked[0][0].given.formula.id, target.name, words.text(SAME))


def _as_usual(
    target: Target,
    one: "Arranged",
    truth: dict[str, Expected],
    before: Observed,
    seen: Observed,
    selection: Selection,
) -> Iterator[Finding]:
    """What goes wrong with numbers of the layout's own where they lie as usual, and not with those they were made of.

    No ordinary case has such numbers, to say so itself. Equal rows have equal errors: as one error is imprecise by
    chance, so are all, and only what is too large by itself is told.
    """
    if one.drawn is None:
        return
    for quantity, expected in judgeable(truth, seen).items():
        judged = by_itself(one.given, quantity, expected, seen)
        if judged.grade in ("conforms", "imprecise", "unsupported"):
            continue
        own = truth_of(target, one.drawn, selection)[plain(quantity)]
        if by_itself(one.drawn, quantity, own, before).grade == "conforms":
            yield Finding(one.given, quantity, judged, note=USUAL, seen=seen.observation.get(quantity), truth=expected)


def _pooled(target: Target, formula: Formula, selection: Selection) -> Iterator[Case]:
    """The cases of the pool that the target gets, or those named, but for those asked already."""
    if set(FREE) & set(target.observer.info.layouts):
        own = largest(formula).id
        yield from (case for case in pooled(target, formula, selection, FREE) if case.signature.id != own)


@dataclass(frozen=True)
class Arranged:
    """A case in a layout. The first of those that share numbers is asked for in the usual layout before: `own` then.

    One with numbers of its own has them from an ordinary case, `drawn`, which is asked for before that.
    """

    given: Given
    request: Request
    own: Case
    first: bool
    drawn: Case | None = None

    @property
    def requests(self) -> list[Request]:
        """What is asked of the target for it."""
        whole = dataclasses.replace(self.request, layout=self.given.dataset)
        if self.drawn is None:
            return [self.request, whole] if self.first else [whole]
        return [request(self.drawn, self.request.quantities, self.request.together), self.request, whole]


def _arrangements(target: Target, case: Case, selection: Selection, layouts: Sequence[str]) -> list[Arranged]:
    """One dtype. Layouts of the same numbers share what is expected of them, and the contiguous observation."""
    asked_for = first_order(case.formula, selection.quantities)
    found: list[Arranged] = []
    for layout in (layout for layout in layouts if layout in target.observer.info.layouts):
        laid = dataclasses.replace(case, signature=most_alike(case.formula)) if layout == ALIASED else case
        quantities = asked_for & GRADIENT if layout == OF_A_SUM else asked_for
        if not quantities or (given := arranged(laid, layout)) is None:
            continue
        asked = request(given, quantities, alike(given, selection))
        own, drawn = (case, None) if layout in FREE else (given, laid)
        found.append(Arranged(given, asked, own, all(one.own is not own for one in found), drawn))
    return found


def arranged(case: Case, layout: str) -> Given | None:
    """The case with the layout's numbers, called by its name; None where the layout says nothing of it."""
    found = numbers(case, layout)
    if found is None:
        return None
    return Given(case.formula, case.signature, layout, case.dtype, case.salt, found.inputs, found.cotangents)


def largest(formula: Formula) -> Signature:
    """The ordinary signature whose inputs have the fewest axes of one element, and of these the most numbers.

    An axis of one element lies alike in any layout: images of one channel are channels last as they come.
    """
    return max(ordinary(formula), key=lambda one: (-_single(formula.inputs.values(), one), _elements(formula, one)))


def most_alike(formula: Formula) -> Signature:
    """The one in which most numbers can lie in one array for two inputs: of attention that of self-attention."""
    return max(ordinary(formula), key=lambda one: (aliased(formula, one), _elements(formula, one)))


def _single(inputs: Iterable[str], signature: Signature) -> int:
    """How many axes of one element they have."""
    return sum(shapes.evaluate(text, signature.dims).count(1) for text in inputs)


def _elements(formula: Formula, signature: Signature) -> int:
    return shapes.elements(formula.inputs.values(), signature.dims)


def _truth(
    target: Target, selection: Selection, own: Case, quantities: frozenset[str], *, simulated: bool = True
) -> dict[str, Expected]:
    if isinstance(own, Given):
        return held(target, own, quantities, simulated=simulated)
    return truth_of(target, own, selection, simulated=simulated)


def _enough(
    one: Arranged, truth: Callable[..., dict[str, Expected]], usual: Observed, seen: Observed
) -> dict[str, Expected]:
    """What is expected, of a training run without simulated machines where that is enough: norm 2 is the narrower."""
    if one.own.formula.trajectory:
        alone = truth(one.own, one.request.quantities, simulated=False)
        found = [found.judgement.grade for found in again(one.given, alone, usual, seen, CellText(()), ())]
        if len(found) == len(judgeable(alone, seen)) and set(found) == {"conforms"}:
            return alone
    return truth(one.own, one.request.quantities)

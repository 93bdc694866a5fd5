"""Determinism: the same case again, in the same process and in another, and its first sample alone.

Other bits for the same case are `nondeterministic`, with how far apart they are, unless the adapter declares the
formula so; a difference beyond the budget of two computations `diverges` in any case. A batch must not change what a
sample gets, beyond rounding.
"""

import dataclasses
from collections.abc import Iterator

import numpy as np

from nnparity.checks.cell_text import CellText
from nnparity.checks.common import (
    Finding,
    Given,
    alike,
    first_order,
    held,
    judgeable,
    observe,
    representative,
    unsupported,
)
from nnparity.checks.comparison import SAME, compared, spread
from nnparity.execute.observer import Observed
from nnparity.execute.requests import request
from nnparity.execute.target import Target
from nnparity.expect.expected import Expected
from nnparity.reports.records import Fact
from nnparity.spec import DTYPES, Case, Formula
from nnparity.spec.cases.special_values import batch, resized
from nnparity.spec.loader import signatures
from nnparity.spec.schema import Signature
from nnparity.spec.selection import Selection
from nnparity.spec.shapes import evaluate

TABLE = "determinism"
#: What is compared with the first observation, as datasets.
AGAIN, ELSEWHERE, ALONE = "again", "in another process", "first sample alone"


def determinism(target: Target, formula: Formula, selection: Selection) -> Iterator[Finding | Fact]:
    """Verdicts on the differences between observations of one case, and a cell with what was the same."""
    case = Case(formula, _signature(formula), "normal", DTYPES[representative(selection)], selection.salt)
    if reason := target.refuses(formula):
        yield unsupported(dataclasses.replace(case, dataset=AGAIN), reason)
        return
    quantities = first_order(formula, selection.quantities)
    truth = held(target, case, quantities)
    asked = request(case, quantities, alike(case, selection))
    first, second = observe(target.observer, [asked, asked])
    (third,) = observe(target.observer.twin(), [asked])
    words = CellText((case.dtype.name,))
    told: dict[str, str] = {}
    again, elsewhere = (dataclasses.replace(case, dataset=name) for name in (AGAIN, ELSEWHERE))
    for found in (
        *_repeated(target, again, truth, first, second, first.seconds + second.seconds),
        *_repeated(target, elsewhere, truth, first, third, third.seconds),
        *_alone(target, case, first, truth),
    ):
        if told.get(found.case.dataset, SAME) == SAME:  # of several quantities that differ the first is told
            told[found.case.dataset] = found.note or SAME
        yield found
    for dataset, saying in told.items():
        words.add(dataset, saying, case.dtype.name)
    yield Fact(TABLE, formula.id, target.name, words.text(SAME))


def _repeated(
    target: Target, case: Case, truth: dict[str, Expected], one: Observed, other: Observed, seconds: float
) -> Iterator[Finding]:
    """Two observations of all that was asked; the time they took belongs to the first verdict."""
    for place, (quantity, expected) in enumerate(judgeable(truth, other).items()):
        judged, note = compared(one, other, quantity, expected.twice, case)
        if judged.hard is not None and note:
            judged, note = spread(judged, note, target.observer.info.nondeterministic.get(case.formula.id))
        yield Finding(case, quantity, judged, note=note, seconds=0.0 if place else seconds)


def _signature(formula: Formula) -> Signature:
    """The last that has a batch of several samples, else the last."""
    found = signatures(formula)
    axis = batch(formula)
    return next((one for one in reversed(found) if axis and one.dims[axis] > 1), found[-1])


def _alone(target: Target, case: Case, whole: Observed, truth: dict[str, Expected]) -> Iterator[Finding]:
    """The outputs of the first sample by itself, against the first sample's in the batch."""
    single = _single(case)
    if single is None or "output" not in {quantity.partition(".")[0] for quantity in truth}:
        return
    family = frozenset({"output"})
    expected = held(target, single, family)
    (observed,) = observe(target.observer, [request(single, family)])
    for place, (quantity, own) in enumerate(expected.items()):
        if _belongs(own, truth[quantity]):
            judged, note = compared(whole, observed, quantity, own.twice, case)
            yield Finding(single, quantity, judged, note=note, seconds=0.0 if place else observed.seconds)


def _single(case: Case) -> Given | None:
    """The case cut down to its first sample; None when it has no axis of samples, or a single one."""
    axis = batch(case.formula)
    if axis is None or case.signature.dims[axis] < 2:
        return None
    inputs = {}
    for name, array in case.inputs.items():
        where = [place for place, word in enumerate(case.formula.inputs[name].split()) if word == axis]
        inputs[name] = np.take(array, [0], axis=where[0]) if where else array
    signature = resized(case.formula, case.signature, {axis: 1})
    assert all(inputs[name].shape == evaluate(text, signature.dims) for name, text in case.formula.inputs.items())
    return Given(case.formula, signature, ALONE, case.dtype, case.salt, inputs)


def _belongs(alone: Expected, whole: Expected) -> bool:
    """Whether the formula gives each sample an output of its own, by the reference: a mean over the batch does not."""
    if not whole.value.ndim or whole.value.shape[1:] != alone.value.shape[1:] or alone.value.shape[0] != 1:
        return False
    return bool((np.abs(whole.value[:1] - alone.value) <= alone.hard).all())

"""A case of thousands of numbers cut down to the few that show it: elements of a sweep, samples of what is shared out.

Each of them is outside of its own hard budget: what only all together show, or only several cores, is shown by no few.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from nnparity.checks.common import failure
from nnparity.checks.sweep import outside
from nnparity.judge.elements import Array, element_ratios
from nnparity.reports.records import PASSING
from nnparity.reproduce.cell import FIRST_ORDER, MANY, Cell
from nnparity.reproduce.writing.sources import Unreproducible
from nnparity.spec import Case
from nnparity.spec.cases.case import Arrays
from nnparity.spec.cases.special_values import batch, resized
from nnparity.spec.given import Given
from nnparity.spec.schema import Signature, plain

#: So many samples are shown.
FEW = 8
#: Of what is computed number by number the worst alone, as often as fills every vector register.
FILLED = 64


def narrowed(found: Cell) -> Cell:
    """The few numbers of such a case that show it, asked and judged by themselves; of another the cell as it is.

    Raises Unreproducible.
    """
    if found.case.dataset not in MANY:
        return found
    wide = replace(found, families=FIRST_ORDER)
    if failed := failure(wide.seen, wide.observed):
        raise Unreproducible(f"of its {_count(wide.case):,} numbers none has an answer: {failed.grade}")
    wrong = _outside(wide)
    if not wrong.any():
        raise Unreproducible(f"none of its {_count(wide.case):,} numbers shows it by itself")
    few = replace(wide, case=_cut(wide, wrong))
    if few.judged.grade in PASSING:
        raise Unreproducible(f"it takes all of its {_count(wide.case):,} numbers: a few by themselves are right")
    return few


def _count(case: Case) -> int:
    return sum(array.size for array in case.inputs.values())


def _outside(wide: Cell) -> Array:
    """How far each element is outside of its hard budget, 0 where it is not."""
    truth = wide.truth.judged
    ratios = np.asarray(element_ratios(wide.seen, truth, wide.case.dtype))
    wrong = ratios > 1
    if wide.swept:
        wrong = outside(wide.case, plain(wide.quantity), wide.seen, wide.truth, wide.flush)
    return np.where(wrong, ratios, 0.0)


def _cut(wide: Cell, wrong: Array) -> Given:
    case, formula = wide.case, wide.case.formula
    if formula.elementwise:
        places = _worst(wrong.ravel(), 1).repeat(FILLED)
        dims = dict.fromkeys(case.signature.dims, 1) | {list(case.signature.dims)[-1]: len(places)}
        return _given(case, resized(formula, case.signature, dims), *(_elements(one, places) for one in _numbers(case)))
    axis = batch(formula) or next(iter(case.signature.dims))
    shape = _shape(wide)
    if axis not in shape:
        raise Unreproducible(f"{wide.quantity} is of all of its {case.signature.dims[axis]:,} samples together")
    others = tuple(place for place, word in enumerate(shape) if word != axis)
    worst = wrong.max(axis=others)
    places = _worst(worst, FEW) if others else _worst(worst, 1).repeat(FILLED)
    signature = resized(formula, case.signature, {axis: len(places)})
    shapes = ({**formula.inputs}, {**formula.results})
    cut = (_samples(one, told, axis, places) for one, told in zip(_numbers(case), shapes, strict=True))
    return _given(case, signature, *cut)


def _numbers(case: Case) -> tuple[Arrays, Arrays]:
    return case.inputs, case.cotangents


def _given(case: Case, signature: Signature, inputs: Arrays, cotangents: Arrays) -> Given:
    return Given(case.formula, signature, case.dataset, case.dtype, case.salt, inputs, cotangents)


def _worst(ratios: Array, count: int) -> Array:
    """Where it is worst, at most so many places."""
    return np.argsort(-ratios, kind="stable")[: min(count, int((ratios > 0).sum()))]


def _elements(arrays: Arrays, places: Array) -> Arrays:
    return {name: array.reshape(1, -1)[:, places] for name, array in arrays.items()}


def _samples(arrays: Arrays, shapes: Mapping[str, str], axis: str, places: Array) -> Arrays:
    """These places of each axis that is of the symbol: a graph's matrix of edges has two."""
    found: dict[str, Any] = {}
    for name, array in arrays.items():
        words = shapes[name].split()
        whole = (places if word == axis else range(size) for word, size in zip(words, array.shape, strict=True))
        found[name] = array[np.ix_(*whole)] if axis in words else array
    return found


def _shape(wide: Cell) -> list[str]:
    """The axes of the quantity, as the spec names them."""
    family, _, name = plain(wide.quantity).partition(".")
    told = wide.case.formula.inputs if family == "grad" else wide.case.formula.results
    return (told[name] if name else next(iter(told.values()))).split()

"""How the arrays of a case lie in memory: a kernel must give the same result for each layout of the same numbers.

Views with other strides, or off the alignment that an allocator gives, take other paths through a kernel; so does one
array that is two inputs.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nnparity.spec import shapes
from nnparity.spec.cases.case import Arrays, Case
from nnparity.spec.schema import Formula, Signature

Array = NDArray[Any]
CONTIGUOUS = "contiguous"
#: The last two axes change places in memory; every second element of a wider array; one element past an aligned
#: start; the first row for all, by a stride of 0; images with their channels innermost; one array for several inputs.
TRANSPOSED, STRIDED, UNALIGNED, EXPANDED = "transposed", "strided", "unaligned", "expanded"
CHANNELS_LAST, ALIASED = "channels last", "aliased"
#: The first columns of a wider array, so that rows lie further apart than they are long: padded rows, or the queries of
#: one product for queries, keys and values.
SLICED = "sliced"
#: The first of the second axis of a longer array, whose leading axes are no single one then: some channels of images,
#: the first steps of sequences.
PART = "second axis sliced"
#: Of all slices the axis.
SLICES = {SLICED: -1, PART: 1}
#: Of the cotangents alone: one number for all, by strides of 0 along every axis, as the derivative of a sum is.
OF_A_SUM = "cotangents of a sum"
#: Every second input channels last or transposed, and one element past an aligned start, as part of a larger array; the
#: others and all gradients contiguous: from the first input on, or from the second on, as where a layer's weights alone
#: were brought into that layout.
MIXED, MIXED_FROM_SECOND = "mixed", "mixed from the second"
MIXTURES = (MIXED, MIXED_FROM_SECOND)
LAYOUTS = (TRANSPOSED, STRIDED, *SLICES, UNALIGNED, EXPANDED, OF_A_SUM, CHANNELS_LAST, ALIASED, *MIXTURES)
#: Those of any numbers; the others need numbers of their own.
FREE = tuple(layout for layout in LAYOUTS if layout not in (EXPANDED, OF_A_SUM, ALIASED))
#: Those that a copy has too: parameters are copied before an optimiser changes them in place.
KEPT = (TRANSPOSED, CHANNELS_LAST)
#: The rank of a batch of images.
IMAGES = 4
#: Ranks below which a layout says nothing of an array.
LEAST = {TRANSPOSED: 2, SLICED: 2, PART: 3, MIXED: 2, MIXED_FROM_SECOND: 2, CHANNELS_LAST: IMAGES}
#: What lies between sliced rows: far from any result, and exact in each dtype, so that a diagnosis can reckon with it;
#: of whole numbers the other one.
SLACK, WHOLE_SLACK = 64.0, 1
#: As many columns at least, and more until each row starts aligned as the first one does.
LEAST_SLACK, ALIGNED = 3, 8
#: Elements that an offset view lies past an aligned start.
PAST = 1
#: Memory, and the view of it that is to hold the numbers.
Place = tuple[Array, Array]


@dataclass(frozen=True)
class Numbers:
    """Inputs and cotangents for one layout."""

    inputs: Arrays
    cotangents: Arrays


def numbers(case: Case, layout: str) -> Numbers | None:
    """Those of the case, made equal where the layout needs it; None where the layout says nothing of its arrays."""
    if layout == EXPANDED:
        return Numbers(_rows_alike(case), _repeated(case.cotangents))
    if layout == OF_A_SUM:
        alike = {name: np.full_like(g, g.flat[0]) for name, g in case.cotangents.items()}
        several = case.formula.wrt and any(g.size > 1 for g in alike.values())
        return Numbers(dict(case.inputs), alike) if several else None
    if layout == ALIASED:
        shared = _alike(case)
        return Numbers(shared, dict(case.cotangents)) if shared is not None else None
    arrays = [case.inputs[name] for name in laid_otherwise(list(case.inputs), layout)]
    arrays += () if layout in MIXTURES else case.cotangents.values()
    told = any(x.ndim >= LEAST.get(layout, 1) for x in arrays)
    return Numbers(dict(case.inputs), dict(case.cotangents)) if told else None


def laid_otherwise(inputs: Sequence[str], layout: str) -> Sequence[str]:
    """The names of those inputs that lie otherwise in a layout; cotangents do so but for mixtures."""
    if layout == OF_A_SUM:
        return ()
    return inputs[MIXTURES.index(layout) :: 2] if layout in MIXTURES else inputs


def slack(columns: int) -> int:
    """How many columns of a wider array a slice of it leaves, which has so many; so of any axis."""
    return LEAST_SLACK + -(columns + LEAST_SLACK) % ALIGNED


def _rows_alike(case: Case) -> Arrays:
    """The rows of the first real input, and of matrices with the same leading axis, as keys and values beside queries.

    Were those of weights alike too, so would be all elements of the result.
    """
    real = [name for name in case.inputs if not case.formula.integer(name)]
    leading = {name: case.formula.inputs[name].partition(" ")[0] for name in real}
    alike = real[:1] + [name for name in real[1:] if case.inputs[name].ndim > 1 and leading[name] == leading[real[0]]]
    return {name: _repeated({name: x})[name] if name in alike else x for name, x in case.inputs.items()}


def _repeated(arrays: Arrays) -> Arrays:
    return {name: np.repeat(x[:1], len(x), axis=0) if x.ndim else x for name, x in arrays.items()}


def _alike(case: Case) -> Arrays | None:
    """The inputs, of those that have one shape and domain the first for all; None where no two have."""
    firsts = _firsts(case.formula, case.signature)
    if len(set(firsts.values())) == len(firsts):
        return None
    return {name: case.inputs[first] for name, first in firsts.items()}


def aliased(formula: Formula, signature: Signature) -> tuple[int, int]:
    """How many inputs of more than one number can be another's array, and how many numbers these have.

    Those of the same shape and domain, whatever its letters: queries, keys and values of self-attention.
    """
    firsts = _firsts(formula, signature)
    shared = [shapes.elements([formula.inputs[name]], signature.dims) for name, one in firsts.items() if name != one]
    return sum(size > 1 for size in shared), sum(shared)


def _firsts(formula: Formula, signature: Signature) -> dict[str, str]:
    """Input -> the first of the same shape and domain."""
    of: dict[tuple[tuple[int, ...], str], str] = {}
    kinds = {
        name: (shapes.evaluate(text, signature.dims), formula.domains.get(name, "real"))
        for name, text in formula.inputs.items()
    }
    return {name: of.setdefault(kind, name) for name, kind in kinds.items()}


class Strided(NamedTuple):
    """Memory of one axis, the strides of an array's axes and its offset there, all in elements."""

    memory: Array
    strides: tuple[int, ...]
    offset: int


def strided(array: Array, layout: str) -> Strided | None:
    """Where the numbers of an array lie in that layout; None where it says nothing of the array's rank or numbers.

    What lies between them shows where a kernel reads it: NaN, and between slices what a diagnosis reckons with.
    """
    if layout == ALIASED or array.ndim < LEAST.get(layout, 1):
        return None
    mixed = layout in MIXTURES
    if mixed:
        layout = CHANNELS_LAST if array.ndim == IMAGES else TRANSPOSED
    found = PLACES[layout](array)
    if found is None:
        return None
    found = _past(*found) if mixed else found
    memory, view = found
    view[...] = array
    past = view.__array_interface__["data"][0] - memory.__array_interface__["data"][0]
    size = array.itemsize
    return Strided(memory.reshape(-1), tuple(stride // size for stride in view.strides), past // size)


def _empty(array: Array, *shape: int) -> Array:
    """Memory full of NaN, or of ones where there is none."""
    return np.full(shape, 1 if array.dtype.kind in "iub" else np.nan, array.dtype)


def _past(memory: Array, view: Array) -> Place:
    """The same view of memory that begins one element later."""
    longer = _empty(memory, PAST + memory.size)
    return longer, np.lib.stride_tricks.as_strided(longer[PAST:], view.shape, view.strides)


def _transposed(array: Array) -> Place:
    *rows, m, n = array.shape
    memory = _empty(array, *rows, n, m)
    return memory, np.swapaxes(memory, -1, -2)


def _channels_last(array: Array) -> Place | None:
    """Of images; those of several steps at once lie as usual."""
    if array.ndim != IMAGES:
        return None
    n, c, h, w = array.shape
    memory = _empty(array, n, h, w, c)
    return memory, np.moveaxis(memory, -1, 1)


def _every_second(array: Array) -> Place:
    """Every second element of the last axis of a wider one."""
    memory = _empty(array, *array.shape[:-1], 2 * array.shape[-1])
    return memory, memory[..., ::2]


def _sliced(axis: int, array: Array) -> Place:
    """The first elements of that axis of a wider one."""
    wide, size = list(array.shape), array.shape[axis]
    wide[axis] += slack(size)
    between = WHOLE_SLACK if array.dtype.kind in "iub" else SLACK
    memory = np.full(wide, between, array.dtype)
    return memory, memory[(slice(None),) * (axis % array.ndim) + (slice(size),)]


def _offset(array: Array) -> Place:
    memory = _empty(array, *array.shape)
    return _past(memory, memory)


def _expanded(array: Array) -> Place | None:
    """The first row for all, where all are alike; no memory beside it has their numbers."""
    return _by_strides_of_0(array, 1) if (array == array[:1]).all() else None


def _one_number(array: Array) -> Place | None:
    """One number for all, where all are alike."""
    return _by_strides_of_0(array, array.ndim) if (array == array.reshape(-1)[:1]).all() else None


def _by_strides_of_0(array: Array, axes: int) -> Place:
    """The first of the leading axes for all, by strides of 0."""
    memory = _empty(array, *array.shape)
    strides = (0,) * axes + memory.strides[axes:]
    return memory, np.lib.stride_tricks.as_strided(memory, array.shape, strides)


PLACES: dict[str, Callable[[Array], Place | None]] = {
    TRANSPOSED: _transposed,
    STRIDED: _every_second,
    **{layout: partial(_sliced, axis) for layout, axis in SLICES.items()},
    UNALIGNED: _offset,
    EXPANDED: _expanded,
    OF_A_SUM: _one_number,
    CHANNELS_LAST: _channels_last,
}

"""A layout of an array as memory and strides, for a framework that makes a view of both (`as_strided`).

What lies between an array's numbers shows where a kernel reads it. It is NaN; between slices a number of which a
diagnosis can say what comes out.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np

from nnparity.adapters.request import Array
from nnparity.spec.cases import layouts

#: Elements that an offset view lies past an aligned start.
PAST = 1
#: Memory, and the view of it that is to hold the numbers.
Place = tuple[Array, Array]


class Strided(NamedTuple):
    """Memory of one axis, the strides of an array's axes and its offset there, all in elements."""

    memory: Array
    strides: tuple[int, ...]
    offset: int


def strided(array: Array, layout: str) -> Strided | None:
    """Where the numbers of an array lie in that layout; None where it says nothing of the array's rank or numbers."""
    if layout == layouts.ALIASED or array.ndim < layouts.LEAST.get(layout, 1):
        return None
    if layout in layouts.MIXTURES:
        layout = layouts.CHANNELS_LAST if array.ndim == layouts.IMAGES else layouts.TRANSPOSED
    found = PLACES[layout](array)
    if found is None:
        return None
    memory, view = found
    view[...] = array
    past = view.__array_interface__["data"][0] - memory.__array_interface__["data"][0]
    size = array.itemsize
    return Strided(memory.reshape(-1), tuple(stride // size for stride in view.strides), past // size)


def _empty(array: Array, *shape: int) -> Array:
    """Memory full of NaN, or of ones where there is none."""
    return np.full(shape, 1 if array.dtype.kind in "iub" else np.nan, array.dtype)


def _transposed(array: Array) -> Place:
    *rows, m, n = array.shape
    memory = _empty(array, *rows, n, m)
    return memory, np.swapaxes(memory, -1, -2)


def _channels_last(array: Array) -> Place | None:
    """Of images; those of several steps at once lie as usual."""
    if array.ndim != layouts.IMAGES:
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
    wide[axis] += layouts.slack(size)
    between = layouts.WHOLE_SLACK if array.dtype.kind in "iub" else layouts.SLACK
    memory = np.full(wide, between, array.dtype)
    return memory, memory[(slice(None),) * (axis % array.ndim) + (slice(size),)]


def _offset(array: Array) -> Place:
    memory = _empty(array, PAST + array.size)
    return memory, memory[PAST:].reshape(array.shape)


def _expanded(array: Array) -> Place | None:
    """The first row for all, where all are alike; no memory beside it has their numbers."""
    return _repeated(array, 1) if (array == array[:1]).all() else None


def _one_number(array: Array) -> Place | None:
    """One number for all, where all are alike."""
    return _repeated(array, array.ndim) if (array == array.reshape(-1)[:1]).all() else None


def _repeated(array: Array, axes: int) -> Place:
    """The first of the leading axes for all, by strides of 0."""
    memory = _empty(array, *array.shape)
    strides = (0,) * axes + memory.strides[axes:]
    return memory, np.lib.stride_tricks.as_strided(memory, array.shape, strides)


PLACES: dict[str, Callable[[Array], Place | None]] = {
    layouts.TRANSPOSED: _transposed,
    layouts.STRIDED: _every_second,
    **{layout: partial(_sliced, axis) for layout, axis in layouts.SLICES.items()},
    layouts.UNALIGNED: _offset,
    layouts.EXPANDED: _expanded,
    layouts.OF_A_SUM: _one_number,
    layouts.CHANNELS_LAST: _channels_last,
}

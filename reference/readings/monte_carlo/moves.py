"""Elements moved on all machines alike, by a function that is written for the array of one.

Whatever it does to numbers it does to the numbers of their places, and those say where each element comes from.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def gathered(parts: list[Array], move: Callable[[list[Array]], Array]) -> Array:
    """What `move` makes of the arrays of each machine. Place 0 holds a zero, which is what it may pad with."""
    sizes = [part[0].size for part in parts]
    starts = np.cumsum([1, *sizes])
    places = [
        np.arange(start, start + size).reshape(part.shape[1:])
        for part, start, size in zip(parts, starts, sizes, strict=False)
    ]
    return np.take(_in_a_row(parts, starts), move(places), axis=1)


def _in_a_row(parts: list[Array], starts: Array) -> Array:
    """For each machine a zero, then all elements of all parts."""
    row = np.zeros((max(map(len, parts)), starts[-1]), np.result_type(*parts))
    for part, start, end in zip(parts, starts, starts[1:], strict=False):
        row[:, start:end] = part.reshape((len(part), end - start))
    return row

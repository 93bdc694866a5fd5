"""The inputs of a sweep: every number of a narrow format, a dense choice of a wide one.

Half precision has 65,536 numbers: all of them. In float32 and float64 half of the points are evenly spaced from -reach
to reach, where e^-reach is the smallest number of the format, and half evenly spaced in the bit pattern, that is
logarithmically, over all finite numbers; then come the edges of every binade with both neighbours.
"""

import math

import numpy as np
from numpy.typing import NDArray

from nnparity.spec.dtypes import Dtype

Array = NDArray[np.floating]
#: How many points of each kind, by dtype; a narrow format is not in the table.
POINTS = {"float32": 100_000, "float64": 2_000}
#: How many numbers are repeated behind the last full vector: fewer than any vector register holds, and odd.
TAIL = 13

#: Where e^-x overflows in float64, and e^x is a subnormal number.
OVERFLOWS = (-710.18, 710.18)


def points(dtype: Dtype) -> Array:
    """All inputs of the sweep, padded with zeros to a power of two, and a tail of numbers that the body holds too."""
    numbers = _dense(dtype, POINTS[dtype.name]) if dtype.name in POINTS else _all(dtype)
    size = 1 << math.ceil(math.log2(len(numbers)))
    body = np.concatenate([numbers, np.zeros(size - len(numbers), dtype.numpy)])
    return np.concatenate([body, tail(body, dtype)])


def tail(body: Array, dtype: Dtype) -> Array:
    """Numbers from all over the body: evenly spaced among those of ordinary size."""
    with np.errstate(invalid="ignore"):  # signalling NaNs
        sizes = np.abs(body.astype(np.float64))
    ordinary = np.flatnonzero((sizes > 2.0**-6) & (sizes < 2.0**6))
    return np.asarray(body[ordinary[np.linspace(0, len(ordinary) - 1, TAIL).astype(int)]])


def _all(dtype: Dtype) -> Array:
    return np.arange(2**16, dtype=np.uint16).view(dtype.numpy)


def _dense(dtype: Dtype, count: int) -> Array:
    reach = -math.log(dtype.step)
    linear = np.linspace(-reach, reach, count).astype(dtype.numpy)
    whole = np.uint32 if dtype.name == "float32" else np.uint64
    last = int(np.array(dtype.largest, dtype.numpy).view(whole))
    step = last // (count // 2)
    patterns = (np.arange(count // 2, dtype=np.uint64) * np.uint64(step)).astype(whole).view(dtype.numpy)
    return np.concatenate([linear, patterns, -patterns, edges(dtype), _limits(dtype)])


def edges(dtype: Dtype) -> Array:
    """Every power of two with the numbers before and after it, of both signs."""
    low, high = round(math.log2(dtype.step)), math.frexp(dtype.largest)[1] - 1
    powers = (2.0 ** np.arange(low, high + 1)).astype(dtype.numpy)
    near = [powers, np.nextafter(powers, dtype.numpy.type(0)), np.nextafter(powers, dtype.numpy.type(np.inf))]
    return np.concatenate([*near, *(-one for one in near)])


def _limits(dtype: Dtype) -> Array:
    return np.array([dtype.largest, -dtype.largest, np.inf, -np.inf, *OVERFLOWS], dtype.numpy)

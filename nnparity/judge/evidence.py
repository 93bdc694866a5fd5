"""How much an observation says for a reading that it meets: in bits, as chances of answers that would meet it too.

An answer that is off by as much as the wrong reading, in any direction, would meet the reading's budget in an element
by a chance of budget over distance. The logarithms add up over the elements. A name needs more than a chance of one in
a hundred; it is certain where a grade would be, by the same chance of a false alarm.
"""

import math

import numpy as np

from nnparity.expect.expected import Expected
from nnparity.judge.elements import Array, errors
from nnparity.judge.grades import FALSE_ALARM, judge, root_mean_square
from nnparity.spec import Dtype

#: Bits from which a name is certain, and from which it is told at all.
CERTAIN = -math.log2(FALSE_ALARM)
POSSIBLE = math.log2(100)
#: A number rounded to a format is nearer than half a unit of it most of the time: by so many bits, and one for luck.
SPARE = 3.0


def bits(candidate: Expected, expected: Expected, dtype: Dtype) -> float:
    """Of a wrong reading, far from the right one."""
    one, other = candidate.judged, expected.judged
    with np.errstate(all="ignore"):
        distance, budget = np.abs(one.value - other.value), one.sharp + other.sharp
        told = np.log2(np.where(budget > 0, distance / budget, np.inf))
    told = np.where(distance > 0, np.clip(np.nan_to_num(told, nan=0.0, posinf=dtype.digits), 0.0, dtype.digits), 0.0)
    told = np.where(np.isnan(one.value) != np.isnan(other.value), dtype.digits, told)
    return float(told.sum())


def on_grid(seen: Array, digits: int, dtype: Dtype) -> float:
    """Of numbers that all have fewer digits than their dtype."""
    return float(np.count_nonzero(seen) * (dtype.digits - digits))


def empty(candidate: Expected, seen: Array, dtype: Dtype) -> bool:
    """Whether zeros, or the negative, would meet the candidate as well: then it says nothing."""
    if not np.any(candidate.value):
        return False  # zeros is what it says
    others = (0 * np.nan_to_num(seen.astype(np.float64)), -candidate.value)
    return any(judge(np.asarray(other).astype(dtype.numpy), candidate, dtype).grade == "conforms" for other in others)


def as_accurate(seen: Array, expected: Expected, digits: int) -> bool:
    """Whether the results have no more bits than a format with so many digits holds: they are rounded to it at last."""
    numbers, error = errors(seen, expected)
    size = np.abs(expected.judged.value)
    there = np.isfinite(numbers) & np.isfinite(size) & (size > 0)
    return bool(there.any() and root_mean_square(error[there] / size[there]) > 2.0 ** -(digits + SPARE))

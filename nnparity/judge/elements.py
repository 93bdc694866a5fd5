"""The judge's rules for single elements: how far each is off, which special values are wrong, which is worst."""

import hashlib
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnparity.expect.expected import Expected
from nnparity.reports.records import Worst, number
from nnparity.spec import Dtype

Array = NDArray[Any]


def fingerprint(observed: object) -> str | None:
    """A short digest of dtype, shape and bits, one NaN as good as another; None of what is no array."""
    if not isinstance(observed, np.ndarray):
        return None
    may_be_nan = observed.dtype.kind in "fcV"  # V: bfloat16
    plain = np.where(np.isnan(observed), np.nan, observed) if may_be_nan else observed
    told = f"{observed.dtype.name}{observed.shape}".encode()
    return hashlib.blake2b(told + plain.astype(observed.dtype).tobytes(), digest_size=8).hexdigest()


def errors(observed: Array, expected: Expected) -> tuple[Array, Array]:
    """The part that is judged, in float64, and how far it is off; special values are judged apart."""
    truth = expected.judged
    with np.errstate(invalid="ignore", over="ignore"):  # a NaN that signals does so when it is cast
        seen = observed.astype(np.float64)[: expected.steps] if expected.steps else observed.astype(np.float64)
    return seen, distances(seen, truth)


def distances(seen: Array, truth: Expected) -> Array:
    """How far each number is off what is expected, 0 where either is none; `seen` may have further axes in front."""
    with np.errstate(invalid="ignore", over="ignore"):
        error = np.abs(seen - truth.value - truth.low)
    return np.where(np.isfinite(seen) & np.isfinite(truth.value), error, 0.0)


def error_over_budget(error: Array, budget: Array) -> Array:
    """Error over budget; nothing is used up where nothing is lost, even of no budget, nor where all is allowed."""
    unused = (error == 0) | np.isposinf(budget)
    return np.divide(error, budget, out=np.zeros(np.broadcast(error, budget).shape), where=~unused)


def largest_ratio(observed: Array, expected: Expected) -> float:
    """The error of the worst element over its sharp budget."""
    with np.errstate(divide="ignore"):
        return float(error_over_budget(errors(observed, expected)[1], expected.judged.sharp).max(initial=0.0))


def special_mismatch(seen: Array, expected: Expected, dtype: Dtype) -> Array:
    """Where a NaN or an infinity stands that should not, or is missing, or has the wrong sign.

    Where the expected number or its budget passes the largest finite one, the infinity of that sign is right too;
    it is required only where even the smallest permitted result overflows.
    """
    value, hard = expected.value, expected.hard
    size = np.abs(value)
    with np.errstate(invalid="ignore", over="ignore"):
        furthest = size + hard
        if np.isfinite(seen).all() and (furthest <= dtype.largest).all():  # most results: no NaN is, no infinity may be
            return np.zeros(seen.shape, dtype=bool)
        may = (furthest > dtype.largest) & ~np.isnan(value)
        must = size - hard > dtype.largest
    infinite, nan = np.isinf(seen), np.isnan(seen)
    unbounded = np.isinf(hard) & np.isfinite(value)  # an intermediate overflowed: inf - inf may follow
    right_sign = np.sign(seen) == np.sign(value)
    wrong = np.where(np.isnan(value), ~nan, nan & ~unbounded)
    wrong |= infinite & ~(unbounded | (may & (right_sign | (hard > size))))
    return np.asarray(wrong | (must & ~infinite & ~np.isnan(value) & ~unbounded))


def spacing(value: Array, dtype: Dtype) -> Array:
    """One unit in the last place of `value` in that dtype."""
    exponent = np.frexp(value)[1] - 1  # of 0 and of what is not finite it says nothing
    floor = np.where(np.isfinite(value) & (value != 0), exponent, -np.inf)
    return np.asarray(np.exp2(np.maximum(floor, math.log2(dtype.tiny))) * 2 * dtype.unit)


def element_ratios(seen: Array, expected: Expected, dtype: Dtype) -> Array:
    """Error over hard budget of each element; infinite where a special value is wrong."""
    numbers, error = errors(seen, expected)
    return hard_ratios(error, special_mismatch(numbers, expected.judged, dtype), expected.judged)


def hard_ratios(error: Array, wrong: Array, judged: Expected) -> Array:
    """The same, of errors and wrong special values that are known already."""
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        return np.where(wrong, np.inf, error_over_budget(error, judged.hard))


def worst_element(ratio: Array, seen: Array, value: Array) -> Worst:
    """The element with the largest ratio."""
    return _element(np.unravel_index(int(np.argmax(ratio)), ratio.shape), seen, value)


def first_element(wrong: Array, seen: Array, value: Array) -> Worst:
    """The first element that is `wrong`."""
    return _element(tuple(np.argwhere(wrong)[0]), seen, value)


def _element(place: tuple[Any, ...], seen: Array, value: Array) -> Worst:
    return Worst([int(i) for i in place], number(float(seen[place])), number(float(value[place])))

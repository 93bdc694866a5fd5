"""The judge: an observation against its expectation, element by element, into a grade.

Both margins are error over budget: `hard` is the largest of any element, `sharp` the root mean square over
all elements, over what that mean may be by chance. No number here is tuned: budgets come from the readings,
and the one threshold is a quantile of the chi-square distribution.
"""

import math
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from nnparity.expect import Expected
from nnparity.reports.records import Worst, number
from nnparity.spec import Dtype

Array = NDArray[Any]
#: The chance that a correct kernel's sharp margin exceeds 1, for one verdict, if its errors are as modelled.
FALSE_ALARM = 1e-9


@dataclass(frozen=True)
class Judgement:
    """A grade with its numbers; `message` says what is wrong when numbers alone do not."""

    grade: str
    hard: float | None = None
    sharp: float | None = None
    ulp: float | None = None
    bits: float | None = None
    worst: Worst | None = None
    message: str | None = None


def judge(observed: Array, expected: Expected, dtype: Dtype, independent: float | None = None) -> Judgement:
    """The grade of one quantity: `conforms`, `imprecise` or `diverges`.

    `independent` says how many of the errors are independent, if not all: see `together`.
    """
    if wrong := form(observed, expected, dtype):
        return Judgement("diverges", message=wrong)
    seen, error = _errors(observed, expected)
    expected = expected.judged
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        wrong_special = special_mismatch(seen, expected, dtype)
        ratio = np.where(wrong_special, np.inf, _over(error, expected.hard))
        expectation = _over(error, expected.sharp)
    hard = float(ratio.max(initial=0.0))
    sharp = sharp_margin(expectation, independent) if hard < math.inf else math.inf
    grade = "conforms" if max(hard, sharp) <= 1 else "imprecise" if hard <= 1 else "diverges"
    with np.errstate(over="ignore"):
        ulp = float((error / spacing(expected.value, dtype)).max(initial=0.0))
    bits = math.inf if sharp == 0 else -math.log2(dtype.unit * sharp) if sharp < math.inf else -math.inf
    return Judgement(
        grade,
        hard,
        sharp,
        ulp,
        bits,
        None if grade == "conforms" else _worst(ratio, seen, expected.value),
        _special_message(wrong_special),
    )


def _errors(observed: Array, expected: Expected) -> tuple[Array, Array]:
    """The part that is judged, in float64, and how far it is off; special values are judged apart."""
    seen = observed.astype(np.float64)[: expected.steps] if expected.steps else observed.astype(np.float64)
    truth = expected.judged
    with np.errstate(invalid="ignore", over="ignore"):
        error = np.abs(seen - truth.value - truth.low)
    return seen, np.where(np.isfinite(seen) & np.isfinite(truth.value), error, 0.0)


def largest_ratio(observed: Array, expected: Expected) -> float:
    """The error of the worst element over its sharp budget."""
    with np.errstate(divide="ignore"):
        return float(_over(_errors(observed, expected)[1], expected.judged.sharp).max(initial=0.0))


def _over(error: Array, budget: Array) -> Array:
    """Error over budget; where nothing is lost, nothing is used up, even of a budget of zero."""
    return np.where(error == 0, 0.0, error / budget)


def form(observed: Any, expected: Expected, dtype: Dtype) -> str | None:
    """What is wrong with the shape or the dtype, or None."""
    if not isinstance(observed, np.ndarray):
        return f"returned {type(observed).__name__}, not an array"
    if observed.dtype != dtype.numpy:
        return f"returned {observed.dtype.name}, expected {dtype.name}"
    if observed.shape != expected.value.shape:
        return f"returned shape {observed.shape}, expected {expected.value.shape}"
    return None


def special_mismatch(seen: Array, expected: Expected, dtype: Dtype) -> Array:
    """Where a NaN or an infinity stands that should not, or is missing, or has the wrong sign.

    Where the expected number or its budget passes the largest finite one, the infinity of that sign is right too;
    it is required only where even the smallest permitted result overflows.
    """
    value, hard = expected.value, expected.hard
    size = np.abs(value)
    may = (size + hard > dtype.largest) & ~np.isnan(value)
    must = size - hard > dtype.largest
    infinite, nan = np.isinf(seen), np.isnan(seen)
    unbounded = np.isinf(hard) & np.isfinite(value)  # an intermediate overflowed: inf - inf may follow
    right_sign = np.sign(seen) == np.sign(value)
    wrong = np.where(np.isnan(value), ~nan, nan & ~unbounded)
    wrong |= infinite & ~(unbounded | (may & (right_sign | (hard > size))))
    return np.asarray(wrong | (must & ~infinite & ~np.isnan(value) & ~unbounded))


def sharp_margin(ratio: Array, independent: float | None = None) -> float:
    """Root mean square of error over norm 2, over the largest that chance explains for so many independent errors."""
    if not ratio.size:
        return 0.0
    largest = float(ratio.max())
    if not 0 < largest < math.inf:
        return largest
    return largest * math.sqrt(float(np.mean(np.square(ratio / largest)))) / chance(independent or ratio.size)


@cache
def chance(elements: float, tries: int = 1) -> float:
    """How far the root mean square of `elements` errors may exceed 1, at least 1; in any of so many `tries`.

    A rounding error is at most u|y|, and spread evenly below that its standard deviation is 1/sqrt(3) of it; norm 2
    counts each at its maximum. The mean square of n centred errors is then chi-square distributed about 1/3:
    few elements scatter, many do not.
    """
    return max(1.0, math.sqrt(float(special.chdtri(elements, FALSE_ALARM / tries)) / (3 * elements)))


def spacing(value: Array, dtype: Dtype) -> Array:
    """One unit in the last place of `value` in that dtype."""
    with np.errstate(divide="ignore", invalid="ignore"):
        exponent = np.floor(np.log2(np.abs(value)))
    floor = np.maximum(np.where(np.isfinite(exponent), exponent, -np.inf), math.log2(dtype.tiny))
    return np.asarray(np.exp2(floor) * 2 * dtype.unit)


def _worst(ratio: Array, seen: Array, value: Array) -> Worst:
    place = np.unravel_index(int(np.argmax(ratio)), ratio.shape)
    return Worst([int(i) for i in place], number(seen[place]), number(value[place]))


def _special_message(wrong: Array) -> str | None:
    if not wrong.any():
        return None
    return f"{int(wrong.sum())} of {wrong.size} elements have a wrong NaN, infinity or overflow"

"""The judge: an observation against its expectation, element by element, into a grade.

Both margins are error over budget: `hard` is the largest of any element, `sharp` the root mean square over
all elements that may err, over what that mean may be by chance, or in half precision the largest of them over what one
of so many may be, whichever is more: a mean hides a few among many. No number here is tuned: budgets come from the
readings, and the one threshold is a quantile of the chi-square distribution.
"""

import math
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from scipy import special

from nnparity.expect.expected import Expected
from nnparity.expect.precision_models import narrow
from nnparity.judge.elements import (
    Array,
    error_over_budget,
    errors,
    hard_ratios,
    spacing,
    special_mismatch,
    worst_element,
)
from nnparity.reports.records import Worst
from nnparity.spec import Dtype

#: The chance that a correct kernel's sharp margin exceeds 1, for one verdict, if its errors are as modelled: by the
#: mean, and once more by the furthest element.
FALSE_ALARM = 1e-9
#: The part of the largest budget of an array that float64 does not see beside it.
NEGLIGIBLE = 2.0**-53


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
    #: The root mean square of error over norm 2, before what chance explains.
    rms: float | None = None
    #: What the verdict would have caught, see `sensitivity`.
    resolution: float | None = None
    blind: float | None = None


def judge(observed: Array, expected: Expected, dtype: Dtype, independent: float | None = None) -> Judgement:
    """The grade of one quantity: `conforms`, `imprecise` or `diverges`.

    `independent` says how many of the errors are independent, if not all: see `effective_sample_size`.
    """
    if wrong := form(observed, expected, dtype):
        return Judgement("diverges", message=wrong)
    seen, error = errors(observed, expected)
    expected = expected.judged
    wrong_special = special_mismatch(seen, expected, dtype)
    ratio = hard_ratios(error, wrong_special, expected)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        expectation = error_over_budget(error, expected.sharp)
    hard = float(ratio.max(initial=0.0))
    may_err = fallible(expected)
    rms = root_mean_square(expectation) * math.sqrt(expectation.size / may_err) if hard < math.inf else math.inf
    largest = float(expectation.max(initial=0.0)) if hard < math.inf else math.inf
    alone = largest / limit if (limit := _furthest(may_err, dtype)) < math.inf else 0.0
    sharp = float(np.maximum(rms / chance(independent or may_err), alone))
    grade = "conforms" if hard <= 1 and sharp <= 1 else "imprecise" if hard <= 1 else "diverges"
    with np.errstate(over="ignore"):
        ulp = float((error / spacing(expected.value, dtype)).max(initial=0.0))
    bits = math.inf if sharp == 0 else -math.log2(dtype.unit * sharp) if sharp < math.inf else -math.inf
    return Judgement(
        grade,
        hard,
        sharp,
        ulp,
        bits,
        None if grade == "conforms" else worst_element(ratio, seen, expected.value),
        _special_message(wrong_special),
        rms,
    )


def form(observed: Any, expected: Expected, dtype: Dtype) -> str | None:
    """What is wrong with the shape or the dtype, or None."""
    if not isinstance(observed, np.ndarray):
        return f"returned {type(observed).__name__}, not an array"
    if observed.dtype != dtype.numpy:
        return f"returned {observed.dtype.name}, expected {dtype.name}"
    if observed.shape != expected.value.shape:
        return f"returned shape {observed.shape}, expected {expected.value.shape}"
    return None


def root_mean_square(ratio: Array) -> float:
    """Of error over norm 2; NaN if one is, which conforms to nothing. Over `chance` it is the sharp margin."""
    largest = float(ratio.max(initial=0.0))
    if not 0 < largest < math.inf:
        return largest
    return largest * math.sqrt(float(np.mean(np.square(ratio / largest))))


def fallible(truth: Expected) -> int:
    """How many elements may err, at least 1: a zero that nobody computes is no evidence of a good kernel.

    Such a zero has no budget, or one of underflows alone, which is nothing beside those of the others.
    """
    with np.errstate(invalid="ignore", over="ignore"):
        idle = (truth.value == 0) & (truth.sharp <= NEGLIGIBLE * np.max(truth.sharp, initial=0.0))
    return int(np.count_nonzero(~idle & (truth.sharp > 0))) or 1


def allowance(truth: Expected) -> float:
    """What the root mean square over all elements may be by chance, those that cannot err among them."""
    may_err = fallible(truth)
    return chance(may_err) * math.sqrt(may_err / (truth.value.size or 1))


def furthest(truth: Expected, dtype: Dtype) -> float:
    """What the error of a single element over norm 2 may be by chance, of all those that may err, in half precision.

    The chance that any of n is beyond it is at most n times that of one: it asks no independence of them.

    In float32 and float64 there is no such limit: what an element comes to there depends on which intermediate results
    a kernel makes twice, and where terms cancel, a few of many are off by more than the formula's own order would be.
    The mean does not see those, and a block that is left out is beyond the worst case. Of half precision neither holds:
    kernels compute in float32 and round, and the worst case is soon as large as the numbers themselves.
    """
    return _furthest(fallible(truth), dtype)


def _furthest(elements: int, dtype: Dtype) -> float:
    return chance(1, elements) if narrow(dtype.name) else math.inf


@cache
def chance(elements: float, tries: int = 1) -> float:
    """How far the root mean square of `elements` errors may exceed 1, at least 1; in any of so many `tries`.

    A rounding error is at most u|y|, and spread evenly below that its standard deviation is 1/sqrt(3) of it; norm 2
    counts each at its maximum. The mean square of n centred errors is then chi-square distributed about 1/3:
    few elements scatter, many do not. That is so in a given order of the operations; norm 2 of a sum is the mean over
    all orders, and what another order makes of it is asked for in `effective_sample_size`.
    """
    return max(1.0, math.sqrt(float(special.chdtri(elements, FALSE_ALARM / tries)) / (3 * elements)))


def _special_message(wrong: Array) -> str | None:
    if not wrong.any():
        return None
    return f"{int(wrong.sum())} of {wrong.size} elements have a wrong NaN, infinity or overflow"

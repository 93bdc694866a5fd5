"""Results past the largest number of a format: the target holds an infinity there.

Of what is made of an infinity nothing is known, so that the error of such a number is unbounded on the way. Of the
result itself that would allow anything, zeros and NaN among it, where every target has an infinity. So its error is
kept once more, as if the format had no end: `beyond`. What only multiplies, adds a number that is held, or moves,
carries it on; everything else drops it, and then nothing is known.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np


def without_end(error: Any, worst: Any, size: Any) -> Any:
    """Norm 1 of a result: the propagated `error` and what it loses itself, which is nothing of an infinity."""
    own = np.where(np.isinf(size), 0.0, worst)
    return unbounded(own if error is None else error + own)


def in_any_order(hard: Any, sizes: Any, total: Any, largest: float) -> Any:
    """Norm 1 of a sum past the largest number, where that has one sign in whatever order its terms are added.

    Terms of the other sign add up to (Σ|t| - |Σt|) / 2, as far as float64 has the digits. Where that passes the largest
    number too, a partial sum of each sign may overflow, and the result be NaN.
    """
    with np.errstate(invalid="ignore"):
        opposite = (sizes - np.abs(total)) / 2 + np.spacing(sizes)
        return np.where(opposite <= largest, unbounded(hard), math.inf)


def of_sum(error: Any, values: tuple[Any, Any], largest: float) -> Any:
    """What a + b is off by before it is rounded: of two infinities nothing is known, they may be of both signs."""
    both = np.logical_and(*(np.abs(value) > largest for value in values))
    return np.where(both, math.inf, unbounded(error))


def of_infinity(otherwise: Any, size: Any, error: Any, least: Any) -> Any:
    """Of an infinity times or over a number that is not nothing, `least` in size: the infinity that it was."""
    certain = np.isinf(size) & (least > 0)
    return np.where(certain, *(0.0 if one is None else one for one in (error, otherwise)))


def kept(error: Any, change: Callable[[Any], Any]) -> Any:
    """`beyond` of what was moved: None stays None."""
    return None if error is None else change(error)


def unbounded(error: Any) -> Any:
    """0/0 and inf/inf in an error bound say that nothing is known."""
    return None if error is None else np.where(np.isnan(error), math.inf, error)

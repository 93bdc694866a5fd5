"""Ranges: between which numbers the target's own result must lie, whatever its roundings, as the formula tells.

An exponential is positive, a square too; x - max(x) is 0 somewhere and nowhere more; so the sum of a softmax is at
least 1, a variance plus epsilon at least epsilon. Without that a large error bound makes a denominator look as if it
might be zero, and then nothing is bounded. A range is two numbers for a whole array, closed at both ends; each
rounding of the target may leave it by as much as the rounding, which `widened` counts.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


class Range(NamedTuple):
    """The least and the largest number that a target may hold in place of any element of an array."""

    low: float = -math.inf
    high: float = math.inf

    @property
    def known(self) -> bool:
        """Whether it says anything."""
        return self.low > -math.inf or self.high < math.inf

    def widened(self, units: float, unit: float, step: float) -> "Range":
        """The range after so many roundings of u|y| and a step: a sign that is certain stays so."""
        slack, shift = min(2 * units * unit, 0.5), units * step
        low, high = self.low - slack * abs(self.low) - shift, self.high + slack * abs(self.high) + shift
        return Range(max(low, 0.0) if self.low >= 0 else low, min(high, 0.0) if self.high <= 0 else high)


class Attained(NamedTuple):
    """That along an axis one element at least is exactly this number, in the target too."""

    axis: int
    value: float


EVERYTHING = Range()


def of_values(value: NDArray[Any]) -> Range:
    """The range of exact numbers; a NaN among them says nothing."""
    if not value.size:
        return EVERYTHING
    low, high = float(np.minimum.reduce(value, axis=None)), float(np.maximum.reduce(value, axis=None))
    return EVERYTHING if math.isnan(low) or math.isnan(high) else Range(low, high)


def added(a: Range, b: Range) -> Range:
    """a + b."""
    return Range(_less(a.low + b.low), _more(a.high + b.high))


def no_less(found: Range, a: Range, b: Range) -> Range:
    """The range of a sum of numbers that are not negative: rounded as it may be, it is no less than either of them."""
    least = min(a.low, b.low)
    return Range(max(found.low, a.low, b.low), found.high) if least >= 0 else found


def negated(a: Range) -> Range:
    """-a."""
    return Range(-a.high, -a.low)


def multiplied(a: Range, b: Range) -> Range:
    """a b; 0 times infinity is 0, since a bound that is infinite is none."""
    if not (a.known and b.known):
        return EVERYTHING
    corners = [0.0 if 0.0 in (x, y) else x * y for x in a for y in b]
    return Range(min(corners), max(corners))


def divided(a: Range, b: Range) -> Range:
    """a / b, where b cannot be zero."""
    if not a.known or not (b.low > 0 or b.high < 0):
        return EVERYTHING
    return multiplied(a, Range(1 / b.high if b.high else -math.inf, 1 / b.low if b.low else math.inf))


def joined(*ranges: Range) -> Range:
    """The range of all together."""
    return Range(min(one.low for one in ranges), max(one.high for one in ranges))


def summed(a: Range, n: int) -> Range:
    """The sum of n of them."""
    return Range(_less(a.low * n if a.low else 0.0), _more(a.high * n if a.high else 0.0))


def squared(a: Range) -> Range:
    """a^2; as a product, since a power that is too large for Python raises."""
    return Range(0.0, max(a.low * a.low, a.high * a.high) if a.known else math.inf)


def absolute(a: Range) -> Range:
    """|a|."""
    return Range(max(a.low, -a.high, 0.0), max(abs(a.low), abs(a.high)))


def monotone(f: Callable[[float], Any], low: float, high: float) -> Callable[[Range], Range]:
    """The range of an increasing function whose own range is from `low` to `high`."""

    def through(a: Range) -> Range:
        with np.errstate(all="ignore"):
            least = float(f(a.low)) if a.low > -math.inf else low
            most = float(f(a.high)) if a.high < math.inf else high
        return Range(low if math.isnan(least) else least, high if math.isnan(most) else most)

    return through


def within(low: float, high: float) -> Callable[[Range], Range]:
    """The range of a bounded function."""
    return lambda _: Range(low, high)


def _less(low: float) -> float:
    return -math.inf if math.isnan(low) else low


def _more(high: float) -> float:
    return math.inf if math.isnan(high) else high

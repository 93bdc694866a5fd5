"""Layers without a formula: the error of b's layer over the error that is explained by what reached it.

b's layer is run on what a's received. How far that is from a's result is its own error; how far it moves when it is run
on what b's received is explained by the layers before. Where these agree to the bit, the yardstick is what one rounding
of the inputs, and one of the result, would do.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from nnparity.adapters.capture.layer import Layer
from nnparity.adapters.request import Array
from nnparity.porting.pairs.layouts import Turn, size_of, wide
from nnparity.reference.readings.budget.core import COMPOSED
from nnparity.reports.formatting import significant
from nnparity.spec import DTYPES

#: Runs b's layer on other inputs: names and arrays as it told them.
Again = Callable[[Mapping[str, Array]], Mapping[str, Array]]


@dataclass(frozen=True)
class Ratio:
    """The error over what is explained; beyond the factor that compositions are held to it departs."""

    value: float
    own: float
    #: What is wrong, where it is not the size of the error.
    because: str = ""

    @property
    def grade(self) -> str:
        """In the words of the suite."""
        return "conforms" if self.value <= COMPOSED else "diverges"

    @property
    def says(self) -> str:
        """In words."""
        return self.because or (
            f"its own error is {significant(self.own, 2)} of the result's size, {significant(self.value, 2)} times "
            "what the layers before it and rounding explain"
        )


def ratio(
    a: Layer,
    b: Layer,
    given: Mapping[str, Array],
    again: Again,
    turned: Turn,
) -> Ratio | None:
    """Of b's layer on what a's received; None where the results are of different sizes."""
    assert a.y is not None
    assert b.y is not None
    found = again(given)
    answer, moved = _first(found, turned), _first(again(_rounded(given)), turned)
    if answer.shape != a.y.shape:
        return Ratio(np.inf, np.inf)
    if _varies(found, again(given), b):
        return Ratio(np.inf, np.inf, "b's layer returns something else for the same input")
    own = _size(answer, a.y)
    if own == 0:
        return Ratio(0.0, 0.0)
    explained = max(_size(turned.back(b.y), answer), float(np.hypot(_size(moved, answer), _unit(a) * size_of(a.y))))
    excused = explained and a.y.dtype.kind not in "iub"  # whole numbers are the same or wrong
    return Ratio(own / explained if excused else np.inf, own / (size_of(a.y) or 1.0))


def _unit(layer: Layer) -> float:
    return DTYPES[layer.dtype].unit if layer.dtype in DTYPES else 0.0


def _varies(first: Mapping[str, Array], second: Mapping[str, Array], b: Layer) -> bool:
    """Whether b's layer, run twice on the same, gives something else: then its own chance would explain any error.

    Sums may come out otherwise in their last digits, as several threads add them.
    """
    one, other = (next(iter(found.values())) for found in (first, second))
    if one.shape != other.shape:
        return True
    same = np.array_equal(one, other, equal_nan=one.dtype.kind not in "iub")
    return not same and not _size(one, other) <= COMPOSED * _unit(b) * size_of(one)


def _first(found: Mapping[str, Array], turned: Turn) -> Array:
    return turned.back(next(iter(found.values())))


def _size(one: Array, other: Array) -> float:
    if one.shape != other.shape:
        return 0.0
    return size_of(wide(one) - wide(other))


def _rounded(given: Mapping[str, Array]) -> dict[str, Array]:
    """Each number off by one rounding, up or down by chance; whole numbers as they are."""
    draw = np.random.default_rng(0)
    found = {}
    for name, x in given.items():
        if x.dtype.name not in DTYPES:
            found[name] = x
            continue
        sign = draw.choice((-1.0, 1.0), size=x.shape)
        found[name] = (x.astype(np.float64) * (1 + 2 * sign * DTYPES[x.dtype.name].unit)).astype(x.dtype)
    return found

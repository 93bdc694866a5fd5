"""Layers without a formula: the error of b's layer over the error that is explained by what reached it.

b's layer is run on what a's received. How far that is from a's result is its own error; how far it moves when it is run
on what b's received is explained by the layers before. Where these agree to the bit, the yardstick is what one rounding
of the inputs, and one of the result, would do.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from nnparity.adapters.capture.layer import Layer
from nnparity.adapters.request import Array
from nnparity.porting.pairs.layouts import Turn, apart, size_of, wide
from nnparity.reference.readings.budget.core import COMPOSED
from nnparity.reports.formatting import badness, significant
from nnparity.spec import DTYPES

#: Runs b's layer on other inputs: names and arrays as it told them.
Again = Callable[[Mapping[str, Array]], Mapping[str, Array]]


@dataclass(frozen=True)
class Further:
    """A result beside the first that both models pass on: its names in a and b, and how it lies there."""

    a: str
    b: str
    turned: Turn

    def apart(self, a: Layer, b: Layer) -> float:
        """How far the two models are apart in it."""
        return apart(a.outputs[self.a], self.turned.back(b.outputs[self.b]))


@dataclass(frozen=True)
class Ratio:
    """The error over what is explained; beyond the factor that compositions are held to it departs."""

    value: float
    own: float
    #: What is wrong, where it is not the size of the error.
    because: str = ""
    #: The name of another result than the first, of which it is.
    beside: str = ""

    @property
    def grade(self) -> str:
        """In the words of the suite."""
        return "conforms" if self.value <= COMPOSED else "diverges"

    @property
    def says(self) -> str:
        """In words."""
        if self.because:
            return self.because
        error = f"the error of what it returns as {self.beside}" if self.beside else "its own error"
        return (
            f"{error} is {significant(self.own, 2)} of the result's size, {significant(self.value, 2)} times "
            "what the layers before it and rounding explain"
        )


def ratio(
    a: Layer, b: Layer, given: Mapping[str, Array], again: Again, turned: Turn, further: Sequence[Further] = ()
) -> Ratio:
    """Of b's layer on what a's received: the largest, of its first result and of further ones."""
    runs = again(given), again(_rounded(given)), again(given)
    first = _of(a.y, b.y, [next(iter(one.values())) for one in runs], turned)
    beside = [
        replace(_of(a.outputs[one.a], b.outputs[one.b], [found[one.b] for found in runs], one.turned), beside=one.b)
        for one in further
    ]
    return max([first, *beside], key=lambda one: badness(one.value))


def _of(y: Array | None, seen: Array | None, runs: Sequence[Array], turned: Turn) -> Ratio:
    """That of one result: in a, in b, and of b's layer on what a's received, that off by a rounding, and once more."""
    assert y is not None
    assert seen is not None
    answer, moved = map(turned.back, runs[:2])
    if answer.shape != y.shape:
        return Ratio(np.inf, np.inf)
    if _varies(runs[0], runs[2]):
        return Ratio(np.inf, np.inf, "b's layer returns something else for the same input")
    own = _size(answer, y)
    if own == 0:
        return Ratio(0.0, 0.0)
    reached = _size(turned.back(seen), answer)
    explained = max(reached, float(np.hypot(_size(moved, answer), _unit(y) * size_of(y))))
    excused = explained and y.dtype.kind not in "iub"  # whole numbers are the same or wrong
    return Ratio(own / explained if excused else np.inf, own / (size_of(y) or 1.0))


def _unit(array: Array) -> float:
    return DTYPES[array.dtype.name].unit if array.dtype.name in DTYPES else 0.0


def _varies(one: Array, other: Array) -> bool:
    """Whether b's layer, run twice on the same, gives something else: then its own chance would explain any error.

    Sums may come out otherwise in their last digits, as several threads add them.
    """
    if one.shape != other.shape:
        return True
    same = np.array_equal(one, other, equal_nan=one.dtype.kind not in "iub")
    return not same and not _size(one, other) <= COMPOSED * _unit(one) * size_of(one)


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

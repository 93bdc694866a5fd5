"""The reading that scatters: every rounding is a random one, so that many runs show which errors go together.

Stochastic arithmetic (Parker, "Monte Carlo arithmetic", UCLA 1997): each result is multiplied by 1 + u d with d normal,
sums are off by the standard deviation that norm 2 gives them. Elements that share an intermediate result share
its error, which norm 2, a variance for each element, does not tell. Errors this small pass through a formula
linearly, so what they have in common does not depend on u.
"""

from collections.abc import Callable, Iterable
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from nnparity.reference.readings.base import Reading, plain
from nnparity.reference.readings.budget.deviations import deviation
from nnparity.reference.readings.budget.functions import OWN
from nnparity.reference.readings.budget.sums import contracted, product_spread, sum_spread
from nnparity.reference.readings.numbers import PLAIN

Array = NDArray[Any]
#: Far above the roundings of float64, in which this is computed, and far below anything that bends: u, unless said.
UNIT = 2.0**-40
#: They round nothing.
EXACT = (np.negative, np.absolute, np.maximum)


class Noise(Reading):
    """Float64 values that went through random roundings."""

    __slots__ = ("random", "unit", "value")

    def __init__(self, value: Any, random: np.random.Generator, unit: float = UNIT) -> None:
        self.value: Array = np.asarray(value, dtype=np.float64)
        self.random = random
        self.unit = unit

    def like(self, value: Any) -> Self:
        """Other values on the same machine."""
        return type(self)(value, self.random, self.unit)

    def moved(self, move: Callable[[Any], Any]) -> Self:
        """See `Reading`."""
        return self.like(move(self.value))

    def joined(self, others: Iterable[Any], join: Callable[[list[Any]], Any]) -> Self:
        """See `Reading`."""
        return self.like(join([plain(other) for other in others]))

    def constant(self, value: float) -> "Noise":
        """See `Reading`."""
        return self.like(value)

    def off(self, deviation: Any) -> "Noise":
        """Each element moved by a normal number times its standard deviation."""
        return self.like(self.value + deviation * self.random.standard_normal(self.value.shape))

    def rounded(self, units: float = 1.0) -> "Noise":
        """Each element off by `units` roundings of itself."""
        return self.off(units * self.unit * np.abs(self.value))


def _like(operands: Iterable[Any], value: Any) -> Noise:
    return next(x for x in operands if isinstance(x, Noise)).like(value)


def _elementwise(ufunc: Any) -> Callable[..., Noise]:
    def rule(*operands: Any) -> Noise:
        y = _like(operands, PLAIN.get(ufunc, ufunc)(*map(plain, operands)))
        return y if ufunc in EXACT else y.rounded(deviation(ufunc, y.unit))

    return rule


def _compare(ufunc: Any) -> Callable[..., Any]:
    return lambda a, b: ufunc(plain(a), plain(b))


def _sum(x: Noise, axis: Any = None, keepdims: bool = False) -> Noise:
    y = x.moved(lambda part: np.sum(part, axis=axis, keepdims=keepdims))
    n = max(x.size // max(y.size, 1), 1)
    squares = np.sum(x.value**2, axis=axis, keepdims=keepdims)
    return y.off(x.unit * np.sqrt(np.maximum(sum_spread(n, squares, y.value), 0.0)))


def _einsum(subscripts: str, a: Any, b: Any = None, **kwargs: Any) -> Noise:
    if b is None:
        moved = _like((a,), np.einsum(subscripts, plain(a), **kwargs))
        return moved if moved.size == a.size else moved.rounded()
    x, y = plain(a), plain(b)
    product = _like((a, b), np.einsum(subscripts, x, y, optimize=True))
    squares = np.einsum(subscripts, x**2, y**2, optimize=True)
    spread = product_spread(contracted(subscripts, x.shape, y.shape), squares, product.value)
    return product.off(product.unit * np.sqrt(np.maximum(spread, 0.0)))


Noise.UFUNCS = {
    **{ufunc: _elementwise(ufunc) for ufunc in (*EXACT, *OWN)},
    **{ufunc: _elementwise(ufunc) for ufunc in (np.add, np.subtract, np.multiply, np.divide, np.square)},
    **{ufunc: _compare(ufunc) for ufunc in (np.greater, np.greater_equal, np.less, np.less_equal, np.equal)},
}
Noise.FUNCTIONS = {
    np.sum: _sum,
    np.max: lambda x, axis, keepdims=False: x.moved(lambda part: np.max(part, axis=axis, keepdims=keepdims)),
    np.einsum: _einsum,
    np.where: lambda condition, a, b: _like((a, b), np.where(condition, plain(a), plain(b))),
}

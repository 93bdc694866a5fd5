"""The reading that rounds: the reference's code in a narrow format, every operation rounded, sums term by term.

It is as good as IEEE 754 asks, and no better: what the other readings foretell of a correct kernel is tested on it, and
nothing of it is shared with `Budget`. Sums are taken in the order of the index, in so many lanes, as a vector register
adds up: lane by lane, then the lanes; or in a random order. A sum in few digits
stops growing when its terms are below half a unit of its last place: no worst case tells where, this does.
"""

import math
import zlib
from collections.abc import Callable, Iterable
from typing import Any, Self

import numpy as np
from scipy import special

from nnparity.reference.readings.base import Reading, plain
from nnparity.spec import DTYPES, Dtype


class Rounded(Reading):
    """Values that the format holds; what is computed with them is rounded to it.

    `flush`: without subnormals; `lanes` of a sum, 0 for a random order; `accumulator`, the format of partial sums where
    it is another.
    """

    __slots__ = ("accumulator", "dtype", "flush", "lanes", "value")

    def __init__(
        self, value: Any, dtype: Dtype, flush: bool = False, lanes: int = 0, accumulator: Dtype | None = None
    ) -> None:
        with np.errstate(over="ignore"):
            rounded = dtype.round(np.asarray(value, dtype=np.float64)).astype(np.float64)
        self.value = np.where(np.abs(rounded) < dtype.tiny, 0.0 * rounded, rounded) if flush else rounded
        self.dtype, self.flush, self.lanes, self.accumulator = dtype, flush, lanes, accumulator

    def like(self, value: Any) -> Self:
        """Other values in the same format."""
        return type(self)(value, self.dtype, self.flush, self.lanes, self.accumulator)

    def inner(self, value: Any) -> Self:
        """As partial sums."""
        return type(self)(value, self.accumulator or self.dtype, self.flush, self.lanes)

    def moved(self, move: Callable[[Any], Any]) -> Self:
        """See `Reading`."""
        return self.like(move(self.value))

    def joined(self, others: Iterable[Any], join: Callable[[list[Any]], Any]) -> Self:
        """See `Reading`."""
        return self.like(join([plain(other) for other in others]))

    def constant(self, value: float) -> "Rounded":
        """See `Reading`."""
        return self.like(value)


def on(dtype: str, flush: bool = False, lanes: int = 0, accumulator: str | None = None) -> Callable[[Any], Rounded]:
    """What puts an array into that format; see `nnparity.expect.evaluation`."""
    wide = DTYPES[accumulator] if accumulator else None
    return lambda array: Rounded(array, DTYPES[dtype], flush, lanes, wide)


def _reading(operands: Iterable[Any]) -> Rounded:
    return next(x for x in operands if isinstance(x, Rounded))


def _elementwise(ufunc: Any) -> Callable[..., Rounded]:
    def rule(*operands: Any) -> Rounded:
        reading = _reading(operands)
        with np.errstate(all="ignore"):
            return reading.like(ufunc(*(reading.like(plain(x)).value for x in operands)))

    return rule


def _compare(ufunc: Any) -> Callable[..., Any]:
    return lambda a, b: ufunc(plain(a), plain(b))


def _added(terms: Any, reading: Rounded) -> Rounded:
    """The terms of the last axis; where the order is random it is the same for the same terms."""
    if not reading.lanes:
        order = np.random.default_rng(zlib.crc32(terms.tobytes())).permutation(terms.shape[-1])
        return _one_by_one(terms[..., order], reading)
    wide = -terms.shape[-1] % reading.lanes
    padded = np.concatenate([terms, np.zeros((*terms.shape[:-1], wide))], axis=-1)
    lanes = padded.reshape((*terms.shape[:-1], padded.shape[-1] // reading.lanes, reading.lanes))
    return _one_by_one(_one_by_one(np.moveaxis(lanes, -2, -1), reading).value, reading)


def _one_by_one(terms: Any, reading: Rounded) -> Rounded:
    """All terms are rounded at once, and then each partial sum: NumPy's own operators, since a sum is long."""
    inner = reading.inner(terms)
    total = inner.value[..., 0] if terms.shape[-1] else np.zeros(terms.shape[:-1])
    with np.errstate(all="ignore"):
        for place in range(1, terms.shape[-1]):
            total = inner.like(total + inner.value[..., place]).value
    return reading.like(total)


def _sum(x: Rounded, axis: Any = None, keepdims: bool = False) -> Rounded:
    axes = tuple(range(x.ndim)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    axes = tuple(a % x.ndim for a in axes)
    kept = [a for a in range(x.ndim) if a not in axes]
    terms = np.transpose(x.value, (*kept, *axes))
    terms = terms.reshape((*(x.shape[a] for a in kept), math.prod(x.shape[a] for a in axes)))
    shape = tuple(1 if a in axes else n for a, n in enumerate(x.shape)) if keepdims else [x.shape[a] for a in kept]
    return _added(terms, x).reshape(shape)


def _einsum(subscripts: str, *operands: Any, **kwargs: Any) -> Rounded:
    """All products, each rounded, then the sums."""
    reading = _reading(operands)
    before, after = subscripts.split("->")
    lost = sorted(set(before) - set(after) - {","})
    with np.errstate(all="ignore"):
        products = reading.inner(np.einsum(f"{before}->{after}{''.join(lost)}", *map(plain, operands)))
    kept, summed = products.shape[: len(after)], products.shape[len(after) :]
    return _added(products.value.reshape((*kept, math.prod(summed))), reading)


def _where(condition: Any, a: Any, b: Any) -> Rounded:
    return _reading((a, b)).like(np.where(condition, plain(a), plain(b)))


UFUNCS = (
    *(np.add, np.subtract, np.multiply, np.divide, np.negative, np.absolute, np.square, np.maximum),
    *(np.exp, np.log, np.tanh, np.sqrt, np.sin, np.cos, special.expit, special.erf),
)
COMPARISONS = (np.greater, np.greater_equal, np.less, np.less_equal, np.equal)
Rounded.UFUNCS = {u: _elementwise(u) for u in UFUNCS} | {u: _compare(u) for u in COMPARISONS}
Rounded.FUNCTIONS = {
    np.sum: _sum,
    np.max: lambda x, axis, keepdims=False: x.moved(lambda part: np.max(part, axis=axis, keepdims=keepdims)),
    np.einsum: _einsum,
    np.where: _where,
}

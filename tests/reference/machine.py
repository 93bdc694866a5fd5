"""An honest machine: the reference's code in a narrow format, every operation rounded, sums in random order.

What the readings predict of a correct kernel is tested on it: it is as good as IEEE 754 asks and no better. Nothing
of it is shared with `Budget`. `flush` makes it lose its subnormals; sums may have an `accumulator` of another format.
"""

import math
import zlib
from collections.abc import Callable, Iterable
from typing import Any, Self

import numpy as np
from scipy import special

from nnparity.reference.readings.base import Reading
from nnparity.spec import DTYPES, Dtype


class Machine(Reading):
    """Values that the format holds; what is computed with them is rounded to it."""

    __slots__ = ("accumulator", "dtype", "flush", "value")

    def __init__(self, value: Any, dtype: Dtype, flush: bool = False, accumulator: Dtype | None = None) -> None:
        with np.errstate(over="ignore"):
            rounded = dtype.round(np.asarray(value, dtype=np.float64)).astype(np.float64)
        self.value = np.where(np.abs(rounded) < dtype.tiny, 0.0 * rounded, rounded) if flush else rounded
        self.dtype, self.flush, self.accumulator = dtype, flush, accumulator

    def like(self, value: Any) -> "Machine":
        return Machine(value, self.dtype, self.flush, self.accumulator)

    def inner(self, value: Any) -> "Machine":
        """As a partial sum."""
        return Machine(value, self.accumulator or self.dtype, self.flush)

    def moved(self, move: Callable[[Any], Any]) -> Self:
        return type(self)(move(self.value), self.dtype, self.flush, self.accumulator)

    def joined(self, others: Iterable[Any], join: Callable[[list[Any]], Any]) -> Self:
        return type(self)(join([plain(other) for other in others]), self.dtype, self.flush, self.accumulator)

    def constant(self, value: float) -> "Machine":
        return self.like(value)


def plain(x: Any) -> Any:
    return x.value if isinstance(x, Machine) else x


def on(dtype: str, flush: bool = False, accumulator: str | None = None) -> Callable[[Any], Machine]:
    """The lift of `evaluate` that puts arrays on this machine."""
    return lambda array: Machine(array, DTYPES[dtype], flush, DTYPES[accumulator] if accumulator else None)


def _machine(operands: Iterable[Any]) -> Machine:
    return next(x for x in operands if isinstance(x, Machine))


def _elementwise(ufunc: Any) -> Callable[..., Machine]:
    def rule(*operands: Any) -> Machine:
        machine = _machine(operands)
        with np.errstate(all="ignore"):
            return machine.like(ufunc(*(machine.like(plain(x)).value for x in operands)))

    return rule


def _compare(ufunc: Any) -> Callable[..., Any]:
    return lambda a, b: ufunc(plain(a), plain(b))


def _added(terms: Any, machine: Machine) -> Machine:
    """The terms of the last axis, one by one, in an order that is random but the same for the same terms."""
    order = np.random.default_rng(zlib.crc32(terms.tobytes())).permutation(terms.shape[-1])
    total = machine.inner(terms[..., order[0]])
    for place in order[1:]:
        total = total + machine.inner(terms[..., place])
    return machine.like(total.value)


def _sum(x: Machine, axis: Any = None, keepdims: bool = False) -> Machine:
    axes = tuple(range(x.ndim)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    axes = tuple(a % x.ndim for a in axes)
    kept = [a for a in range(x.ndim) if a not in axes]
    terms = np.transpose(x.value, (*kept, *axes)).reshape((*(x.shape[a] for a in kept), -1))
    shape = tuple(1 if a in axes else n for a, n in enumerate(x.shape)) if keepdims else [x.shape[a] for a in kept]
    return _added(terms, x).reshape(shape)


def _einsum(subscripts: str, *operands: Any, **kwargs: Any) -> Machine:
    """All products, each rounded, then the sums."""
    machine = _machine(operands)
    before, after = subscripts.split("->")
    lost = sorted(set(before) - set(after) - {","})
    with np.errstate(all="ignore"):
        products = machine.inner(np.einsum(f"{before}->{after}{''.join(lost)}", *map(plain, operands)))
    terms = products.value.reshape((*products.shape[: len(after)], -1))
    return _added(terms, machine) if math.prod(terms.shape) else machine.like(terms.sum(axis=-1))


def _where(condition: Any, a: Any, b: Any) -> Machine:
    return _machine((a, b)).like(np.where(condition, plain(a), plain(b)))


UFUNCS = (
    *(np.add, np.subtract, np.multiply, np.divide, np.negative, np.absolute, np.square, np.maximum),
    *(np.exp, np.log, np.tanh, np.sqrt, np.sin, np.cos, special.expit, special.erf),
)
COMPARISONS = (np.greater, np.greater_equal, np.less, np.less_equal, np.equal)
Machine.UFUNCS = {u: _elementwise(u) for u in UFUNCS} | {u: _compare(u) for u in COMPARISONS}
Machine.FUNCTIONS = {
    np.sum: _sum,
    np.max: lambda x, axis, keepdims=False: x.moved(lambda part: np.max(part, axis=axis, keepdims=keepdims)),
    np.einsum: _einsum,
    np.where: _where,
}

"""The reading value + tangent: forward-mode derivatives of whatever code it is passed through.

Through a formula it gives the JVP, through a VJP the Hessian-vector product. Value and tangent may be
plain arrays or another reading (`Budget`, `Ball`), so their errors and enclosures come along.
A tangent of None is zero everywhere: constants cost nothing.
"""

import math
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Self

import numpy as np
from scipy import special

from nnparity.reference.readings.base import Reading
from nnparity.reference.readings.numbers import (
    constant,
    count,
    detached,
    host_scalar,
    logistic,
    rewritten,
    tanh_derivative,
)


class Dual(Reading):
    """value + eps * tangent, with eps squared = 0."""

    rank = 1
    __slots__ = ("tangent", "value")

    def __init__(self, value: Any, tangent: Any = None) -> None:
        self.value = value
        self.tangent = tangent

    def moved(self, move: Callable[[Any], Any]) -> Self:
        """See `Reading`."""
        return type(self)(move(self.value), None if self.tangent is None else move(self.tangent))

    def joined(self, others: Iterable[Any], join: Callable[[list[Any]], Any]) -> Self:
        """See `Reading`."""
        duals = [_dual(other) for other in others]
        values = join([dual.value for dual in duals])
        if all(dual.tangent is None for dual in duals):
            return type(self)(values)
        return type(self)(values, join([tangent_of(dual) for dual in duals]))

    def constant(self, value: float) -> Any:
        """See `Reading`."""
        return constant(value, self.value)

    def count(self, number: float) -> Any:
        """See `Reading`."""
        return count(number, self.value)

    def host_scalar(self, value: Any, host: float | None) -> Any:
        """See `Reading`."""
        return host_scalar(value, self.value, host)

    def rewritten(self, units: float) -> "Dual":
        """See `Reading`: the value is; the derivative of what it was, which has roundings of its own, stays."""
        return Dual(rewritten(self.value, units), self.tangent)

    def detached(self) -> Any:
        """See `Reading`; of a dual number of dual numbers neither derivative."""
        return detached(self.value)


def _dual(x: Any) -> Dual:
    return x if isinstance(x, Dual) else Dual(x)


def tangent_of(x: Any) -> Any:
    """The tangent as an array: zeros where None stands for them, or where `x` is no `Dual`."""
    x = _dual(x)
    return np.zeros(np.shape(x.value)) if x.tangent is None else x.tangent


def _plus(a: Any, b: Any) -> Any:
    """a + b, where None is zero."""
    if a is None or b is None:
        return b if a is None else a
    return a + b


def _binary(value: Callable[..., Any], by_a: Callable[..., Any], by_b: Callable[..., Any]) -> Callable[..., Dual]:
    """A rule from f(a, b) and its two directional derivatives, called with (tangent, a, b, y)."""

    def rule(a: Any, b: Any) -> Dual:
        a, b = _dual(a), _dual(b)
        y = value(a.value, b.value)
        first = None if a.tangent is None else by_a(a.tangent, a.value, b.value, y)
        second = None if b.tangent is None else by_b(b.tangent, a.value, b.value, y)
        return Dual(y, _plus(first, second))

    return rule


def _unary(value: Callable[[Any], Any], derivative: Callable[[Any, Any, Any], Any]) -> Callable[[Any], Dual]:
    """A rule from f(x) and its directional derivative, called with (tangent, x, y)."""

    def rule(x: Dual) -> Dual:
        y = value(x.value)
        return Dual(y, None if x.tangent is None else derivative(x.tangent, x.value, y))

    return rule


def _spread(tangent: Any, y: Any) -> Any:
    """A tangent in the shape of the result: a sum with a broadcast operand may be larger than either."""
    return tangent if np.shape(tangent) == np.shape(y) else np.broadcast_to(tangent, np.shape(y))


def _einsum(subscripts: str, a: Any, b: Any = None, **kwargs: Any) -> Dual:
    if b is None:
        return _dual(a).moved(lambda part: np.einsum(subscripts, part, **kwargs))
    product = _binary(
        lambda x, y: np.einsum(subscripts, x, y, **kwargs),
        lambda t, x, y, _: np.einsum(subscripts, t, y, **kwargs),
        lambda t, x, y, _: np.einsum(subscripts, x, t, **kwargs),
    )
    return product(a, b)


def _max(x: Dual, axis: int, keepdims: bool = False) -> Dual:
    """The largest element; its derivative is that of the first one that is largest.

    Which one that is may be in doubt (`Budget`): so candidates are compared in pairs, as inexact numbers.
    """
    y = np.max(x.value, axis=axis, keepdims=keepdims)
    if x.tangent is None:
        return Dual(y)
    candidates = [x.moved(partial(np.take, indices=at, axis=axis)) for at in range(x.shape[axis])]
    value, tangent = candidates[0].value, candidates[0].tangent
    for other in candidates[1:]:
        first = value >= other.value
        value, tangent = (np.where(first, *pair) for pair in ((value, other.value), (tangent, other.tangent)))
    return Dual(y, np.expand_dims(tangent, axis) if keepdims else tangent)


def _where(condition: Any, a: Any, b: Any) -> Dual:
    a, b = _dual(a), _dual(b)
    y = np.where(condition, a.value, b.value)
    if a.tangent is None and b.tangent is None:
        return Dual(y)
    zero = 0.0
    return Dual(y, np.where(condition, *(zero if d.tangent is None else d.tangent for d in (a, b))))


def _compare(ufunc: Any) -> Callable[[Any, Any], Any]:
    return lambda a, b: ufunc(_dual(a).value, _dual(b).value)


def _maximum(a: Any, b: Any) -> Dual:
    """The larger one, or NaN where either is one; its tangent is that of the second where they are equal."""
    a, b = _dual(a), _dual(b)
    return Dual(np.maximum(a.value, b.value), _where(a.value > b.value, a, b).tangent)


Dual.UFUNCS = {
    np.add: _binary(np.add, lambda t, a, b, y: _spread(t, y), lambda t, a, b, y: _spread(t, y)),
    np.subtract: _binary(np.subtract, lambda t, a, b, y: _spread(t, y), lambda t, a, b, y: _spread(-t, y)),
    np.multiply: _binary(np.multiply, lambda t, a, b, y: t * b, lambda t, a, b, y: a * t),
    np.divide: _binary(np.divide, lambda t, a, b, y: t / b, lambda t, a, b, y: -(y / b) * t),
    np.maximum: _maximum,
    np.negative: _unary(np.negative, lambda t, x, y: -t),
    np.exp: _unary(np.exp, lambda t, x, y: y * t),
    np.log: _unary(np.log, lambda t, x, y: t / x),
    np.tanh: _unary(np.tanh, lambda t, x, y: tanh_derivative(y) * t),
    special.expit: _unary(logistic, lambda t, x, y: y * (1 - y) * t),
    np.sqrt: _unary(np.sqrt, lambda t, x, y: t / (2 * y)),
    np.square: _unary(np.square, lambda t, x, y: 2 * x * t),
    np.absolute: _unary(np.absolute, lambda t, x, y: np.where(x < 0, -t, t)),
    np.sin: _unary(np.sin, lambda t, x, y: np.cos(x) * t),
    np.cos: _unary(np.cos, lambda t, x, y: -np.sin(x) * t),
    special.erf: _unary(special.erf, lambda t, x, y: np.exp(-np.square(x)) * (2 / np.sqrt(constant(math.pi, x))) * t),
    **{ufunc: _compare(ufunc) for ufunc in (np.greater, np.greater_equal, np.less, np.less_equal, np.equal)},
}
Dual.FUNCTIONS = {
    np.sum: lambda x, axis=None, keepdims=False: x.moved(lambda part: np.sum(part, axis=axis, keepdims=keepdims)),
    np.max: _max,
    np.einsum: _einsum,
    np.where: _where,
}

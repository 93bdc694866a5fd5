"""The tables of `Noise`: which rule answers which function of NumPy and SciPy."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from nnparity.reference.readings.budget.deviations import deviation
from nnparity.reference.readings.budget.functions import OWN
from nnparity.reference.readings.budget.subscripts import contracted
from nnparity.reference.readings.budget.sums import spread_factors
from nnparity.reference.readings.monte_carlo.core import Array, Noise, aligned, by_machine, like
from nnparity.reference.readings.numbers import PLAIN
from nnparity.reference.readings.products import as_matrices

#: They round nothing.
EXACT = (np.negative, np.absolute, np.maximum)
#: What they say of each machine's numbers holds for that machine.
COMPARISONS = (np.greater, np.greater_equal, np.less, np.less_equal, np.equal)
LOGIC = (np.logical_and, np.logical_or, np.logical_not)


def _exact(ufunc: Any) -> Callable[..., Noise]:
    return lambda *operands: like(operands, ufunc(*aligned(*operands)))


def _elementwise(ufunc: Any) -> Callable[..., Noise]:
    value = _exact(PLAIN.get(ufunc, ufunc))

    def rule(*operands: Any) -> Noise:
        y = value(*operands)
        argument = operands[0].value[:1] if isinstance(operands[0], Noise) else operands[0]
        return y.rounded(deviation(ufunc, y.machines.format, argument))

    return rule


def _axes(axis: Any, ndim: int) -> tuple[int, ...]:
    """The axes of one machine's array, as those of the value."""
    axes = range(ndim) if axis is None else (axis,) if isinstance(axis, int) else axis
    return tuple(1 + one % ndim for one in axes)


def _off_as_a_sum(y: Noise, n: int, squares: Array, *, products: bool) -> Noise:
    """A sum of n terms, or of n `products`, off by what norm 2 gives it; see `budget.sums`. `squares` is used up.

    They are those of the first machine. What was added up in a wider format is rounded once more, to be delivered.
    """
    of_squares, of_y = spread_factors(n)
    first = y.value[:1]
    squares *= of_squares + products
    squares += of_y * first * first
    found = y.off(np.sqrt(squares, out=squares))
    return found if y.machines.accumulator == y.machines.unit else found.rounded()


def _sum(x: Noise, axis: Any = None, keepdims: bool = False) -> Noise:
    axes = _axes(axis, x.ndim)
    y = x.like(np.sum(x.value, axis=axes, keepdims=keepdims))
    n = x.size // max(y.size, 1)
    if n < 2:  # nothing is added to anything
        return y
    first = x.value[:1]
    return _off_as_a_sum(y, n, np.sum(first * first, axis=axes, keepdims=keepdims), products=False)


def _max(x: Noise, axis: Any = None, keepdims: bool = False) -> Noise:
    return x.like(np.max(x.value, axis=_axes(axis, x.ndim), keepdims=keepdims))


def _einsum(subscripts: str, a: Any, b: Any = None, **_: Any) -> Noise:
    if b is None:
        return _reduced(subscripts, a)
    a, b = _entering(a, b)
    value, squares = product_and_squares(subscripts, by_machine(a), by_machine(b))
    return _off_as_a_sum(like((a, b), value), contracted(subscripts, a.shape, b.shape), squares, products=True)


def product_and_squares(subscripts: str, a: Array, b: Array) -> tuple[Array, Array]:
    """The product on each machine, and that of the squares of both operands on the first."""
    left, right, back = as_matrices(subscripts, a, b)
    squares = (first * first for first in (left[:1], right[:1]))
    return back(np.matmul(left, right)), back(np.matmul(*squares))


def _entering(a: Any, b: Any) -> tuple[Any, Any]:
    """The operands as they are multiplied: a machine whose products take fewer digits rounds each of them, once."""
    machines = next(x.machines for x in (a, b) if isinstance(x, Noise))
    if not (machines.unit and machines.operand):
        return a, b
    units = machines.operand / machines.unit
    return like((a, b), by_machine(a)).rounded(units), like((a, b), by_machine(b)).rounded(units)


def _reduced(subscripts: str, x: Noise) -> Noise:
    """One operand: moved, or some of its letters summed."""
    before, after = subscripts.split("->")
    y = x.like(np.einsum(f"Z{before}->Z{after}", x.value))
    return y if y.size == x.size else y.rounded()


def _where(condition: Any, a: Any, b: Any) -> Noise:
    return like((condition, a, b), np.where(*aligned(condition, a, b)))


def _transpose(x: Noise, axes: Any = None) -> Noise:
    return x.like(x.value.transpose((0, *_axes(range(x.ndim)[::-1] if axes is None else axes, x.ndim))))


def _expand_dims(x: Noise, axis: Any) -> Noise:
    axes = (axis,) if isinstance(axis, int) else axis
    return x.like(np.expand_dims(x.value, _axes(axes, x.ndim + len(axes))))


def _windows(x: Noise, window_shape: Any, axis: Any) -> Noise:
    return x.like(sliding_window_view(x.value, window_shape, axis=_axes(axis, x.ndim)))


def _stack(parts: Any, axis: int = 0) -> Noise:
    values = [by_machine(part) for part in parts]
    machines = max(map(len, values))
    whole = [np.broadcast_to(value, (machines, *value.shape[1:])) for value in values]
    return like(parts, np.stack(whole, axis=_axes(axis, values[0].ndim)[0]))


Noise.UFUNCS = {
    **{ufunc: _exact(ufunc) for ufunc in (*EXACT, *COMPARISONS, *LOGIC)},
    **{ufunc: _elementwise(ufunc) for ufunc in (*OWN, np.add, np.subtract, np.multiply, np.divide, np.square)},
}
Noise.FUNCTIONS = {
    np.sum: _sum,
    np.max: _max,
    np.einsum: _einsum,
    np.where: _where,
    # `moved` and `joined` do these too, place by place; they are frequent, and NumPy has a view of them, or one copy
    np.transpose: _transpose,
    np.expand_dims: _expand_dims,
    sliding_window_view: _windows,
    np.stack: _stack,
}

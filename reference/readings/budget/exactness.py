"""Where nothing is rounded: sums and products of whole numbers, in whatever order, as long as they are small enough.

A result is exact in the target if every number that may be formed on the way is: each is a whole multiple of one
power of two, the step, and none is larger than p digits hold. Of a sum that is bounded by the sum of the sizes of its
terms, of a product by the product of sizes: so no order of terms and no grouping of factors changes it, and no fused
multiply-add. Only whole numbers start this (and halves and quarters that divide them), for they alone are drawn on
purpose; sizes count as at least one step, so that no part of a product is larger than the whole.

Besides, there are numbers of which an operation loses nothing, whatever the other operand: `lossless`.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from scipy import special

from nnparity.reference.readings.arithmetic import Arithmetic
from nnparity.reference.readings.budget.core import Array, Budget, any_of, pair

#: function -> of which argument its result is exact (C23, Annex F.10): e^0 and cos 0 are 1, log 1 and the others are 0
EXACT_AT: dict[Any, float] = {
    np.exp: 0.0,
    np.log: 1.0,
    np.sin: 0.0,
    np.cos: 0.0,
    np.tanh: 0.0,
    special.erf: 0.0,
    np.square: 0.0,
    np.sqrt: 0.0,
}


class Grid(NamedTuple):
    """The step that all terms are multiples of, at most 1, and for each element what their sizes add up to."""

    step: float
    size: Array


def grid(x: Budget) -> Grid | None:
    """That of exact whole numbers, or what led to x; None where there is none."""
    if not x.exact:
        return None
    if x.step is None:
        x.step = _step(x.value)
    return Grid(x.step, np.maximum(np.abs(x.value) if x.sizes is None else x.sizes, x.step)) if x.step else None


def _step(value: Array) -> float:
    """1 for whole numbers, 2^-k for a single number of k binary places, 0 for others."""
    if value.ndim == 0 and math.isfinite(value):
        denominator = float(value).as_integer_ratio()[1]  # of a subnormal number float64 does not hold it
        return math.ldexp(1.0, 1 - denominator.bit_length())
    with np.errstate(invalid="ignore"):
        return float(bool((value == np.rint(value)).all() and np.isfinite(value).all()))


def exactly(rule: Callable[..., Any], through: Callable[..., Grid | None]) -> Callable[..., Any]:
    """The rule of an operation, without an error where `through`, the grid of its result, says that there is none.

    A sum keeps the errors that it would have otherwise: divided by the number of its terms it is a mean, which may
    also be computed as a running one (Welford, Technometrics 4, 1962), and that rounds on the way, unless all terms
    are the same number: then each of its corrections is 0.
    """

    def settled(*operands: Any, **keywords: Any) -> Any:
        y = rule(*operands, **keywords)
        for operand in operands:
            if isinstance(operand, Budget) and operand.hard is not None:
                return y  # what is rounded already has no grid
        found = through(*operands, **keywords)
        if found is None:
            return y
        exact = _settled(y, found)
        if through is summed and exact is not y and not _alike(*operands, **keywords):
            exact.unsettled = y.hard, y.var
        return exact

    return settled


def _settled(y: Budget, found: Grid) -> Budget:
    """Partial sums are kept by the accumulator, the result by the dtype."""
    outer, inner = y.arithmetic, y.arithmetic.accumulating
    fits = (np.abs(y.value) * outer.unit <= found.step) & (found.size * inner.unit <= found.step)
    if found.step < outer.step or not fits.any():
        return y
    if not fits.all():
        y.hard, y.var = np.where(fits, 0.0, y.hard), np.where(fits, 0.0, y.var)
        return y
    exact = Budget(y.value, outer, gain=y.gain)
    exact.step, exact.sizes = found.step, found.size if inner is outer else None
    return exact


def added(a: Any, b: Any) -> Grid | None:
    """a + b and a - b."""
    one, other = map(grid, pair(a, b))
    if one is None or other is None:
        return None
    return _within(Grid(min(one.step, other.step), one.size + other.size), pair(a, b)[0].arithmetic)


def multiplied(a: Any, b: Any) -> Grid | None:
    """a b."""
    one, other = map(grid, pair(a, b))
    if one is None or other is None:
        return None
    with np.errstate(over="ignore"):
        found = Grid(one.step * other.step, one.size * other.size)
    return _within(found, pair(a, b)[0].arithmetic)


def _within(found: Grid, arithmetic: Arithmetic) -> Grid | None:
    """Of operations outside of sums, which no accumulator helps: what is too large for the dtype is not exact."""
    return found if (found.size * arithmetic.unit <= found.step).all() else None


def divided(a: Any, b: Any) -> Grid | None:
    """a / b, by a power of two."""
    over, under = pair(a, b)
    one = grid(over)
    if one is None or over.unsettled or not under.exact or under.ndim or abs(math.frexp(float(under.value))[0]) != 0.5:
        return None
    size = abs(float(under.value))
    return _within(Grid(min(one.step / size, 1.0), one.size / size), over.arithmetic)


def squared(x: Budget) -> Grid | None:
    """x^2."""
    return multiplied(x, x)


def rooted(x: Budget) -> Grid | None:
    """The root of a single number whose root is whole: IEEE 754 (5.4.1) rounds roots correctly.

    Not of arrays, whose roots a kernel may make of an approximate reciprocal.
    """
    root = np.sqrt(x.value)
    whole = not x.ndim and grid(x) is not None and root == np.rint(root)
    return Grid(1.0, np.maximum(root, 1.0)) if whole else None


def summed(x: Budget, axis: Any = None, keepdims: bool = False) -> Grid | None:
    """The sum over axes, with a bit to spare: a bias may be added to the terms before they are delivered."""
    found = grid(x)
    return found and Grid(found.step, 2 * np.asarray(found.size.sum(axis=axis, keepdims=keepdims)))


def _alike(x: Budget, axis: Any = None, keepdims: bool = False) -> bool:
    """Whether each sum is one of equal terms."""
    return x.value.size > 0 and not any_of(np.ptp(x.value, axis=axis))


def contracted(subscripts: str, a: Any, b: Any = None, **_: Any) -> Grid | None:
    """A product summed over letters, as `summed`; with one operand it is made of other functions."""
    if b is None:
        return None
    one, other = map(grid, pair(a, b))
    if one is None or other is None:
        return None
    operand = pair(a, b)[0].arithmetic.operand
    if operand and not all(_within(each, operand) for each in (one, other)):  # it has lost digits on its way in
        return None
    return Grid(one.step * other.step, 2 * np.asarray(np.einsum(subscripts, one.size, other.size, optimize=True)))


def lossless(rule: Callable[..., Budget], where: Callable[..., Any]) -> Callable[..., Budget]:
    """The rule of an operation, without an error where `where` finds that no implementation has one."""

    def settled(*operands: Any) -> Budget:
        ready = operands if len(operands) == 1 else pair(*operands)
        y = rule(*ready)
        if not y.exact and any_of(at := where(*ready)):
            y.hard, y.var = np.where(at, 0.0, y.hard), np.where(at, 0.0, y.var)
        return y

    return settled


def unchanged_by_zero(rule: Callable[..., Budget]) -> Callable[..., Budget]:
    """The rule of a sum or difference, which adds no error to the other operand where one is exactly 0."""

    def settled(*operands: Any) -> Budget:
        a, b = pair(*operands)
        y = rule(a, b)
        for nothing, other in ((a, b), (b, a)):
            if not y.exact and any_of(at := _is(nothing, 0.0)):
                hard, var = (0.0, 0.0) if other.exact else (other.hard, other.var)
                y.hard, y.var = np.where(at, hard, y.hard), np.where(at, var, y.var)
        return y

    return settled


def exact_argument(ufunc: Any) -> Callable[[Budget], Any]:
    """Where the argument is the one of which C has an exact result."""
    return lambda x: _is(x, EXACT_AT[ufunc])


def zero_product(a: Budget, b: Budget) -> Any:
    """Where 0 is multiplied by a number: that is 0."""
    first, second = _is(a, 0.0), _is(b, 0.0)
    return (any_of(first) and first & _bounded(b)) | (any_of(second) and second & _bounded(a))


def exact_quotient(over: Budget, under: Budget) -> Any:
    """Where 0 is divided by what is not 0, or an exact number by 1; by way of the reciprocal, too."""
    nothing, one = _is(over, 0.0), _is(under, 1.0)
    if any_of(nothing):
        least = np.abs(under.value) - (0.0 if under.exact else under.hard)
        nothing = nothing & _bounded(under) & (least > 1 / under.arithmetic.largest)
    if any_of(one):
        size = np.abs(over.value)
        held = (size <= over.arithmetic.largest) & ((size >= over.arithmetic.step) | (size == 0))
        one = one & held & (over.exact or over.hard == 0)
    return nothing | one


def _is(x: Budget, number: float) -> Any:
    """Where x is that number, and nothing was rounded on the way."""
    at = x.value == number
    return at if x.exact or not any_of(at) else at & (x.hard == 0)


def _bounded(x: Budget) -> Any:
    """Where the target has a number, neither an infinity nor NaN."""
    held = np.abs(x.value) <= x.arithmetic.largest
    return held if x.exact else held & np.isfinite(x.hard)

"""Rounding errors of sums and dot products, as `Budget` propagates them.

Norm 1: n terms lose at most n u times the sum of the sizes (Higham, "Accuracy and Stability of Numerical
Algorithms", 2nd ed., 3.1). Where n u is so large that it says little, in half precision, the bound is 6 sqrt(n) u
beyond a few dozen terms (Higham & Mary 2019). That one takes the errors to be independent, and those of equal terms
are not: added one by one they are rounded the same way as long as the sum stays between two powers of two.

Norm 2: terms added one by one in random order. With Q the sum of squares and y the sum of n terms, the partial
sum S_j is that of j terms drawn without replacement, so E[S_j^2] = j(n-j)/(n-1) (Q/n - y^2/n^2) + j^2 y^2/n^2,
and the roundings of S_2 ... S_n add up to u^2 times

    ((n+1)/6 - 1/n) Q + (n+1)/3 y^2,

to which a dot product adds Q for the roundings of its products (n = 1 then leaves u^2 y^2, one rounding).
Wider accumulators and fused multiply-add stay below, and so do blocked and pairwise summation where signs come in
any order. Where they follow the place of a term, `orders` says what the partial sums of kernels are.
"""

from typing import Any

import numpy as np

from nnparity.reference.readings.budget import orders, ranges
from nnparity.reference.readings.budget.core import Array, Budget, capped, pair, plus, worst
from nnparity.reference.readings.budget.subscripts import axes_of, contracted, multiplications

#: Products with more multiplications than this are left to BLAS, whose own rounding in float64 is not counted.
LARGE = 1 << 16


def sum_spread(n: int, squares: Array, y: Array) -> Array:
    """Norm 2 of the roundings of a sum y of n terms, over u^2; `squares` is the sum of their squares."""
    of_squares, of_y = spread_factors(n)
    return np.asarray(of_squares * squares + of_y * y * y)


def spread_factors(n: int) -> tuple[float, float]:
    """What `squares` and y^2 are multiplied by."""
    return (n + 1) / 6 - 1 / n, (n + 1) / 3


def product_spread(k: int, squares: Array, y: Array) -> Array:
    """The same of a dot product of k terms: those of the products come on top."""
    return sum_spread(k, squares, y) + squares


def total(x: Budget, axis: Any = None, keepdims: bool = False) -> Budget:
    """The sum of x over `axis`."""

    def add(part: Array) -> Array:
        return np.asarray(part.sum(axis=axis, keepdims=keepdims))

    y = add(x.value)
    n = max(x.size // max(y.size, 1), 1)
    inner = x.arithmetic.accumulating
    u, step = inner.unit, inner.step
    sizes = add(np.abs(x.value))
    hard = worst(n, u) * u * sizes + n * step
    hard = np.where(sizes > inner.largest, np.inf, hard)  # a sum on the way may overflow
    spread = sum_spread(n, add(x.value**2), y)
    if x.arithmetic.ordered:
        spread = np.maximum(spread, orders.of_sum(x.value, axis, keepdims))
    var = u * u * spread + n * step**2
    if not x.exact:
        hard, var = hard + add(x.hard), var + add(x.var)
    found = Budget(y, x.arithmetic, hard, var, gain=x.largest_gain)
    found = _ranged(_delivered(found, x.largest_gain) if inner is not x.arithmetic else found, x, axis, n)
    if keepdims:
        found.sum_of, found.sum_axis = x, axis
    return found


def _delivered(y: Budget, gain: float) -> Budget:
    """What was accumulated in a wider format, rounded to the dtype at the end.

    A factor may be moved across the sum: an underflow of the other operand is then amplified by it. Products of the
    wider format do not underflow, so that what is amplified begins anew with the result.
    """
    y = y.rounded(y.hard, y.var, gain=gain)
    return Budget(y.value, y.arithmetic, y.hard, y.var)


def _ranged(y: Budget, x: Budget, axis: Any, n: int) -> Budget:
    """The sum with its range: of numbers that are not negative it is no less than one of them."""
    found = ranges.summed(x.range, n)
    at = x.attained
    if at is not None and x.range.low >= 0 and at.axis in axes_of(axis, x.ndim):
        found = ranges.Range(max(found.low, at.value), found.high)
    found = found.widened(n, x.arithmetic.accumulating.unit, x.arithmetic.step)
    return y.ranged(found) if x.exact else y.bounded(found)


def einsum(subscripts: str, a: Any, b: Any = None, **kwargs: Any) -> Budget:
    """A product summed over the letters that the result lacks: dense layers, convolutions, attention.

    |A| e_B + e_A |B| + worst(k, u) u |A||B|, and the squares of the first two terms plus the variance above.
    """
    if b is None:
        return _reduce(subscripts, a)
    a, b = map(entering, pair(a, b))
    large = multiplications(subscripts, a.shape, b.shape) > LARGE

    def product(left: Array, right: Array) -> Array:
        return np.asarray(np.einsum(subscripts, left, right, optimize=large))

    y = product(a.value, b.value)
    size_a, size_b = np.abs(a.value), np.abs(b.value)
    k = contracted(subscripts, a.shape, b.shape)
    gain = capped(a.largest_gain * b.largest_gain, a.arithmetic)
    inner = a.arithmetic.accumulating
    u, step = inner.unit, inner.step * gain
    square_a, square_b = size_a * size_a, size_b * size_b
    with np.errstate(invalid="ignore"):
        own = worst(k, u) * u * product(size_a, size_b) + k * step
        squares = product(square_a, square_b)
        spread = product_spread(k, squares, y)
        if a.arithmetic.ordered:
            spread = np.maximum(spread, squares + orders.of_product(subscripts, a.value, b.value))
        spread = u * u * spread + k * step**2
        hard = plus(own, _or_none(product, size_a, b.hard), _or_none(product, a.hard, size_b), _both(product, a, b))
        var = plus(spread, _or_none(product, square_a, b.var), _or_none(product, a.var, square_b))
    hard, var = np.where(np.isnan(hard), np.inf, hard), np.where(np.isnan(var), np.inf, var)
    hard = np.where(np.abs(y) > a.arithmetic.largest, np.inf, hard)
    found = Budget(y, a.arithmetic, hard, var, k, gain)
    if inner is not a.arithmetic:
        found = _delivered(found, max(a.largest_gain, b.largest_gain))
        found.terms = k
    spans = ranges.summed(ranges.multiplied(a.range, b.range), k).widened(k, u, step)
    return found.ranged(spans) if a.exact and b.exact else found.bounded(spans)


def entering(x: Budget) -> Budget:
    """An operand as the unit that multiplies takes it: TF32 leaves 11 digits of float32, and sums in float32.

    Zeros stay what they are.
    """
    operand = x.arithmetic.operand
    if operand is None:
        return x
    lost = np.where(x.value == 0, 0.0, operand.unit * np.abs(x.value) + operand.step)
    hard, var = (lost, lost**2) if x.exact else (x.hard * (1 + operand.unit) + lost, x.var + lost**2)
    entered = Budget(x.value, x.arithmetic, hard, var, x.terms, x._gain)
    return entered.ranged(x.range.widened(1, operand.unit, operand.step))


def _or_none(product: Any, left: Any, right: Any) -> Any:
    return None if left is None or right is None else product(left, right)


def _both(product: Any, a: Budget, b: Budget) -> Any:
    return None if a.exact or b.exact else product(a.hard, b.hard)


def _reduce(subscripts: str, x: Budget) -> Budget:
    """One operand: the letters that the result lacks are summed, the rest is moved."""
    before, after = subscripts.split("->")
    lost = tuple(place for place, letter in enumerate(before) if letter not in after)
    kept = "".join(letter for letter in before if letter in after)
    reduced = total(x, axis=lost) if lost else x
    return reduced.moved(lambda part: np.einsum(f"{kept}->{after}", part))


def largest(x: Budget, axis: int, keepdims: bool = False) -> Budget:
    """The maximum over an axis: it moves no further than the worst of its candidates."""
    y = np.max(x.value, axis=axis, keepdims=keepdims)
    over = (x, axis % x.ndim)
    if x.exact:
        found = Budget(y, x.arithmetic)
        found.peak_of = over
        return found
    place = np.expand_dims(np.argmax(x.value, axis), axis)
    var = np.take_along_axis(x.var, place, axis)
    hard = np.max(x.hard, axis=axis, keepdims=keepdims)
    found = Budget(y, x.arithmetic, hard, var if keepdims else np.squeeze(var, axis)).bounded(x.range)
    found.peak_of = over
    return found

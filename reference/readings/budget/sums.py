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

from collections.abc import Callable
from typing import Any

import numpy as np

from nnparity.reference.readings.budget import orders, overflow, ranges
from nnparity.reference.readings.budget.core import Array, Budget, any_of, capped, pair, worst
from nnparity.reference.readings.budget.overflow import unbounded
from nnparity.reference.readings.budget.subscripts import axes_of, contracted, multiplications

#: Two operands multiplied and summed, as an einsum says.
Product = Callable[[Any, Any], Array]
#: Products with more multiplications than this are left to BLAS, whose own rounding in float64 is not counted.
LARGE = 1 << 16


def sum_spread(n: int, squares: Array, y: Array) -> Array:
    """Norm 2 of the roundings of a sum y of n terms, over u^2; `squares` is the sum of their squares."""
    of_squares, of_y = spread_factors(n)
    return np.asarray(of_squares * squares + of_y * y * y)


def spread_factors(n: int) -> tuple[float, float]:
    """What `squares` and y^2 are multiplied by; a sum of one term is that, and what cancels here would leave noise."""
    if n == 1:
        return 0.0, 0.0
    return (n + 1) / 6 - 1 / n, (n + 1) / 3


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
    past = sizes > inner.largest  # a sum on the way may overflow
    squares = add(x.value**2)
    spread = sum_spread(n, squares, y)
    if x.arithmetic.ordered:
        spread = np.maximum(spread, orders.of_sum(x.value, axis, keepdims))
    var = u * u * spread + n * step**2
    if not x.exact:
        hard, var = hard + add(x.hard), var + add(x.var) + _together(x.common, y, squares)
    found = _overflowing(Budget(y, x.arithmetic, hard, var, gain=x.largest_gain), past, lambda: sizes)
    found = _ranged(_delivered(found, x.largest_gain) if inner is not x.arithmetic else found, x, axis, n)
    found.common = x.common
    if keepdims:
        found.sum_of, found.sum_axis = x, axis
    return found


def _together(common: float, y: Array, squares: Any) -> Any:
    """What the error of a common factor adds to norm 2 of the sum y, beyond that of each term: see `correlations`."""
    return common * np.maximum(y * y - squares, 0.0) if common else 0.0


def _delivered(y: Budget, gain: float) -> Budget:
    """What was accumulated in a wider format, rounded to the dtype at the end.

    A factor may be moved across the sum: an underflow of the other operand is then amplified by it. Products of the
    wider format do not underflow, so that what is amplified begins anew with the result.
    """
    y = y.rounded(y.hard, y.var, gain=gain, beyond=y.beyond)
    delivered = Budget(y.value, y.arithmetic, y.hard, y.var)
    delivered.beyond = y.beyond
    return delivered


def _overflowing(y: Budget, past: Any, sizes: Callable[[], Array]) -> Budget:
    """The sum y, where it may be an infinity or, in some order, NaN; `sizes` is the sum of its terms' sizes."""
    if any_of(past):
        y.beyond = overflow.in_any_order(y.hard, sizes(), y.value, y.arithmetic.accumulating.largest)
        y.hard = np.where(past, np.inf, y.hard)
    return y


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

    |A| e_B + e_A (|B| + e_B) + worst(k, u) u |A||B|, and the squares of all terms but the last plus the variance above.
    """
    if b is None:
        return _reduce(subscripts, a)
    a, b = map(entering, pair(a, b))
    large = multiplications(subscripts, a.shape, b.shape) > LARGE

    def product(left: Array, right: Array) -> Array:
        return np.asarray(np.einsum(subscripts, left, right, optimize=large))

    y = product(a.value, b.value)
    k = contracted(subscripts, a.shape, b.shape)
    gain = capped(a.largest_gain * b.largest_gain, a.arithmetic)
    inner = a.arithmetic.accumulating
    step = inner.step * gain
    found = Budget(y, a.arithmetic, *_errors(subscripts, product, a, b, y, step), k, gain)
    past = np.abs(y) > a.arithmetic.largest
    found = _overflowing(found, past, lambda: product(np.abs(a.value), np.abs(b.value)))
    if inner is not a.arithmetic:
        found = _delivered(found, max(a.largest_gain, b.largest_gain))
        found.terms = k
    found.common = a.common + b.common
    spans = ranges.summed(ranges.multiplied(a.range, b.range), k).widened(k, inner.unit, step)
    return found.ranged(spans) if a.exact and b.exact else found.bounded(spans)


def _errors(subscripts: str, product: Product, a: Budget, b: Budget, y: Array, step: float) -> tuple[Array, Array]:
    """Both norms of the error of the product y of a and b, of which each term may lose a `step`."""
    u, k = a.arithmetic.accumulating.unit, contracted(subscripts, a.shape, b.shape)
    size_a, size_b = np.abs(a.value), np.abs(b.value)
    square_a, square_b = size_a * size_a, size_b * size_b

    def scaled(left: Array, factor: float, right: Array, error: Any) -> Array:
        """left (factor right + error), in one product where the factor makes no number too small for float64."""
        if error is None:
            return factor * product(left, right)
        if not u * a.arithmetic.step:
            return factor * product(left, right) + product(left, error)
        return product(left, factor * right + error)

    with np.errstate(invalid="ignore"):
        hard = scaled(size_a, worst(k, u) * u, size_b, b.hard) + k * step
        of_squares, of_y = spread_factors(k)  # the roundings of the products come on top
        var = scaled(square_a, u * u * (of_squares + 1), square_b, b.var) + u * u * of_y * (y * y)
        if a.arithmetic.ordered:
            by_order = u * u * orders.of_product(subscripts, a.value, b.value)
            var = np.maximum(var, scaled(square_a, u * u, square_b, b.var) + by_order)
        var = var + k * step**2
        if common := a.common + b.common:
            var = var + _together(common, y, product(square_a, square_b))
        if not a.exact:
            hard = hard + product(a.hard, size_b if b.exact else size_b + b.hard)
            var = var + product(a.var, square_b if b.exact else square_b + b.var)
    return unbounded(hard), unbounded(var)


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
    entered.common = x.common
    return entered.ranged(x.range.widened(1, operand.unit, operand.step))


def _reduce(subscripts: str, x: Budget) -> Budget:
    """One operand: repeated letters leave the diagonal, those that the result lacks are summed, others moved."""
    before, after = subscripts.split("->")
    if len(set(before)) < len(before):
        apart = "".join(dict.fromkeys(before))
        diagonal = x.moved(lambda part: np.einsum(f"{before}->{apart}", part))
        return _reduce(f"{apart}->{after}", diagonal)
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

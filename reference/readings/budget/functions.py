"""Rounding errors of products, quotients and elementary functions, as `Budget` propagates them.

An elementary function f loses |f'(x)| e_x and c_f u |y| of its own. The constants c_f come from one table, the
accuracy that the OpenCL C specification (3.0, section 7.4, full profile) asks of every device: exp and log 3 ulp,
sin and cos 4, tanh 5, erf 16; one ulp is at most 2u|y|. Square roots are correctly rounded in IEEE arithmetic.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import special

from nnparity.reference.readings.budget import overflow, ranges
from nnparity.reference.readings.budget.core import HOST, Array, Budget, any_of, pair, times, weighted
from nnparity.reference.readings.budget.deviations import deviation
from nnparity.reference.readings.budget.overflow import unbounded
from nnparity.reference.readings.budget.ranges import EVERYTHING, Attained, Range
from nnparity.reference.readings.numbers import PLAIN

#: function -> c_f, its own error in units of u|y|
OWN: dict[Any, float] = {
    np.exp: 6,
    np.log: 6,
    np.tanh: 10,
    np.sqrt: 1,
    np.sin: 8,
    np.cos: 8,
    special.erf: 32,
    special.expit: 8,  # that of exp, at most, and one rounding each for the sum and the quotient
}

#: Roundings of a division, at most: that of the reciprocal, and that of the product.
RECIPROCAL = 2.0
#: Beyond every number that a target may hold.
HUGE = float(np.finfo(np.float64).max) / 4
#: What float64's own functions are off by, in units of their result: two units in the last place.
HOST_FUNCTION = 4 * HOST
#: Standard deviations of an argument below this leave f to its tangent.
LINEAR = 2.0**-6
#: So many standard deviations of an argument either way are looked at beyond.
SIGMAS = 3.0


def multiply(a: Any, b: Any) -> Budget:
    """a * b: ||a| e_b, e_a (|b| + e_b), u|y||: the product of both errors is most of it where a and b are next to 0."""
    left, right = pair(a, b)
    size_a, size_b = np.abs(left.value), np.abs(right.value)
    hard = _product_error(left.hard, right.hard, size_a, size_b)
    square_b = size_b * size_b
    var = weighted((right.var, size_a * size_a), (left.var, square_b if right.exact else square_b + right.var))
    value, gain = left.value * right.value, left.gain * right.gain
    y = left.rounded(hard, var, value=value, gain=gain, beyond=_product_beyond(left, right, size_a, size_b))
    found = ranges.squared(left.range) if a is b else ranges.multiplied(left.range, right.range)
    return y.bounded(found.widened(1, left.arithmetic.unit, left.arithmetic.step))


def _product_error(e_a: Any, e_b: Any, size_a: Array, size_b: Array) -> Any:
    """|a| e_b + e_a (|b| + e_b), in the worst case; None where both are exact."""
    return weighted((e_b, size_a), (e_a, size_b if e_b is None else size_b + e_b))


def _product_beyond(left: Budget, right: Budget, size_a: Array, size_b: Array) -> Any:
    """The same without a largest number; None where neither has passed it."""
    if left.beyond is None and right.beyond is None:
        return None
    e_a, e_b = left.without_end, right.without_end
    found = _product_error(e_a, e_b, size_a, size_b)
    found = overflow.of_infinity(found, size_a, e_a, _least(size_b, e_b))
    return overflow.of_infinity(found, size_b, e_b, _least(size_a, e_a))


def _least(size: Array, error: Any) -> Any:
    """How large a number is at least."""
    return size if error is None else size - error


def divide(a: Any, b: Any) -> Budget:
    """a / b: |e_a / |b|, |y/b| e_b, u|y||; the worst case divides by the smallest b there may be.

    In the worst case there are two roundings: libraries and compilers turn x / n into x (1/n) where n is the same for
    many (a mean, the rows of a softmax). Norm 2 counts each rounding at its maximum, which is more than two of them
    are in the mean. A denominator that overflowed to infinity leaves a zero: the error is the result itself.
    """
    over, under = pair(a, b)
    over_hard, over_var = over.unsettled or (over.hard, over.var)
    with np.errstate(divide="ignore", invalid="ignore"):
        y = over.value / under.value
        size = np.abs(under.value)
        away = max(under.range.low, -under.range.high, 0.0)  # how far from zero the formula itself keeps it
        least = size if under.exact else np.maximum(size - under.hard, away)
        hard = _quotient_error(over_hard, under, y, least)
        ends = _quotient_beyond(over, under, y, least)
        var = _quotient_variance(over_var, under, y, least)
        if not under.exact and (lost := size > over.arithmetic.largest).any():
            ceiling = (np.abs(over.value) + (0.0 if over.exact else over.hard)) / over.arithmetic.largest
            hard, var = np.where(lost, ceiling, hard), np.where(lost, ceiling**2, var)
    with np.errstate(divide="ignore", invalid="ignore"):
        gain = over.gain * np.fmax(1.0, 1 / size)
    found = ranges.divided(over.range, under.range)
    return over.rounded(unbounded(hard), unbounded(var), RECIPROCAL, y, gain, deviation=1.0, beyond=ends).bounded(
        found.widened(2, over.arithmetic.unit, over.arithmetic.step)
    )


def _quotient_error(e_a: Any, under: Budget, y: Array, least: Array) -> Any:
    """e_a / |b| + |y/b| e_b, of a b that is `least` in size; None where both are exact."""
    return weighted((e_a, 1 / least), (under.hard, np.abs(y) / least))


def _quotient_variance(e_a: Any, under: Budget, y: Array, least: Array) -> Any:
    """Norm 2 of e_a / b and of y through the error of b, whose reciprocal is not straight where b is next to 0.

    Where three standard deviations of b are as large as b, it may be anything from `least` on, as where it is the root
    of squares that underflow, and its reciprocal is off by as much as that of the farthest. Where nothing keeps b from
    0 the tangent is left: that the worst case is unbounded, norm 1 says.
    """
    size = np.abs(under.value)
    var = weighted((e_a, 1 / size**2), (under.var, (y / size) ** 2))
    if under.exact or not any_of(bent := np.sqrt(under.var) > LINEAR * size):
        return var
    away = SIGMAS * np.sqrt(under.var)
    near = np.maximum(np.maximum(size - away, least), 0.0)
    off = (1 / near - 1 / size) / np.where(away < size, SIGMAS, 1.0)
    far = weighted((e_a, 1 / size**2 + off * off), (off * off, (y * size) ** 2))
    return np.where(bent & np.isfinite(far), np.fmax(var, far), var)


def _quotient_beyond(over: Budget, under: Budget, y: Array, least: Array) -> Any:
    """The same without a largest number; None where that is no other. Over 0 itself the result is an infinity."""
    if over.beyond is None and not any_of(np.isinf(y)):
        return None
    size, error = np.abs(over.value), over.without_end
    found = overflow.of_infinity(_quotient_error(error, under, y, least), size, error, least)
    return overflow.of_infinity(found, 1 / least, None, _least(size, error)) if under.exact else found


def elementary(
    ufunc: Any,
    slope: Callable[[Array, Array], Array],
    worst: Callable[[Array, Array, Array], Array],
    reach: float = math.inf,
    image: Callable[[Range], Range] = lambda _: EVERYTHING,
) -> Callable[[Budget], Budget]:
    """The rule of f: `slope(x, y)` is |f'| for norm 2, `worst(x, y, e)` bounds |f(x + d) - f(x)| over |d| <= e.

    No error is larger than the range of f, `reach`; `image` is the range of f on a range of arguments.
    """
    f = PLAIN.get(ufunc, ufunc)

    def rule(x: Budget) -> Budget:
        if ufunc is np.exp:
            x = _exponent(x)
        with np.errstate(all="ignore"):
            y = f(x.value)
            found = image(x.range).widened(OWN[ufunc], x.arithmetic.unit, x.arithmetic.step)
            if x.exact:
                return _shifted(_own(x, ufunc, None, None, y).bounded(found), x, ufunc)
            hard = np.minimum(worst(x.value, y, x.hard), reach)
            # what is to be expected is no more than the worst case; a square may overflow where that does not
            spread = np.fmin(np.sqrt(x.var), x.hard)
            var = times(spread, slope(x.value, y)) ** 2
            if any_of(spread > LINEAR):
                var = np.maximum(var, _secant(f, x.value, y, spread))
            var = np.minimum(var, reach**2)
            # e^x of an error that is finite is finite too, though float64 may not hold it
            if any_of(far := ~np.isfinite(hard)):
                hard = np.where(far, np.where(np.isfinite(x.hard), HUGE, np.inf), hard)
        result = _own(x, ufunc, hard, var, y).bounded(found)
        if any_of(far := result.hard >= HUGE):
            result.hard = np.where(far, np.inf, result.hard)
        if x.attained is not None and f(x.attained.value):
            result.attained = Attained(x.attained.axis, float(f(x.attained.value)))
        return _shifted(result, x, ufunc)

    return rule


def _exponent(x: Budget) -> Budget:
    """What an exponential is taken of: x less the target's own maximum; below all numbers, as if there were no end.

    There e^x is 0 of the number itself as of the infinity that a target has in its place.
    """
    x = x if x.without_peak is None else x.without_peak
    if x.beyond is None or not any_of(below := x.value < -x.arithmetic.largest):
        return x
    y = Budget(
        x.value, x.arithmetic, np.where(below, x.beyond, x.hard), np.where(below, x.beyond**2, x.var), gain=x.gain
    )
    y.attained, y.peak = x.attained, x.peak
    return y.ranged(x.range)


def exp_worst(x: Array, y: Array, e: Array) -> Array:
    """e^(x + e) - e^x; of an e^x that is 0 the first alone."""
    return np.asarray(np.fmin(y * np.expm1(e), np.exp(x + e)))


def _shifted(y: Budget, x: Budget, ufunc: Any) -> Budget:
    """The result; of an exponential, and of the logarithm of a sum of those, with what was subtracted before it."""
    if ufunc is np.exp:
        y.peak = 0.0 if x.peak is None else x.peak
    if ufunc is np.log and x.sum_of is not None:
        y.log_peak = x.sum_of.peak
    return y


def _own(x: Budget, ufunc: Any, hard: Any, var: Any, y: Array) -> Budget:
    """The result with what the function itself loses: the worst case in norm 1, the deviation in norm 2."""
    return x.rounded(hard, var, OWN[ufunc], y, deviation=deviation(ufunc, x.arithmetic.unit, x.value))


def _secant(f: Any, x: Array, y: Array, s: Array) -> Array:
    """The variance by the secants to SIGMAS standard deviations either way, where the tangent is no guide.

    A sigmoid far in saturation has no slope, and yet moves from 0 to 1 when its argument is off by a hundred.
    """
    secants = [np.abs(f(x + side * s) - y) / SIGMAS for side in (SIGMAS, -SIGMAS)]
    return np.asarray(np.nan_to_num(np.fmax(*secants), nan=0.0, posinf=np.inf) ** 2)


def monotone(f: Callable[[Array], Array], slope: Callable[[Array, Array], Array], bend: float) -> Callable[..., Array]:
    """The worst of a monotone f lies at the ends, f(x + e) and f(x - e): in saturation nearly nothing.

    Near x their difference from f(x) is lost in float64; there it is first and second order, |f'| e + bend e^2, where
    bend is half the largest |f''|. Either is a bound.
    """

    def worst(x: Array, y: Array, e: Array) -> Array:
        ends = [f(x + e), f(x - e)]
        far = [np.abs(end - y) + HOST_FUNCTION * (np.abs(end) + np.abs(y)) for end in ends]
        return np.asarray(np.fmin(slope(x, y) * e + bend * e * e, np.fmax(*far)))

    return worst


def square_root(x: Budget) -> Budget:
    """min(e / (2 sqrt(v)), sqrt(e)): near zero (Adam) the derivative is no guide. The worst case has e / sqrt(v)."""
    y = np.sqrt(x.value)
    if x.exact:
        return x.rounded(None, None, OWN[np.sqrt], y).bounded(_root(x))
    with np.errstate(divide="ignore", invalid="ignore"):
        hard = np.fmin(x.hard / y, np.sqrt(x.hard))
        var = np.fmin(x.var / (4 * x.value), np.sqrt(x.var))
    return x.rounded(hard, var, OWN[np.sqrt], y).bounded(_root(x))


def _root(x: Budget) -> Range:
    """Between the roots; of what may be less than nothing there is none."""
    found = x.range
    if found.low < 0:
        return EVERYTHING
    return Range(math.sqrt(found.low), math.sqrt(found.high)).widened(1, x.arithmetic.unit, x.arithmetic.step)


def tanh_slope(x: Array, y: Array) -> Array:
    """1 - y^2."""
    return np.asarray(1 - y * y)


def erf_slope(x: Array, y: Array) -> Array:
    """2 / sqrt(pi) exp(-x^2)."""
    return np.asarray(2 / math.sqrt(math.pi) * np.exp(-x * x))


def log_worst(x: Array, y: Array, e: Array) -> Array:
    """-ln(1 - e / |x|): unbounded where x may be 0."""
    return np.where(e < np.abs(x), -np.log1p(-np.minimum(e / np.abs(x), 1.0)), np.inf)


_expit = elementary(
    special.expit,
    lambda x, y: y * (1 - y),
    monotone(special.expit, lambda x, y: y * (1 - y), 0.0481),
    1.0,
    ranges.within(0.0, 1.0),
)


def logistic(x: Budget) -> Budget:
    """Where e^-x overflows, the formula as it is written gives 0 for the tiny number that it stands for."""
    y = _expit(x)
    with np.errstate(over="ignore"):
        lost = np.where(np.exp(-x.value) * (1 if x.exact else np.exp(x.reach)) > x.arithmetic.largest, y.value, 0.0)
    return Budget(y.value, y.arithmetic, y.hard + lost, y.var + lost**2).bounded(y.range) if lost.any() else y


def square(x: Budget) -> Budget:
    """x^2: 2|x| e + e^2, of which the mean square is 4 x^2 e^2 + 3 e^4 (that of a normal deviation)."""
    y = x.value * x.value
    size = 2 * np.abs(x.value)
    hard = None if x.exact else times(x.hard, size) + x.hard**2
    a = x.arithmetic
    found = ranges.squared(x.range).widened(1, a.unit, a.step)
    return x.rounded(hard, None if x.exact else times(x.var, size * size + 3 * x.var), value=y).bounded(found)


def absolute(x: Budget) -> Budget:
    """|x| errs as x does."""
    return Budget(np.abs(x.value), x.arithmetic, x.hard, x.var, gain=x.gain).bounded(ranges.absolute(x.range))


def negative(x: Budget) -> Budget:
    """-x errs as x does."""
    y = Budget(-x.value, x.arithmetic, x.hard, x.var, gain=x.gain)
    y.common, y.beyond = x.common, x.beyond
    return y.bounded(ranges.negated(x.range))

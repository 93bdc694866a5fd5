"""Rounding errors of elementary functions and of choices, as `Budget` propagates them.

An elementary function f loses |f'(x)| e_x and c_f u |y| of its own. The constants c_f come from one table, the
accuracy that the OpenCL C specification (3.0, section 7.4, full profile) asks of every device: exp and log 3 ulp,
sin and cos 4, tanh 5, erf 16; one ulp is at most 2u|y|. Square roots are correctly rounded in IEEE arithmetic.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import special

from nnparity.reference.readings.base import Reading
from nnparity.reference.readings.budget import (
    Arithmetic,
    Array,
    Budget,
    coerce,
    divide,
    multiply,
    pair,
    plus,
    sum_rule,
    times,
)
from nnparity.reference.readings.budget_sums import einsum, largest, total

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


#: Standard deviations of an argument below this leave f to its tangent.
LINEAR = 2.0**-6
#: A chance that is none: that of six standard deviations.
NEVER = 1e-9
#: So many rare events, and their number is all but normal.
MANY = 36.0
#: Squares of errors below this are no float64.
TINY = float(np.finfo(np.float64).tiny)


def elementary(
    ufunc: Any,
    slope: Callable[[Array, Array], Array],
    worst: Callable[[Array, Array, Array], Array],
    reach: float = math.inf,
) -> Callable[[Budget], Budget]:
    """The rule of f: `slope(x, y)` is |f'| for norm 2, `worst(x, y, e)` bounds |f(x + d) - f(x)| over |d| <= e.

    No error is larger than the range of f, `reach`.
    """

    def rule(x: Budget) -> Budget:
        with np.errstate(all="ignore"):
            y = ufunc(x.value)
            if x.exact:
                return x.rounded(None, None, OWN[ufunc], y)
            hard = np.minimum(worst(x.value, y, x.hard), reach)
            var = times(x.var, slope(x.value, y) ** 2)
            if (x.var > LINEAR**2).any():
                var = np.maximum(var, _secant(ufunc, x.value, y, np.sqrt(x.var)))
            var = np.minimum(var, reach**2)
        return x.rounded(np.where(np.isnan(hard), np.inf, hard), var, OWN[ufunc], y)

    return rule


def _secant(ufunc: Any, x: Array, y: Array, s: Array) -> Array:
    """The variance by the secants to three standard deviations either way, where the tangent is no guide.

    A sigmoid far in saturation has no slope, and yet moves from 0 to 1 when its argument is off by a hundred.
    """
    secants = [np.abs(ufunc(x + side * s) - y) / 3 for side in (3.0, -3.0)]
    return np.asarray(np.nan_to_num(np.fmax(*secants), nan=0.0, posinf=np.inf) ** 2)


def _curved(slope: Callable[[Array, Array], Array], bend: float) -> Callable[..., Array]:
    """First and second order, |f'| e + bend e^2, where bend is half the largest |f''|."""
    return lambda x, y, e: slope(x, y) * e + bend * e * e


def _sqrt(x: Budget) -> Budget:
    """min(e / (2 sqrt(v)), sqrt(e)): near zero (Adam) the derivative is no guide. The worst case has e / sqrt(v)."""
    y = np.sqrt(x.value)
    if x.exact:
        return x.rounded(None, None, OWN[np.sqrt], y)
    with np.errstate(divide="ignore", invalid="ignore"):
        hard = np.fmin(x.hard / y, np.sqrt(x.hard))
        var = np.fmin(x.var / (4 * x.value), np.sqrt(x.var))
    return x.rounded(hard, var, OWN[np.sqrt], y)


def _tanh_slope(x: Array, y: Array) -> Array:
    return np.asarray(1 - y * y)


def _erf_slope(x: Array, y: Array) -> Array:
    return np.asarray(2 / math.sqrt(math.pi) * np.exp(-x * x))


def _log_worst(x: Array, y: Array, e: Array) -> Array:
    return np.where(e < np.abs(x), -np.log1p(-np.minimum(e / np.abs(x), 1.0)), np.inf)


_expit = elementary(special.expit, lambda x, y: y * (1 - y), _curved(lambda x, y: y * (1 - y), 0.0481), reach=1.0)


def _logistic(x: Budget) -> Budget:
    """Where e^-x overflows, the formula as it is written gives 0 for the tiny number that it stands for."""
    y = _expit(x)
    with np.errstate(over="ignore"):
        lost = np.where(np.exp(-x.value) * (1 if x.exact else np.exp(x.reach)) > x.arithmetic.largest, y.value, 0.0)
    return Budget(y.value, y.arithmetic, y.hard + lost, y.var + lost**2) if lost.any() else y


def _square(x: Budget) -> Budget:
    y = x.value * x.value
    size = 2 * np.abs(x.value)
    hard = None if x.exact else times(x.hard, size) + x.hard**2
    return x.rounded(hard, times(x.var, size * size), value=y)


class Condition(Reading):
    """A comparison of inexact numbers: `doubt` is the chance that rounding turned it.

    1 wherever the worst case, norm 1, would turn it; that of a normal error of the size of norm 2, where what counts
    is the error to expect (compositions: in a deep model norm 1 would leave no comparison certain). There too it is 1
    as long as few are expected to turn: see `_expected`.
    """

    __slots__ = ("arithmetic", "doubt", "value")

    def __init__(self, value: Array, doubt: Array, arithmetic: Arithmetic) -> None:
        self.value = value
        self.doubt = doubt
        self.arithmetic = arithmetic

    def moved(self, move: Callable[[Any], Any]) -> "Condition":
        """See `Reading`."""
        return Condition(move(self.value), move(self.doubt), self.arithmetic)


def _compare(ufunc: Any) -> Callable[[Any, Any], Any]:
    def rule(a: Any, b: Any) -> Any:
        a, b = pair(a, b)
        value = ufunc(a.value, b.value)
        margin = plus(a.hard, b.hard)
        if margin is None:
            return value
        distance = np.abs(a.value - b.value)
        if a.arithmetic.statistical:
            doubt = _expected(special.ndtr(-distance / np.sqrt(np.maximum(plus(a.var, b.var), TINY))))
        else:
            doubt = (distance <= margin).astype(np.float64)
        # of two numbers without an error it is certain even that they are equal
        return Condition(value, np.where(margin > 0, doubt, 0.0), a.arithmetic)

    return rule


def _expected(chance: Array) -> Array:
    """The weight of each comparison among those of an array, from its chance to be turned.

    Of many that turn the mean square tells; of a few it does not: one chance in a million, of a million ReLUs, comes
    true somewhere, and then the jump is there in full. So each that may turn at all counts, until so many are
    expected that six standard deviations of their number are no more than that number.
    """
    return chance if float(np.sum(chance)) >= MANY else (chance > NEVER).astype(np.float64)


def _and(a: Any, b: Any) -> Condition:
    """Both: either may turn what is true; what is false, only those that are false, all of them."""
    arithmetic = a.arithmetic if isinstance(a, Condition) else b.arithmetic
    a, b = (x if isinstance(x, Condition) else Condition(x, np.zeros(()), arithmetic) for x in (a, b))
    either, last = np.minimum(a.doubt + b.doubt, 1.0), np.where(a.value, b.doubt, a.doubt)
    doubt = np.where(a.value == b.value, np.where(a.value, either, np.minimum(a.doubt, b.doubt)), last)
    return Condition(a.value & b.value, doubt, arithmetic)


def where(condition: Any, a: Any, b: Any) -> Budget:
    """The error travels with the element chosen; where the choice itself is in doubt, the jump is an error too.

    Norm 2 expects the square of the jump, times the chance of it.
    """
    arithmetic = next(x.arithmetic for x in (condition, a, b) if isinstance(x, Budget | Condition))
    a, b = coerce(a, arithmetic), coerce(b, arithmetic)
    chosen = condition.value if isinstance(condition, Condition) else condition
    y = np.where(chosen, a.value, b.value)
    doubt = condition.doubt if isinstance(condition, Condition) else np.zeros(())
    if a.exact and b.exact and not doubt.any():
        return Budget(y, arithmetic)
    jump = np.where(doubt > 0, np.abs(a.value - b.value), 0.0)
    hard = np.where(chosen, _zero(a.hard), _zero(b.hard)) + jump
    var = np.where(chosen, _zero(a.var), _zero(b.var)) + jump**2 * doubt
    gain = np.broadcast_to(np.maximum(a.gain, b.gain), y.shape)
    return Budget(y, arithmetic, np.broadcast_to(hard, y.shape), np.broadcast_to(var, y.shape), gain=gain)


def _zero(error: Any) -> Any:
    return 0.0 if error is None else error


def _absolute(x: Budget) -> Budget:
    return Budget(np.abs(x.value), x.arithmetic, x.hard, x.var, gain=x.gain)


def _negative(x: Budget) -> Budget:
    return Budget(-x.value, x.arithmetic, x.hard, x.var, gain=x.gain)


def _maximum(a: Any, b: Any) -> Budget:
    a, b = pair(a, b)
    y = np.maximum(a.value, b.value)
    if a.exact and b.exact:
        return Budget(y, a.arithmetic)
    hard = np.maximum(_zero(a.hard), _zero(b.hard))
    var = np.where(a.value > b.value, _zero(a.var), _zero(b.var))
    return Budget(y, a.arithmetic, np.broadcast_to(hard, y.shape), np.broadcast_to(var, y.shape))


Condition.UFUNCS = {np.logical_and: _and}
Condition.FUNCTIONS = {np.where: where}
Budget.UFUNCS = {
    np.add: sum_rule(np.add),
    np.subtract: sum_rule(np.subtract),
    np.multiply: multiply,
    np.divide: divide,
    np.maximum: _maximum,
    np.negative: _negative,
    np.absolute: _absolute,
    np.square: _square,
    np.exp: elementary(np.exp, lambda x, y: y, lambda x, y, e: y * np.expm1(e)),
    np.log: elementary(np.log, lambda x, y: 1 / np.abs(x), _log_worst),
    np.tanh: elementary(np.tanh, _tanh_slope, _curved(_tanh_slope, 0.385), reach=2.0),
    np.sqrt: _sqrt,
    special.expit: _logistic,
    np.sin: elementary(np.sin, lambda x, y: np.abs(np.cos(x)), lambda x, y, e: e, reach=2.0),
    np.cos: elementary(np.cos, lambda x, y: np.abs(np.sin(x)), lambda x, y, e: e, reach=2.0),
    special.erf: elementary(special.erf, _erf_slope, _curved(_erf_slope, 0.485), reach=2.0),
    **{ufunc: _compare(ufunc) for ufunc in (np.greater, np.greater_equal, np.less, np.less_equal, np.equal)},
}
Budget.FUNCTIONS = {
    np.sum: total,
    np.max: largest,
    np.einsum: einsum,
    np.where: where,
}

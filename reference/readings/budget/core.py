"""The reading value + error: how far a computation in a given arithmetic may end from the exact result.

Two norms are carried side by side. Norm 1 adds worst cases: `hard`, a bound for each element.
Norm 2 adds variances: `var`, the square of the error to expect, under the usual model that rounding
errors are independent and centred (Higham & Mary, "A new approach to probabilistic rounding error
analysis", SIAM J. Sci. Comput. 41, 2019). u is the unit roundoff; every operation also
pays an absolute `step` for underflow. Inputs are exact. Errors of None are zero: moving elements costs nothing.

The rules of sums, and of products, quotients and elementary functions, stand in `sums` and `functions`.
"""

import math
from collections.abc import Callable, Iterable
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from nnparity.reference.readings.arithmetic import Arithmetic
from nnparity.reference.readings.base import Reading
from nnparity.reference.readings.budget import overflow, ranges
from nnparity.reference.readings.budget.ranges import EVERYTHING, Attained, Range
from nnparity.reference.readings.sharing import once

Array = NDArray[Any]
#: Where norm 1 says nothing any more, in compositions, this many times norm 2 is as far as an error may go.
COMPOSED = 16.0
#: As long as n u is no more than this the bound n u of a sum says enough, beyond it the probabilistic one is taken.
MEANINGFUL = 2.0**-6
#: One unit in the last place of a double below 1.
HOST = 2.0**-53


class Budget(Reading):
    """A float64 value with the two norms of its error; both errors are None or both are arrays."""

    identified = True
    __slots__ = (
        *(
            "_gain",
            "_own_gain",
            "_own_range",
            "_range",
            "arithmetic",
            "attained",
            "beyond",
            "common",
            "hard",
            "log_peak",
            "peak",
            "peak_of",
            "sizes",
            "step",
            "sum_axis",
            "sum_of",
        ),
        *("terms", "unsettled", "value", "var", "without_peak"),
    )

    def __init__(
        self,
        value: Any,
        arithmetic: Arithmetic,
        hard: Any = None,
        var: Any = None,
        terms: int = 0,
        gain: Any = None,
    ) -> None:
        self.value: Array = np.asarray(value, dtype=np.float64)
        self.arithmetic = arithmetic
        if hard is not None and arithmetic.largest == math.inf:
            hard, var = (np.where(np.isfinite(self.value), error, 0.0) for error in (hard, var))
        self.hard = hard
        self.var = var
        #: norm 1 as if the format had no largest number, of one that has passed it: see `overflow`
        self.beyond: Any = None
        #: how many products were added up to get here, if it comes from a dot product: see `sum_rule`
        self.terms = terms
        self._gain = gain
        self._range = EVERYTHING
        #: what `gain` and `range` say of the value itself, once they were asked
        self._own_gain: Any = None
        self._own_range: Range | None = None
        #: relative variance of the factors that all elements have in common: see `correlations`
        self.common = 0.0
        #: along which axis it is a certain number somewhere, and of which array it is the maximum over which axis
        self.attained: Attained | None = None
        self.peak_of: tuple[Any, int] | None = None
        #: of what it is the sum over which axis, if that was kept; what was subtracted in x - peak, or in e^(x - peak)
        self.sum_of: Any = None
        self.sum_axis: Any = None
        self.peak: Any = None
        #: of x - peak, the same as if the peak had no error, for what any constant in its place would give as well
        self.without_peak: Budget | None = None
        #: what was subtracted before the exponentials of whose sum this is the logarithm
        self.log_peak: Any = None
        #: of an exact result: what its terms are multiples of, once that is known, and what their sizes add up to
        self.step: float | None = None
        self.sizes: Array | None = None
        #: of an exact sum: both errors that it would have if its terms came in parts, as those of a running mean do
        self.unsettled: tuple[Any, Any] | None = None

    @property
    def gain(self) -> Any:
        """By how much an underflow in the product that led here may have been amplified, at least 1.

        A product of several factors may be formed in any order: if a partial one underflows, the step lost is
        multiplied by the factors that come after. It is the product of the factors above 1, element by element,
        up to 1/u.
        """
        if self._gain is not None:
            return self._gain
        if self._own_gain is None:
            self._own_gain = capped(np.fmax(1.0, np.abs(self.value)), self.arithmetic)
        return self._own_gain

    @property
    def range(self) -> Range:
        """Between which numbers the target's own lie; of exact ones, those that they are."""
        if not self.exact or self._range.known:
            return self._range
        if self._own_range is None:
            self._own_range = ranges.of_values(self.value)
        return self._own_range

    def ranged(self, found: Range) -> "Budget":
        """The same, known to lie in a range. A bound that the format does not hold is none."""
        limit = self.arithmetic.largest
        self._range = Range(
            found.low if found.low >= -limit else -math.inf, found.high if found.high <= limit else math.inf
        )
        return self

    def bounded(self, found: Range) -> "Budget":
        """The same, known to lie in a range: no error is larger than from one end of it to the other.

        Errors below the size of the number itself are left alone, and infinite ones: there an intermediate result may
        have overflowed, and the target may hold a NaN, which lies in no range.
        """
        found = self.ranged(found).range
        if self.exact or not found.known:
            return self
        size = np.abs(self.value)
        if not any_of(self.hard > size):
            return self
        with np.errstate(invalid="ignore"):
            cap = np.maximum(np.maximum(self.value - found.low, found.high - self.value), size)
        wide = (self.hard > cap) & np.isfinite(self.hard)
        if any_of(wide):
            self.hard = np.where(wide, cap, self.hard)
            self.var = np.where(wide, np.fmin(self.var, cap * cap), self.var)
        return self

    @property
    def largest_gain(self) -> float:
        """The gain of the worst element, for sums of many."""
        return float(np.maximum.reduce(self.gain, axis=None, initial=1.0))

    @property
    def without_end(self) -> Any:
        """Norm 1, of a number past the largest as if it were held: see `overflow`."""
        return self.hard if self.beyond is None else self.beyond

    @property
    def reach(self) -> Any:
        """How far the target's number may lie from the value, at most. Only for one that is not exact."""
        return np.minimum(self.hard, COMPOSED * np.sqrt(self.var)) if self.arithmetic.statistical else self.hard

    @property
    def exact(self) -> bool:
        """Whether no rounding has touched it."""
        return self.hard is None

    def rounded(
        self,
        hard: Any,
        var: Any,
        units: float = 1.0,
        value: Any = None,
        gain: Any = None,
        deviation: Any = None,
        beyond: Any = None,
    ) -> "Budget":
        """A result with propagated errors `hard` and `var` (None: none) and a rounding of `units` u|y|.

        `deviation` is its root mean square in norm 2, where that is less. Among subnormal numbers, where u|y| says
        nothing, each unit is one step. `beyond` is `hard` without a largest number, where that is another.
        """
        a = self.arithmetic
        y = self.value if value is None else value
        gain = None if gain is None else capped(gain, a)
        size = np.abs(y)
        rounding = a.unit * size + (a.step if gain is None else a.step * gain)
        past = size > a.largest
        if overflows := any_of(past):  # the target holds an infinity there: nothing bounds the distance
            endless = overflow.without_end(hard if beyond is None else beyond, units * rounding, size)
            rounding = np.where(past, np.inf, rounding)
        worst = rounding if units == 1.0 else units * rounding
        spread = worst if deviation is None else deviation * rounding
        square = spread * spread
        hard, var = worst if hard is None else hard + worst, square if var is None else var + square
        result = Budget(y, a, hard, var, gain=gain)
        if overflows:
            result.beyond = endless
        return result

    def rewritten(self, units: float) -> "Budget":
        """See `Reading`: in norm 1 alone, for what is to be expected is that of the formula as it is written."""
        found = self.rounded(self.hard, self.var, units, gain=self.gain, deviation=0.0, beyond=self.beyond)
        return found.bounded(self.range)

    def moved(self, move: Callable[[Any], Any]) -> Self:
        """See `Reading`."""
        gain = move(self._gain) if isinstance(self._gain, np.ndarray) else self._gain
        if self.exact:
            exact = type(self)(move(self.value), self.arithmetic, gain=gain)
            exact.step = self.step
            return exact
        moved = type(self)(move(self.value), self.arithmetic, move(self.hard), move(self.var), gain=gain)
        moved.common, moved.beyond = self.common, overflow.kept(self.beyond, move)
        if self._range.known:  # padding puts zeros beside the numbers
            moved._range = ranges.joined(self._range, ranges.of_values(moved.value))
        return moved

    def joined(self, others: Iterable[Any], join: Callable[[list[Any]], Any]) -> Self:
        """See `Reading`."""
        parts = [coerce(other, self.arithmetic) for other in others]
        values = join([part.value for part in parts])
        gain = max(part.largest_gain for part in parts)
        if all(part.exact for part in parts):
            return type(self)(values, self.arithmetic, gain=gain)
        hard, var = (join([_dense(part, name) for part in parts]) for name in ("hard", "var"))
        together = type(self)(values, self.arithmetic, hard, var, gain=gain)
        if any(part.beyond is not None for part in parts):
            together.beyond = join([_dense(part, "without_end") for part in parts])
        together._range = ranges.joined(*(part.range for part in parts))
        return together

    def constant(self, value: float) -> "Budget":
        """See `Reading`: exact, whether the format holds it or not; what is made of it is rounded."""
        return self._once(("constant", value, self.arithmetic), lambda: Budget(value, self.arithmetic))

    def count(self, number: float) -> Any:
        """See `Reading`: rounded where the format has numbers beside it, else exact."""
        return self.constant(number) if abs(number) > self.arithmetic.largest else number

    def host_scalar(self, value: Any, host: float | None) -> Any:
        """See `Reading`; another host's powers may differ by one unit in the last place."""
        number = coerce(float(value) if host is None else host, self.arithmetic)
        if host is None:
            return number
        hard = plus(number.hard, HOST)
        found = Budget(host, self.arithmetic, hard, plus(number.var, HOST**2))
        return found.ranged(Range(host - float(hard), host + float(hard)))


def any_of(truths: Any) -> bool:
    """Whether one of them is true: the fastest way that NumPy has to ask it of a few."""
    return bool(np.count_nonzero(truths))


def capped(gain: Any, arithmetic: Arithmetic) -> Any:
    """A gain up to 1/u: beyond, a factor is so large that the result is not small any more."""
    return np.fmin(gain, 1 / arithmetic.unit) if arithmetic.unit else gain


def _dense(part: Budget, name: str) -> Array:
    return np.zeros(part.shape) if part.exact else getattr(part, name)


def coerce(x: Any, arithmetic: Arithmetic) -> Budget:
    """A plain number or array as a Budget; a Python or NumPy scalar that the format does not hold is off by u|x|."""
    if isinstance(x, Budget):
        return x
    if isinstance(x, int | float):  # the same few numbers come over and over
        return once(("number", x, arithmetic), lambda: _number(np.asarray(x, dtype=np.float64), arithmetic))
    y = np.asarray(x, dtype=np.float64)
    return Budget(y, arithmetic) if y.ndim else _number(y, arithmetic)


def _number(y: Array, arithmetic: Arithmetic) -> Budget:
    if not arithmetic.holds(float(y)):
        size = np.abs(y)  # below the normal numbers digits are fewer, but no number is off by more than itself
        off = np.maximum(arithmetic.unit * size, np.minimum(size, arithmetic.step))
        around = ranges.of_values(y).widened(1, arithmetic.unit, arithmetic.step)
        return Budget(y, arithmetic, off, off * off).ranged(around)
    return Budget(y, arithmetic)


def pair(a: Any, b: Any) -> tuple[Budget, Budget]:
    """Both operands as Budgets of the same arithmetic."""
    arithmetic: Arithmetic = a.arithmetic if isinstance(a, Budget) else b.arithmetic
    return coerce(a, arithmetic), coerce(b, arithmetic)


def plus(*terms: Any) -> Any:
    """The sum of those that are not None; None when none is left."""
    left = [term for term in terms if term is not None]
    return sum(left[1:], start=left[0]) if left else None


def times(error: Any, factor: Any) -> Any:
    """An error scaled; None stays None. An unbounded error times zero is unbounded, not undefined."""
    if error is None:
        return None
    scaled = error * factor
    lost = np.isnan(scaled)
    return np.where(lost, np.inf, scaled) if any_of(lost) and any_of(np.isinf(error)) else scaled


def weighted(*terms: tuple[Any, Any]) -> Any:
    """The sum of errors, each with its factor; None when all are None."""
    total = plus(*(error * factor for error, factor in terms if error is not None))
    if total is not None and any_of(np.isnan(total)):
        return plus(*(times(error, factor) for error, factor in terms))
    return total


def sum_rule(ufunc: Any) -> Callable[[Any, Any], Budget]:
    """a +- b: ||e_a, e_b, u|y|||.

    Next to a dot product of k terms, the other operand is one more term of the sum: a matrix product may start its
    accumulation from the bias (gemm with beta = 1), and then k roundings are of the bias's size.
    """

    def rule(a: Any, b: Any) -> Budget:
        a, b = pair(a, b)
        if ufunc is np.subtract and b.peak_of is not None and b.peak_of[0] is a:
            return _shifted(a, b)
        normalised = ufunc is np.subtract and a.peak is not None and b.log_peak is not None  # a log-softmax
        if normalised and a.without_peak is not None:
            a = a.without_peak
        ends = None if a.beyond is None and b.beyond is None else _sum_beyond(a, b)
        y = a.rounded(plus(a.hard, b.hard), plus(a.var, b.var), value=ufunc(a.value, b.value), beyond=ends)
        gain = np.maximum(a.gain, b.gain)
        y._gain = gain if np.shape(gain) == y.shape else np.broadcast_to(gain, y.shape)
        y = _accumulated(y, a, b) if a.terms or b.terms else y
        if normalised:
            y.hard = y.hard + of_logsumexp(a.arithmetic, b.log_peak, b.value)
        other = ranges.negated(b.range) if ufunc is np.subtract else b.range
        found = ranges.added(a.range, other).widened(1, a.arithmetic.unit, a.arithmetic.step)
        return y.bounded(ranges.no_less(found, a.range, other))

    return rule


def _sum_beyond(a: Budget, b: Budget) -> Any:
    return overflow.of_sum(plus(a.without_end, b.without_end), (a.value, b.value), a.arithmetic.largest)


def of_logsumexp(arithmetic: Arithmetic, peak: Any, logarithm: Array) -> Array:
    """What x - (peak + log(sum)) loses that (x - peak) - log(sum) does not, in the worst case: both are log-softmax."""
    return np.asarray(arithmetic.unit * np.abs(peak + logarithm))


def _shifted(x: Budget, peak: Budget) -> Budget:
    """x - max(x), over an axis: 0 somewhere, and nowhere more.

    It is subtracted so that nothing overflows: a softmax, or the logarithm of one, is the same with any other constant
    in its place, the target's own maximum among them. What that is off by is off in all elements alike, and no error of
    theirs (`without_peak`); of the difference itself it is one.
    """
    assert peak.peak_of is not None
    y = x.rounded(x.hard, x.var, value=x.value - peak.value, gain=np.maximum(x.gain, peak.gain))
    found = Range(ranges.added(x.range, ranges.negated(peak.range)).low, 0.0)
    readings = y if peak.exact else Budget(y.value, y.arithmetic, y.hard + peak.hard, y.var + peak.var, gain=y.gain), y
    for reading in readings:
        reading.attained, reading.peak = Attained(peak.peak_of[1], 0.0), peak.value
        reading.bounded(found)
    readings[0].without_peak = y
    return readings[0]


def _accumulated(y: Budget, a: Budget, b: Budget) -> Budget:
    """The sum y = a +- b with the roundings of a sum that starts from a, or from b, whichever is worse."""
    u, sizes = y.arithmetic.accumulating.unit, (np.abs(a.value), np.abs(b.value))
    hard = np.maximum(u * worst(b.terms, u) * sizes[0], u * worst(a.terms, u) * sizes[1])
    # the j-th partial sum is start + S_j: k start^2 + 2 start sum E[S_j], with E[S_j] = j/k of the product
    spread = [k * (start**2 + 2 * start * end) for k, start, end in ((b.terms, *sizes), (a.terms, *sizes[::-1]))]
    var = y.var + u * u * np.maximum(*spread)
    found = Budget(y.value, y.arithmetic, y.hard + hard, var, a.terms + b.terms, y.gain)
    found.beyond = overflow.kept(y.beyond, lambda error: error + hard)
    return found


def worst(n: int, u: float) -> float:
    """The factor of u in norm 1 for n roundings: n, or 6 sqrt(n) where n u says little; see `sums`."""
    return n if n * u <= MEANINGFUL else min(n, 6.0 * math.sqrt(n))

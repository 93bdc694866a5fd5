"""Comparisons and choices of inexact numbers: a rounding may turn them, and then the jump is an error too."""

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import special

from nnparity.reference.readings.arithmetic import Arithmetic
from nnparity.reference.readings.base import Reading
from nnparity.reference.readings.budget import ranges
from nnparity.reference.readings.budget.core import Array, Budget, coerce, pair, plus

#: A chance that is none: that of six standard deviations.
NEVER = 1e-9
#: So many rare events, and their number is all but normal.
MANY = 36.0
#: Squares of errors below this are no float64.
TINY = float(np.finfo(np.float64).tiny)


class Condition(Reading):
    """A comparison of inexact numbers: `doubt` is the chance that rounding turned it.

    1 wherever the worst case, norm 1, would turn it; that of a normal error of the size of norm 2, where what counts
    is the error to expect (compositions: in a deep model norm 1 would leave no comparison certain). There too it is 1
    as long as few are expected to turn: see `_expected`.
    """

    identified = True
    __slots__ = ("arithmetic", "doubt", "value")

    def __init__(self, value: Array, doubt: Array, arithmetic: Arithmetic) -> None:
        self.value = value
        self.doubt = doubt
        self.arithmetic = arithmetic

    def moved(self, move: Callable[[Any], Any]) -> "Condition":
        """See `Reading`."""
        return Condition(move(self.value), move(self.doubt), self.arithmetic)


def compare(ufunc: Any) -> Callable[[Any, Any], Any]:
    """The rule of a comparison: a `Condition`, or plain truth values where both sides are exact."""

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
    """The error travels with the element chosen; where the choice itself is in doubt, it may be that of the other.

    The target then holds the other element, with the error that has: the jump between them comes on top. Norm 2 expects
    the squares of both, times the chance of it.
    """
    arithmetic = next(x.arithmetic for x in (condition, a, b) if isinstance(x, Budget | Condition))
    a, b = coerce(a, arithmetic), coerce(b, arithmetic)
    chosen = condition.value if isinstance(condition, Condition) else condition
    y = np.where(chosen, a.value, b.value)
    doubt = condition.doubt if isinstance(condition, Condition) else np.zeros(())
    if a.exact and b.exact and not doubt.any():
        return Budget(y, arithmetic)
    jump = np.abs(a.value - b.value)
    own, other = _sides(chosen, a.hard, b.hard)
    hard = np.where(doubt > 0, np.maximum(own, jump + other), own)
    own, other = _sides(chosen, a.var, b.var)
    var = own + np.where(doubt > 0, (jump**2 + other) * doubt, 0.0)
    gain = np.broadcast_to(np.maximum(a.gain, b.gain), y.shape)
    found = Budget(y, arithmetic, np.broadcast_to(hard, y.shape), np.broadcast_to(var, y.shape), gain=gain)
    found.peak = a.peak
    if a.attained is not None and not a.value[~np.broadcast_to(chosen, a.shape)].any():
        found.attained = a.attained  # what is not chosen is 0, so that it is not there that the number is attained
    return found.bounded(ranges.joined(a.range, b.range))


def _sides(chosen: Any, a: Any, b: Any) -> tuple[Array, Array]:
    """The errors of what is chosen, and of what is not."""
    a, b = _zero(a), _zero(b)
    return np.where(chosen, a, b), np.where(chosen, b, a)


def maximum(a: Any, b: Any) -> Budget:
    """The larger of two: it errs by no more than the larger of their errors, whichever it is where that is in doubt."""
    a, b = pair(a, b)
    y = np.maximum(a.value, b.value)
    if a.exact and b.exact:
        return Budget(y, a.arithmetic)
    hard = np.maximum(_zero(a.hard), _zero(b.hard))
    var = np.where(a.value > b.value, _zero(a.var), _zero(b.var))
    doubt = np.abs(a.value - b.value) <= _zero(a.hard) + _zero(b.hard)
    var = np.where(doubt, np.maximum(_zero(a.var), _zero(b.var)), var)
    found = Budget(y, a.arithmetic, np.broadcast_to(hard, y.shape), np.broadcast_to(var, y.shape))
    low = max(a.range.low, b.range.low)
    return found.bounded(ranges.Range(low, max(a.range.high, b.range.high)))


def _zero(error: Any) -> Any:
    return 0.0 if error is None else error


Condition.UFUNCS = {np.logical_and: _and}
Condition.FUNCTIONS = {np.where: where}

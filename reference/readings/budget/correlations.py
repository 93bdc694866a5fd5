"""Where an error meets itself: in the sum of terms with a common factor, and in what is divided by its own sum.

A number that all terms are multiplied by, such as the 1/n of a mean on its way back, is rounded once. Its relative
error d is that of each term and of their sum y: in a sum it adds d^2 y^2 to norm 2, not d^2 sum(x^2).

The last step of every softmax is a quotient by the sum of its own numerators. Errors are carried as if they were
independent. In y = a / sum(a) they are not: an error in the element that makes up nearly the whole sum is in the
numerator and in the denominator, and cancels. To first order

    dy_i = ((1 - y_i) da_i - y_i sum_{j != i} da_j) / S - y_i dS / S,

where dS is what the sum itself rounds off; in the worst case one power grows as far as it may while all others shrink,
whatever the largest that was subtracted from the exponents. This is why the quotient is the accurate softmax, and
e^(x - lse), whose elements do not add up to 1, is not: Blanchard, Higham & Higham, "Accurately computing the
log-sum-exp and softmax functions", IMA J. Numer. Anal. 41, 2021. The worst case allows for that one too, what is to be
expected does not.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from nnparity.reference.readings.budget import core, functions
from nnparity.reference.readings.budget.core import Array, Budget, pair
from nnparity.reference.readings.budget.functions import OWN, RECIPROCAL
from nnparity.reference.readings.budget.sums import total


def by_common_factor(rule: Callable[[Any, Any], Budget]) -> Callable[[Any, Any], Budget]:
    """The rule of a product or a quotient, with what the factors of all elements have in common."""

    def ruled(a: Any, b: Any) -> Budget:
        one, other = pair(a, b)
        y = rule(one, other)
        if not y.exact:
            y.common = one.common + other.common + _alone(one, y) + _alone(other, y)
        return y

    return ruled


def _alone(x: Budget, y: Budget) -> float:
    """The relative variance of one number that all elements of y are made of, at most 1."""
    if x.hard is None or x.value.size != 1 or y.value.size == 1:
        return 0.0
    value, var = abs(x.value.item()), float(np.ravel(x.var)[0])
    return min(math.sqrt(var) / value, 1.0) ** 2 if value > 0 and math.isfinite(var) else 0.0


def divide(a: Any, b: Any) -> Budget:
    """a / b, by the rule of quotients; that of shares where b is the sum of a, and a has come from e^x.

    Where b is the sum of powers e^x, anything divided by it may be multiplied by e^-lse instead.
    """
    y = functions.divide(a, b)
    over, under = pair(a, b)
    powers = under.sum_of
    if powers is None or powers.peak is None:
        return y
    if powers is not over:
        y.hard = y.hard + np.abs(y.value) * _by_logarithm(powers, np.abs(under.value))
        return y
    if over.exact:
        return y
    hard, var = _shares(over, under, y.value)
    found = over.rounded(hard, np.fmin(var, y.var), RECIPROCAL, y.value, gain=y.gain, deviation=1.0).bounded(y.range)
    y.hard, y.var = found.hard, np.fmin(y.var, found.var)
    return y


def _shares(over: Budget, under: Budget, y: Array) -> tuple[Array, Array]:
    """Both norms of the error of over / under before it is rounded, where `under` is the sum of `over`."""
    axis, size = under.sum_axis, np.abs(under.value)
    alone = total(Budget(over.value, over.arithmetic), axis=axis, keepdims=True)
    with np.errstate(all="ignore"):
        others = over.var.sum(axis=axis, keepdims=True) - over.var
        var = ((1 - y) ** 2 * over.var + y**2 * (others + alone.var)) / size**2
        furthest = _furthest(over, size, y, axis)
        loss = np.where(alone.hard < size, alone.hard / np.maximum(size - alone.hard, 0.0), np.inf)
        hard = furthest + np.minimum(y + furthest, 1.0) * (loss + _by_logarithm(over, size))
    return np.where(np.isnan(hard), np.inf, hard), np.where(np.isnan(var), np.inf, np.maximum(var, 0.0))


def _furthest(over: Budget, size: Array, y: Array, axis: Any) -> Array:
    """How far a share may move: most when its own power grows and all others shrink, or the other way round.

    A power a that may grow by h may shrink by l = a h / (a + h), for the error is one of the exponent.
    """
    grown = over.hard
    shrunk = np.where(over.value > 0, over.value * grown / (over.value + grown), 0.0)
    rest = [part.sum(axis=axis, keepdims=True) - part for part in (grown, shrunk)]
    up = (grown * (1 - y) + y * rest[1]) / (size + grown - rest[1])
    down = (shrunk * (1 - y) + y * rest[0]) / (size - shrunk + rest[0])
    return np.asarray(np.maximum(up, down))


def _by_logarithm(over: Budget, size: Array) -> Array:
    """The relative error that e^(x - lse) has and the quotient has not: lse is rounded, and its logarithm was."""
    logarithm = np.log(size)
    own = OWN[np.log] * over.arithmetic.unit * np.abs(logarithm)
    return core.of_logsumexp(over.arithmetic, over.peak, logarithm) + own

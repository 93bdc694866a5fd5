"""The reading value + error: how far a computation in a given arithmetic may end from the exact result.

Two norms are carried side by side. Norm 1 adds worst cases: `hard`, a bound for each element.
Norm 2 adds variances: `var`, the square of the error to expect, under the usual model that rounding
errors are independent and centred (Higham & Mary, "A new approach to probabilistic rounding error
analysis", SIAM J. Sci. Comput. 41, 2019). u is the unit roundoff; every operation also
pays an absolute `step` for underflow. Inputs are exact. Errors of None are zero: moving elements costs nothing.

The rules of sums, products and elementary functions stand in `budget_sums` and `budget_functions`.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from nnparity.reference.readings.base import Reading

Array = NDArray[Any]


@dataclass(frozen=True)
class Arithmetic:
    """How a target computes: unit roundoff, absolute error of an underflow, largest finite number.

    `step` is the smallest subnormal number, or the smallest normal one where subnormals are flushed to zero.
    `holds` says whether a constant is representable, that is, exact. `certain` is how many times norm 2 two numbers
    must lie apart for their comparison not to be in doubt, where norm 1 says no less; see `budget_functions.where`.
    """

    unit: float
    step: float
    largest: float
    holds: Callable[[float], bool]
    certain: float = math.inf


class Budget(Reading):
    """A float64 value with the two norms of its error; both errors are None or both are arrays."""

    __slots__ = ("arithmetic", "hard", "terms", "value", "var")

    def __init__(self, value: Any, arithmetic: Arithmetic, hard: Any = None, var: Any = None, terms: int = 0) -> None:
        self.value: Array = np.asarray(value, dtype=np.float64)
        self.arithmetic = arithmetic
        self.hard = hard
        self.var = var
        #: how many products were added up to get here, if it comes from a dot product: see `sum_rule`
        self.terms = terms

    @property
    def exact(self) -> bool:
        """Whether no rounding has touched it."""
        return self.hard is None

    def rounded(self, hard: Any, var: Any, units: float = 1.0, value: Any = None) -> "Budget":
        """A result with propagated errors `hard` and `var` (None: none) and a rounding of `units` u|y|.

        Among subnormal numbers, where u|y| says nothing, each unit is one step.
        """
        a = self.arithmetic
        y = self.value if value is None else value
        own = units * (a.unit * np.abs(y) + a.step)
        overflow = np.abs(y) > a.largest
        if overflow.any():  # the target holds an infinity there: nothing bounds the distance
            own = np.where(overflow, np.inf, own)
        return Budget(y, a, own if hard is None else hard + own, own * own if var is None else var + own * own)

    def moved(self, move: Callable[[Any], Any]) -> Self:
        """See `Reading`."""
        if self.exact:
            return type(self)(move(self.value), self.arithmetic)
        return type(self)(move(self.value), self.arithmetic, move(self.hard), move(self.var))

    def joined(self, others: Iterable[Any], join: Callable[[list[Any]], Any]) -> Self:
        """See `Reading`."""
        parts = [coerce(other, self.arithmetic) for other in others]
        values = join([part.value for part in parts])
        if all(part.exact for part in parts):
            return type(self)(values, self.arithmetic)
        hard, var = (join([_dense(part, name) for part in parts]) for name in ("hard", "var"))
        return type(self)(values, self.arithmetic, hard, var)

    def constant(self, value: float) -> "Budget":
        """See `Reading`: exact, whether the format holds it or not; what is made of it is rounded."""
        return Budget(value, self.arithmetic)


def _dense(part: Budget, name: str) -> Array:
    return np.zeros(part.shape) if part.exact else getattr(part, name)


def coerce(x: Any, arithmetic: Arithmetic) -> Budget:
    """A plain number or array as a Budget; a Python or NumPy scalar that the format does not hold is off by u|x|."""
    if isinstance(x, Budget):
        return x
    y = np.asarray(x, dtype=np.float64)
    if y.ndim == 0 and not arithmetic.holds(float(y)):
        off = arithmetic.unit * np.abs(y)
        return Budget(y, arithmetic, off, off * off)
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
    return np.where(np.isnan(scaled), np.inf, scaled) if np.isinf(error).any() else scaled


def sum_rule(ufunc: Any) -> Callable[[Any, Any], Budget]:
    """a +- b: ||e_a, e_b, u|y|||.

    Next to a dot product of k terms, the other operand is one more term of the sum: a matrix product may start its
    accumulation from the bias (gemm with beta = 1), and then k roundings are of the bias's size.
    """

    def rule(a: Any, b: Any) -> Budget:
        a, b = pair(a, b)
        y = a.rounded(plus(a.hard, b.hard), plus(a.var, b.var), value=ufunc(a.value, b.value))
        return _accumulated(y, a, b) if a.terms or b.terms else y

    return rule


def _accumulated(y: Budget, a: Budget, b: Budget) -> Budget:
    """The sum y = a +- b with the roundings of a sum that starts from a, or from b, whichever is worse."""
    u, sizes = y.arithmetic.unit, (np.abs(a.value), np.abs(b.value))
    hard = u * np.maximum(worst(b.terms) * sizes[0], worst(a.terms) * sizes[1])
    # the j-th partial sum is start + S_j: k start^2 + 2 start sum E[S_j], with E[S_j] = j/k of the product
    spread = [k * (start**2 + 2 * start * end) for k, start, end in ((b.terms, *sizes), (a.terms, *sizes[::-1]))]
    return Budget(y.value, y.arithmetic, y.hard + hard, y.var + u * u * np.maximum(*spread), a.terms + b.terms)


def worst(n: int) -> float:
    """The factor of u in norm 1 for n roundings: min(n, 6 sqrt(n)); see `budget_sums`."""
    return min(n, 6.0 * math.sqrt(n))


def multiply(a: Any, b: Any) -> Budget:
    """a * b: ||a| e_b, e_a |b|, u|y||, and e_a e_b in the worst case."""
    left, right = pair(a, b)
    size_a, size_b = np.abs(left.value), np.abs(right.value)
    both = None if left.exact or right.exact else left.hard * right.hard
    hard = plus(times(right.hard, size_a), times(left.hard, size_b), both)
    var = plus(times(right.var, size_a * size_a), times(left.var, size_b * size_b))
    return left.rounded(hard, var, value=left.value * right.value)


def divide(a: Any, b: Any) -> Budget:
    """a / b: |e_a / |b|, |y/b| e_b, u|y||; the worst case divides by the smallest b there may be.

    A denominator that overflowed to infinity leaves a zero: the error is the result itself.
    """
    over, under = pair(a, b)
    with np.errstate(divide="ignore", invalid="ignore"):
        y = over.value / under.value
        size = np.abs(under.value)
        least = size if under.exact else np.maximum(size - under.hard, 0.0)
        hard = plus(times(over.hard, 1 / least), times(under.hard, np.abs(y) / least))
        var = plus(times(over.var, 1 / size**2), times(under.var, (y / size) ** 2))
        if not under.exact and (lost := size > over.arithmetic.largest).any():
            ceiling = (np.abs(over.value) + (0.0 if over.exact else over.hard)) / over.arithmetic.largest
            hard, var = np.where(lost, ceiling, hard), np.where(lost, ceiling**2, var)
    return over.rounded(_unbounded(hard), _unbounded(var), value=y)


def _unbounded(error: Any) -> Any:
    """0/0 and inf/inf in an error bound say that nothing is known."""
    return None if error is None else np.where(np.isnan(error), np.inf, error)

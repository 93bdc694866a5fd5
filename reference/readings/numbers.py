"""Numbers inside formulas that no binary format holds: they must be exact in every reading."""

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
from scipy import special

from nnparity.reference.readings.base import Reading

#: Below this 1 + e^x is 1 in every dtype.
SATURATED = -40.0
#: What 1 / cosh(x)^2 loses, in units of u: 4 ulp of cosh (OpenCL C 3.0, section 7.4), twice, one rounding of the
#: square, and two of the quotient (see `budget.functions.divide`).
SECH_SQUARED = 2 * 8 + 1 + 2


def constant(value: float, like: Any) -> Any:
    """`value` as an exact number of the kind that `like` holds; ``math.pi`` stands for π itself.

    ``np.sqrt(constant(d, q))`` is then rounded as the reading of q rounds: not at all in a `Ball`,
    by one unit in a `Budget`; ``np.sqrt(d)`` would be a float64, wrong in its last bit, in all of them.
    """
    return like.constant(value) if isinstance(like, Reading) else np.float64(value)


def count(number: float, like: Any) -> Any:
    """How many there are, or a multiple of it, as what a mean divides by.

    A format that does not hold it rounds it, and a kernel may do that once, as with any number: 65,791 is 65,536 in
    bfloat16. Past the largest number there is no rounding that is a number: whoever forms it in float16 divides by an
    infinity, and has a mean of 0. It is then exact, as in a kernel that divides by it, or multiplies by its reciprocal,
    in the wider format that it adds up in.
    """
    return like.count(number) if isinstance(like, Reading) else number


def host_scalar(value: Fraction | Callable[[], Any], like: Any, host: float | None = None) -> Any:
    """A number derived from hyperparameters, such as 1 - beta^t: exact in a `Ball`, else a Python float.

    The host computes it, in double precision, before any kernel sees it. Where that loses something, `host` is what
    it finds: all elements then share one error, which a variance for each of them could not tell. Where a fraction has
    too many digits, beta^t has t times those of beta, `value` is a function that gives a `Ball`, beside a `host`.
    """
    if isinstance(like, Reading):
        return like.host_scalar(value, host)
    return float(value) if host is None else host  # type: ignore[arg-type]  # a function has one beside it


def detached(x: Any) -> Any:
    """`x` as a constant of differentiation, e.g. the maximum that softmax subtracts."""
    return x.detached() if isinstance(x, Reading) else x


def endless(x: Any) -> Any:
    """Where it is infinite or NaN; False where it is so nowhere, as a ball never is."""
    while isinstance(x, Reading):
        x = x.value
    found = x.dtype != object and ~np.isfinite(x)
    return found if np.any(found) else False


def logistic(x: Any) -> Any:
    """1 / (1 + e^-x). SciPy's expit is 0 where e^-x overflows; but there it is e^x, which a subnormal number holds."""
    if isinstance(x, Reading):
        return special.expit(x)
    return np.where(np.less(x, SATURATED), np.exp(np.minimum(x, SATURATED)), special.expit(x))[()]


def rewritten(x: Any, units: float) -> Any:
    """`x`, where a kernel may compute the same by another formula, which loses `units` of u |x| in the worst case."""
    return x.rewritten(units) if isinstance(x, Reading) else x


def tanh_derivative(y: Any) -> Any:
    """1 - y^2, from y = tanh(x).

    A kernel may also have 1 / cosh(x)^2, as MLX has, and what a compiler of derivatives finds in its table (LLVM's
    Enzyme). Near 0, where y^2 is hardly there, 1 - y^2 is rounded once, and the other as often as `SECH_SQUARED` says.
    """
    return rewritten(1 - np.square(y), SECH_SQUARED)


#: What stands for a function on plain arrays, where NumPy's or SciPy's own is not right everywhere.
PLAIN: dict[Any, Any] = {special.expit: logistic}

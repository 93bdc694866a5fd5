"""The reading that proves: enclosures of 200 bits, python-flint's `arb`, element by element.

Whatever is computed with it contains the exact result of the formula on these inputs. It proves the
float64 reference, and it is the truth for float64 targets, so that their verdicts never measure our own rounding.
NumPy's arithmetic on object arrays already calls the elements' operators and methods, so that there is little to say.
"""

from collections.abc import Callable, Iterable
from typing import Any, Self

import flint
import numpy as np
from numpy.typing import NDArray
from scipy import special

from nnparity.reference.readings.base import Reading, plain
from nnparity.reference.readings.products import as_matrices

#: Bits of every operation. float64 has 53: what is lost on the way to a result never reaches them.
PRECISION = 200
flint.ctx.prec = PRECISION
ZERO: Any = flint.arb(0)
#: Sums of fewer products are formed product by product: to make matrices of them takes longer.
SUMMED = 3

#: NumPy hands over plain numbers, and of an array of objects those.
_exact = np.frompyfunc(flint.arb, 1, 1)


class Ball(Reading):
    """An object array of real balls, midpoint and radius."""

    identified = True
    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        value = value if isinstance(value, flint.arb) else np.asarray(value)
        balls = value if getattr(value, "dtype", None) == np.dtype(object) else _exact(value)
        self.value: NDArray[Any] = np.asarray(balls, dtype=object)

    def moved(self, move: Callable[[Any], Any]) -> Self:
        """See `Reading`."""
        return type(self)(move(self.value))

    def joined(self, others: Iterable[Any], join: Callable[[list[Any]], Any]) -> Self:
        """See `Reading`."""
        return type(self)(join([_ball(other).value for other in others]))

    def padded(self, width: Any) -> "Ball":
        """See `Reading`; NumPy's own zeros are no balls."""
        return Ball(np.pad(self.value, width, constant_values=ZERO))

    def constant(self, value: float) -> "Ball":
        """See `Reading`; pi is pi."""
        return self._once(("constant", value), lambda: Ball(flint.arb.pi() if value == np.pi else flint.arb(value)))

    def host_scalar(self, value: Any, host: float | None) -> "Ball":  # noqa: ARG002  (a ball needs no host)
        """See `Reading`."""
        if callable(value):
            return _ball(value())
        return Ball(flint.arb(flint.fmpq(value.numerator, value.denominator)))


def _ball(x: Any) -> Ball:
    return x if isinstance(x, Ball) else Ball(x)


def rounded(ball: Any) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """The enclosures as float64: the midpoints as sums of two numbers, high and low (106 bits), and the radii."""
    value = _ball(ball).value
    high = _float64(value)
    return high, _float64(value - high), _float64(_radius(value))


def exists(ball: Any) -> NDArray[np.bool_]:
    """Where the formula has a number, of whatever size: an enclosure has no largest exponent, and is finite there."""
    return np.asarray(_is_finite(_ball(ball).value), dtype=bool)


def _float64(balls: Any) -> NDArray[np.float64]:
    """The midpoints, each rounded to nearest."""
    return np.asarray(balls, dtype=object).astype(np.float64)


_radius = np.frompyfunc(flint.arb.rad, 1, 1)
_is_finite = np.frompyfunc(flint.arb.is_finite, 1, 1)
_logistic = np.frompyfunc(lambda x: 1 / (1 + (-x).exp()), 1, 1)
_erf = np.frompyfunc(lambda x: x.erf(), 1, 1)
_larger = np.frompyfunc(lambda a, b: a.max(b), 2, 1)


def _elementwise(ufunc: Any) -> Callable[..., Ball]:
    return lambda *operands: Ball(ufunc(*(_ball(x).value for x in operands)))


def _compare(ufunc: Any) -> Callable[[Any, Any], Any]:
    return lambda a, b: ufunc(_ball(a).value, _ball(b).value).astype(bool)


def _einsum(subscripts: str, *operands: Any, **_: Any) -> Ball:
    values = [plain(x) for x in operands]
    found = _by_matrices(subscripts, *values) if len(values) == 2 else None
    return Ball(np.einsum(subscripts, *(_ball(x).value for x in operands)) if found is None else found)


def _by_matrices(subscripts: str, a: NDArray[Any], b: NDArray[Any]) -> NDArray[Any] | None:
    """None for what is no product of matrices, or not worth it. Plain numbers, such as a table's places, stay those."""
    try:
        left, right, back = as_matrices(subscripts, a[None], b[None])
    except ValueError:
        return None
    if left.shape[-1] < SUMMED or not (left.size and right.size):
        return None
    products = np.stack([_product(x, y) for x, y in zip(left[0], right[0], strict=True)])
    return np.asarray(back(products[None])[0])


def _product(a: NDArray[Any], b: NDArray[Any]) -> NDArray[Any]:
    x, y = (flint.arb_mat(len(matrix), matrix.shape[1], matrix.ravel().tolist()) for matrix in (a, b))
    # not numpy.array, which looks whether any of them is a sequence
    return np.fromiter((x * y).entries(), object, len(a) * b.shape[1]).reshape(len(a), b.shape[1])


def _max(x: Ball, axis: int, keepdims: bool = False) -> Ball:
    largest = _larger.reduce(x.value, axis=axis)
    return Ball(np.expand_dims(largest, axis) if keepdims else largest)


def _sum(x: Ball, axis: Any = None, keepdims: bool = False) -> Ball:
    return Ball(np.sum(x.value, axis=axis, keepdims=keepdims, initial=ZERO))


Ball.UFUNCS = {
    **{
        ufunc: _elementwise(ufunc)
        for ufunc in (
            *(np.add, np.subtract, np.multiply, np.divide, np.negative, np.absolute, np.square),
            *(np.exp, np.log, np.tanh, np.sqrt, np.sin, np.cos),
        )
    },
    np.maximum: _elementwise(_larger),
    special.expit: _elementwise(_logistic),
    special.erf: _elementwise(_erf),
    **{ufunc: _compare(ufunc) for ufunc in (np.greater, np.greater_equal, np.less, np.less_equal, np.equal)},
}
Ball.FUNCTIONS = {
    np.sum: _sum,
    np.max: _max,
    np.einsum: _einsum,
    np.where: lambda condition, a, b: Ball(np.where(condition, _ball(a).value, _ball(b).value)),
}

"""`Ball` encloses, narrowly, and proves what the float64 reference computes."""

from fractions import Fraction
from typing import Any

import flint
import numpy as np
import pytest
from scipy import special

from nnparity.expect.precision_models import arithmetic
from nnparity.reference.readings import Ball, Budget, Dual, logistic
from nnparity.reference.readings.ball import PRECISION, rounded
from nnparity.reference.readings.monte_carlo import Machines, lifted
from nnparity.spec.schema import QUANTITIES

F64 = arithmetic("float64")
ALL = frozenset(QUANTITIES)
EXACT = Machines(np.random.default_rng(0), 1, 0.0)
READINGS = (np.asarray, Dual, lambda x: Budget(x, F64), lambda x: lifted(x, EXACT))
NARROW = 2.0**-180
X = np.array([0.3, 1.7, 5.0])
UNARY = (
    np.negative,
    np.absolute,
    np.square,
    np.exp,
    np.log,
    np.tanh,
    np.sqrt,
    np.sin,
    np.cos,
    special.expit,
    special.erf,
)
BINARY = (np.add, np.subtract, np.multiply, np.divide, np.maximum)
COMPARISONS = (np.greater, np.greater_equal, np.less, np.less_equal, np.equal)


def exact(x: float) -> flint.arb:
    ratio = Fraction(x)
    return flint.arb(flint.fmpq(ratio.numerator, ratio.denominator))


def test_every_rule_is_tested() -> None:
    assert set(Ball.UFUNCS) == {*UNARY, *BINARY, *COMPARISONS}
    assert set(Ball.UFUNCS) == set(Dual.UFUNCS) == set(Budget.UFUNCS)


@pytest.mark.parametrize("ufunc", [*UNARY, *BINARY], ids=lambda u: u.__name__)
def test_an_enclosure_is_narrow_and_where_float64_says(ufunc: Any) -> None:
    operands = [X, X[::-1].copy()][: ufunc.nin]
    high, _, radius = rounded(ufunc(*(Ball(x) for x in operands)))
    budget = ufunc(*(Budget(x, F64) for x in operands))
    assert np.all(radius <= NARROW * np.maximum(np.abs(high), NARROW))
    assert np.all(np.abs(high - budget.value) <= (0.0 if budget.hard is None else budget.hard))


@pytest.mark.parametrize("ufunc", COMPARISONS, ids=lambda u: u.__name__)
def test_comparisons_are_those_of_the_numbers(ufunc: Any) -> None:
    other = np.array([0.3, 2.0, 4.0])
    assert ufunc(Ball(X), Ball(other)).tolist() == ufunc(X, other).tolist()
    assert ufunc(Ball(X), other).dtype == bool


def test_products_and_sums_are_exact() -> None:
    a, b = np.array([0.1, 1e20, -1e20]), np.array([0.3, 1.0, 1.0])
    dot, total = np.einsum("i,i->", Ball(a), Ball(b)), np.sum(Ball(a))
    assert (dot.value.item() - exact(0.1) * exact(0.3)).contains(0)
    assert (total.value.item() - exact(0.1)).contains(0)
    assert float(total.value.item().rad()) == 0


def test_a_thin_result_is_given_to_106_bits() -> None:
    high, low, radius = rounded(Ball(np.array([2.0])) / 3)
    assert abs(exact(high.item()) + exact(low.item()) - exact(2.0) / 3) < 2.0**-105
    assert high.item() == 2 / 3
    assert 0 < radius.item() < 2.0 ** (1 - PRECISION)


def test_pi_is_pi() -> None:
    """erf'(0) = 2/sqrt(pi): with the float64 nearest to pi it would be wrong in the 17th digit."""
    slope = special.erf(Dual(Ball(np.zeros(1)), Ball(np.ones(1)))).tangent.value.item()
    gap = slope * slope * flint.arb.pi() - 4
    assert gap.contains(0)
    assert float(gap.rad()) < NARROW


def test_zeros_that_pad_are_numbers_too() -> None:
    padded = np.pad(Ball(np.array([2.0])), 1)
    for found in (padded, padded * 3, np.einsum("i,i->i", padded, Ball(np.full(3, 3.0))) / 2):
        assert rounded(found)[0].tolist()[::2] == [0, 0]


@pytest.mark.parametrize("subscripts", ["ij,jk->ik", "bij,bkj->bki", "nij,j->in", "ij,ij->", "aij,jk->kai"])
def test_products_of_matrices_enclose_as_narrowly_as_product_by_product(subscripts: str) -> None:
    sizes = dict(zip("abijkn", (2, 3, 4, 5, 6, 2), strict=True))
    before = subscripts.split("->", maxsplit=1)[0].split(",")
    random = np.random.default_rng(0)
    a, b = (Ball(random.normal(size=[sizes[x] for x in word])) / 3 for word in before)
    found, apart = np.einsum(subscripts, a, b), Ball(np.einsum(subscripts, a.value, b.value))
    (high, low, radius), (other_high, other_low, other_radius) = rounded(found), rounded(apart)
    assert high.shape == other_high.shape
    assert (high == other_high).all()
    assert (np.abs(low - other_low) <= radius + other_radius).all()
    assert (radius <= 2 * other_radius).all()
    for ball, other in zip(np.ravel(found.value), np.ravel(apart.value), strict=True):
        assert ball.overlaps(other)


def test_plain_numbers_go_into_products_as_they_are() -> None:
    """A table's places, ones and zeros: of tens of thousands no balls are made."""
    a, b = np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.1]]), Ball(np.arange(6.0).reshape(3, 2)) / 3
    plain, balls = (rounded(np.einsum("ij,jk->ik", x, b)) for x in (a, Ball(a)))
    assert np.array_equal(plain, balls)


@pytest.mark.parametrize("shapes", [((0, 4), (4, 2)), ((3, 0), (0, 2)), ((3, 4), (4, 0))])
def test_products_of_nothing_are_zeros(shapes: Any) -> None:
    found = np.einsum("ij,jk->ik", *(Ball(np.ones(shape)) for shape in shapes))
    assert rounded(Ball(np.zeros(1)) + found.sum())[0].tolist() == [0]
    assert found.shape == (shapes[0][0], shapes[1][1])


@pytest.mark.parametrize("keepdims", [False, True])
def test_the_largest_and_the_sum_keep_their_shape(keepdims: bool) -> None:
    x = np.array([[1.0, 3.0], [7.0, 5.0]])
    for function in (np.max, np.sum):
        found, expected = function(Ball(x), axis=1, keepdims=keepdims), function(x, axis=1, keepdims=keepdims)
        assert rounded(found)[0].tolist() == expected.tolist()


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("reading", READINGS, ids=["plain", "dual", "budget", "noise"])
def test_the_logistic_function_is_right_where_its_exponential_overflows(dtype: Any, reading: Any) -> None:
    """Down to the last subnormal number; SciPy's own ends at -709.78, and in float32 at -88.7."""
    x = np.array([-745, -710.18, -709.79, -709, -103.5, -100, -89, -88, -41, -40, -39, 0, 800]).astype(dtype)
    y = logistic(reading(x))
    values = np.reshape(getattr(y, "value", y), x.shape)  # of `Noise` on a single machine
    for ours, one in zip(values, x, strict=True):
        truth = 1 / (1 + (-flint.arb(float(one))).exp())
        assert abs(flint.arb(float(ours)) - truth) <= 2 * float(np.spacing(values.dtype.type(float(truth.mid()))))


def test_the_logistic_function_keeps_infinities_and_nan() -> None:
    assert logistic(np.array([-np.inf, np.inf])).tolist() == [0, 1]
    assert np.isnan(logistic(np.nan))

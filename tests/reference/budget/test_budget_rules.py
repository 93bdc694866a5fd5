"""Each rule of `Budget`: norm 1 bounds whatever the operands may be, norm 2 is exact to first order.

The operands are moved within their errors and the function is evaluated there, in float64: no rule is trusted.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special

from nnparity.expect.precision_models import arithmetic
from nnparity.reference.readings import Arithmetic, Budget
from nnparity.reference.readings.budget.core import coerce
from nnparity.reference.readings.budget.deviations import deviation
from nnparity.reference.readings.budget.functions import OWN
from nnparity.reference.readings.dual import Dual
from nnparity.reference.readings.numbers import tanh_derivative
from nnparity.spec.precision import NARROW

F32 = arithmetic("float32")
#: All but exact arithmetic: what is left of a rule is how it propagates.
EXACT = Arithmetic(2.0**-200, 0.0, math.inf, lambda value: True)
#: Operand -> the interval that it is drawn from.
UNARY: dict[Any, tuple[float, float]] = {
    np.negative: (-50.0, 50.0),
    np.absolute: (-50.0, 50.0),
    np.square: (-50.0, 50.0),
    np.exp: (-50.0, 50.0),
    np.log: (1e-3, 50.0),
    np.tanh: (-10.0, 10.0),
    np.sqrt: (0.0, 50.0),
    special.expit: (-50.0, 50.0),
    np.sin: (-7.0, 7.0),
    np.cos: (-7.0, 7.0),
    special.erf: (-5.0, 5.0),
}
BINARY = (np.add, np.subtract, np.multiply, np.divide, np.maximum)
#: float64 itself rounds, in the rule and in the test.
ROUNDING = 1 + 1e-9
NOISE = 1e-13

unit = st.floats(-1.0, 1.0)
sizes = st.floats(-12.0, 0.0).map(lambda exponent: 10.0**exponent)
numbers = st.floats(-100.0, 100.0).filter(lambda x: abs(x) > 1e-3)


def inexact(x: float, e: float, numbers: Arithmetic = EXACT) -> Budget:
    return Budget(x, numbers, np.float64(e), np.float64(e * e))


def own(ufunc: Any) -> float:
    return OWN.get(ufunc, 0.0 if ufunc in (np.negative, np.absolute) else 1.0)


def slope(f: Callable[[float], Any], x: float) -> float:
    """The derivative, by a difference quotient of fourth order."""
    h = 1e-3 * max(abs(x), 0.1)
    return float((8 * (f(x + h) - f(x - h)) - (f(x + 2 * h) - f(x - 2 * h))) / (12 * h))


def test_every_rule_is_tested() -> None:
    compared = {np.greater, np.greater_equal, np.less, np.less_equal, np.equal}
    assert set(Budget.UFUNCS) == {*UNARY, *BINARY, *compared}
    assert set(OWN) <= set(UNARY)


@pytest.mark.parametrize("ufunc", UNARY, ids=lambda u: u.__name__)
@settings(max_examples=150, deadline=None)
@given(place=st.floats(0.0, 1.0), size=sizes, move=unit)
def test_the_hard_error_bounds_every_displacement(ufunc: Any, place: float, size: float, move: float) -> None:
    low, high = UNARY[ufunc]
    x = low + place * (high - low)
    e = size if ufunc is not np.log else min(size, 0.9 * x)
    moved = max(x + move * e, 0.0) if ufunc is np.sqrt else x + move * e
    reached = abs(float(ufunc(moved)) - float(ufunc(x)))
    with np.errstate(over="ignore"):
        hard = float(ufunc(inexact(x, e)).hard)
    assert reached <= hard * ROUNDING + NOISE * max(1.0, abs(float(ufunc(x))))


@pytest.mark.parametrize("ufunc", UNARY, ids=lambda u: u.__name__)
@settings(max_examples=60, deadline=None)
@given(place=st.floats(0.02, 0.98))
def test_small_errors_are_multiplied_by_the_slope(ufunc: Any, place: float) -> None:
    """In both norms; but the worst case of a root is twice that, and that of a sine as if its slope were 1."""
    low, high = UNARY[ufunc]
    x = low + place * (high - low)
    e = 1e-6 * abs(x)
    y = ufunc(inexact(x, e))
    expected = abs(slope(ufunc, x)) * e
    slack = 1e-9 * e + 1e-50
    if ufunc is special.expit and not float(special.expit(x)) > 1e-3:
        slack += e * float(special.expit(x))
    assert abs(math.sqrt(y.var) - expected) <= 0.01 * expected + slack
    worst = e if ufunc in (np.sin, np.cos) else expected * (2 if ufunc is np.sqrt else 1)
    assert worst * 0.99 - slack <= float(y.hard) <= worst * 1.01 + slack + e * e


@pytest.mark.parametrize("ufunc", UNARY, ids=lambda u: u.__name__)
def test_a_function_of_an_exact_number_errs_by_its_own_units(ufunc: Any) -> None:
    x = np.float64(1.1)  # of which no multiple of few digits is a square
    y = ufunc(Budget(x, F32))
    size = abs(float(ufunc(x)))
    expected = own(ufunc) * F32.unit * size + F32.step if own(ufunc) else 0.0
    assert float(y.hard or 0.0) == expected
    spread = deviation(ufunc, F32.unit, x) * (F32.unit * size + F32.step) if own(ufunc) else 0.0
    assert abs(math.sqrt(y.var or 0.0) - spread) <= 1e-12 * spread


@pytest.mark.parametrize("ufunc", BINARY, ids=lambda u: u.__name__)
@settings(max_examples=150, deadline=None)
@given(a=numbers, b=numbers, size_a=sizes, size_b=sizes, move_a=unit, move_b=unit)
def test_the_hard_error_of_two_operands_bounds_both_displacements(
    ufunc: Any, a: float, b: float, size_a: float, size_b: float, move_a: float, move_b: float
) -> None:
    e_a, e_b = size_a * abs(a), 0.9 * size_b * abs(b)
    reached = abs(float(ufunc(a + move_a * e_a, b + move_b * e_b)) - float(ufunc(a, b)))
    noise = NOISE * (abs(a) + abs(b) + abs(a * b) + abs(a / b))
    assert reached <= float(ufunc(inexact(a, e_a), inexact(b, e_b)).hard) * ROUNDING + noise


@pytest.mark.parametrize("ufunc", BINARY[:4], ids=lambda u: u.__name__)
@settings(max_examples=60, deadline=None)
@given(a=numbers, b=numbers)
def test_small_errors_of_two_operands_add_up(ufunc: Any, a: float, b: float) -> None:
    """Sizes in the worst case, squares in the expected one."""
    e_a, e_b = 1e-6 * abs(a), 2e-6 * abs(b)
    by_a, by_b = abs(slope(lambda x: ufunc(x, b), a)) * e_a, abs(slope(lambda x: ufunc(a, x), b)) * e_b
    y = ufunc(inexact(a, e_a), inexact(b, e_b))
    assert abs(float(y.hard) - (by_a + by_b)) <= 0.01 * (by_a + by_b)
    assert abs(math.sqrt(y.var) - math.hypot(by_a, by_b)) <= 0.01 * math.hypot(by_a, by_b)


@pytest.mark.parametrize("ufunc", BINARY[:4], ids=lambda u: u.__name__)
def test_an_operation_on_exact_numbers_errs_by_one_unit_and_a_division_by_two_at_most(ufunc: Any) -> None:
    y = ufunc(Budget(1.5, F32), Budget(0.7, F32))
    expected = F32.unit * abs(float(y.value)) + F32.step
    units = 2 if ufunc is np.divide else 1
    assert (float(y.hard), math.sqrt(y.var)) == (units * expected, expected)


def test_a_product_with_a_rounded_reciprocal_is_within_the_worst_case_of_a_division() -> None:
    """And one division would not be enough for it."""
    x = np.linspace(1, 2, 4001, dtype=np.float32)
    n = np.float32(11)
    seen = (x * (np.float32(1) / n)).astype(np.float64)
    budget = Budget(x.astype(np.float64), F32) / Budget(float(n), F32)
    error = np.abs(seen - budget.value)
    assert (error <= budget.hard).all()
    assert (error > budget.hard / 2).any()


@settings(max_examples=150, deadline=None)
@given(v=st.floats(-30.0, 0.0).map(lambda k: 10.0**k), e=st.floats(-30.0, 0.0).map(lambda k: 10.0**k), move=unit)
def test_a_root_near_zero_never_errs_by_more_than_the_root_of_the_error(v: float, e: float, move: float) -> None:
    with np.errstate(over="ignore"):
        y = np.sqrt(inexact(v, e))
    moved = math.sqrt(max(v + move * e, 0.0))
    reached = abs(moved - math.sqrt(v))
    # this difference is float64 itself: half an ulp for each root, and for the sum under the first
    assert reached <= float(y.hard) * ROUNDING + 2 * math.ulp(max(moved, math.sqrt(v)))
    assert float(y.hard) <= math.sqrt(e) * ROUNDING
    assert math.sqrt(y.var) <= math.sqrt(e) * ROUNDING


@pytest.mark.parametrize(
    ("ufunc", "reach"), [(np.tanh, 2), (np.sin, 2), (np.cos, 2), (special.erf, 2), (special.expit, 1)]
)
def test_no_error_is_larger_than_the_range_of_the_function(ufunc: Any, reach: float) -> None:
    y = ufunc(inexact(0.3, 1e6))
    assert 0.5 <= float(y.hard) <= reach
    assert 0.5 <= math.sqrt(y.var) <= reach


@pytest.mark.parametrize("ufunc", [np.exp, np.tanh, special.expit, special.erf], ids=lambda u: u.__name__)
@pytest.mark.parametrize("x", [-40.0, -5.0, -0.5, 0.0, 2.0, 30.0])
@pytest.mark.parametrize("size", [1e-3, 0.1, 1.0, 10.0, 100.0])
def test_large_errors_are_expected_as_they_come(ufunc: Any, x: float, size: float) -> None:
    """Normal errors of that size, drawn: tanh(5 + d) has no slope to speak of, and moves all the same."""
    drawn = np.random.default_rng(0).normal(scale=size, size=4000)
    with np.errstate(over="ignore"):
        moved = np.abs(ufunc(x + drawn) - ufunc(x))
        expected = math.sqrt(ufunc(inexact(x, size)).var)
    typical = float(np.sqrt(np.mean(np.square(np.clip(moved, 0, 1e100)))))
    assert np.quantile(moved, 0.99) <= 3 * expected
    assert ufunc is np.exp or expected <= max(10 * typical, 1.1 * size)


@pytest.mark.parametrize("square", [np.square, lambda x: np.multiply(x, x), lambda x: np.einsum("i,i->i", x, x)])
def test_next_to_zero_the_error_of_a_product_is_that_of_both_errors(square: Any) -> None:
    """To first order it is none: a variance of numbers that are all but equal would be exact."""
    errors = np.random.default_rng(0).normal(size=100_000)
    y = square(Budget(np.zeros(3), EXACT, np.full(3, 4.0), np.ones(3)))
    seen = np.mean(np.square(square(errors)))
    assert np.allclose(y.var, seen if square is np.square else 1.0, rtol=0.05)
    assert seen <= 3.2 * y.var.min()


def test_a_constant_below_the_normal_numbers_is_off_by_a_step() -> None:
    f16 = arithmetic("float16")
    held = abs(float(np.float16(1e-5)) - 1e-5)
    assert held > f16.unit * 1e-5
    assert held <= coerce(1e-5, f16).hard < 2 * f16.step


def test_the_logarithm_of_what_may_be_zero_is_unbounded() -> None:
    assert float(np.log(inexact(1.0, 1.0)).hard) == math.inf
    assert float(np.log(inexact(1.0, 2.0)).hard) == math.inf


def test_a_quotient_by_what_may_be_zero_is_unbounded() -> None:
    assert float((inexact(1.0, 0.0) / inexact(1.0, 1.0)).hard) == math.inf
    assert float((Budget(0.0, EXACT) / inexact(1.0, 1.0)).hard) == math.inf  # 0/0 may be anything


def test_a_quotient_by_a_root_that_underflows_may_be_as_large_as_what_is_beside_it_allows() -> None:
    """Adam in float16: 1e-3 over the root of a square that is 0 there, beside an eps of two steps."""
    f16 = arithmetic("float16", model=NARROW)
    m, eps = Budget(np.array([1e-3, 0.5]), f16), 2 * f16.step
    size = np.sqrt(0.001 * np.square(m)) + eps
    quotient = m / size
    lost = 1e-3 / eps
    spread = np.sqrt(quotient.var)
    assert quotient.value[0] + spread[0] > lost / 2
    assert quotient.value[0] + quotient.hard[0] > lost
    assert spread[1] < 1e-3 * quotient.value[1]


def test_a_quotient_by_what_may_be_zero_has_the_tangent_for_what_is_to_be_expected() -> None:
    assert math.sqrt((Budget(1.0, EXACT) / inexact(1.0, 1.0)).var) == pytest.approx(1.0)


@pytest.mark.parametrize("error", [0.05, 0.2, 0.3])
def test_a_quotient_by_what_is_uncertain_varies_as_its_reciprocal_does(error: float) -> None:
    """The tangent falls short of the steeper side. b is moved as a normal number, no further than the worst case."""
    moved = 1 + np.clip(np.random.default_rng(3).normal(size=100_000), -3, 3) * error
    under = Budget(1.0, EXACT, np.float64(3 * error), np.float64(error**2))
    seen = math.sqrt(np.mean((1 / moved - 1) ** 2))
    assert error < seen < math.sqrt((Budget(1.0, EXACT) / under).var) * 1.05


@pytest.mark.parametrize("y", [-1e-9, 1e-9, 0.5e-6, -0.5e-6])
@pytest.mark.parametrize("turned", [-1e-6, -2e-9, 2e-9, 1e-6])
def test_where_a_choice_may_be_turned_the_error_is_that_of_what_is_chosen_then(y: float, turned: float) -> None:
    """A ReLU of a sum that is all but 0: the target may have a positive one, as large as its error."""
    x = inexact(y, 1e-6)
    seen = max(y + turned, 0.0)
    for budget in (np.where(x > 0, x, 0.0), np.maximum(x, 0.0)):
        assert abs(seen - float(budget.value)) <= float(budget.hard) * (1 + 1e-12)
        assert float(budget.var) > 0


def test_a_gradient_that_a_turned_choice_lets_through_has_its_own_error() -> None:
    x, g = inexact(-1e-9, 1e-6), inexact(1.0, 1e-3)
    assert float(np.where(x > 0, g, 0.0).hard) >= 1.001


def test_log_softmax_may_add_the_logarithm_to_the_maximum_first() -> None:
    """x - (max + log(sum)) is what logsumexp gives; its rounding is of the size of the maximum."""
    x = (np.random.default_rng(5).normal(size=(8, 16)) + 1000).astype(np.float32)
    sums = np.exp(x - x.max(1, keepdims=True)).sum(1, keepdims=True, dtype=np.float32)
    seen = x - (x.max(1, keepdims=True) + np.log(sums))
    z = Budget(x.astype(np.float64), arithmetic("float32"))
    shifted = z - np.max(z, axis=1, keepdims=True)
    budget = shifted - np.log(np.sum(np.exp(shifted), axis=1, keepdims=True))
    error = np.abs(seen.astype(np.float64) - budget.value)
    assert error.max() > 8 * np.sqrt(budget.var).max()
    assert (error <= budget.hard).all()


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "bfloat16"])
def test_the_derivative_of_a_tanh_may_be_one_over_the_square_of_a_cosh(dtype: str) -> None:
    """Of numbers next to 0 1 - y^2 is rounded once; what is to be expected stays as that has it."""
    numbers = arithmetic(dtype)
    x = np.random.default_rng(7).normal(size=257) * 0.1
    y = np.tanh(Budget(x, numbers))
    plain, slope = 1 - np.square(y), tanh_derivative(y)
    assert (slope.value == plain.value).all()
    assert (slope.var == plain.var).all()
    roundings = (slope.hard - plain.hard) / (numbers.unit * slope.value)
    assert 18 < roundings.min() <= roundings.max() < 20
    cosh = np.cosh(x) * (1 + 8 * numbers.unit)  # 4 ulp
    off = 1 / cosh**2 - plain.value
    assert (np.abs(off) > plain.hard).any()
    assert (np.abs(off) < slope.hard).all()


def test_the_derivative_of_a_tanh_is_1_less_y_squared_in_every_other_reading() -> None:
    y = np.array([-1.0, 0.0, 0.5])
    assert tanh_derivative(y).tolist() == [0.0, 1.0, 0.75]
    dual = tanh_derivative(Dual(y, np.ones(3)))
    assert dual.value.tolist() == [0.0, 1.0, 0.75]
    assert dual.tangent.tolist() == [2.0, 0.0, -1.0]

"""Operations that lose nothing of certain numbers: 0 times a number, a quotient by 1, the exponential of 0."""

from typing import Any

import numpy as np
import pytest
from scipy import special

from nnparity.expect.budgets import expect
from nnparity.expect.precision_models import arithmetic
from nnparity.reference.readings import Budget
from nnparity.reference.readings.budget.exactness import EXACT_AT
from nnparity.spec import DTYPES, Case, load
from nnparity.spec.cases.special_values import special_case
from nnparity.spec.loader import signatures

F32 = arithmetic("float32")
FLUSHING = arithmetic("float32", flush=True)


def exact(*values: float, of: Any = F32) -> Budget:
    return Budget(np.array(values), of)


def off(*values: float, error: float = 1e-3) -> Budget:
    e = np.full(len(values), error)
    return Budget(np.array(values), F32, e, e * e)


@pytest.mark.parametrize("ufunc", EXACT_AT, ids=lambda u: u.__name__)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_function_is_exact_where_c_says_so_and_numpy_agrees(ufunc: Any, dtype: Any) -> None:
    at = EXACT_AT[ufunc]
    y = ufunc(exact(at, 0.7))
    assert y.hard[0] == y.var[0] == 0 < min(y.hard[1], y.var[1])
    assert ufunc(dtype(at)) == y.value[0]
    assert ufunc(off(at)).hard > 0


def test_other_functions_and_arguments_are_rounded() -> None:
    assert special.expit(exact(0.0)).hard > 0
    assert np.exp(exact(1.0)).hard > 0


def test_zero_times_a_number_is_zero() -> None:
    zero = exact(0.0, 0.0, 3.0)
    for y in (zero * off(1e-3, 1e30, 0.3), off(1e-3, 1e30, 0.3) * zero):
        assert list(y.hard > 0) == list(y.var > 0) == [False, False, True]


def test_zero_times_what_may_be_no_number_is_not() -> None:
    with np.errstate(invalid="ignore"):
        for other in (off(1.0, error=np.inf), off(np.inf), off(1e39), exact(np.nan)):
            assert (exact(0.0) * other).hard != 0
    assert (off(0.0) * exact(0.3)).hard > 0


def test_zero_over_a_number_is_zero_unless_that_may_be_zero_too() -> None:
    zero = exact(0.0, 0.0, 0.0)
    y = zero / off(0.3, 2e-3, 5e-4)
    assert list(y.hard == 0) == list(y.var == 0) == [True, True, False]
    with np.errstate(invalid="ignore"):
        assert (exact(0.0) / exact(0.3)).hard == 0
        assert (exact(0.0) / exact(0.0)).hard != 0
        tiny = exact(0.0, 1.0) / exact(1e-39, 1.0)  # the reciprocal is infinity, and 0 times that NaN
        assert tiny.hard[0] > 0 == tiny.hard[1]


def test_a_quotient_by_one_is_what_was_divided() -> None:
    one = exact(1.0, 1.0 + 2**-20)
    y = exact(0.3, 0.3) / one
    assert y.hard[0] == 0 < y.hard[1]
    assert (exact(0.3) / off(1.0)).hard > 0
    assert (off(0.3) / exact(1.0)).hard > 0
    tiny = 1e-40  # it goes in as a number and comes out as zero
    assert (exact(tiny, of=FLUSHING) / exact(1.0, of=FLUSHING)).hard > 0
    assert (exact(1e39) / exact(1.0)).hard > 0


def test_a_sine_of_a_position_that_is_reduced_without_care_is_seen() -> None:
    """Of the first two columns the rate is 1: nothing is lost before the sine, which is asked of t itself."""
    formula = load()["positional_encoding"]
    longest = max(signatures(formula), key=lambda one: one.dims["t"])
    case = Case(formula, longest, "normal", DTYPES["float32"])
    found = expect(case, frozenset({"output"}))["output"]
    turn = np.float32(2 * np.pi)
    t = case.inputs["position"].astype(np.float32)
    reduced = t - turn * np.rint(t / turn)
    for column, f in enumerate((np.sin, np.cos)):
        right, wrong = (np.abs(f(x).astype(np.float64) - found.value[:, column]) for x in (t, reduced))
        assert (right <= found.hard[:, column]).all()
        assert (wrong > found.hard[:, column]).any()


def test_the_square_and_the_root_of_zero_are_zero() -> None:
    for y in (np.square(exact(0.0, 0.7)), np.sqrt(exact(0.0, 0.7))):
        assert y.hard[0] == y.var[0] == 0 < y.hard[1]
    assert np.sqrt(off(0.0)).hard > 0


def test_to_add_or_subtract_zero_loses_nothing() -> None:
    zero, x = exact(0.0, 0.0), off(1e-3, 7.0)
    for y in (x + zero, zero + x, x - zero, zero - x):
        assert np.array_equal(y.hard, x.hard)
        assert np.array_equal(y.var, x.var)
    assert not (exact(0.1, 0.7) + zero).hard.any()
    assert ((x + off(0.0, 0.0)).hard > 2e-3).all()


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_of_nothing_adam_makes_nothing_whose_error_is_bounded(dtype: str) -> None:
    """0 / (0 + eps), where eps is two steps of float16: a kernel in which it is lost has NaN."""
    one = special_case(load()["adam"], "zeros", dtype, "")
    assert np.isfinite(expect(one, frozenset({"output"}))["output.w_next"].hard).all()

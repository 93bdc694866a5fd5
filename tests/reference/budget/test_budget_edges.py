"""Where `Budget` must be careful: overflow, underflow, choices in doubt, constants, and the company of `Dual`."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import special

from nnparity.expect.precision_models import arithmetic
from nnparity.reference.readings import Ball, Budget, Condition, Dual, constant, detached, tangent_of
from nnparity.spec.precision import NARROW

F32, F16 = arithmetic("float32"), arithmetic("float16", model=NARROW)
FLUSHED = arithmetic("float32", flush=True)


def off(value: Any, hard: Any, arithmetic: Any = F32) -> Budget:
    value, hard = np.asarray(value, float), np.asarray(hard, float)
    return Budget(value, arithmetic, np.broadcast_to(hard, value.shape), np.broadcast_to(hard**2, value.shape))


# --- overflow and underflow


@pytest.mark.parametrize(
    "operation",
    [
        lambda x: x * x,
        lambda x: x + x,
        lambda x: np.exp(x / 1e3),
        np.square,
        np.sum,
        lambda x: np.sum(x - 2 * x),
        lambda x: np.einsum("ni,ji->nj", x, x),
    ],
    ids=["product", "sum of two", "exponential", "square", "sum", "negative sum", "dot product"],
)
def test_a_result_that_overflows_is_unbounded(operation: Any) -> None:
    y = operation(Budget(np.array([[40_000.0, 40_000.0]]), F16))
    assert np.isinf(y.hard).all()


def test_a_sum_that_may_overflow_on_the_way_is_unbounded() -> None:
    assert np.isinf(np.sum(Budget(np.array([60_000.0, 60_000.0, -60_000.0]), F16)).hard)
    assert np.isfinite(np.sum(Budget(np.array([20_000.0, 20_000.0, -20_000.0]), F16)).hard)


def test_a_quotient_by_an_overflowed_number_loses_all_of_itself() -> None:
    """1 / (1 + e^100) is 0 in float32, since e^100 is infinite: the error is the result."""
    y = 1 / (1 + np.exp(Budget(100.0, F32)))
    assert float(y.value) <= float(y.hard) <= 1.01 / F32.largest + 2 * F32.step


def test_a_logistic_function_whose_exponential_overflows_may_give_zero() -> None:
    y = special.expit(Budget(np.array([-100.0, -10.0]), F32))
    assert y.hard[0] >= y.value[0]
    assert y.hard[1] < 1e-5 * y.value[1]


@pytest.mark.parametrize("numbers", [F32, FLUSHED], ids=["subnormals", "flushed"])
@pytest.mark.parametrize(
    "operation",
    [lambda a, b: a * b, lambda a, b: a / (1 / b), lambda a, b: np.einsum("i,i->", a, b), lambda a, b: np.square(a)],
    ids=["product", "quotient", "dot product", "square"],
)
def test_what_underflows_is_off_by_a_step(operation: Any, numbers: Any) -> None:
    a, b = Budget(np.array([1e-30]), numbers), Budget(np.array([1e-16]), numbers)
    hard = float(np.max(operation(a, b).hard))
    assert numbers.step <= hard <= 3 * numbers.step


def test_a_flushed_step_is_the_smallest_normal_number() -> None:
    assert FLUSHED.step == float(np.finfo(np.float32).tiny)
    assert F32.step == float(np.finfo(np.float32).smallest_subnormal)


def test_an_unbounded_error_times_zero_stays_unbounded() -> None:
    x = off(1.0, math.inf)
    with np.errstate(invalid="ignore"):
        assert float((x * 0.0).hard) == math.inf
    with np.errstate(invalid="ignore"):
        assert float(np.einsum("i,i->", off([1.0], math.inf), Budget(np.zeros(1), F32)).hard) == math.inf


@pytest.mark.parametrize(("a", "b", "c"), [(1e-38, 1e-5, 1e5), (3e-39, 2e-4, 7e3), (1e-44, 0.3, 1e2)])
def test_a_product_of_three_may_be_formed_in_any_order(a: float, b: float, c: float) -> None:
    """What underflows in a partial product is multiplied by the factor that comes after."""
    x, y, z = (np.float32(v) for v in (a, b, c))
    budget = Budget(float(x), F32) * (Budget(float(y), F32) * Budget(float(z), F32))
    for seen in ((x * y) * z, x * (y * z), (x * z) * y):
        assert abs(float(seen) - float(budget.value)) <= float(budget.hard)
    assert float(budget.hard) <= 4 * F32.step * max(c, 1.0) + 4 * F32.unit * float(budget.value)


# --- choices


def test_exact_numbers_are_compared_without_doubt() -> None:
    assert (Budget(np.array([1.0, 2.0]), F32) > 1.0).tolist() == [False, True]


@pytest.mark.parametrize("compare", [np.greater, np.greater_equal, np.less, np.less_equal, np.equal])
def test_a_comparison_is_in_doubt_where_the_errors_reach_each_other(compare: Any) -> None:
    a = off([1.0, 1.0, 1.0], [0.1, 0.1, 0.1])
    found = compare(a, off([1.15, 1.05, 1.25], 0.1))
    assert isinstance(found, Condition)
    assert found.doubt.tolist() == [True, True, False]
    assert found.value.tolist() == compare(a.value, [1.15, 1.05, 1.25]).tolist()


def test_a_choice_in_doubt_costs_the_jump() -> None:
    x = off([-1.0, 1e-9, 1.0], 1e-8)
    y = np.where(x > 0, 5.0, Budget(np.array([1.0, 2.0, 3.0]), F32))
    assert y.value.tolist() == [1.0, 5.0, 5.0]
    assert y.hard.tolist() == [0.0, 3.0, 0.0]
    assert y.var.tolist() == [0.0, 9.0, 0.0]


def test_a_choice_without_doubt_takes_the_error_of_its_element() -> None:
    y = np.where(np.array([True, False]), off([1.0, 1.0], 0.5), off([2.0, 2.0], 0.25))
    assert (y.value.tolist(), y.hard.tolist(), y.var.tolist()) == ([1.0, 2.0], [0.5, 0.25], [0.25, 0.0625])
    assert np.where(np.array([True]), Budget(np.ones(1), F32), 0.0).exact


def test_both_of_two_conditions_are_in_doubt_where_either_is() -> None:
    x = off([0.0, 1.0, 1.0], 0.1)
    both = np.logical_and(x > 0, np.array([True, True, False]))
    assert (both.value.tolist(), both.doubt.tolist()) == ([False, True, False], [True, False, False])
    both = np.logical_and(x > 0, x < 1.0)
    assert both.doubt.tolist() == [True, True, True]


STATISTICAL = replace(F32, statistical=True)


def test_where_the_error_to_expect_counts_doubt_is_a_chance() -> None:
    """Two numbers a standard deviation apart are in the wrong order once in six times."""
    x, others = off(np.ones(300), 0.1, STATISTICAL), np.tile([0.9, 1.0, 1e9], 100)
    doubt = (x > others).doubt
    assert np.abs(doubt[:3] - [0.158655, 0.5, 0.0]).max() < 1e-5
    y = np.where(x > others, 3.0, Budget(np.ones(300), STATISTICAL))
    assert np.abs(y.var - 4 * doubt).max() < 1e-12


def test_a_maximum_moves_no_further_than_its_worst_candidate() -> None:
    y = np.max(off([[1.0, 3.0, 2.0]], [[0.5, 0.1, 0.2]]), axis=1, keepdims=True)
    assert (y.value.tolist(), y.hard.tolist()) == ([[3.0]], [[0.5]])
    assert y.var.tolist() == [[0.1**2]]
    assert np.max(Budget(np.ones((2, 3)), F32), axis=1).exact
    z = np.maximum(off([1.0, 3.0], [0.5, 0.5]), off([2.0, 2.0], [0.25, 0.25]))
    assert (z.value.tolist(), z.hard.tolist(), z.var.tolist()) == ([2.0, 3.0], [0.5, 0.5], [0.0625, 0.25])


# --- what costs nothing


@pytest.mark.parametrize(
    "move",
    [
        lambda x: x[1],
        lambda x: x.reshape(3, 2),
        lambda x: np.flip(x, 0),
        np.transpose,
        lambda x: np.pad(x, 1),
        lambda x: np.repeat(x, 2, axis=0),
        lambda x: np.stack([x, x]),
        lambda x: np.concatenate([x, x], axis=1),
        lambda x: np.lib.stride_tricks.sliding_window_view(x, (1, 2)),
        lambda x: -x,
        np.absolute,
    ],
)
def test_moving_elements_moves_their_errors(move: Any) -> None:
    value, hard = np.array([[1.0, -2.0, 3.0], [4.0, 5.0, -6.0]]), np.arange(6.0).reshape(2, 3)
    y = move(Budget(value, F32, hard, hard**2))
    assert y.value.tolist() == move(value).tolist()
    assert y.hard.tolist() == np.abs(move(hard)).tolist()
    assert y.var.tolist() == np.abs(move(hard**2)).tolist()
    assert move(Budget(value, F32)).exact


def test_exact_and_inexact_parts_are_put_together() -> None:
    y = np.stack([Budget(np.ones(2), F32), off([1.0, 1.0], 0.5)])
    assert y.hard.tolist() == [[0, 0], [0.5, 0.5]]


# --- constants


@pytest.mark.parametrize(("value", "error"), [(0.5, 0.0), (3, 0.0), (math.inf, 0.0), (0.1, 0.1), (1.7159, 1.7159)])
def test_a_constant_that_the_format_does_not_hold_is_off_by_a_unit_of_itself(value: float, error: float) -> None:
    found = np.where(np.array([True]), value, Budget(np.zeros(1), F32))
    assert np.all(np.broadcast_to(found.hard if found.hard is not None else 0.0, (1,)) == F32.unit * error)
    assert np.all(np.broadcast_to(found.var if found.var is not None else 0.0, (1,)) == (F32.unit * error) ** 2)


def test_a_constant_of_the_formula_is_exact_until_something_is_made_of_it() -> None:
    x = Budget(np.ones(2), F32)
    assert constant(0.1, x).exact
    assert float(np.sqrt(constant(5.0, x)).hard) == F32.unit * math.sqrt(5) + F32.step


def test_an_array_is_exact_it_was_rounded_before() -> None:
    assert np.stack([Budget(np.ones(1), F32), np.array([0.1])]).exact


# --- company


def test_budget_steps_back_from_dual() -> None:
    x, dual = Budget(np.ones(2), F32), Dual(Budget(np.ones(2), F32), np.ones(2))
    assert x.__array_ufunc__(np.add, "__call__", x, dual) is NotImplemented
    assert x.__array_function__(np.einsum, (Budget, Dual), ("i,i->", x, dual), {}) is NotImplemented
    for y in (x + dual, dual + x, np.einsum("i,i->", x, dual), np.where(x > 0, x, dual), np.stack([x, dual])):
        assert isinstance(y, Dual)
        assert isinstance(y.value, Budget)


def test_dual_around_budget_gives_a_tangent_with_its_error() -> None:
    """d tanh(x) = (1 - y^2) dx, and its budget holds the error of float32."""
    x = np.linspace(-3, 3, 41).astype(np.float32)
    t = np.cos(x)
    y = np.tanh(Dual(Budget(x, F32), Budget(t, F32)))
    tangent = tangent_of(y)
    seen = (1 - np.square(np.tanh(x))) * t
    assert isinstance(tangent, Budget)
    assert np.all(np.abs(seen - tangent.value) <= tangent.hard)
    assert np.all(tangent.hard <= 100 * F32.unit)


def test_what_is_detached_keeps_its_error_and_loses_its_tangent() -> None:
    x = Dual(off([1.0], 0.5), np.ones(1))
    assert detached(x).hard.tolist() == [0.5]
    assert detached(detached(x)) is detached(x)


@pytest.mark.parametrize(
    "reading", [Budget(np.ones(2), F32), Dual(np.ones(2), np.ones(2)), Ball(np.ones(2)), off([1.0], 0.5) > 1.0]
)
@pytest.mark.parametrize("function", [np.arctan, np.median, np.cumsum])
def test_a_function_without_a_rule_is_refused_by_name(reading: Any, function: Any) -> None:
    with pytest.raises(TypeError, match=f"{type(reading).__name__} has no rule for {function.__name__}"):
        function(reading)


def test_arguments_that_a_rule_does_not_know_are_refused() -> None:
    with pytest.raises(TypeError):
        np.add(Budget(np.ones(2), F32), 1.0, where=np.array([True, False]))
    with pytest.raises(TypeError):
        np.add.reduce(Budget(np.ones(2), F32))


def test_a_reading_has_the_shape_of_its_array() -> None:
    x = Budget(np.ones((2, 3)), F32)
    assert (x.shape, x.ndim, x.size, len(x), np.shape(x)) == ((2, 3), 2, 6, 2, (2, 3))


def test_the_range_of_a_square_that_overflows_has_no_end() -> None:
    """Without a largest number a range may end at 1e200: a power of that raises in Python, a product is infinite."""
    y = np.square(Budget(np.array([1e200]), replace(arithmetic("float64"), largest=math.inf)))
    assert y.range.high == math.inf


# --- saturation


@pytest.mark.parametrize("ufunc", [special.expit, np.tanh, special.erf], ids=lambda one: one.__name__)
def test_a_saturated_function_hardly_errs_however_large_the_error_of_its_argument(ufunc: Any) -> None:
    x = Budget(
        np.array([1e307, -1e307, 50.0]), arithmetic("float64"), np.array([1e291, 1e291, 5.0]), np.full(3, np.inf)
    )
    y = ufunc(x)
    assert (y.hard < 2.0**-45).all()
    assert (y.var < 2.0**-90).all()


def test_a_sum_of_one_term_is_not_rounded_and_has_a_norm_2() -> None:
    """What cancels in the mean of all orders left a little less than 0, and norm 2 was infinite: it held nothing."""
    terms = np.random.default_rng(0).normal(size=(1, 1000))
    underflow = F32.step**2
    assert (np.sum(Budget(terms, F32), axis=0).var == underflow).all()
    found = np.einsum("ni,nj->ij", Budget(terms, F32), Budget(terms, F32)).var
    assert (found >= 0).all()

"""Ranges: what a formula keeps from zero, or below one, stays so however large the error bound has become."""

import math

import numpy as np
import pytest
from scipy import special

from nnparity.expect.precision_models import arithmetic
from nnparity.reference.readings import Budget
from nnparity.reference.readings.budget import ranges
from nnparity.reference.readings.budget.ranges import EVERYTHING, Range
from nnparity.spec.precision import NARROW

F16 = arithmetic("float16", model=NARROW)


def vague(value: object, error: float = 1e3) -> Budget:
    """Numbers of which next to nothing is known."""
    x = np.asarray(value, dtype=np.float64)
    return Budget(x, F16, np.full(x.shape, error), np.full(x.shape, error**2))


def test_the_sum_of_a_softmax_is_at_least_one_and_so_its_quotients_are_bounded() -> None:
    x = vague([[1.0, 2.0, 3.0], [-4.0, 0.0, 4.0]])
    powers = np.exp(x - np.max(x, axis=-1, keepdims=True))
    assert (powers.range.low, powers.attained) == (0.0, (1, 1.0))
    total = np.sum(powers, axis=-1, keepdims=True)
    assert 0.9 < total.range.low <= 1.0
    assert np.isfinite((powers / total).hard).all()


def test_a_sum_of_what_is_not_negative_is_no_less_than_either_though_both_are_subnormal() -> None:
    """Rounding keeps the order of numbers: eps beside a root is what is left where the root is lost."""
    eps, root = F16.step, np.sqrt(np.square(vague([1e-5, 2.0])))
    assert (root + eps).range.low == (eps + root).range.low == eps
    assert (eps - root).range.low < 0


def test_what_the_host_computes_lies_about_where_it_computed_it() -> None:
    found = Budget(1.0, F16).host_scalar(0.001, 0.0010000000000000009)
    assert found.range.low < 0.001 < found.range.high < 0.0011


def test_the_sum_over_another_axis_may_be_nothing() -> None:
    x = vague([[1.0, 2.0, 3.0], [-4.0, 0.0, 4.0]])
    powers = np.exp(x - np.max(x, axis=-1, keepdims=True))
    assert np.sum(powers, axis=0).range.low == 0.0


def test_without_the_maximum_taken_off_nothing_bounds_the_quotient() -> None:
    powers = np.exp(vague([1.0, 2.0]))
    assert np.isinf((powers / np.sum(powers)).hard).any()


@pytest.mark.parametrize("kind", ["difference of others", "maximum of another"])
def test_only_the_maximum_of_itself_makes_a_number_certain(kind: str) -> None:
    x, y = vague([1.0, 2.0]), vague([3.0, 4.0])
    peak = np.max(y if kind == "maximum of another" else x, axis=0, keepdims=True)
    assert (x - peak if kind == "maximum of another" else y - peak).range == EVERYTHING


def test_a_variance_plus_epsilon_is_at_least_epsilon() -> None:
    spread = np.square(vague([0.01, 0.02])) + 0.125
    assert 0.1 < spread.range.low <= 0.125
    assert 0.3 < np.sqrt(spread).range.low <= math.sqrt(0.125)
    assert np.isfinite((vague([1.0, 1.0], 0.1) / np.sqrt(spread)).hard).all()
    assert np.isinf((vague([1.0, 1.0], 0.1) / np.sqrt(np.square(vague([0.01, 0.02])))).hard).all()


def test_an_epsilon_that_the_format_flushes_keeps_nothing_from_zero() -> None:
    assert (np.square(vague([0.01])) + 1e-12).range.low == 0.0


def test_padding_and_joining_keep_to_what_is_there() -> None:
    one = np.exp(vague([0.5])) + 1.0
    assert one.range.low > 0.9
    assert np.pad(one, 1).range.low == 0.0
    assert np.concatenate([one, np.array([-2.0])]).range.low == -2.0


@pytest.mark.parametrize(
    ("ufunc", "found"),
    [(np.tanh, (-1, 1)), (special.expit, (0, 1)), (special.erf, (-1, 1)), (np.sin, (-1, 1)), (np.exp, (0, math.inf))],
)
def test_the_range_of_a_function(ufunc: np.ufunc, found: tuple[float, float]) -> None:
    low, high = ufunc(vague([0.3])).range
    assert found[0] - 0.1 <= low <= found[0]
    assert found[1] <= high <= found[1] + 0.1


@pytest.mark.parametrize(
    ("a", "b", "product"),
    [((2, 3), (-1, 4), (-3, 12)), ((-2, -1), (-3, -2), (2, 6)), ((0, math.inf), (0, 1), (0, math.inf))],
)
def test_products(a: tuple[float, float], b: tuple[float, float], product: tuple[float, float]) -> None:
    assert ranges.multiplied(Range(*a), Range(*b)) == Range(*product)


def test_a_number_that_overflowed_is_not_bounded_by_its_range() -> None:
    assert np.isinf(np.square(Budget(np.array([1e3]), F16)).hard).all()

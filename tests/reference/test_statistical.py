"""`Budget` where what counts is the error to expect: comparisons in doubt by chance, and norm 1 kept out of norm 2."""

import math
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from scipy import special

from nnparity.expect.precision_models import arithmetic
from nnparity.reference.formulas.optimizer import corrections
from nnparity.reference.readings import Ball, Budget, Dual, host_scalar
from nnparity.reference.readings.ball import rounded
from nnparity.reference.readings.budget import Condition

WORST = arithmetic("float32")
EXPECTED = replace(WORST, statistical=True)
SIGMA = 0.1


def off(value: Any, numbers: Any = EXPECTED, sigma: float = SIGMA) -> Budget:
    """A number with a normal error: norm 1 ten times norm 2."""
    value = np.asarray(value, dtype=np.float64)
    return Budget(value, numbers, np.full(value.shape, 10 * sigma), np.full(value.shape, sigma**2))


#: So many coins that the chances of what stands beside them count as chances.
COINS = np.zeros(80)


def test_the_chance_that_rounding_turned_a_comparison() -> None:
    x = off([*COINS, 0.0, SIGMA, -2 * SIGMA, 5.0])
    assert (x > 0).doubt[-4:].tolist() == special.ndtr([0.0, -1.0, -2.0, -50.0]).tolist()
    assert (off([0.0, 0.5, 5.0], WORST) > 0).doubt.tolist() == [1, 1, 0]
    assert (x > off(np.zeros(84))).doubt[-3] == special.ndtr(-1 / math.sqrt(2))


def test_of_few_comparisons_each_that_may_turn_counts_in_full() -> None:
    """One chance in a million comes true somewhere, and then its jump is there."""
    assert (off(SIGMA * np.array([0.0, 3.0, 5.9, 6.1, 50.0])) > 0).doubt.tolist() == [1, 1, 1, 0, 0]
    many = off(SIGMA * np.concatenate([COINS, [5.9]])) > 0
    assert many.doubt[-1] == special.ndtr(-5.9)


def test_exact_numbers_may_be_equal_for_certain() -> None:
    zero = Budget(np.zeros(2), EXPECTED, np.array([0.0, 1.0]), np.array([0.0, 1.0]))
    assert (zero > 0).doubt.tolist() == [0.0, 1.0]


@pytest.mark.parametrize("distance", [0.0, 0.5, 1.0, 2.0, 3.0])
def test_norm_2_expects_the_square_of_the_jump_times_its_chance(distance: float) -> None:
    """Against simulated errors: ReLU's derivative times 3, whose argument lies so many deviations from 0."""
    random = np.random.default_rng(3)
    argument = SIGMA * distance + SIGMA * random.standard_normal(200_000)
    found = np.mean(np.square(np.where(argument > 0, 3.0, 0.0) - (3.0 if distance else 0.0)))
    var = np.where(off([*COINS, SIGMA * distance]) > 0, Budget(np.full(81, 3.0), EXPECTED), 0.0).var[-1]
    assert abs(found - var) <= 5 * 9 * math.sqrt(var / 9 / 200_000) + 1e-4


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_the_tangent_of_a_maximum_knows_that_another_may_be_largest(dtype: str) -> None:
    """Max pooling in a deep model: two candidates closer than rounding, whose tangents have nothing in common."""
    x = off([[1.0, 1.0 + SIGMA, -3.0], [1.0, 4.0, -3.0]], replace(arithmetic(dtype), statistical=True))
    y = np.max(Dual(x, Budget(np.array([[5.0, 7.0, 9.0]] * 2), x.arithmetic)), axis=1)
    assert y.tangent.value.tolist() == [7.0, 7.0]
    assert np.sqrt(y.tangent.var).tolist() == [2.0, 0.0]
    assert y.value.value.tolist() == [1.0 + SIGMA, 4.0]


def test_what_either_condition_leaves_in_doubt() -> None:
    """True and true: either may turn. True and false: the false one. False and false: both must."""
    a = Condition(np.array([True, True, False, False]), np.full(4, 0.25), EXPECTED)
    b = Condition(np.array([True, False, True, False]), np.array([0.5, 0.1, 0.1, 0.1]), EXPECTED)
    both = np.logical_and(a, b)
    assert both.value.tolist() == [True, False, False, False]
    assert both.doubt.tolist() == [0.75, 0.1, 0.25, 0.1]


def test_a_worst_case_without_bound_does_not_reach_what_is_expected() -> None:
    """The gates of an LSTM after one step of Adam: norm 1 divides by what may be zero."""
    x = Budget(np.ones(1), EXPECTED, np.full(1, np.inf), np.full(1, 1e-14))
    assert special.expit(x).var.item() < 1e-12
    worst = Budget(np.ones(1), WORST, np.full(1, np.inf), np.full(1, 1e-14))
    assert special.expit(worst).var.item() > 0.5


def test_the_host_computes_hyperparameters_once_for_all_elements() -> None:
    exact, host = 1 - Fraction(0.999) ** 3, 1 - 0.999**3
    assert float(exact) != host
    assert host_scalar(exact, np.zeros(1), host) == host
    assert host_scalar(exact, np.zeros(1)) == float(exact)
    budget = host_scalar(exact, off(0.0, arithmetic("float64")), host)
    assert budget.value == host
    assert 2.0**-53 <= budget.hard < 2.0**-52
    high, low, _ = rounded(host_scalar(exact, Ball(np.zeros(1)), host))
    assert abs(Fraction(float(high)) + Fraction(float(low)) - exact) < Fraction(2) ** -100
    assert host_scalar(exact, Dual(np.zeros(1)), host) == host


@pytest.mark.parametrize("wrap", [lambda x: x, Dual], ids=["alone", "with a tangent"])
def test_a_power_of_millions_of_digits_is_exact_in_a_ball_without_them(wrap: Any) -> None:
    like = wrap(Ball(np.zeros(1)))
    for step in (1, 2, 1000, 10_000):
        found = corrections(0.9, 0.999, step, like)
        for beta, lacking in zip((0.9, 0.999), found, strict=True):
            high, low, radius = rounded(lacking)
            exact = 1 - Fraction(beta) ** step
            assert abs(Fraction(float(high)) + Fraction(float(low)) - exact) <= Fraction(2) ** -100
            assert radius < 2.0**-150

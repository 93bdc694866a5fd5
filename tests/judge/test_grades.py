"""The judge: grades, margins, and what stands where a number cannot."""

import math
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnparity.expect.expected import Expected
from nnparity.judge.elements import spacing
from nnparity.judge.grades import FALSE_ALARM, chance, furthest, judge, root_mean_square
from nnparity.spec import DTYPES

F32, F16 = DTYPES["float32"], DTYPES["float16"]
INF, NAN = math.inf, math.nan


def expected(value: Any, hard: Any = 1.0, sharp: Any = None) -> Expected:
    value = np.asarray(value, dtype=np.float64)
    hard = np.broadcast_to(np.asarray(hard, dtype=np.float64), value.shape)
    return Expected(value, hard, hard if sharp is None else np.broadcast_to(np.asarray(sharp, float), value.shape))


def seen(value: Any, dtype: Any = np.float32) -> np.ndarray:
    return np.asarray(value, dtype=dtype)


# --- grades


@pytest.mark.parametrize(
    ("observed", "hard", "sharp", "grade"),
    [
        ([10.0, 20.0], 1.0, 0.1, "conforms"),
        ([10.5, 20.0], 1.0, 1.0, "conforms"),
        ([11.0, 21.0], 1.0, 1.0, "conforms"),
        ([10.5, 20.5], 1.0, 0.01, "imprecise"),
        ([11.0, 21.0], 1.0, 0.01, "imprecise"),
        ([11.5, 20.0], 1.0, 10.0, "diverges"),
        ([11.5, 20.0], 1.0, 0.01, "diverges"),
        ([8.5, 20.0], 1.0, 10.0, "diverges"),
    ],
)
def test_the_grade_follows_from_both_margins(observed: list[float], hard: float, sharp: float, grade: str) -> None:
    assert judge(seen(observed), expected([10.0, 20.0], hard, sharp), F32).grade == grade


def test_the_hard_margin_is_the_largest_of_any_element_and_the_sharp_one_their_mean_over_chance() -> None:
    found = judge(seen([1.5, 2.0, 3.0, 4.25]), expected([1.0, 2.0, 3.0, 4.0], 1.0, 0.5), F32)
    assert found.hard == 0.5
    assert found.sharp == math.sqrt((1 + 0.25) / 4) / chance(4)


def test_the_worst_element_is_told_with_what_was_expected_there() -> None:
    found = judge(seen([[1.0, 2.0], [5.0, 4.0]]), expected([[1.0, 2.0], [3.0, 4.0]]), F32)
    assert found.worst is not None
    assert (found.worst.index, found.worst.observed, found.worst.expected) == ([1, 0], 5.0, 3.0)
    assert judge(seen([1.0]), expected([1.0]), F32).worst is None


def test_the_worst_element_is_the_worst_beside_its_budget() -> None:
    found = judge(seen([12.0, 1.5]), expected([10.0, 1.0], [10.0, 0.1]), F32)
    assert found.worst is not None
    assert found.worst.index == [1]


def test_the_second_half_of_a_value_counts() -> None:
    tight = Expected(np.array([1.0]), np.array([1e-20]), np.array([1e-20]), np.array([2.0**-60]))
    found = judge(np.array([1.0]), tight, DTYPES["float64"])
    assert found.hard == 2.0**-60 / 1e-20


# --- bits and ulp


def test_effective_bits_are_those_that_are_left_of_the_format() -> None:
    exact, half, far = (
        judge(seen([v]), expected([1.0], 1.0, 2.0**-24), F32) for v in (1.0, 1 + 2.0**-23, 1 + 2.0**-12)
    )
    assert exact.bits == INF
    assert half.bits == 24 - math.log2(2 / chance(1))
    assert far.bits == 24 - math.log2(2.0**12 / chance(1))
    assert judge(seen([INF]), expected([1.0]), F32).bits == -INF


@pytest.mark.parametrize(
    ("value", "dtype", "ulp"),
    [
        (1.0, "float32", 2.0**-23),
        (1.999, "float32", 2.0**-23),
        (-2.0, "float32", 2.0**-22),
        (0.0, "float32", 2.0**-149),
        (2.0**-140, "float32", 2.0**-149),
        (1.0, "bfloat16", 2.0**-7),
        (1024.0, "float16", 1.0),
        (1.0, "float64", 2.0**-52),
    ],
)
def test_a_unit_in_the_last_place(value: float, dtype: str, ulp: float) -> None:
    assert float(spacing(np.float64(value), DTYPES[dtype])) == ulp


@settings(max_examples=100)
@given(st.floats(-(2.0**100), 2.0**100, width=32))
def test_units_in_the_last_place_are_those_of_numpy(value: float) -> None:
    assert float(spacing(np.float64(value), F32)) == float(np.spacing(np.float32(abs(value))))


def test_the_ulp_error_is_the_largest() -> None:
    assert judge(seen([1 + 2.0**-22, 4.0]), expected([1.0, 4.0]), F32).ulp == 2


# --- infinities and NaN


@pytest.mark.parametrize(
    ("observed", "value", "hard", "grade"),
    [
        (NAN, 1.0, 1.0, "diverges"),
        (INF, 1.0, 1.0, "diverges"),
        (-INF, 1.0, 1.0, "diverges"),
        (NAN, NAN, 1.0, "conforms"),
        (1.0, NAN, 1.0, "diverges"),
        (INF, NAN, 1.0, "diverges"),
        (INF, INF, 1.0, "conforms"),
        (-INF, INF, 1.0, "diverges"),
        (-INF, -INF, 1.0, "conforms"),
        (NAN, INF, 1.0, "diverges"),
        (65504.0, INF, 1.0, "diverges"),
        (INF, 1e6, 1.0, "conforms"),  # beyond the format: its infinity is right, and required
        (-INF, 1e6, 1.0, "diverges"),
        (65504.0, 1e6, 1.0, "diverges"),
        (INF, -1e6, 1.0, "diverges"),
        (INF, 65500.0, 10.0, "conforms"),  # may overflow, need not
        (65504.0, 65500.0, 10.0, "conforms"),
        (65504.0, 65510.0, 10.0, "conforms"),
        (-INF, 65500.0, 10.0, "diverges"),
        (INF, 65480.0, 10.0, "diverges"),
        (NAN, 65500.0, 10.0, "diverges"),
        (-INF, 1.0, 1e5, "conforms"),  # the budget reaches both ends
        (NAN, 1.0, INF, "conforms"),  # an overflow on the way: inf - inf
        (INF, 1.0, INF, "conforms"),
        (1e4, 1.0, INF, "conforms"),
        (NAN, INF, INF, "diverges"),
    ],
)
def test_what_is_not_finite(observed: float, value: float, hard: float, grade: str) -> None:
    found = judge(seen([observed], np.float16), expected([value], hard), F16)
    assert found.grade == grade, found
    assert (found.message is None) == (grade == "conforms")


def test_the_others_are_judged_beside_an_infinity() -> None:
    found = judge(seen([INF, 5.0], np.float16), expected([1e6, 1.0], 1.0), F16)
    assert (found.grade, found.hard) == ("diverges", 4.0)


def test_how_many_elements_are_wrong_is_told() -> None:
    found = judge(seen([NAN, 1.0, NAN]), expected([1.0, 1.0, 1.0]), F32)
    assert found.hard == INF
    assert found.message == "2 of 3 elements have a wrong NaN, infinity or overflow"


# --- shape and dtype


@pytest.mark.parametrize(
    ("observed", "told"),
    [
        (np.zeros((3, 2), np.float32), r"shape (3, 2), expected (2, 3)"),
        (np.zeros(6, np.float32), r"shape (6,), expected (2, 3)"),
        (np.zeros((2, 3)), "float64, expected float32"),
        (np.zeros((2, 3), ml_dtypes.bfloat16), "bfloat16, expected float32"),
        (np.zeros((2, 3), int), "int64, expected float32"),
        (np.zeros((2, 3), object), "object, expected float32"),
        ([[0.0] * 3] * 2, "list, not an array"),
        (None, "NoneType, not an array"),
        (0.0, "float, not an array"),
    ],
)
def test_another_form_diverges_and_is_told(observed: Any, told: str) -> None:
    found = judge(observed, expected(np.zeros((2, 3))), F32)
    assert (found.grade, found.hard, found.message) == ("diverges", None, f"returned {told}")


def test_bfloat16_is_judged_like_the_others() -> None:
    found = judge(np.array([1.0078125], ml_dtypes.bfloat16), expected([1.0], 2.0**-7), DTYPES["bfloat16"])
    assert (found.grade, found.hard, found.ulp) == ("conforms", 1.0, 1.0)


def test_a_scalar_is_judged() -> None:
    assert judge(seen(1.5), expected(1.0), F32).grade == "conforms"
    found = judge(seen(3.0), expected(1.0), F32)
    assert found.worst is not None
    assert (found.grade, found.worst.index) == ("diverges", [])


def test_an_empty_array_conforms() -> None:
    found = judge(np.zeros((0, 3), np.float32), expected(np.zeros((0, 3))), F32)
    assert (found.grade, found.hard, found.sharp) == ("conforms", 0.0, 0.0)


def test_where_nothing_may_be_lost_only_the_exact_number_conforms() -> None:
    assert judge(seen([1.0, 2.0]), expected([1.0, 2.0], 0.0), F32).grade == "conforms"
    found = judge(seen([1.0, 2.5]), expected([1.0, 2.0], 0.0), F32)
    assert (found.grade, found.hard) == ("diverges", INF)


# --- chance


def test_chance_leaves_little_to_few_elements_and_nothing_to_many() -> None:
    values = [chance(n) for n in (1, 2, 4, 10, 100, 10_000)]
    assert values == sorted(values, reverse=True)
    assert 3 < values[0] < 4
    assert values[-1] == 1.0


@pytest.mark.parametrize("n", [1, 3, 30])
def test_chance_is_the_quantile_of_a_mean_of_squares(n: int) -> None:
    """Normal errors of standard deviation 1/sqrt(3): the tail beyond chance, by the bound of Laurent & Massart."""
    x = -math.log(FALSE_ALARM)
    upper = math.sqrt((n + 2 * math.sqrt(n * x) + 2 * x) / (3 * n))
    assert 0.8 * upper < chance(n) <= upper


def test_errors_as_modelled_never_alarm() -> None:
    rng = np.random.default_rng(0)
    for n in (1, 2, 5, 50):
        errors = rng.uniform(-1, 1, (20_000, n))
        assert max(root_mean_square(row) / chance(row.size) for row in errors) <= 1


MANY = 65_540


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_few_elements_among_many_are_no_mean(dtype: str) -> None:
    """The last block of a long result is left at zero: the mean hides it, and the worst case does not see it.

    In float32 and float64 the worst case of no formula is as wide.
    """
    numbers, kind = np.ones(MANY), DTYPES[dtype].numpy
    truth = expected(numbers, 2.0, 1 / 20)
    answer = numbers.astype(kind)
    answer[-64:] = 0
    found = judge(answer, truth, DTYPES[dtype])
    assert found.rms is not None
    assert found.rms / chance(MANY) <= 1
    half = dtype in ("float16", "bfloat16")
    assert found.grade == ("imprecise" if half else "conforms")
    assert found.sharp == (20 / furthest(truth, DTYPES[dtype]) if half else found.rms / chance(MANY))


def test_that_an_element_is_too_far_off_does_not_depend_on_errors_being_independent() -> None:
    truth = expected(np.zeros(100) + 1, 1.0, 0.01)
    answer = np.ones(100, np.float16)
    answer[7] = 1 + 1.05 * 0.01 * furthest(truth, F16)
    assert judge(answer, truth, F16, independent=1).grade == "imprecise"
    answer[7] = 1 + 0.95 * 0.01 * furthest(truth, F16)
    assert judge(answer, truth, F16, independent=1).grade == "conforms"


def test_a_budget_that_is_no_number_makes_no_margin_small() -> None:
    found = judge(seen([1.5, 2.5]), expected([1.0, 2.0], 1.0, [NAN, 1.0]), F32)
    assert found.sharp is not None
    assert math.isnan(found.sharp)
    assert found.grade != "conforms"


def test_the_furthest_of_many_is_the_quantile_of_one_of_them() -> None:
    """A normal error of standard deviation 1/sqrt(3) is beyond it with the false alarm over their number."""
    for n in (1, 40, MANY):
        tail = math.erfc(furthest(expected(np.ones(n)), F16) * math.sqrt(3 / 2))
        assert 0.99 < tail * n / FALSE_ALARM < 1.01


def test_the_furthest_of_errors_as_modelled_never_alarms() -> None:
    rng = np.random.default_rng(0)
    truth = expected(np.ones(100_000))
    for terms in (1, 2, 3, 8, 100):
        errors = sum(rng.uniform(-1, 1, 100_000) for _ in range(terms)) / math.sqrt(terms)
        assert np.abs(errors).max() <= furthest(truth, F16)


def test_elements_that_nobody_computes_are_not_among_the_many() -> None:
    assert furthest(expected([1.0, 0.0, 0.0], 1.0, [1.0, 0.0, 0.0]), F16) == furthest(expected([1.0]), F16)


def test_in_float32_and_float64_no_element_is_held_by_itself_to_norm_2() -> None:
    """Nor is an infinite margin made less by that."""
    answer = np.ones(100, np.float32)
    answer[7] = 1.1
    assert judge(answer, expected(np.ones(100), 1.0, 0.012), F32).grade == "conforms"
    answer[7] = NAN
    assert judge(answer, expected(np.ones(100), 1.0, 0.012), F32).sharp == INF


def test_of_no_elements_the_margin_is_zero() -> None:
    assert root_mean_square(np.zeros(0)) == 0.0

"""Sums and products of whole numbers: no error where every order is exact, and one where it is not."""

from typing import Any

import ml_dtypes
import numpy as np
import pytest

from nnparity.expect.precision_models import arithmetic
from nnparity.reference.readings import Arithmetic, Budget
from nnparity.reference.readings.budget.exactness import grid
from nnparity.spec.precision import ACCUMULATE, NARROW

F32, F16, BF16 = arithmetic("float32"), arithmetic("float16"), arithmetic("bfloat16")
NARROW_BF16 = arithmetic("bfloat16", model=NARROW)


def whole(*numbers: float, of: Arithmetic = F32) -> Budget:
    return Budget(np.array(numbers), of)


def exact(x: Any) -> bool:
    return isinstance(x, Budget) and x.exact


def test_sums_differences_products_and_squares_of_small_whole_numbers_are_exact() -> None:
    a, b = whole(1, -3, 0), whole(7, 2, 5)
    for y in (a + b, a - b, a * b, np.square(a), a * 3, 2 - a, np.sum(a), np.einsum("i,i->", a, b), (a + b) * (a - b)):
        assert exact(y)


def test_halves_and_quarters_come_from_division_by_a_power_of_two_and_from_constants() -> None:
    a = whole(1, -3, 7)
    assert exact(a / 4)
    assert exact(a / 4 + a / 2)
    assert exact(0.5 * a)
    assert not exact(a / 3)
    assert not exact(0.1 * a)


def test_so_does_the_root_of_one_number_that_is_a_square() -> None:
    a = whole(1, -3, 7)
    assert exact(np.sqrt(Budget(np.array(16.0), F32)))
    assert exact(a / np.sqrt(Budget(np.array(16.0), F32)))
    for rounded in (np.array(15.0), np.array([16.0, 4.0]), np.array(0.0625)):
        assert not exact(np.sqrt(Budget(rounded, F32)))
    assert not exact(np.sqrt(Budget(np.array(16.0), F32).rounded(None, None)))


def test_numbers_that_are_not_whole_are_rounded() -> None:
    assert not exact(whole(1, 2) + Budget(np.array([0.5, 0.25]), F32))
    with np.errstate(invalid="ignore"):
        assert not exact(np.sum(Budget(np.array([np.inf, 1.0]), F32)))
    with np.errstate(invalid="ignore"):
        assert not exact(np.sum(Budget(np.array([np.nan, 1.0]), F32)))


@pytest.mark.parametrize(("numbers", "most"), [(F32, 2**24), (F16, 2**11), (BF16, 2**8)])
def test_what_the_digits_hold_is_exact_and_one_more_is_not(numbers: Arithmetic, most: int) -> None:
    assert exact(whole(most - 1, of=numbers) + whole(1, of=numbers))
    assert not exact(whole(most, of=numbers) + whole(1, of=numbers))
    assert not exact(whole(most, of=numbers) * whole(3, of=numbers))


def test_a_sum_whose_terms_cancel_is_exact_only_if_no_order_rounds() -> None:
    """2^24 + 1 - 2^24 is 1, or 0 in another order."""
    assert not exact(np.sum(whole(2.0**24, 1, -(2.0**24))))
    assert not exact(whole(2.0**24) + whole(1) - whole(2.0**24))
    assert exact(np.sum(whole(2.0**21, 1, -(2.0**21))))


def test_half_precision_adds_up_in_float32_and_rounds_what_it_delivers() -> None:
    """301 ones and 300 times -1: no partial sum leaves float32, and bfloat16 holds 1, but not 301."""
    ones = np.concatenate([np.ones(301), -np.ones(300)])
    assert exact(np.sum(Budget(ones, BF16)))
    assert not exact(np.sum(Budget(ones, NARROW_BF16)))
    y = np.sum(Budget(np.ones((2, 301)) * [[1.0], [0.0]], BF16), axis=1)
    assert y.hard[0] > 0
    assert y.hard[1] == 0


def test_each_element_is_exact_by_itself() -> None:
    y = np.einsum("ij,j->i", Budget(np.array([[1.0, 1.0], [200.0, 101.0]]), BF16), whole(1, 1, of=BF16))
    assert y.hard[0] == 0
    assert y.var[0] == 0
    assert y.hard[1] > 0


def test_the_bias_that_a_product_may_start_from_is_exact_too() -> None:
    product = np.einsum("ni,ji->nj", Budget(np.ones((2, 9)), F32), Budget(np.ones((3, 9)), F32))
    assert exact(product + whole(1, 2, 3))
    assert not exact(product + Budget(np.array([0.1, 0.2, 0.3]), F32))


@pytest.mark.parametrize("x", [5e-324, -1e-310, 2.0**-1022, 3 * 2.0**-1000, 0.75, 6.0])
def test_a_single_number_has_the_step_of_its_last_place_however_small(x: float) -> None:
    y = Budget(np.array(x), arithmetic("float64"))
    found = grid(y)
    assert found is not None
    assert (x / found.step).is_integer()
    assert found.step == 1 or (x / found.step) % 2
    assert exact(y - 3 * y)


def test_what_is_moved_keeps_its_step() -> None:
    quarters = whole(1, 2, 3) / 4
    assert exact(np.flip(quarters) + quarters[0])
    assert exact(np.pad(quarters, 1) * 2)


def test_a_step_that_is_flushed_to_zero_is_not_exact() -> None:
    flushing = arithmetic("float16", flush=True)
    x = whole(1, 3, of=flushing)
    for _ in range(7):
        x = x / 4
    assert exact(x), "2^-14 is the smallest normal number"
    assert not exact(x / 4)


def test_an_error_that_is_there_stays() -> None:
    off = Budget(np.array([1.0, 2.0]), F32, np.array([0.5, 0.5]), np.array([0.1, 0.1]))
    for y in (off + 1, off * 2, np.sum(off), off / 2):
        assert np.all(y.hard >= 0.25)


@pytest.mark.parametrize("dtype", [np.float32, np.float16, ml_dtypes.bfloat16])
@pytest.mark.parametrize("model", [ACCUMULATE, NARROW])
def test_what_counts_as_exact_is_met_by_sums_in_any_order(dtype: Any, model: str) -> None:
    """Term by term in random orders, rounded each time: in float32, or in the dtype itself."""
    random = np.random.default_rng(5)
    name = np.dtype(dtype).name
    numbers, inner = arithmetic(name, model=model), dtype if model == NARROW else np.float32
    told = 0
    for terms in (3, 50, 250, 600):
        a, b = random.integers(-1, 2, terms).astype(float), random.integers(-2, 3, terms).astype(float)
        y = np.einsum("i,i->", Budget(a, numbers), Budget(b, numbers))
        told += y.exact
        for _ in range(5 if y.exact else 0):
            total = np.zeros((), inner)
            for place in random.permutation(terms):
                total = (total + (a[place] * b[place]).astype(inner)).astype(inner)
            assert float(total.astype(dtype)) == float(y.value)
    assert told >= (2 if model == NARROW else 3)


def test_a_mean_may_be_a_running_one_which_rounds_where_the_sum_does_not() -> None:
    """Welford's algorithm, by which libraries normalise layers, divides by 1, 2, 3 ... on the way."""
    x = np.random.default_rng(3).integers(0, 256, (64, 8)).astype(np.float32)
    mean = np.zeros(64, np.float32)
    for place in range(8):
        mean = (mean + (x[:, place] - mean) / np.float32(place + 1)).astype(np.float32)
    budget = np.mean(Budget(x.astype(np.float64), F32), axis=-1)
    error = np.abs(mean - budget.value)
    assert error.max() > 0
    assert (error <= budget.hard).all()
    assert exact(np.sum(Budget(x.astype(np.float64), F32), axis=-1))


def test_a_mean_of_equal_numbers_is_exact_however_it_is_formed() -> None:
    x = Budget(np.array([[3.0] * 8, [5.0] * 8]), F32)
    mean = np.sum(x, axis=-1, keepdims=True) / 8
    assert exact(mean)
    assert exact(x - mean)
    assert not exact(np.sum(x, axis=-1) / 7)
    assert not exact(np.sum(x) / 16)

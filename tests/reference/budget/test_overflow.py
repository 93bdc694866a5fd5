"""Results past the largest number: the target holds an infinity there, and nothing else is right."""

from typing import Any

import numpy as np
import pytest

import nnparity
from nnparity.expect.precision_models import arithmetic
from nnparity.reference.readings.budget import Budget

SINGLE = arithmetic("float32", flush=False)
WRONG = [0.0, 7.0, 65504.0, -np.inf, np.nan]


def test_an_exponential_of_what_is_below_all_numbers_is_0_whatever_the_target_holds_there() -> None:
    """The largest number and its negative in one row: their difference is no number, and the power of it is 0."""
    x = Budget(np.array([[SINGLE.largest, 2.0, -SINGLE.largest], [1.0, 2.0, 3.0]]), SINGLE)
    with np.errstate(all="ignore"):
        powers = np.exp(x - np.max(x, axis=1, keepdims=True))
        share = powers / np.sum(powers, axis=1, keepdims=True)
    assert np.isfinite(powers.hard).all()
    assert (powers.hard[0, 1:] < 1e-6).all()
    assert (share.hard[0, 1:] < 1e-6).all()
    assert share.hard[0, 0] <= 1.1
    assert np.isinf(np.exp(-(x - np.max(x, axis=1, keepdims=True))).hard[0, 2]), "of the other sign nothing bounds it"


def dense(x: Any, w: Any, b: Any) -> Any:
    return np.einsum("nk,jk->nj", x, w) + b


def logarithm(x: Any) -> Any:
    return np.log(x)


def overflowing() -> tuple[dict[str, Any], Any]:
    """Three products of 30,000, and ordinary rows beside them."""
    x, w, b = np.full((4, 3), 300, np.float16), np.full((5, 3), 100, np.float16), np.ones(5, np.float16)
    x[0] = 1, 2, 3
    with np.errstate(over="ignore"):
        return {"x": x, "w": w, "b": b}, (x.astype(float) @ w.T.astype(float) + 1).astype(np.float16)


def holds(actual: Any, function: Any, **inputs: Any) -> bool:
    try:
        return bool(nnparity.assert_close(actual, nnparity.formula(function), **inputs))
    except AssertionError:
        return False


@pytest.mark.parametrize("wrong", WRONG)
def test_a_sum_that_overflows_is_an_infinity(wrong: float) -> None:
    inputs, right = overflowing()
    assert holds(right, dense, **inputs)
    right[2, 1] = wrong
    assert not holds(right, dense, **inputs)


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
@pytest.mark.parametrize("wrong", [5.0, -1e4, np.inf, np.nan])
def test_a_pole_is_an_infinity(wrong: float, dtype: str) -> None:
    x = np.array([0, 1.5, 2, 3], dtype)
    with np.errstate(divide="ignore"):
        right = np.log(x)
    assert holds(right, logarithm, x=x)
    right[0] = wrong
    assert not holds(right, logarithm, x=x)


@pytest.mark.parametrize("wrong", [0.0, -3333.0, np.inf, np.nan])
def test_the_gradient_of_a_probability_of_zero_is_an_infinity(wrong: float) -> None:
    """-t / (n p), whose factor 1 / n is rounded: its sign is certain all the same."""
    p, t = np.array([[0, 1], [0.25, 0.75], [0.5, 0.5]], np.float32), np.array([[1, 0], [0, 1], [1, 0]], np.float32)
    right = np.array([[-np.inf, 0], [0, -4 / 9], [-2 / 3, 0]], np.float32)
    nnparity.assert_close(right, "cross_entropy", p=p, t=t, wrt="p")
    right[0, 0] = wrong
    with pytest.raises(AssertionError):
        nnparity.assert_close(right, "cross_entropy", p=p, t=t, wrt="p")


def test_what_is_made_of_an_overflow_may_be_anything() -> None:
    """90,000 / 2 is an infinity in one order and 45,000 in another; 1 / 90,000 is 0, and 1 - 90,000 + 90,000 NaN."""
    x = Budget(np.array([300.0]), arithmetic("float16", flush=False))
    square = x * x
    assert np.isinf(square.hard)
    assert np.isfinite(square.without_end)
    assert np.isinf((square / 2).hard)
    assert np.isinf((square - square * 1.5).without_end)
    assert np.isinf(np.exp(square).without_end)


def test_terms_of_both_signs_that_overflow_may_be_no_number() -> None:
    """10^39 and -10^39 in float32: partial sums of either sign."""
    numbers = Budget(np.array([3e38, 3e38, 3e38, -3e38, -3e38]), SINGLE)
    assert np.isfinite(np.sum(numbers[:3]).without_end)
    assert np.isinf(np.sum(numbers * 1.0 + 0.0).hard)
    assert np.isinf(np.einsum("i,i->", numbers, Budget(np.array([3.0, 3, 3, 2, 2]), SINGLE)).without_end)


def test_so_may_those_that_float64_does_not_see_beside_the_sum() -> None:
    """1e63 - 1e40 is 1e63 in float64, and in float32 infinity less infinity."""
    x, w = Budget(np.array([[1e38, -1e38]]), SINGLE), Budget(np.array([[1e25], [1e2]]), SINGLE)
    assert np.isinf(np.einsum("nk,kj->nj", x, w).without_end)
    assert not np.isinf(np.einsum("nk,kj->nj", x, Budget(np.array([[1e2], [1e-30]]), SINGLE)).without_end)

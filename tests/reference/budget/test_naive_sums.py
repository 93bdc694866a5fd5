"""Sums and dot products: the constants of `sums`, by all permutations and by naive summation in float32."""

import itertools
import math
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from nnparity.expect.precision_models import arithmetic
from nnparity.judge.grades import chance, root_mean_square
from nnparity.reference.readings import Arithmetic, Budget
from nnparity.reference.readings.budget.core import worst
from nnparity.reference.readings.budget.subscripts import contracted
from nnparity.spec import DTYPES

F32 = arithmetic("float32")
#: u = 1 and nothing else: what is left of a rule is its constant.
UNIT = Arithmetic(1.0, 0.0, math.inf, lambda value: True)
ROWS = 100
Array = NDArray[np.float64]


def mixed(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    return rng.normal(size=shape)


def positive(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    return np.abs(rng.normal(size=shape))


def nearly_constant(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    return 1.0 + 1e-3 * rng.normal(size=shape)


SIGNS = (mixed, positive, nearly_constant)
LENGTHS = (2, 3, 7, 16, 64, 256, 1024, 4096)


def in_float32(array: Array) -> Array:
    return array.astype(np.float32).astype(np.float64)


def naive(terms: NDArray[np.float32]) -> Array:
    """Rows added one by one in float32, each in an order of its own."""
    terms = np.random.default_rng(3).permuted(terms, axis=1)
    total = terms[:, 0].copy()
    for place in range(1, terms.shape[1]):
        total += terms[:, place]
    return total.astype(np.float64)


def partial_sums_squared(terms: tuple[float, ...]) -> float:
    """The mean over all orders of S_2^2 + ... + S_n^2: the variance of the roundings, u = 1."""
    orders = list(itertools.permutations(terms))
    return sum(sum(s * s for s in itertools.islice(itertools.accumulate(order), 1, None)) for order in orders) / len(
        orders
    )


@pytest.mark.parametrize(
    "terms", [(3.0,), (1.0, -2.0), (1.0, 1.0, 1.0), (0.5, -4.0, 2.0, 7.0), (1.0, 2.0, -3.0, 4.0, -5.0, 6.5)]
)
def test_the_variance_of_a_sum_is_that_over_all_orders(terms: tuple[float, ...]) -> None:
    expected = partial_sums_squared(terms)
    assert abs(float(np.sum(Budget(np.array(terms), UNIT)).var) - expected) <= 1e-12 * max(expected, 1.0)


@pytest.mark.parametrize("terms", [(3.0,), (1.0, -2.0), (0.5, -4.0, 2.0, 7.0), (1.0, 2.0, -3.0, 4.0, -5.0, 6.5)])
def test_that_of_a_dot_product_has_the_roundings_of_its_products_besides(terms: tuple[float, ...]) -> None:
    a, b = np.array([terms]), np.ones((1, len(terms)))
    expected = partial_sums_squared(terms) + sum(p * p for p in terms)
    found = float(np.einsum("ni,ji->nj", Budget(a, UNIT), Budget(b, UNIT)).var.item())
    assert abs(found - expected) <= 1e-12 * expected


@pytest.mark.parametrize("k", LENGTHS)
@pytest.mark.parametrize("draw", SIGNS)
def test_naive_dot_products_spend_a_good_part_of_the_sharp_budget(draw: Callable[..., Array], k: int) -> None:
    rng = np.random.default_rng(k)
    a, b = in_float32(draw(rng, (ROWS, k))), in_float32(draw(rng, (ROWS, k)))
    budget = np.einsum("ri,ri->r", Budget(a, F32), Budget(b, F32))
    error = naive(a.astype(np.float32) * b.astype(np.float32)) - budget.value
    margin = math.sqrt(np.mean(np.square(error) / budget.var))
    assert 0.1 < margin < 1.0
    assert np.all(np.abs(error) <= budget.hard)


@pytest.mark.parametrize("k", LENGTHS)
@pytest.mark.parametrize("draw", SIGNS)
def test_so_do_naive_sums(draw: Callable[..., Array], k: int) -> None:
    x = in_float32(draw(np.random.default_rng(k), (ROWS, k)))
    budget = np.sum(Budget(x, F32), axis=1)
    error = naive(x.astype(np.float32)) - budget.value
    assert 0.1 < math.sqrt(np.mean(np.square(error) / budget.var)) < 1.0
    assert np.all(np.abs(error) <= budget.hard)


@pytest.mark.parametrize("k", [2, 16, 256, 1024])
@pytest.mark.parametrize("size", [1e-3, 1.0, 30.0, 1e4])
@pytest.mark.parametrize("draw", SIGNS)
def test_a_sum_may_start_from_the_bias(draw: Callable[..., Array], size: float, k: int) -> None:
    """As a matrix product does that is given what to add to: each rounding is then of the bias's size."""
    rng = np.random.default_rng(k)
    a, b, bias = (
        in_float32(draw(rng, (ROWS, k))),
        in_float32(draw(rng, (ROWS, k))),
        in_float32(size * rng.normal(size=ROWS)),
    )
    budget = np.einsum("ri,ri->r", Budget(a, F32), Budget(b, F32)) + Budget(bias, F32)
    products = a.astype(np.float32) * b.astype(np.float32)
    for seen in (naive(products).astype(np.float32) + bias.astype(np.float32), started(bias, products)):
        error = seen - budget.value
        assert np.all(np.abs(error) <= budget.hard)
        assert math.sqrt(np.mean(np.square(error) / budget.var)) < 1.0
    assert math.sqrt(np.mean(np.square(error) / budget.var)) > 0.1


def started(bias: Array, terms: NDArray[np.float32]) -> Array:
    """The terms added one by one to the bias."""
    total = bias.astype(np.float32)
    for place in range(terms.shape[1]):
        total = total + terms[:, place]
    return total.astype(np.float64)


@pytest.mark.parametrize("k", [16, 512])
@pytest.mark.parametrize("draw", SIGNS)
def test_operands_rounded_to_10_bit_mantissas_are_seen(draw: Callable[..., Array], k: int) -> None:
    """TF32: two thousand times the sharp budget at k = 16, still a hundred times at 512."""
    rng = np.random.default_rng(k)
    a, b = in_float32(draw(rng, (ROWS, k))), in_float32(draw(rng, (ROWS, k)))
    budget = np.einsum("ri,ri->r", Budget(a, F32), Budget(b, F32))
    seen = np.einsum("ri,ri->r", *(x.astype(np.float16).astype(np.float64) for x in (a, b)))
    ratio = (seen - budget.value) / np.sqrt(budget.var)
    assert root_mean_square(ratio) / chance(ratio.size) > 20


@pytest.mark.parametrize(("draw", "k"), [(positive, 16), (positive, 64), (positive, 128), (mixed, 256), (mixed, 1024)])
def test_an_accumulator_that_truncates_is_imprecise_and_no_more(draw: Callable[..., Array], k: int) -> None:
    """Its errors have one sign and add up; beyond some 250 terms norm 1, a probabilistic bound, is passed too."""
    rng = np.random.default_rng(0)
    a, b = in_float32(draw(rng, (ROWS, k))), in_float32(draw(rng, (ROWS, k)))
    budget = np.einsum("ri,ri->r", Budget(a, F32), Budget(b, F32))
    total = np.zeros(ROWS)
    for place in range(k):
        mantissa, exponent = np.frexp(total + a[:, place] * b[:, place])
        total = np.ldexp(np.trunc(mantissa * 2.0**24), exponent - 24)
    error = np.abs(total - budget.value)
    ratio = error / np.sqrt(budget.var)
    assert root_mean_square(ratio) / chance(ratio.size) > 1
    assert (error / budget.hard).max() <= 1


@pytest.mark.parametrize(
    ("n", "dtype", "units"),
    [
        (1, "bfloat16", 1),
        (36, "bfloat16", 36),
        (37, "bfloat16", 6 * math.sqrt(37)),
        (10_000, "float16", 600),
        (37, "float32", 37),
        (10_000, "float32", 10_000),
        (2**20, "float32", 6 * 2**10),
        (2**20, "float64", 2**20),
    ],
)
def test_the_worst_case_of_n_roundings_is_n_and_its_root_where_that_says_little(
    n: int, dtype: str, units: float
) -> None:
    assert worst(n, DTYPES[dtype].unit) == units


@pytest.mark.parametrize("n", [1000, 3000, 5000, 100_000])
def test_equal_terms_that_are_added_one_by_one_stay_below_the_worst_case(n: int) -> None:
    """Between two powers of two their sum is rounded the same way each time: no errors are less independent."""
    term = np.float32(1 / n)
    added = np.add.accumulate(np.full(n, term), dtype=np.float32)[-1]
    budget = np.sum(Budget(np.full(n, term, np.float64), arithmetic("float32")), axis=0)
    error = abs(float(added) - float(budget.value))
    assert error <= budget.hard
    assert n == 1000 or error > 6 * math.sqrt(n) * arithmetic("float32").unit * float(budget.value)


@pytest.mark.parametrize(
    ("subscripts", "shapes", "k"),
    [
        ("ni,ji->nj", [(3, 5), (4, 5)], 5),
        ("nchwpq,ocpq->nohw", [(1, 3, 4, 4, 2, 2), (6, 3, 2, 2)], 12),
        ("bts,bse->bte", [(2, 3, 7), (2, 7, 8)], 7),
        ("ij,ij->ij", [(2, 3), (2, 3)], 1),
    ],
)
def test_how_many_products_an_element_adds_up(subscripts: str, shapes: list[tuple[int, ...]], k: int) -> None:
    assert contracted(subscripts, *shapes) == k


def test_errors_of_the_terms_add_up() -> None:
    x = Budget(np.array([[1.0, -2.0, 3.0]]), UNIT, np.array([[1.0, 2.0, 4.0]]), np.array([[1.0, 4.0, 16.0]]))
    assert float(np.sum(x).hard - np.sum(Budget(x.value, UNIT)).hard) == 7
    assert float(np.sum(x).var - np.sum(Budget(x.value, UNIT)).var) == 21
    w = Budget(np.array([[2.0, 1.0, -1.0]]), UNIT)
    exact, found = np.einsum("ni,ji->nj", Budget(x.value, UNIT), w), np.einsum("ni,ji->nj", x, w)
    assert (found.hard - exact.hard).item() == 2 * 1 + 1 * 2 + 1 * 4
    assert (found.var - exact.var).item() == 4 * 1 + 1 * 4 + 1 * 16


def test_errors_of_both_factors_meet_in_the_worst_case() -> None:
    a, b = (Budget(np.array([[v]]), UNIT, np.array([[e]]), np.array([[e * e]])) for v, e in ((3.0, 0.5), (5.0, 0.25)))
    found = np.einsum("ni,ji->nj", a, b)
    assert (found.hard - 15).item() == 3 * 0.25 + 5 * 0.5 + 0.5 * 0.25

"""Partial sums in the orders of kernels: by adding up one term after the other, and against the mean of all orders."""

import numpy as np
import pytest
from numpy.typing import NDArray

from nnparity.expect.precision_models import arithmetic
from nnparity.reference.readings import Budget
from nnparity.reference.readings.budget import orders
from nnparity.reference.readings.budget.orders import LANES, worst_of_lanes
from nnparity.reference.readings.budget.sums import sum_spread

Array = NDArray[np.float64]
F32 = arithmetic("float32")


def by_hand(terms: Array, lanes: int) -> float:
    """Each rounding of a sum in so many lanes is of the number that is rounded there."""
    sums, squares = [0.0] * lanes, 0.0
    for place, term in enumerate(terms):
        sums[place % lanes] += term
        squares += sums[place % lanes] ** 2 if place >= lanes else 0.0
    whole = sums[0]
    for one in sums[1:]:
        whole += one
        squares += whole**2
    return squares


@pytest.mark.parametrize("n", [16, 48, 1024])
def test_of_all_numbers_of_lanes_the_worst(n: int) -> None:
    terms = np.random.default_rng(n).normal(size=n)
    found = max(by_hand(terms, lanes) for lanes in LANES)
    assert worst_of_lanes(terms) == pytest.approx(found)


def test_a_tail_adds_no_more_than_the_sum_itself() -> None:
    """What is left over is padded with zeros: the sums that it leaves as they are would be counted again."""
    terms = np.random.default_rng(5).normal(size=37)
    least = max(by_hand(terms, lanes) for lanes in LANES)
    assert least * (1 - 1e-12) <= worst_of_lanes(terms) <= least + max(LANES) * np.square(np.cumsum(np.abs(terms)))[-1]


def test_sums_and_products_have_the_shape_of_their_results() -> None:
    random = np.random.default_rng(3)
    x, a, b = random.normal(size=(3, 4, 5)), random.normal(size=(2, 6)), random.normal(size=(3, 6))
    assert orders.of_sum(x, (0, 2), True).shape == (1, 4, 1)
    assert orders.of_sum(x, None, False).shape == ()
    assert orders.of_product("ni,ji->nj", a, b)[1, 2] == pytest.approx(worst_of_lanes(a[1] * b[2]))


@pytest.mark.parametrize("n", [64, 1536])
def test_where_signs_come_in_any_order_it_is_hardly_more_than_their_mean(n: int) -> None:
    terms = np.random.default_rng(n).normal(size=(200, n))
    mean = sum_spread(n, np.square(terms).sum(-1), terms.sum(-1))
    assert 1 <= np.median(np.maximum(worst_of_lanes(terms) / mean, 1)) <= 1.5


def test_two_halves_of_opposite_signs_lose_what_the_mean_of_all_orders_does_not_see() -> None:
    terms = np.random.default_rng(0).uniform(0.5, 1, size=(50, 1024))
    terms[:, 512:] *= -1
    added = np.add.accumulate(terms.astype(np.float32), axis=-1)[:, -1].astype(np.float64)
    exact = terms.astype(np.float32).astype(np.float64)
    mean, ordered = (
        np.sqrt(np.sum(Budget(exact, numbers), axis=-1).var)
        for numbers in (F32, arithmetic("float32").__class__(**{**vars(F32), "ordered": True}))
    )
    error = np.abs(added - exact.sum(-1))
    assert np.sqrt(np.mean(np.square(error / mean))) > 3
    assert np.sqrt(np.mean(np.square(error / ordered))) < 1

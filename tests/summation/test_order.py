"""Revealed orders: planted ones are found, told and followed to the bit; what adds up by no tree is not made one."""

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from nnparity.adapters.request import Failure, Request
from nnparity.execute.observer import Observed
from nnparity.spec import DTYPES
from nnparity.summation.arithmetic import Order, nearest, order
from nnparity.summation.masks import Unrevealed, tree
from nnparity.summation.of_targets import DOT, TRIALS, agreeing, revealed
from nnparity.summation.tree import Tree, by_halves, in_lanes, in_order, leaves, ordered, pairwise, text
from nnparity.summation.words import OWN, words
from nnparity.tests.summation.planted import Planted

INNER = {"float64": np.float64, "float32": np.float32, "float16": np.float16, "bfloat16": ml_dtypes.bfloat16}


def numpys(terms: list[Any]) -> Tree:
    """As NumPy adds up more than 128: halves, down to blocks of eight lanes."""
    if len(terms) > 128:
        half = len(terms) // 2 - len(terms) // 2 % 8
        return (numpys(terms[:half]), numpys(terms[half:]))
    whole = len(terms) // 8 * 8
    return in_order([pairwise(in_lanes(terms[:whole], 8)), *terms[whole:]])


ORDERS: dict[str, tuple[Callable[[list[Any]], Tree], int]] = {
    "in the order of the index": (in_order, 23),
    "in the reverse order of the index": (lambda terms: in_order(terms[::-1]), 23),
    "pairwise": (pairwise, 33),
    "pairwise, the second half on the first": (by_halves, 32),
    "8 partial sums, then pairwise": (lambda terms: pairwise(in_lanes(terms, 8)), 43),
    "16 partial sums, then in the order of the index": (lambda terms: in_order(in_lanes(terms, 16)), 50),
    "16 partial sums, then 4 partial sums, then pairwise": (
        lambda terms: pairwise(in_lanes(in_lanes(terms, 16), 4)),
        64,
    ),
    "8 partial sums, then pairwise; then the last 3 one by one": (numpys, 35),
    "pairwise over 2 blocks of 96 or 104 (8 partial sums, then pairwise)": (numpys, 200),
    "4 blocks of 8 (in the order of the index), then in the order of the index": (
        lambda terms: in_order([in_order(terms[start : start + 8]) for start in range(0, 32, 8)]),
        32,
    ),
    "all 12 at once": (tuple, 12),
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ORDERS)
def test_a_planted_order_is_found_told_and_followed(name: str, dtype: str) -> None:
    make, terms = ORDERS[name]
    planted = make(list(range(terms)))
    measure = Planted(planted, INNER[dtype], INNER[dtype])
    found = tree(measure, terms, dtype)
    assert ordered(found) == ordered(planted)
    assert name in words(found)
    assert OWN not in words(found)
    if name != "all 12 at once":  # kept in no format
        assert agreeing(measure, order(measure, found, dtype)) == TRIALS


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_partial_sums_in_float32_are_told_from_those_in_the_dtype(dtype: str) -> None:
    planted = pairwise(in_lanes(list(range(40)), 8))
    for inner in (dtype, "float32"):
        measure = Planted(planted, INNER[dtype], INNER[inner])
        found = order(measure, tree(measure, 40, dtype), dtype)
        assert (found.accumulator.name, ordered(found.tree)) == (inner, ordered(planted))
        assert agreeing(measure, found) == TRIALS
        other = Order(found.tree, found.dtype, DTYPES["float32" if inner == dtype else dtype])
        assert agreeing(measure, other) < TRIALS


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("fused", [frozenset(), frozenset(range(4, 30)), frozenset({7, 12})], ids=["no", "all", "two"])
def test_products_that_are_fused_are_told_leaf_by_leaf(dtype: str, fused: frozenset[int]) -> None:
    planted = pairwise(in_lanes(list(range(30)), 4))
    measure = Planted(planted, INNER[dtype], INNER[dtype], fused)
    found = order(measure, tree(measure, 30, dtype), dtype)
    assert found.fused == fused
    assert agreeing(measure, found) == TRIALS
    other = Order(found.tree, found.dtype, found.accumulator, frozenset(range(4, 30)) ^ fused)
    assert agreeing(measure, other) < TRIALS


def test_another_order_does_not_agree_to_the_bit() -> None:
    """Were the simulation blind to the order, it would show nothing."""
    measure = Planted(in_order(list(range(100))), np.float32, np.float32)
    wrong = Order(pairwise(list(range(100))), DTYPES["float32"], DTYPES["float32"])
    assert agreeing(measure, wrong) < TRIALS // 2


def test_terms_added_at_once_within_a_sum() -> None:
    """As a tensor core does: the sum so far and four products."""
    planted: Tree = 0
    for start in range(1, 17, 4):
        planted = (planted, *range(start, start + 4))
    measure = Planted(planted, np.float32, np.float32)
    assert ordered(tree(measure, 17, "float32")) == ordered(planted)
    assert "&" in text(planted)


def test_what_is_no_sum_of_its_terms_is_not_revealed() -> None:
    planted = in_order(list(range(12)))
    with pytest.raises(Unrevealed):
        tree(Planted(planted, np.float32, np.float32, deaf=frozenset({5})), 12, "float32")
    with pytest.raises(Unrevealed):
        tree(lambda pairs: [math.fsum(x) for x, _ in pairs], 12, "float64")
    with pytest.raises(Unrevealed, match="count"):
        tree(Planted(planted, ml_dtypes.bfloat16, np.float32), 300, "bfloat16")


def test_numpys_sum_is_revealed_and_followed_to_the_bit() -> None:
    for dtype in ("float64", "float32"):
        for terms in (8, 33, 128, 200, 300):

            def measure(pairs: Any) -> list[float]:
                return [float(np.sum(x)) for x, _ in pairs]

            found = tree(measure, terms, dtype)
            assert agreeing(measure, order(measure, found, dtype), paired=False) == TRIALS
            assert sorted(leaves(found)) == list(range(terms))


@pytest.mark.parametrize("off", [40, 60])
@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_a_number_is_rounded_once(dtype: str, off: int) -> None:
    """A little above the middle of two numbers: by way of float64, to bfloat16 by float32, it would be the middle."""
    number = DTYPES[dtype]
    above = Fraction(1) + Fraction(number.unit) + Fraction(1, 2**off)
    assert nearest(above, number) == 1 + 2 * number.unit
    assert nearest(above - Fraction(2, 2**off), number) == 1.0


def test_lanes_that_are_added_up_in_two_ways_are_not_told_as_one() -> None:
    """One in the order of the index, the other in reverse; and one in order beside one that is pairwise."""
    assert "each" not in words(((((0, 2), 4), 6), (1, (3, (5, 7)))))
    assert "each" not in words((in_order([*range(0, 32, 2)]), pairwise([*range(1, 32, 2)])))
    assert words((pairwise([*range(0, 32, 2)]), pairwise([*range(1, 32, 2)]))).startswith(
        "2 partial sums (each pairwise)"
    )


class WithoutSums:
    """An observer of a target that has no dense layer."""

    def submit(self, requests: list[Request]) -> None:
        self.count = len(requests)

    def collect(self) -> list[Observed]:
        return [Observed({"output": Failure("unsupported", "the mine adapter gives no dense")})] * self.count


def test_why_a_target_has_no_sums_is_told_in_its_words() -> None:
    found = revealed(WithoutSums(), "float32", DOT, 16)  # type: ignore[arg-type]
    assert found.told == "not revealed: the mine adapter gives no dense"

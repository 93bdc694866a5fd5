"""Distances: counted in numbers of the dtype, across zero, and nothing between the same bits."""

import ml_dtypes
import numpy as np
import pytest

from nnparity.reproduce.passes.distance import Distance, distance


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16, ml_dtypes.bfloat16])
def test_neighbours_are_one_apart(dtype: type) -> None:
    one = np.array([1, -1, 0, 2.5], dtype)
    unsigned = np.dtype(f"u{one.dtype.itemsize}")
    next_one = (one.view(unsigned) + unsigned.type(1)).view(dtype)
    assert distance(one, one) == Distance(0, 4, 0)
    assert distance(one, next_one) == Distance(4, 4, 1)
    assert distance(one, next_one).rounding
    assert distance(one, -one).most == distance(-one, one).most
    assert not distance(one, -one).rounding


def test_zeros_are_neighbours_and_nans_alike() -> None:
    x = np.array([0.0, np.nan])
    assert distance(x, np.array([-0.0, -np.nan])) == Distance(1, 2, 1)
    largest = np.array([np.finfo(np.float64).max])
    assert distance(largest, -largest).most == 2 * 0x7FEFFFFFFFFFFFFF + 1  # does not wrap


def test_another_shape_or_dtype_is_no_distance() -> None:
    x = np.ones(3, np.float32)
    for other in (np.ones(4, np.float32), np.ones(3)):
        found = distance(x, other)
        assert (found.most, found.none, found.rounding, found.told) == (None, False, False, "another shape or dtype")


def test_integers_are_apart_by_their_difference() -> None:
    assert distance(np.array([-3, 4]), np.array([4, 4])) == Distance(1, 2, 7)

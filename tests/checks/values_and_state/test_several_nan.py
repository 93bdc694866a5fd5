"""What swallows a NaN in one part of an array and not in another is caught, wherever the first number goes."""

from typing import Any

import numpy as np
import pytest

from nnparity.adapters.base import Adapter
from nnparity.adapters.kernel import Operation, Point, Tensors
from nnparity.adapters.numpy import NumpyAdapter
from nnparity.adapters.request import Array
from nnparity.spec import load
from nnparity.spec.cases.special_values import special_case, specials_of
from nnparity.tests.checks.faulty import Spoilt
from nnparity.tests.checks.inside import ALL, lines, verdicts, wrong

SEVERAL = "several nan"


class SwallowsInTheBody(Spoilt):
    """Whole vectors of 64 pass over NaN, the tail keeps it."""

    def spoil(self, array: Array) -> Any:
        flat = array.astype(np.float64).ravel()
        body = flat.size // 64 * 64
        return np.concatenate([np.nan_to_num(flat[:body]), flat[body:]]).reshape(array.shape)


class KeepsInTheBody(Spoilt):
    """The other way round; of an operation that passes over NaN by itself."""

    def spoil(self, array: Array) -> Any:
        x, body = self.x.ravel(), self.x.size // 64 * 64
        kept = np.isnan(x) & (np.arange(x.size) < body)
        return np.where(kept.reshape(array.shape), np.nan, array)


class PassesOverIt(NumpyAdapter):
    """Of a window with NaN the result is NaN, and the gradient goes to the largest other number."""

    def vjp(self, operation: Operation, point: Point) -> tuple[Tensors, Tensors]:
        outputs, _ = super().vjp(operation, point)
        lowest = np.where(np.isnan(point.primals[0]), -np.inf, point.primals[0])
        _, gradients = super().vjp(operation, Point((lowest,), point.rest, point.tangents, point.cotangents))
        return outputs, gradients


@pytest.mark.parametrize("dtype", ALL)
@pytest.mark.parametrize(
    ("adapter", "formula", "quantities"),
    [
        (SwallowsInTheBody, "tanh", {"output"}),
        (KeepsInTheBody, "relu", {"output"}),
        (PassesOverIt, "max_pool2d", {"grad.x"}),
    ],
)
def test_what_one_nan_in_the_first_place_does_not_show(
    adapter: type[Adapter], formula: str, quantities: set[str], dtype: str
) -> None:
    found = verdicts(lines(adapter, "specials", formula, dtypes=(dtype,)))
    told = {(one.quantity, one.grade) for one in found if one.dataset == SEVERAL and one.grade != "conforms"}
    assert told == {(quantity, "diverges") for quantity in quantities}
    assert wrong([one for one in found if one.dataset == "nan"]) == {}


def test_the_reference_conforms() -> None:
    told = verdicts(lines(NumpyAdapter, "specials", *load(), dtypes=("float32",)))
    found = {one.formula: one.grade for one in told if one.dataset == SEVERAL}
    assert set(found.values()) == {"conforms"}
    assert set(found) >= {"relu", "max_pool2d", "softmax", "lstm"}


@pytest.mark.parametrize("formula", ["relu", "max_pool2d", "embedding"])
def test_the_last_number_and_others_are_nan(formula: str) -> None:
    assert SEVERAL in specials_of(load()[formula])
    inputs = special_case(load()[formula], SEVERAL, "float32").inputs
    first = next(array for array in inputs.values() if array.dtype.kind == "f")
    places = np.flatnonzero(np.isnan(first))
    assert places[-1] == first.size - 1
    assert len(places) > 2


def test_a_window_has_its_nan_first_in_one_and_elsewhere_in_others() -> None:
    x = special_case(load()["max_pool2d"], SEVERAL, "float32").inputs["x"]
    first = np.isnan(x[:, :, ::2, ::2])
    assert 0 < first.sum() < np.isnan(x).sum()

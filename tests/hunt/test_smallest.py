"""A planted fault ends as the smallest case that can show it, with the plainest numbers."""

import time
from dataclasses import replace

import numpy as np
import pytest

from nnparity.adapters.base import Adapter
from nnparity.adapters.numpy import NumpyAdapter
from nnparity.adapters.request import Observation, Request
from nnparity.hunt.smallest import prey_of, smallest
from nnparity.reproduce.cell import Cell, find
from nnparity.spec import load
from nnparity.spec.cases.pool import pool
from nnparity.spec.usage import UsageError
from nnparity.tests.checks.faulty import OneBinade
from nnparity.tests.checks.inside import target


class Unflipped(NumpyAdapter):
    """The kernel of a convolution is taken as it is."""

    def observe(self, request: Request) -> Observation:
        if request.formula == "conv2d":
            request = replace(request, inputs=request.inputs | {"w": request.inputs["w"][:, :, ::-1, ::-1]})
        return super().observe(request)


class LosesTheLastKey(NumpyAdapter):
    """Attention to all keys but the last."""

    def observe(self, request: Request) -> Observation:
        if request.formula == "attention" and request.inputs["k"].shape[1] > 1:
            fewer = {name: request.inputs[name][:, :-1] for name in ("k", "v")}
            request = replace(request, inputs=request.inputs | fewer)
        return super().observe(request)


class RoundsTwice(NumpyAdapter):
    """The outputs lose five bits."""

    def observe(self, request: Request) -> Observation:
        seen = super().observe(request)
        y = seen["output"]
        assert isinstance(y, np.ndarray)
        return {"output": y.astype(np.float16).astype(y.dtype)}


def cell(adapter: type[Adapter], id: str) -> Cell:
    return Cell(find(id), target(adapter), "output", frozenset({"output"}))


def shrunk(adapter: type[Adapter], id: str) -> Cell:
    begun = time.monotonic()
    found, _ = smallest(cell(adapter, id), 60.0)
    assert time.monotonic() - begun < 60
    assert found.judged.grade == cell(adapter, id).judged.grade == "diverges"
    return found


def test_an_unflipped_kernel_ends_at_one_by_two() -> None:
    found = shrunk(Unflipped, "conv2d/n2c3h9w8o4p3q2/normal/float32")
    sizes = found.case.signature.dims
    assert {name: sizes[name] for name in ("n", "c", "o")} == {"n": 1, "c": 1, "o": 1}
    assert sorted((sizes["p"], sizes["q"])) == [1, 2]
    assert sizes["h"] * sizes["w"] == 2
    assert sorted(abs(value) for x in found.case.inputs.values() for value in x.ravel().tolist()) == [0, 0, 1, 1]


def test_a_lost_key_ends_at_two_keys() -> None:
    found = shrunk(LosesTheLastKey, "attention/b2t3s5d8e8/normal/float32")
    assert found.case.signature.dims == {"b": 1, "t": 1, "s": 2, "d": 1, "e": 1}
    assert sum(int(np.count_nonzero(x)) for x in found.case.inputs.values()) == 1


def test_bits_that_are_lost_need_a_number_that_has_them() -> None:
    found = shrunk(RoundsTwice, "tanh/n3d5/normal/float32")
    assert found.case.inputs["x"].size == 1


def test_what_does_not_fail_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="is graded conforms here: there is nothing to shrink"):
        smallest(cell(NumpyAdapter, "tanh/n3d5/normal/float32"), 1.0)


@pytest.mark.parametrize("formula", [one for one in load().values() if one.pool], ids=lambda one: str(one.id))
def test_a_case_of_the_pool_is_one_that_a_hunt_could_draw(formula: object) -> None:
    for drawn in pool(load()[formula.id])[:5]:  # type: ignore[attr-defined]
        case = find(f"{formula.id}/{drawn.signature.id}/{drawn.dataset}/{drawn.dtype}")  # type: ignore[attr-defined]
        prey = prey_of(case)
        assert prey is not None
        assert (prey.case.signature.dims, prey.case.signature.attributes) == (
            *(case.signature.dims, case.signature.attributes),
        )


def test_a_sweep_ends_at_one_of_the_numbers_that_are_wrong() -> None:
    whole = Cell(find("tanh/n1d65549/sweep/float16"), target(OneBinade), "output")
    found, _ = smallest(whole, 60.0)
    (x,) = found.case.inputs.values()
    assert (x == x[0, 0]).all()
    assert 2.0**-7 <= abs(float(x[0, 0])) < 2.0**-6
    assert found.judged.grade == "diverges"

"""The tests of this room can fail: planted faults are seen."""

import numpy as np
import pytest
from scipy import signal

from nnparity.adapters.request import Failure, Observation, Request
from nnparity.tests.adapters.compare import Loss, wrong
from nnparity.tests.adapters.formulas import CASES

CASE = CASES["tanh"]
ALL = frozenset({"output", "grad", "jvp", "hvp"})


def truth(request: Request) -> Observation:
    x, t, g = request.inputs["x"], request.tangents["x"], request.cotangents["output"]
    y = np.tanh(x)
    slope = 1 - y**2
    return {"output": y, "grad.x": g * slope, "jvp": t * slope, "hvp.x": -2 * g * y * slope * t}


def test_the_truth_passes() -> None:
    request = CASE.request("tanh", "float64", ALL)
    assert wrong(CASE, request, truth(request)) == set()


@pytest.mark.parametrize("key", ["output", "grad.x", "jvp", "hvp.x"])
@pytest.mark.parametrize("fault", ["value", "shape", "dtype", "failure"])
def test_a_fault_is_seen_where_it_is(key: str, fault: str) -> None:
    request = CASE.request("tanh", "float64", ALL)
    seen = truth(request)
    right = seen[key]
    assert isinstance(right, np.ndarray)
    seen[key] = {
        "value": right * 1.1,
        "shape": right[:1],
        "dtype": right.astype("float32"),
        "failure": Failure("error", "oops"),
    }[fault]
    assert wrong(CASE, request, seen) == {key}


def test_an_unflipped_kernel_is_seen() -> None:
    case = CASES["conv2d"]
    request = case.request("conv2d", "float64", frozenset({"output"}))
    x, w = request.inputs["x"], request.inputs["w"]
    y = np.array([[sum(map(_correlate, image, kernels)) for kernels in w] for image in x])
    assert wrong(case, request, {"output": y}) == {"output"}


def _correlate(channel: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    return signal.correlate2d(channel, kernel, "valid")


def test_a_second_derivative_between_two_inputs_is_seen() -> None:
    case = CASES["dense"]
    request = case.request("dense", "float64", frozenset({"hvp"}))
    loss = Loss(case, request.inputs, list(request.cotangents.values()))
    expected = np.sum((request.cotangents["output"] @ request.tangents["w"]) * request.tangents["x"])
    assert abs(loss.bend("x", request.tangents) - expected) < 1e-5
    assert abs(expected) > 1e-2

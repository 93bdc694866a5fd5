"""Ordinary models that are called in unusual ways conform to themselves, and raise nothing."""

import json
import subprocess
import sys
from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np
import pytest

from nnparity.adapters.capture.reading import Call, Reading, leaves
from nnparity.porting.pairs.question import Expectation, judged
from nnparity.tests.porting.made import array


@pytest.mark.skipif(any(find_spec(name) is None for name in ("torch", "keras")), reason="a framework is not installed")
def test_every_model_conforms_to_itself_however_it_is_called() -> None:
    command = [sys.executable, "-m", "nnparity.tests.porting.models.calls"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    told = json.loads(done.stdout.splitlines()[-1])
    assert {name: says for name, says in told.items() if says != "conforms"} == {}


LSTM = Reading("lstm", inputs=("x", "h", "c"))


def names(*args: object, **kwargs: object) -> list[str]:
    return list(Call.of(lambda: None, LSTM, lambda x: x, args, kwargs).given)


def test_a_keyword_that_is_not_the_formulas_keeps_its_name() -> None:
    x, mask = array(2, 5, 3), np.ones((2, 5), bool)
    assert names(x, mask=mask) == ["x", "mask"]
    assert names(x, initial_state=[array(2, 4), array(2, 4)]) == ["x", "h", "c"]
    assert names(x, array(2, 4), array(2, 4), mask=mask) == ["x", "h", "c", "mask"]
    assert names(inputs=x, mask=mask) == ["x", "mask"]


def test_numbers_and_dataclasses_are_results_too() -> None:
    @dataclass
    class Output:
        logits: np.ndarray
        loss: float
        hidden: tuple[np.ndarray, ...] | None = None

    assert [x.shape for x in leaves(Output(array(2, 3), 0.5))] == [(2, 3), ()]
    assert [x.size for x in leaves([Output(array(2), 1, (array(4),)), None, "a", True])] == [2, 1, 4, 1]


def test_nothing_is_expected_of_axes_that_a_formula_does_not_have() -> None:
    weights = {"w": array(4, 3, 2, 2)}
    assert Expectation.of("conv2d", {}, {"x": array(3, 8, 8), **weights}) is None
    assert Expectation.of("conv2d", {}, {"x": array(1, 3, 8, 8), **weights}) is not None


def test_what_a_formula_raises_is_told() -> None:
    expected = Expectation.of("dense", {}, {"x": array(2, 3), "w": array(4, 5)})
    assert expected is not None
    (told,) = judged(expected, [array(2, 4)], "float32")
    assert isinstance(told, str)
    assert told.startswith("its formula cannot be run on what it received: ValueError")

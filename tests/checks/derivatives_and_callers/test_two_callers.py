"""What two threads overwrite for each other is caught; what each has for itself is not."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain, repeat

import numpy as np
import pytest

from nnparity.adapters.kernel import Operation, Point, Tensors
from nnparity.adapters.numpy import NumpyAdapter
from nnparity.adapters.shared.concurrency import beside
from nnparity.tests.checks.inside import ALL, lines, wrong

BESIDE = "two callers at once"
#: Seconds of a call in which another thread comes in, as it does where a native kernel has let go of Python.
LONG = 0.0005


class OneWorkspace(NumpyAdapter):
    """Results are made in one place for all callers, and read from there a moment later."""

    place: tuple[np.ndarray, ...] = ()

    def _value(self, operation: Operation, point: Point) -> Tensors:
        type(self).place = tuple(np.array(y) for y in super()._value(operation, point))
        time.sleep(LONG)
        return type(self).place


class OneBackwardWorkspace(NumpyAdapter):
    """The same of gradients: that of a normalisation's input is what it was where only the input is halved."""

    place: tuple[np.ndarray, ...] = ()

    def vjp(self, operation: Operation, point: Point) -> tuple[Tensors, Tensors]:
        outputs, gradients = super().vjp(operation, point)
        type(self).place = gradients
        time.sleep(LONG)
        return outputs, type(self).place


@pytest.mark.parametrize("formula", ["layer_norm", "relu", "embedding", "avg_pool2d"])
def test_a_workspace_of_the_backward_pass_diverges_there_alone(formula: str) -> None:
    found = wrong(lines(OneBackwardWorkspace, "determinism", formula))
    assert set(found) == {BESIDE}
    assert {name.partition(".")[0] for name in found[BESIDE]} == {"grad"}


class OneForEach(OneWorkspace):
    """The same with a workspace for each thread."""

    own = threading.local()

    def _value(self, operation: Operation, point: Point) -> Tensors:
        self.own.place = tuple(np.array(y) for y in NumpyAdapter._value(self, operation, point))
        return tuple(self.own.place)


@pytest.mark.parametrize("formula", ["relu", "dense", "layer_norm", "attention"])
@pytest.mark.parametrize("dtype", ALL)
def test_a_workspace_of_all_callers_diverges_there_alone(formula: str, dtype: str) -> None:
    assert set(wrong(lines(OneWorkspace, "determinism", formula, dtypes=(dtype,)))) == {BESIDE}


@pytest.mark.parametrize("formula", ["relu", "dense", "layer_norm"])
def test_a_workspace_of_each_thread_conforms(formula: str) -> None:
    assert wrong(lines(OneForEach, "determinism", formula)) == {}


class RaisesElsewhere(NumpyAdapter):
    """In another thread than the first it has no context, and says so."""

    def _value(self, operation: Operation, point: Point) -> Tensors:
        if threading.current_thread() is not threading.main_thread():
            raise RuntimeError("no context in this thread")
        return super()._value(operation, point)


def test_what_the_other_thread_raises_is_told() -> None:
    assert wrong(lines(RaisesElsewhere, "determinism", "relu")) == {BESIDE: {"output"}}


def test_the_answer_least_like_the_first_is_given() -> None:
    answers = chain([1.0] * 6, [3.0, 2.0], repeat(1.0))
    scopes: list[threading.Thread] = []

    @contextmanager
    def scope() -> Iterator[None]:
        scopes.append(threading.current_thread())
        yield

    found = beside(lambda: {"output": np.array([next(answers)])}, lambda: None, scope)
    assert found == {"output": np.array([3.0])}
    assert len(scopes) == 1
    assert scopes[0] is not threading.current_thread()

"""The same again, elsewhere, and alone: other bits are a grade of their own, and beyond rounding they diverge."""

import dataclasses
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest

from nnparity.adapters.base import Adapter
from nnparity.adapters.kernel import Operation, Point, Tensors
from nnparity.adapters.numpy import NumpyAdapter
from nnparity.adapters.request import Array, Observation, Request
from nnparity.execute.observer import Observer
from nnparity.spec import load
from nnparity.spec.cases.special_values import batch
from nnparity.tests.checks import faulty
from nnparity.tests.checks.inside import cells, examined, lines, verdicts, wrong
from nnparity.tests.spec.toy import toy

FIRST = (
    "again, read after another call, in another process, first sample alone, same tensors again, "
    "after a call with NaN, two callers at once, inputs overwritten in place, mapped over samples"
)


@pytest.mark.parametrize(
    ("formula", "alone"),
    [("dense", "xwb"), ("conv2d", "x"), ("attention", "qkv"), ("softmax", "")],
)
def test_the_reference_gives_the_same_bits(formula: str, alone: str) -> None:
    found = lines(NumpyAdapter, "determinism", formula)
    assert wrong(found) == {}
    gradients = "".join(f", gradient of {name} alone, gradients without {name}" for name in alone)
    weights = {"dense": ["sets of weights", "of the last weight"], "conv2d": ["sets of weights"]}
    mapped = [*weights.get(formula, ()), "cotangents"]
    over = "".join(f", mapped over three {one}" for one in mapped)
    told = f"{FIRST}, pulled back after another call{gradients}{over}"
    assert cells(found) == {formula: f"{told}, after a larger call with NaN: the same bits"}


@pytest.mark.parametrize(("adapter", "topic"), [(faulty.Restless, "again"), (faulty.EachItsOwn, "in another process")])
def test_other_bits_for_the_same_case_are_nondeterministic(adapter: type[Adapter], topic: str) -> None:
    found = lines(adapter, "determinism", "tanh")
    other = {v.quantity: v for v in verdicts(found) if v.dataset == topic and v.grade == "nondeterministic"}
    assert "output" in other
    assert str(other["output"].message).endswith(" of what rounding may do")
    assert "numbers differ, by up to 1 ulp, 0." in str(other["output"].message)


@pytest.mark.parametrize(("adapter", "topic"), [(faulty.Restless, "again"), (faulty.EachItsOwn, "in another process")])
def test_other_bits_that_are_declared_are_told_and_forgiven(adapter: type[Adapter], topic: str) -> None:
    class Declared(adapter):  # type: ignore[misc,valid-type]
        nondeterministic = MappingProxyType({"tanh": "sums as they come"})

    found = lines(Declared, "determinism", "tanh")
    assert wrong(found) == {}
    assert any(v.note and v.note.endswith("declared: sums as they come") for v in verdicts(found))
    told = dict(part.split(": ", 1) for part in cells(found)["tanh"].split("; "))
    assert "numbers differ, by up to 1 ulp" in told[topic]
    assert any(v.note and "differ" in v.note for v in verdicts(found) if v.dataset == topic)


class OneNumberAsAnArray(NumpyAdapter):
    """A loss is an array of one number."""

    def observe(self, request: Request) -> Observation:
        seen = super().observe(request)
        return {name: np.reshape(x, -1) if np.ndim(x) == 0 else x for name, x in seen.items()}  # type: ignore[arg-type]


def test_a_number_that_comes_as_an_array_is_a_wrong_shape_here_too() -> None:
    found = [v for v in verdicts(lines(OneNumberAsAnArray, "determinism", "mse")) if v.quantity == "output"]
    assert {(v.grade, v.message) for v in found} == {("diverges", "returned shape (1,), expected ()")}


def test_other_bits_are_judged_where_machines_are_asked_how_errors_go_together() -> None:
    """They need the numbers of the case: of these gradients wrong answers are tried that only they tell."""
    found = verdicts(lines(faulty.Restless, "determinism", "multi_head_attention", dtypes=("float64",)))
    grades = {v.grade for v in found if v.dataset == "again" and v.quantity.startswith("grad.b")}
    assert "nondeterministic" in grades


def test_more_than_rounding_explains_diverges() -> None:
    found = lines(faulty.Unstable, "determinism", "tanh")
    assert "output" in wrong(found)["again"]
    assert {v.grade for v in verdicts(found) if v.dataset == "again" and v.quantity == "output"} == {"diverges"}


@pytest.mark.parametrize("formula", ["tanh", "dense", "softmax"])
def test_a_batch_that_changes_its_first_sample_diverges(formula: str) -> None:
    assert wrong(lines(faulty.CentresTheBatch, "determinism", formula)) == {"first sample alone": {"output"}}


class OneBuffer(NumpyAdapter):
    """The output of each call lies where that of the call before lay: a graph that was recorded once does that."""

    def _value(self, operation: Operation, point: Point) -> Tensors:
        (y,) = super()._value(operation, point)
        self.buffers = getattr(self, "buffers", {})
        buffer = self.buffers.setdefault((y.shape, y.dtype), np.empty_like(y))
        buffer[...] = y
        return (buffer,)

    def get(self, tensor: Array) -> Array:
        return np.array(tensor)


@pytest.mark.parametrize("formula", ["tanh", "dense", "conv2d", "layer_norm", "embedding"])
def test_a_result_that_the_next_call_overwrites_diverges(formula: str) -> None:
    """Read right away each is right."""
    found = wrong(lines(OneBuffer, "determinism", formula))
    assert found.pop("read after another call") == {"output"}
    assert set(found) <= {"two callers at once"}, "the other thread's calls are other calls too"


class SecondCallShifts(NumpyAdapter):
    """What it makes of an array at the first call it keeps beside it, and reads wrongly at the second."""

    def observe(self, request: Request) -> Observation:
        self.met: set[int] = set()
        return super().observe(request)

    def _value(self, operation: Operation, point: Point) -> Tensors:
        x = point.primals[0]
        again = id(x) in self.met
        self.met.add(id(x))
        return tuple(np.roll(y, 1) if again else y for y in super()._value(operation, point))


@pytest.mark.parametrize("formula", ["relu", "dense", "conv2d"])
def test_a_second_call_with_the_same_tensors_that_is_wrong_diverges(formula: str) -> None:
    found = wrong(lines(SecondCallShifts, "determinism", formula))
    assert found.pop("same tensors again") == {"output"}
    assert set(found) <= {"inputs overwritten in place", "two callers at once"}, "these are the same tensors too"


class DirtyWorkspace(NumpyAdapter):
    """A product is filled up with zeros to the width of a block, and what it is filled up beside is never cleared."""

    left = 0.0

    def _value(self, operation: Operation, point: Point) -> Tensors:
        right, left = super()._value(operation, point), self.left
        self.left = float(np.sum(right[0], dtype=np.float64))
        return tuple(y + np.asarray(0.0 * left, y.dtype) for y in right)


@pytest.mark.parametrize("formula", ["tanh", "dense", "conv2d", "lstm_step", "embedding"])
def test_what_a_call_with_nan_left_in_memory_diverges(formula: str) -> None:
    found = verdicts(lines(DirtyWorkspace, "determinism", formula))
    assert {(v.dataset, v.quantity.partition(".")[0]) for v in found if v.grade == "diverges"} == {
        ("after a call with NaN", "output"),
        ("after a larger call with NaN", "output"),
    }


class PaddedWorkspace(NumpyAdapter):
    """Rows are filled up to the width of a block with what the calls before have left there, times 0."""

    memory: Any = None

    def _value(self, operation: Operation, point: Point) -> Tensors:
        x = point.primals[0]
        self.memory = np.zeros(2**17) if self.memory is None else self.memory
        rows, width = x.reshape(-1, x.shape[-1]), -(-x.shape[-1] // 8) * 8
        space = self.memory[: len(rows) * width].reshape(len(rows), width)
        padding = 0.0 * float(space[:, x.shape[-1] :].sum())
        space[:, : x.shape[-1]] = rows
        return tuple(y + np.asarray(padding, y.dtype) for y in super()._value(operation, point))


@pytest.mark.parametrize("formula", ["tanh", "dense", "conv2d", "attention"])
def test_what_a_larger_call_with_nan_left_beside_smaller_rows_diverges(formula: str) -> None:
    found = wrong(lines(PaddedWorkspace, "determinism", formula))
    assert set(found) == {"after a larger call with NaN"}
    assert "output" in found["after a larger call with NaN"]


class ReadsHalfOfEachNumber(NumpyAdapter):
    """Of whole numbers of 32 bits it takes two for one of 64, and has every second one."""

    def _value(self, operation: Operation, point: Point) -> Tensors:
        short = {name: np.roll(x, 1) for name, x in point.rest.items() if getattr(x, "dtype", None) == np.int32}
        return super()._value(operation, point._replace(rest=point.rest | short))


class WantsLongNumbers(NumpyAdapter):
    def _value(self, operation: Operation, point: Point) -> Tensors:
        np.bincount([0], weights=["a"]) if any(x.dtype == np.int32 for x in point.rest.values()) else None
        return super()._value(operation, point)


@pytest.mark.parametrize("formula", ["embedding", "sparse_cross_entropy", "masked_attention"])
def test_whole_numbers_of_32_bits_mean_what_they_mean_as_64(formula: str) -> None:
    found = wrong(lines(ReadsHalfOfEachNumber, "determinism", formula))
    assert set(found) == {"integers of 32 bits"}
    assert "output" in found["integers of 32 bits"]


@pytest.mark.parametrize("formula", ["embedding", "sparse_cross_entropy"])
def test_who_wants_whole_numbers_of_64_bits_may_refuse_others(formula: str) -> None:
    found = [v for v in verdicts(lines(WantsLongNumbers, "determinism", formula)) if v.dataset == "integers of 32 bits"]
    told = {v.quantity: (v.grade, (v.message or "").partition(":")[0]) for v in found}
    assert told.pop("output") == ("unsupported", "refuses them")
    assert {grade for grade, _ in told.values()} <= {"conforms"}


class PacksWeights(NumpyAdapter):
    """It keeps what it makes of an array by where that lies, and its ends: what is written between it does not see."""

    def _bound(self, request: Request) -> Operation:
        operation = super()._bound(request)
        packed: dict[Any, tuple[Any, Any]] = {}

        def method(**named: Any) -> Any:
            arrays = {name: (x, (id(x), x.flat[0], x.flat[-1])) for name, x in named.items() if np.ndim(x)}
            held = {name: packed.setdefault(key, (x, np.copy(x)))[1] for name, (x, key) in arrays.items()}
            return operation.method(**{**named, **held})

        return dataclasses.replace(operation, method=method)


@pytest.mark.parametrize("formula", ["relu", "dense", "conv2d", "lstm_step"])
def test_weights_that_are_packed_once_diverge_where_they_are_overwritten(formula: str) -> None:
    found = wrong(lines(PacksWeights, "determinism", formula))
    assert set(found) == {"inputs overwritten in place"}
    assert {name.partition(".")[0] for name in found["inputs overwritten in place"]} == {"output"}


class KeepsSigns(NumpyAdapter):
    """It keeps which numbers are positive by the array, which it holds, and its ends."""

    def _bound(self, request: Request) -> Operation:
        operation = super()._bound(request)
        kept: dict[Any, Any] = {}

        def method(x: Any) -> Any:
            # with the array, so that none comes to lie where another was, but what is overwritten in place
            return np.where(kept.setdefault((id(x), x.flat[0], x.flat[-1]), (x > 0, x))[0], x, 0.0)

        return dataclasses.replace(operation, method=method)


def test_signs_that_are_kept_diverge_where_inputs_are_overwritten() -> None:
    assert wrong(lines(KeepsSigns, "determinism", "relu"))["inputs overwritten in place"] == {"output"}


class MapsTheFirst(NumpyAdapter):
    """Code for one sample, mapped over all, is given the first each time."""

    def vmap(self, program: Callable[..., Tensors]) -> Callable[..., Tensors]:
        mapped = super().vmap(program)
        return lambda *arrays: mapped(*(np.broadcast_to(x[:1], x.shape) for x in arrays))


@pytest.mark.parametrize("formula", ["relu", "dense", "conv2d", "lstm_step", "attention", "embedding"])
def test_a_sample_that_mapped_code_does_not_see_diverges(formula: str) -> None:
    found = wrong(lines(MapsTheFirst, "determinism", formula))
    assert {"mapped over three cotangents"} == {name for name in found if name.endswith("cotangents")}
    found = {name: told for name, told in found.items() if not name.startswith("mapped over three ")}
    assert {name: {one.partition(".")[0] for one in told} for name, told in found.items()} == {
        "mapped over samples": {"output", "grad"}
    }


#: What is asked of layer normalisation without the gradient of its scale.
SCALE_FROZEN = ("gradient of x alone", "gradients without gamma")


class FrozenScale(NumpyAdapter):
    """The scale is read for its own gradient alone, as in Paddle 3.3.1 on a CPU."""

    def _gradients(self, operation: Operation, point: Point, primals: Tensors) -> Tensors:
        frozen = {"gamma": np.ones_like(point.rest["gamma"])} if "gamma" in point.rest else {}
        return super()._gradients(operation, point._replace(rest=point.rest | frozen), primals)


def test_a_gradient_that_is_wrong_where_another_is_not_asked_for_diverges_and_is_named() -> None:
    found = [one for one in examined(FrozenScale, "determinism", "layer_norm") if one.grade != "conforms"]
    told = [(one.dataset, one.quantity, one.diagnosis) for one in found]
    assert told == [(dataset, "grad.x", "the scale γ is missing") for dataset in SCALE_FROZEN]


class FrozenMatrix(NumpyAdapter):
    """Where the matrix alone is frozen the bias gets nothing: its sum is part of the kernel for the matrix."""

    def _gradients(self, operation: Operation, point: Point, primals: Tensors) -> Tensors:
        found = super()._gradients(operation, point, primals)
        return (found[0], 0 * found[1]) if set(point.rest) == {"w"} else found


def test_a_gradient_that_is_wrong_where_one_between_others_is_frozen_diverges() -> None:
    assert wrong(lines(FrozenMatrix, "determinism", "dense")) == {"gradients without w": {"grad.b"}}


class FrozenInHalf(FrozenScale):
    """The kernel of bfloat16 alone."""

    def observe(self, request: Request) -> Observation:
        self.half = request.float_dtype == "bfloat16"
        return super().observe(request)

    def _gradients(self, operation: Operation, point: Point, primals: Tensors) -> Tensors:
        kind = FrozenScale if self.half else NumpyAdapter
        return kind._gradients(self, operation, point, primals)


def test_each_dtype_is_asked_where_it_costs_next_to_nothing() -> None:
    dtypes = ("float32", "bfloat16")
    asked = examined(FrozenInHalf, "determinism", "layer_norm", dtypes=dtypes)
    found = [one for one in asked if one.grade != "conforms"]
    told = [(one.dataset, one.quantity, one.dtype) for one in found]
    assert told == [(dataset, "grad.x", "bfloat16") for dataset in SCALE_FROZEN]


class KeepsAttributes(NumpyAdapter):
    """What it has made for some sizes it takes for all calls of these sizes, whatever the attributes."""

    def _bound(self, request: Request) -> Operation:
        kept = vars(self).setdefault("kept", {})
        shapes = (request.formula, *(x.shape for x in request.inputs.values()))
        first = kept.setdefault(shapes, request.attributes)
        return super()._bound(dataclasses.replace(request, attributes=first))


@pytest.mark.parametrize("formula", ["layer_norm", "l1_penalty", "l2_penalty", "gradient_descent"])
def test_attributes_of_the_call_before_are_caught(formula: str) -> None:
    found = wrong(lines(KeepsAttributes, "determinism", formula))
    assert {name: {one.partition(".")[0] for one in told} >= {"output"} for name, told in found.items()} == {
        "other attributes": True
    }


@pytest.mark.skipif(find_spec("torch") is None, reason="torch is not installed")
def test_a_kernel_of_torch_that_writes_to_what_its_graph_keeps_is_caught_at_the_second_backward_pass() -> None:
    adapter = import_module("nnparity.tests.checks.torch_adapters").WritesToWhatItKeeps
    found = wrong(lines(adapter, "determinism", "tanh"))
    assert found.pop("second backward pass") == {"grad.x"}
    assert set(found) <= {"mapped over samples", "mapped over three cotangents"}, "PyTorch maps no such function"


def test_a_mean_over_the_batch_is_asked_of_nobody() -> None:
    found = lines(NumpyAdapter, "determinism", "mlp_backprop")
    alone = {verdict.quantity for verdict in verdicts(found) if verdict.dataset == "first sample alone"}
    assert alone == {"output.h", "output.y"}
    assert batch(load()["gradient_descent"]) is None


@pytest.mark.parametrize(
    ("inputs", "fields", "axis"),
    [
        ({"x": "n d", "w": "d"}, {}, "n"),
        ({"a": "n n", "x": "n d"}, {}, None),
        ({"x": "n d", "a": "n n"}, {}, None),
        ({"x": "n d", "edges": "n-1"}, {}, None),
        ({"x": "n d"}, {"output": "n n"}, None),
        ({"x": "n d", "nodes": "d"}, {"domains": {"nodes": "label n"}}, None),
    ],
)
def test_samples_that_are_told_of_each_other_are_no_batch(
    inputs: dict[str, str], fields: dict[str, Any], axis: str | None
) -> None:
    assert batch(toy(inputs, {"n": 3, "d": 2}, **fields)) == axis


def test_the_twin_is_another_process_that_ends_with_the_first() -> None:
    observer = Observer("numpy")
    try:
        twin = observer.twin()
        assert twin is observer.twin()
        assert twin._process.pid != observer._process.pid
    finally:
        observer.close()
    assert twin._process.poll() is not None

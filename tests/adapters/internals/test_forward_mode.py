"""TensorFlow's forward mode: one function for each operation, whatever the sizes, and whatever came before."""

import json
import subprocess
import sys
from importlib.util import find_spec
from types import SimpleNamespace

import pytest

from nnparity.adapters.tensorflow.internals.forward_mode import Dispatch

needed = pytest.mark.skipif(find_spec("tensorflow") is None, reason="tensorflow is not installed")

#: JVPs of several operations, twice each, in two dtypes, of so many rows each.
SCRIPT = """
import json, os, sys
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import numpy as np, tensorflow as tf
from tensorflow.python.eager import forwardprop
from nnparity.adapters.tensorflow.internals import forward_mode

if sys.argv[1] == "whatever the sizes":
    forward_mode.keep_by_operation()
found = {}
for dtype in ("float32", "float64"):
    for rows in 2 * json.loads(sys.argv[2]):
        chance, sizes = np.random.default_rng(rows), ((rows, rows % 7 + 1), (rows % 7 + 1, 5))
        x, w = (tf.constant(chance.normal(size=size).astype(dtype)) for size in sizes)
        with tf.autodiff.ForwardAccumulator([x, w], [x * x, w + 1]) as accumulator:
            y = tf.nn.softmax(tf.nn.gelu(tf.matmul(x, w)) + tf.reduce_sum(w, 0))
        found.setdefault(f"{rows} {dtype}", set()).add(accumulator.jvp(y).numpy().tobytes().hex())
kept = forwardprop._jvp_relaxed_config.function_cache
print(json.dumps([{case: sorted(bits) for case, bits in found.items()}, len(kept), type(kept).__name__]))
"""
#: More sizes than TensorFlow traces functions of an operation for each of.
MANY = [*range(1, 40)]
OURS = "whatever the sizes"
Bits = dict[str, list[str]]


def forward_mode(how: str, rows: list[int]) -> tuple[Bits, int, str]:
    """The bits that were found of each case, how many functions were traced, and what kept them."""
    command = [sys.executable, "-c", SCRIPT, how, json.dumps(rows)]
    found = subprocess.run(command, capture_output=True, text=True, check=True)
    answer: tuple[Bits, int, str] = tuple(json.loads(found.stdout))
    return answer


@needed
def test_derivatives_are_the_same_whatever_came_before() -> None:
    (forth, traced, kind), (back, again, _) = forward_mode(OURS, MANY), forward_mode(OURS, MANY[::-1])
    (alone, *_), (_, many, usual) = forward_mode(OURS, [3]), forward_mode("as it comes", MANY)
    assert (usual, kind) == ("FunctionCache", "ByOperation"), "this TensorFlow keeps them otherwise"
    assert forth == back
    assert all(len(bits) == 1 for bits in forth.values())
    assert alone.items() <= forth.items()
    assert traced == again < many


@needed
def test_the_first_function_of_all_is_for_any_sizes_too() -> None:
    """TensorFlow generalizes nothing for a cache that is false, which an empty one is if it has a length."""
    assert forward_mode(OURS, [3])[1] == forward_mode(OURS, [3, 4, 5])[1]


class Function:
    """It has the type that it was traced for."""

    function_type = "any sizes"
    captured_inputs = ()

    def _call_flat(self, tensors: list[object], captured_inputs: object) -> tuple[object, ...]:  # noqa: ARG002
        return ("found", *tensors)


def dispatch(general: bool = True, device: str | None = "cpu") -> tuple[Dispatch, list[object]]:
    """One that writes down what it has traced."""
    traced: list[object] = []

    def trace(arguments: tuple[object, ...]) -> Function:
        traced.append(arguments[0])
        return Function()

    def usual(name: str, *_: object) -> tuple[str, str]:
        return "usual", name

    return Dispatch(usual, trace, lambda _: general, lambda: device), traced


def tensor(dtype: str, rank: int) -> SimpleNamespace:
    return SimpleNamespace(dtype=dtype, shape=SimpleNamespace(rank=rank))


def test_a_function_is_traced_once_for_an_operation_its_attributes_dtypes_and_axes() -> None:
    asked, traced = dispatch()
    x, y, flat = tensor("float32", 2), tensor("float32", 2), tensor("float32", 1)
    assert asked("Mul", ("T", 1), [x, y], [x], [y, None]) == ("found", x, y, x, y), "none is given for None"
    asked("Mul", ("T", 1), [y, x], [y], [x, None])
    assert traced == ["Mul"]
    others = (("Add", ("T", 1), [x, y], [x], [y, None]), ("Mul", ("T", 2), [x, y], [x], [y, None]))
    kinds = (("Mul", ("T", 1), [flat, y], [x], [flat, None]), ("Mul", ("T", 1), [x, y], [x], [None, y]))
    for one in (*others, *kinds, ("Mul", ("T", 1), [x], [x, y], [x])):
        asked(*one)
    assert len(traced) == 6


def test_what_is_not_of_any_size_or_in_a_graph_or_has_a_list_goes_the_usual_way() -> None:
    x = tensor("float32", 2)
    for one, attributes in (
        (dispatch(general=False)[0], ()),
        (dispatch(device=None)[0], ()),
        (dispatch()[0], ("T", [1])),
    ):
        assert one("Mul", attributes, [x], [x], [x]) == ("usual", "Mul")

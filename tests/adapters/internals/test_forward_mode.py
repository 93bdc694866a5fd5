"""TensorFlow's forward mode: one function for each operation, whatever the sizes, and whatever came before."""

import json
import subprocess
import sys
from importlib.util import find_spec

import pytest

pytestmark = pytest.mark.skipif(find_spec("tensorflow") is None, reason="tensorflow is not installed")

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


def test_derivatives_are_the_same_whatever_came_before() -> None:
    (forth, traced, kind), (back, again, _) = forward_mode(OURS, MANY), forward_mode(OURS, MANY[::-1])
    (alone, *_), (_, many, usual) = forward_mode(OURS, [3]), forward_mode("as it comes", MANY)
    assert (usual, kind) == ("FunctionCache", "ByOperation"), "this TensorFlow keeps them otherwise"
    assert forth == back
    assert all(len(bits) == 1 for bits in forth.values())
    assert alone.items() <= forth.items()
    assert traced == again < many

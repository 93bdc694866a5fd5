"""TensorFlow's forward mode: kept by operation its functions are the same ones, and give the same bits."""

import json
import subprocess
import sys
from importlib.util import find_spec

import pytest

pytestmark = pytest.mark.skipif(find_spec("tensorflow") is None, reason="tensorflow is not installed")

#: JVPs of several operations in more shapes than each has functions of its own (32), twice each, in two dtypes.
SCRIPT = """
import hashlib, json, os, sys
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import numpy as np, tensorflow as tf
from tensorflow.python.eager import forwardprop
from nnparity.adapters.tensorflow.internals import forward_mode

if sys.argv[1] == "by operation":
    forward_mode.keep_by_operation()
digest, chance = hashlib.sha256(), np.random.default_rng(5)
for dtype in ("float32", "float64"):
    for rows in 2 * (*range(1, 40),):
        sizes = (rows, rows % 7 + 1), (rows % 7 + 1, 5)
        x, w = (tf.constant(chance.normal(size=size).astype(dtype)) for size in sizes)
        with tf.autodiff.ForwardAccumulator([x, w], [x * x, w + 1]) as accumulator:
            y = tf.nn.softmax(tf.nn.gelu(tf.matmul(x, w)) + tf.reduce_sum(w, 0))
        digest.update(accumulator.jvp(y).numpy().tobytes())
kept = forwardprop._jvp_exact_config.function_cache
parts = getattr(kept, "_parts", {0: kept}).values()
types = "".join(sorted(str(one.function_type) for part in parts for one in part.values()))
print(json.dumps([digest.hexdigest(), len(kept), hashlib.sha256(types.encode()).hexdigest(), type(kept).__name__]))
"""


def forward_mode(how: str) -> list[object]:
    """The bits of JVPs, how many functions were traced, a digest of their types, and what kept them."""
    found = subprocess.run([sys.executable, "-c", SCRIPT, how], capture_output=True, text=True, check=True)
    answer: list[object] = json.loads(found.stdout)
    return answer


def test_functions_kept_by_operation_are_those_of_tensorflow_and_give_the_same_bits() -> None:
    (*usual, kind), (*by_operation, own) = forward_mode("as it comes"), forward_mode("by operation")
    assert (kind, own) == ("FunctionCache", "ByOperation"), "this TensorFlow keeps them otherwise"
    assert by_operation == usual

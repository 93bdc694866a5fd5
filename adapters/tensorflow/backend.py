"""TensorFlow: `tf.nn`, and `tf.keras` where TensorFlow has no other, eager, on the CPU or a CUDA device.

Importing this module silences TensorFlow's log, makes it take GPU memory as it needs it, and switches
TF32 off. Second derivatives come from nested `tf.GradientTape`s, JVPs from `tf.autodiff.ForwardAccumulator`.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any

import numpy as np

from nnparity.adapters.base import Adapter
from nnparity.adapters.kernel import Operation, Point, Program, Tensors
from nnparity.adapters.request import Array, Failure
from nnparity.adapters.stderr import hushed

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# tf.keras runs on whatever backend Keras is told; here it must be TensorFlow itself.
os.environ["KERAS_BACKEND"] = "tensorflow"

with hushed():  # while it loads, TensorFlow logs before it has read its own log level (tensorflow issue 100442)
    import tensorflow as tf

from nnparity.adapters.tensorflow.bert import TensorflowBert
from nnparity.adapters.tensorflow.layers import TensorflowLayers
from nnparity.adapters.tensorflow.losses import TensorflowLosses
from nnparity.adapters.tensorflow.models import TensorflowModels
from nnparity.adapters.tensorflow.optimizers import TensorflowOptimizers
from nnparity.adapters.tensorflow.sequences import TensorflowSequences
from nnparity.adapters.tensorflow.training import TensorflowTraining
from nnparity.spec.precision import FUSED

for _gpu in tf.config.list_physical_devices("GPU"):
    tf.config.experimental.set_memory_growth(_gpu, True)
tf.config.experimental.enable_tensor_float_32_execution(False)

_PLACES = {"cpu": "/CPU:0", "cuda": "/GPU:0"}
_ZERO = tf.UnconnectedGradients.ZERO

#: What XLA refuses of compiled programs, whoever built them: pooling in float32 it does, and the values of a loop.
SECOND_POOLING = "XLA has no kernel for the second derivative of max pooling"
LOOPS = "no forward mode across the lists of a loop in a graph"
REFUSED = {
    **{("max_pool2d", d, f"{q}*", "cpu:compiled"): SECOND_POOLING for d in ("*64", "*16") for q in ("jvp", "hvp")},
    **{("listing_cnn", "float64", f"{q}*", "cpu:compiled"): SECOND_POOLING for q in ("jvp", "hvp")},
    **{(f, "*", "jvp*", "cpu:compiled"): LOOPS for f in ("lstm", "lstm_last", "lstm_stacked", "listing_lstm")},
    ("positional_encoding", "float16", "output", "cpu:compiled"): "XLA has no range of float16",
}


class TensorflowBase(Adapter):
    """TensorFlow's tensors and derivatives, without formulas."""

    second_order = "nested tf.GradientTape; jvp by tf.autodiff.ForwardAccumulator"
    refusals = (
        "UnimplementedError",
        "gradient registry has no entry",
        "is not in the list of allowed values",
        "Detected unsupported operations",  # XLA
        "Unsupported dtype",  # XLA
        "`dtype` <dtype: 'variant'> is not compatible",  # forward mode across the lists of a loop in a graph
    )

    refused = MappingProxyType(REFUSED)

    @classmethod
    def devices(cls) -> list[str]:
        return ["cpu", "cuda"] if tf.config.list_physical_devices("GPU") else ["cpu"]

    @contextmanager
    def scope(self) -> Iterator[None]:
        with tf.device(_PLACES[self.device]):
            yield

    def put(self, array: Array) -> Any:
        return tf.constant(np.array(array))

    def arrange(self, tensor: Any, layout: str) -> Any:
        """A tape knows tensors by name: the gradient of two inputs under one would be their sum."""
        return tf.identity(super().arrange(tensor, layout))

    def get(self, tensor: Any) -> Array:
        return np.asarray(tensor.numpy())

    def vjp(self, operation: Operation, point: Point) -> tuple[Tensors, Tensors]:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(point.primals)
            outputs = operation(*point.primals, **point.rest)
        return outputs, _pull(tape, outputs, point.primals, point.cotangents)

    def jvp(self, operation: Operation, point: Point) -> Tensors:
        with tf.autodiff.ForwardAccumulator(list(point.primals), list(point.tangents)) as accumulator:
            outputs = operation(*point.primals, **point.rest)
        return tuple(accumulator.jvp(y, unconnected_gradients=_ZERO) for y in outputs)

    def hvp(self, operation: Operation, point: Point) -> Tensors:
        with tf.GradientTape(watch_accessed_variables=False) as outer:
            outer.watch(point.primals)
            _, gradients = self.vjp(operation, point)
        return _pull(outer, gradients, point.primals, point.tangents)

    def compile(self, program: Program) -> Program:
        return tf.function(program, jit_compile=True) if self.mode == "compiled" else program

    def failure(self, error: Exception) -> Failure:
        """As of `Adapter`, without the traces that TensorFlow writes into its messages."""
        failure = super().failure(error)
        message = failure.message.partition("The op is created at:")[0].strip()
        if "in user code:" in message:
            message = message.rpartition("\n\n")[2].strip()
        return Failure(failure.kind, message)


class TensorflowAdapter(
    TensorflowLayers,
    TensorflowSequences,
    TensorflowLosses,
    TensorflowOptimizers,
    TensorflowModels,
    TensorflowTraining,
    TensorflowBert,
    TensorflowBase,
):
    """Formulas as TensorFlow computes them."""

    backend = "tensorflow"
    packages = ("tensorflow", "keras")
    modes = ("eager", "compiled")
    unsupported = MappingProxyType({"adam": "Keras's Adam has the paper's other form only: see adam_eps_hat"})
    precision = MappingProxyType({("layer_norm", "*float16", "output*"): FUSED})


def _pull(tape: Any, outputs: Tensors, primals: Tensors, cotangents: Tensors) -> Tensors:
    pulled = tape.gradient(outputs, primals, cotangents, unconnected_gradients=_ZERO)
    # An embedding's gradient comes as slices of the table.
    return tuple(tf.convert_to_tensor(gradient) for gradient in pulled)

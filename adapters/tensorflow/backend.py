"""TensorFlow: `tf.nn`, and `tf.keras` where TensorFlow has no other, eager, on the CPU or a CUDA device.

Importing this module silences TensorFlow's log, makes it take GPU memory as it needs it, and switches
TF32 off. How it differentiates is in `arrays`.
"""

import os
from types import MappingProxyType

from nnparity.adapters.kernel import Program
from nnparity.adapters.stderr import hushed

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# tf.keras runs on whatever backend Keras is told; here it must be TensorFlow itself.
os.environ["KERAS_BACKEND"] = "tensorflow"

with hushed():  # while it loads, TensorFlow logs before it has read its own log level (tensorflow issue 100442)
    import tensorflow as tf

from nnparity.adapters.tensorflow.arrays import TensorflowArrays
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

#: What XLA refuses of compiled programs, whoever built them: pooling in float32 it does, and the values of a loop.
SECOND_POOLING = "XLA has no kernel for the second derivative of max pooling"
LOOPS = "no forward mode across the lists of a loop in a graph"
REFUSED = {
    **{("max_pool2d", d, f"{q}*", "cpu:compiled"): SECOND_POOLING for d in ("*64", "*16") for q in ("jvp", "hvp")},
    **{("listing_cnn", "float64", f"{q}*", "cpu:compiled"): SECOND_POOLING for q in ("jvp", "hvp")},
    **{(f, "*", "jvp*", "cpu:compiled"): LOOPS for f in ("lstm", "lstm_last", "lstm_stacked", "listing_lstm")},
    ("positional_encoding", "float16", "output", "cpu:compiled"): "XLA has no range of float16",
}


class TensorflowBase(TensorflowArrays):
    """The same with its modes, and what XLA refuses."""

    second_order = "nested tf.GradientTape; jvp by tf.autodiff.ForwardAccumulator"
    refused = MappingProxyType(REFUSED)

    def compile(self, program: Program) -> Program:
        return tf.function(program, jit_compile=True) if self.mode == "compiled" else program


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

"""TensorFlow: `tf.nn`, and `tf.keras` where TensorFlow has no other, eager, on the CPU or a CUDA device.

Importing this module silences TensorFlow's log, makes it take GPU memory as it needs it, and switches
TF32 off: `eager+tf32` has it. On CUDA it is told to be deterministic; `eager+nondeterministic` is as it comes.
How it differentiates is in `arrays`.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from types import MappingProxyType
from typing import Any

from nnparity.adapters.kernel import NotCompiled, Operation, Point, Program, Tensors, Unsupported
from nnparity.adapters.shared.devices import TENSOR_FLOAT_32, GpuModes, with_options
from nnparity.adapters.stderr import hushed
from nnparity.adapters.switches.grappler import AS_EAGER
from nnparity.adapters.switches.switch import told

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# tf.keras runs on whatever backend Keras is told; here it must be TensorFlow itself.
os.environ["KERAS_BACKEND"] = "tensorflow"

with hushed():  # while it loads, TensorFlow logs before it has read its own log level (tensorflow issue 100442)
    import tensorflow as tf

from nnparity.adapters.tensorflow.arrays import TensorflowArrays
from nnparity.adapters.tensorflow.bert import TensorflowBert
from nnparity.adapters.tensorflow.internals.forward_mode import keep_by_operation
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
# Else frames of TensorFlow's own are taken out of errors, which then seem to be the adapter's.
tf.debugging.disable_traceback_filtering()
keep_by_operation()
if _switches := told():
    if _asked := [name for name in AS_EAGER if _switches.pop(name, None)]:
        from nnparity.adapters.tensorflow.internals.as_eager import UNDO

        for _name in _asked:
            UNDO[_name]()
    tf.config.optimizer.set_experimental_options(_switches)

#: What XLA and graphs refuse, whoever built the program: pooling in float32 XLA does, and the values of a loop.
SECOND_POOLING = "XLA has no kernel for the second derivative of max pooling"
LOOPING = ("lstm", "lstm_last", "lstm_stacked")
LOOPS = "no forward mode across the lists of a loop in a graph"
MAPPED_LOOPS = "tf.vectorized_map: the gradient of a loop keeps lists, of which there are none of several samples"
REFUSED = {
    **{("max_pool2d", d, f"{q}*", "cpu:compiled"): SECOND_POOLING for d in ("*64", "*16") for q in ("jvp", "hvp")},
    **{("listing_cnn", "float64", f"{q}*", "cpu:compiled"): SECOND_POOLING for q in ("jvp", "hvp")},
    **{(f, "*", "jvp*", "cpu:[cg]*"): LOOPS for f in (*LOOPING, "listing_lstm")},
}


#: What TensorFlow documents at `tf.config.experimental.enable_op_determinism`, without which convolutions, their
#: gradients, and sums over segments, as in the gradient of an embedding, may vary on a GPU.
CONVOLUTIONS = "cuDNN chooses an algorithm for a convolution, and some add up in an order that varies"
SEGMENTS = "the gradient of a lookup adds up the rows of the table in an order that varies"
VARYING = MappingProxyType(
    dict.fromkeys(("conv2d", "listing_cnn", "train_cnn"), CONVOLUTIONS) | dict.fromkeys(("embedding",), SEGMENTS)
)


def _traced(program: Program, **options: Any) -> Program:
    """A graph of the program, of which there must be one once it ran: after `run_functions_eagerly` there is none.

    Keras makes its layers when a shape comes first, and in a graph, but for the first one of a function, nobody may
    make variables: so each shape is met outside of it before. What goes wrong there is the graph's to say.
    """
    graph, met = tf.function(program, **options), set()

    def run(point: Point) -> Any:
        shapes = tuple((one.shape, one.dtype) for one in tf.nest.flatten(point))
        if shapes not in met:
            met.add(shapes)
            with suppress(Exception):
                program(point)
        found = graph(point)
        if not graph.experimental_get_tracing_count():
            raise NotCompiled("tf.function made no graph: this is code run op by op")
        return found

    return run


#: How a mode makes a program: op by op, as a graph that TensorFlow's executor runs, or as one that XLA compiles.
COMPILERS: dict[str, Callable[[Program], Program]] = {
    "eager": lambda program: program,
    "graph": _traced,
    "compiled": partial(_traced, jit_compile=True),
}


class TensorflowBase(GpuModes, TensorflowArrays):
    """The same with its modes, and what graphs and XLA refuse."""

    second_order = "nested tf.GradientTape; jvp by tf.autodiff.ForwardAccumulator, traced for any sizes"
    refused = MappingProxyType(REFUSED)

    def __init__(self, device: str = "cpu", mode: str = "") -> None:
        super().__init__(device, mode)
        if self.deterministic:  # there is no way back, and a target is a process
            tf.config.experimental.enable_op_determinism()

    @contextmanager
    def scope(self) -> Iterator[None]:
        """TF32 as the mode says: the flag is global to the process."""
        tf.config.experimental.enable_tensor_float_32_execution(self.option == TENSOR_FLOAT_32)
        with super().scope():
            yield

    def compile(self, program: Program) -> Program:
        return COMPILERS[self.way](program)

    def functional_vjp(self, operation: Operation, point: Point) -> tuple[Tensors, Tensors]:
        """As `vjp`, but for loops, of which `vmap` would say so after seconds."""
        if operation.formula in LOOPING:
            raise Unsupported(MAPPED_LOOPS)
        return super().functional_vjp(operation, point)


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
    modes = with_options(tuple(COMPILERS))
    varying = VARYING
    unsupported = MappingProxyType({"adam": "Keras's Adam has the paper's other form only: see adam_eps_hat"})
    precision = MappingProxyType({("layer_norm", "*float16", "output*"): FUSED})

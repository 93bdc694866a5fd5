"""ONNX Runtime's values and sessions, without formulas: a graph for each operation and signature, run on the CPU.

Only the forward pass: what differentiates is another build of ONNX Runtime, for training.
"""

import ctypes
import os
from typing import Any

import numpy as np
import onnxruntime

from nnparity.adapters.kernel import Operation, Point, Program, Tensors
from nnparity.adapters.onnxruntime.operators import TYPES, Graph, Value
from nnparity.adapters.request import Array
from nnparity.adapters.shared.forward_only import ForwardOnly

FORWARD_ONLY = "onnxruntime runs a graph forward; derivatives are in its build for training only"
PROVIDER = "CPUExecutionProvider"


class OnnxRuntimeArrays(ForwardOnly):
    """Arrays in and out, and graphs from the methods: a method is called once for each signature, with values."""

    modes = ("optimized", "unoptimized")
    forward_only = FORWARD_ONLY
    refusals = ("NOT_IMPLEMENTED", "LSTM operator does not support double")

    def put(self, array: Array) -> Any:
        if array.dtype.name == "bfloat16":
            bits = np.array(array).view(np.uint16)
            return onnxruntime.OrtValue.ortvalue_from_numpy_with_onnx_type(bits, TYPES["bfloat16"])
        return onnxruntime.OrtValue.ortvalue_from_numpy(np.array(array))

    def write(self, tensor: Any, array: Array) -> None:
        if array.dtype.name == "bfloat16":  # of which update_inplace knows nothing
            ctypes.memmove(tensor.data_ptr(), array.tobytes(), array.nbytes)
        else:
            tensor.update_inplace(np.array(array))

    def get(self, tensor: Any) -> Array:
        if tensor.element_type() != TYPES["bfloat16"]:
            return np.array(tensor.numpy())
        content = ctypes.string_at(tensor.data_ptr(), tensor.tensor_size_in_bytes())  # NumPy has no such type
        return np.frombuffer(content, "bfloat16").reshape(tensor.shape())

    def compile(self, program: Program) -> Program:
        """A session for each signature: the first run of one builds its graph."""
        sessions: dict[Any, Any] = {}
        operation: Operation = program.args[0]  # type: ignore[attr-defined]  # base.Adapter binds it by partial

        def run(point: Point) -> Tensors:
            given = named(point, operation)
            key = tuple((name, value.element_type(), tuple(value.shape())) for name, value in given.items())
            if key not in sessions:
                sessions[key] = self._session(program, operation, point)
            return tuple(sessions[key].run_with_ort_values(None, given))

        return run

    def _session(self, program: Program, operation: Operation, point: Point) -> Any:
        return onnxruntime.InferenceSession(traced(program, operation, point), self._options(), providers=[PROVIDER])

    def _options(self) -> Any:
        """As a user's session has them, but for threads: as many as the environment says."""
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        options.intra_op_num_threads = int(os.environ.get("OMP_NUM_THREADS", "0"))
        if self.mode == "unoptimized":
            options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        return options


def named(point: Point, operation: Operation) -> dict[str, Any]:
    """The inputs of an operation by their names."""
    return dict(zip(operation.wrt, point.primals, strict=True)) | point.rest


def traced(program: Program, operation: Operation, point: Point) -> bytes:
    """The graph that the program builds of values of these types and shapes, as a file."""
    types = {number: name for name, number in TYPES.items()}
    given = {name: (types[x.element_type()], x.shape()) for name, x in named(point, operation).items()}
    floats = [dtype for dtype, _ in given.values() if "float" in dtype]
    graph = Graph(operation.attributes.get("dtype") or next(iter(floats), "float32"))
    values: dict[str, Value] = {name: graph.input(name, *one) for name, one in given.items()}
    primals = tuple(values.pop(name) for name in operation.wrt)
    return graph.model(program(point._replace(primals=primals, rest=values, tangents=(), cotangents=())))

"""ONNX's operators by their full names, ``ai.onnx.Gemm``: called with values of a graph, each adds a node to it.

What an operator means stands in ONNX's own schema of it, of the version `OPSET`; nothing is computed here.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from onnx import TensorProto, defs, helper

#: The version of the operators: the first that has attention.
OPSET = 23
#: The version of the file format; ONNX's newest is often newer than what ONNX Runtime reads.
FORMAT = 10
TYPES = {
    "float64": TensorProto.DOUBLE,
    "float32": TensorProto.FLOAT,
    "float16": TensorProto.FLOAT16,
    "bfloat16": TensorProto.BFLOAT16,
    "int64": TensorProto.INT64,
    "int32": TensorProto.INT32,
    "bool": TensorProto.BOOL,
}


class Graph:
    """Nodes in the order of their calls. `dtype` is that of the numbers that a formula names itself."""

    def __init__(self, dtype: str) -> None:
        self.dtype = dtype
        self._nodes: list[Any] = []
        self._inputs: list[Any] = []
        self._constants: list[Any] = []

    def input(self, name: str, dtype: str, shape: Sequence[int]) -> "Value":
        """A value that is given to each run; its shape is part of the graph."""
        self._inputs.append(helper.make_tensor_value_info(name, TYPES[dtype], shape))
        return Value(self, name, tuple(shape))

    def constant(self, number: Any, dtype: str = "") -> "Value":
        """A number, or several, of the formula: of the graph's dtype if none is named."""
        array = np.asarray(number).astype(dtype or self.dtype)
        name = f"c{len(self._constants)}"
        tensor = helper.make_tensor(name, TYPES[array.dtype.name], array.shape, array.tobytes(), raw=True)
        self._constants.append(tensor)
        return Value(self, name, array.shape)

    def node(self, operator: str, inputs: Sequence["Value | None"], outputs: int, attributes: dict[str, Any]) -> Any:
        """A new node; an input that is left out is None. Returns its value, or as many as are asked for."""
        names = [f"n{len(self._nodes)}_{place}" for place in range(outputs)]
        given = ["" if value is None else value.name for value in inputs]
        self._nodes.append(helper.make_node(operator, given, names, **attributes))
        values = tuple(Value(self, name) for name in names)
        return values if outputs > 1 else values[0]

    def model(self, outputs: Sequence["Value"]) -> bytes:
        """The graph as a file, its outputs under names of their own: an input alone may be one of them."""
        results = [self.node("Identity", (value,), 1, {}).name for value in outputs]
        told = [helper.make_empty_tensor_value_info(name) for name in results]
        graph = helper.make_graph(self._nodes, "formula", self._inputs, told, self._constants)
        opset = [helper.make_opsetid("", OPSET)]
        return bytes(helper.make_model(graph, opset_imports=opset, ir_version=FORMAT).SerializeToString())


class Value:
    """A value of a graph: an input, a constant, or what a node gives. Of inputs and constants the `shape` is known."""

    def __init__(self, graph: Graph, name: str, shape: tuple[int, ...] = ()) -> None:
        self.graph, self.name, self.shape = graph, name, shape

    def of(self, other: Any) -> "Value":
        """Another operand: a number is a constant of the same graph."""
        return other if isinstance(other, Value) else self.graph.constant(other)

    def __len__(self) -> int:
        return self.shape[0]

    def __add__(self, other: Any) -> Any:
        return onnx.Add(self, self.of(other))

    def __sub__(self, other: Any) -> Any:
        return onnx.Sub(self, self.of(other))

    def __rsub__(self, other: Any) -> Any:
        return onnx.Sub(self.of(other), self)

    def __mul__(self, other: Any) -> Any:
        return onnx.Mul(self, self.of(other))

    def __truediv__(self, other: Any) -> Any:
        return onnx.Div(self, self.of(other))

    def __matmul__(self, other: Any) -> Any:
        return onnx.MatMul(self, self.of(other))

    def __neg__(self) -> Any:
        return onnx.Neg(self)


class Operator:
    """One operator of ONNX. Inputs are values, or whole numbers for axes and shapes; attributes are keywords."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, first: Value, *others: Any, outputs: int = 1, **attributes: Any) -> Any:
        graph = first.graph
        inputs = [x if isinstance(x, Value | None) else graph.constant(x, "int64") for x in others]
        return graph.node(self.name, (first, *inputs), outputs, attributes)


class Domain:
    """Operators as attributes. AttributeError for one that the version of the operators does not have."""

    def __getattr__(self, name: str) -> Operator:
        try:
            defs.get_schema(name, OPSET)
        except defs.SchemaError as error:
            raise AttributeError(f"opset {OPSET} of ONNX has no operator {name}") from error
        return Operator(name)


#: The domain ``ai.onnx``: what a model file means by an operator without a domain.
onnx = Domain()

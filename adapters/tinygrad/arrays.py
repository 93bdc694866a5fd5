"""tinygrad's tensors and derivatives, without formulas: reverse mode by `Tensor.gradient`.

tinygrad is lazy: what a method returns is a graph, which is compiled and run when a number is asked for.
"""

from collections.abc import Iterable
from functools import reduce
from operator import add
from typing import Any

import numpy as np
from tinygrad import Tensor, dtypes

from nnparity.adapters.base import Adapter
from nnparity.adapters.kernel import Operation, Point, Program, Tensors, Unsupported
from nnparity.adapters.request import Array

REVERSE_ONLY = "tinygrad has reverse mode only"
FIRST_ORDER = "not asked: to make a program of second derivatives takes tinygrad up to a minute a shape"


class TinygradArrays(Adapter):
    """What any code on tinygrad's tensors shares."""

    second_order = "none: first derivatives only"

    def put(self, array: Array) -> Any:
        if array.dtype.name == "bfloat16":
            return Tensor(np.array(array).view(np.uint16), device="CPU").bitcast(dtypes.bfloat16).realize()
        return Tensor(np.array(array), device="CPU").realize()

    def arrange(self, tensor: Any, layout: str) -> Any:
        """`Tensor.gradient` knows tensors by their graph: the gradient of two inputs under one would be their sum."""
        return super().arrange(tensor, layout).clone().realize()

    def get(self, tensor: Any) -> Array:
        if tensor.dtype == dtypes.bfloat16:
            return tensor.bitcast(dtypes.uint16).numpy().view("bfloat16")
        return np.array(tensor.numpy())

    def compile(self, program: Program) -> Program:
        """Realised together: what several results share is computed once."""

        def run(point: Point) -> Tensors:
            tensors: Tensors = program(point)
            Tensor.realize(*tensors)
            return tensors

        return run

    def vjp(self, operation: Operation, point: Point) -> tuple[Tensors, Tensors]:
        outputs = operation(*point.primals, **point.rest)
        return outputs, pulled(outputs, point.cotangents, point.primals)

    def jvp(self, operation: Operation, point: Point) -> Tensors:
        raise Unsupported(REVERSE_ONLY)

    def hvp(self, operation: Operation, point: Point) -> Tensors:
        raise Unsupported(FIRST_ORDER)

    def jvp_hvp(self, operation: Operation, point: Point) -> tuple[Tensors, Tensors]:
        raise Unsupported(REVERSE_ONLY)


def pulled(outputs: Iterable[Any], cotangents: Iterable[Any], primals: Tensors) -> Tensors:
    """The sum over the outputs of what each pulls back."""
    rows = [y.gradient(*primals, gradient=g) for y, g in zip(outputs, cotangents, strict=True)]
    return tuple(reduce(add, column) for column in zip(*rows, strict=True))

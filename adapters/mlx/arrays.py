"""MLX's arrays and derivatives, without formulas.

Reverse mode is `mx.vjp`, forward mode `mx.jvp`, and a Hessian-vector product is the VJP of a VJP:
forward mode lacks more operations than reverse mode does.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import mlx.core as mx
import numpy as np

from nnparity.adapters.base import Adapter
from nnparity.adapters.kernel import Operation, Point, Program, Tensors, Unsupported, unmapped
from nnparity.adapters.request import Array
from nnparity.spec.cases.layouts import LAYOUTS, strided

#: mx.sum(mx.array(np.ones((0, 8))), axis=0) now and then never ends: `get_reduction_plan` leaves out axes of size 0,
#: and `nd_loop` then takes the sizes of its loops from memory that nobody wrote.
OVER_NOTHING = "MLX's sum over an empty batch takes its sizes from memory that nobody wrote, and may never end"


class MlxArrays(Adapter):
    """What any code on MLX's arrays shares."""

    layouts = LAYOUTS
    second_order = "reverse over reverse: mx.vjp of mx.vjp"
    refusals = ("Not implemented for", "not yet implemented")

    @contextmanager
    def scope(self) -> Iterator[None]:
        with mx.stream(mx.cpu):
            yield

    def put(self, array: Array) -> Any:
        """In its dtype: without that MLX would make float64 float32. No view is left for another thread to make."""
        if array.dtype.name == "bfloat16":
            viewed = mx.array(np.array(array).view(np.uint16)).view(mx.bfloat16)
            mx.eval(viewed)
            return viewed
        return mx.array(np.array(array), dtype=getattr(mx, array.dtype.name))

    def get(self, tensor: Any) -> Array:
        if tensor.dtype == mx.bfloat16:
            return np.array(tensor.view(mx.uint16)).view("bfloat16")
        return np.array(tensor)

    def arrange(self, tensor: Any, layout: str) -> Any:
        if (laid := strided(self.get(tensor), layout)) is None:
            return tensor
        return mx.as_strided(self.put(laid.memory), tensor.shape, laid.strides, laid.offset)

    def compile(self, program: Program) -> Program:
        """Evaluated at once: MLX is lazy, and what fails should fail here."""

        def run(point: Point) -> Tensors:
            tensors: Tensors = program(point)
            mx.eval(*tensors)
            return tensors

        return run

    def vmap(self, program: Any) -> Any:
        return unmapped("mlx.core.vmap", mx.vmap(program), (ValueError,), "[Primitive::vmap]")

    def vjp(self, operation: Operation, point: Point) -> tuple[Tensors, Tensors]:
        """Where some inputs are empty, the gradients of those that are not are sums over nothing."""
        if {bool(primal.size) for primal in point.primals} == {True, False}:
            raise Unsupported(OVER_NOTHING)
        outputs, gradients = mx.vjp(_function(operation, point), list(point.primals), list(point.cotangents))
        return tuple(outputs), tuple(gradients)

    def jvp(self, operation: Operation, point: Point) -> Tensors:
        return tuple(mx.jvp(_function(operation, point), list(point.primals), list(point.tangents))[1])

    def double_vjp(self, operation: Operation, point: Point) -> Tensors:
        def pulled(*cotangents: Any) -> list[Any]:
            return list(self.vjp(operation, point._replace(cotangents=cotangents))[1])

        return tuple(mx.vjp(pulled, list(point.cotangents), list(point.tangents))[1])

    def hvp(self, operation: Operation, point: Point) -> Tensors:
        def pulled(*primals: Any) -> list[Any]:
            return list(self.vjp(operation, point._replace(primals=primals))[1])

        return tuple(mx.vjp(pulled, list(point.primals), list(point.tangents))[1])


def _function(operation: Operation, point: Point) -> Any:
    return lambda *primals: list(operation(*primals, **point.rest))

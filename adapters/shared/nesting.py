"""Second derivatives by each way to nest the two modes of differentiation, of a framework whose modes nest.

A kernel's derivative is code of its own, and so is the derivative of that: forward mode in reverse mode runs through
other code than reverse mode in reverse mode, and what is right by one way may be wrong by another.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

from nnparity.adapters.base import Adapter
from nnparity.adapters.kernel import Operation, Point, Tensor, Tensors


@dataclass(frozen=True, eq=False)
class Derivative(Operation):
    """The derivative of an operation along fixed directions, as a function of its primals like any operation."""

    of: Operation = field(kw_only=True)
    at: Point = field(kw_only=True)
    differentiate: Callable[[Operation, Point], Tensors] = field(kw_only=True)

    def __call__(self, *primals: Tensor, **rest: Tensor) -> Tensors:
        """Gradients in reverse mode, tangents of the outputs in forward mode."""
        return tuple(self.differentiate(self.of, self.at._replace(primals=primals, rest=rest)))


class Nesting(Adapter):
    """The four ways, by what the framework makes of a function: its VJP and its JVP, to be differentiated again."""

    def inner_jvp(self, operation: Operation, point: Point) -> Tensors:
        """As `jvp`, in a way that can be differentiated once more."""
        return self.jvp(operation, point)

    def inner_vjp(self, operation: Operation, point: Point) -> tuple[Tensors, Tensors]:
        """As `vjp`, in a way that can be differentiated once more."""
        return self.vjp(operation, point)

    def differentiable_twice(self, operation: Operation, family: str) -> AbstractContextManager[Any]:
        """What holds around a second derivative of `family`: kernels that have one, where the usual ones have none."""
        return nullcontext()

    def forward_over_reverse(self, operation: Operation, point: Point) -> Tensors:
        """The HVP as the JVP of the VJP."""
        with self.differentiable_twice(operation, "hvp"):
            return self.inner_jvp(_derivative(operation, point, self._pulled), point)

    def reverse_over_reverse(self, operation: Operation, point: Point) -> Tensors:
        """The HVP as the VJP of the VJP, whose cotangents are the tangents."""
        pulled = _derivative(operation, point, self._pulled)
        with self.differentiable_twice(operation, "hvp"):
            return self._pulled(pulled, point._replace(cotangents=point.tangents))

    def reverse_over_forward(self, operation: Operation, point: Point) -> Tensors:
        """The HVP as the VJP of the JVP."""
        with self.differentiable_twice(operation, "hvp"):
            return self._pulled(_derivative(operation, point, self.inner_jvp), point)

    def forward_over_forward(self, operation: Operation, point: Point) -> Tensors:
        """The second derivative of each output along the tangents, as the JVP of the JVP."""
        with self.differentiable_twice(operation, "jvp"):
            return self.inner_jvp(_derivative(operation, point, self.inner_jvp), point)

    def _pulled(self, operation: Operation, point: Point) -> Tensors:
        return self.inner_vjp(operation, point)[1]


def _derivative(operation: Operation, point: Point, differentiate: Callable[[Operation, Point], Tensors]) -> Derivative:
    return Derivative(**vars(operation), of=operation, at=point, differentiate=differentiate)

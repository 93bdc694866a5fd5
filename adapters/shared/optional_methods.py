"""Methods that not every adapter has: what they are there for is not asked of the others."""

from collections.abc import Callable
from typing import ClassVar

from nnparity.adapters.kernel import Operation, Point, Tensor, Tensors
from nnparity.adapters.request import NESTED, Array

OPTIONAL = ("write", "vmap", "double_vjp", "vjp_again", "vjp_late", *NESTED)


class OptionalMethods:
    """What they are, and that none of them is there."""

    #: Those that take seconds of each formula, whatever was compiled before: asked of the level "full" alone.
    slow: ClassVar[tuple[str, ...]] = ()
    #: Why no two threads may call at the same time, where the framework is not made for that.
    one_caller: ClassVar[str] = ""

    def write(self, tensor: Tensor, array: Array) -> None:
        """Other numbers into the memory of a tensor that `put` made, for a framework whose tensors are written to."""
        raise NotImplementedError

    def vmap(self, program: Callable[..., Tensors]) -> Callable[..., Tensors]:
        """What the framework makes of code for one sample to run it for all: along axis 0 of all that it is given."""
        raise NotImplementedError

    def vjp_again(self, operation: Operation, point: Point) -> tuple[Tensors, Tensors]:
        """As `vjp`, through a graph that half the cotangents were pulled back through before."""
        raise NotImplementedError

    def vjp_late(self, operation: Operation, point: Point) -> tuple[Tensors, Tensors]:
        """As `vjp`, pulled back after another forward call, of the primals that stand where tangents do."""
        raise NotImplementedError

    def double_vjp(self, operation: Operation, point: Point) -> Tensors:
        """The derivative of the VJP when its cotangents move, weighed with the tangents: what `jvp` is, in reverse."""
        raise NotImplementedError

    def forward_over_reverse(self, operation: Operation, point: Point) -> Tensors:
        """As `hvp`, and that as the JVP of the VJP."""
        raise NotImplementedError

    def reverse_over_reverse(self, operation: Operation, point: Point) -> Tensors:
        """As `hvp`, and that as the VJP of the VJP."""
        raise NotImplementedError

    def reverse_over_forward(self, operation: Operation, point: Point) -> Tensors:
        """As `hvp`, and that as the VJP of the JVP."""
        raise NotImplementedError

    def forward_over_forward(self, operation: Operation, point: Point) -> Tensors:
        """The second derivative of each output along the tangents, as the JVP of the JVP."""
        raise NotImplementedError

    def gives(self, method: str) -> bool:
        """Whether it has one of the methods `OPTIONAL`."""
        return getattr(type(self), method) is not getattr(OptionalMethods, method)

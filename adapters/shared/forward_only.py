"""What runs forward only, and says of all derivatives that it has none."""

from typing import ClassVar

from nnparity.adapters.base import Adapter
from nnparity.adapters.kernel import Operation, Point, Tensors, Unsupported


class ForwardOnly(Adapter):
    """What runs forward only: gradients, and all that is made of them, are unsupported, for that reason."""

    forward_only: ClassVar[str] = "forward only"
    second_order = "none: forward only"

    def vjp(self, operation: Operation, point: Point) -> tuple[Tensors, Tensors]:
        """None."""
        raise Unsupported(self.forward_only)

    def jvp(self, operation: Operation, point: Point) -> Tensors:
        """None."""
        raise Unsupported(self.forward_only)

    def hvp(self, operation: Operation, point: Point) -> Tensors:
        """None."""
        raise Unsupported(self.forward_only)

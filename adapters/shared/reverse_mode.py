"""Reverse mode of a framework that records a forward call: a tape, or a graph that hangs on the outputs."""

from abc import abstractmethod
from collections.abc import Callable
from typing import Any

from nnparity.adapters.base import Adapter
from nnparity.adapters.kernel import Operation, Point, Tensors

#: From cotangents of the outputs to gradients by the primals.
Pull = Callable[[Tensors], Tensors]


class ReverseMode(Adapter):
    """The ways to pull cotangents back through one recorded call: at once, for a second time, and late."""

    @abstractmethod
    def record(
        self, operation: Operation, primals: Tensors, rest: dict[str, Any], *, again: bool = False
    ) -> tuple[Tensors, Pull]:
        """The outputs of a call, and what pulls back to its primals: once, or `again` and again."""

    def vjp(self, operation: Operation, point: Point) -> tuple[Tensors, Tensors]:
        outputs, pull = self.record(operation, point.primals, point.rest)
        return outputs, pull(point.cotangents)

    def vjp_again(self, operation: Operation, point: Point) -> tuple[Tensors, Tensors]:
        outputs, pull = self.record(operation, point.primals, point.rest, again=True)
        pull(tuple(g * 0.5 for g in point.cotangents))
        return outputs, pull(point.cotangents)

    def vjp_late(self, operation: Operation, point: Point) -> tuple[Tensors, Tensors]:
        outputs, pull = self.record(operation, point.primals, point.rest)
        other = self.record(operation, point.tangents, point.rest)
        gradients = pull(point.cotangents)
        del other  # what it has recorded was kept until here
        return outputs, gradients

"""Arithmetic: how a target computes, as far as its rounding errors follow from it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True)
class Arithmetic:
    """How a target computes: unit roundoff, absolute error of an underflow, largest finite number.

    `step` is the smallest subnormal number, or the smallest normal one where subnormals are flushed to zero.
    `holds` says whether a constant is representable, that is, exact. `statistical` says that the errors wanted are
    those to expect: a comparison is then in doubt by its chance to be turned, else wherever the worst case turns
    it; see `conditions.Condition`.
    """

    #: See `Reading`.
    identified: ClassVar[bool] = True

    unit: float
    step: float
    #: Where it is infinity nothing overflows: an infinity or a NaN comes from one that went in, and is exact.
    largest: float
    holds: Callable[[float], bool]
    statistical: bool = False
    #: How sums and products accumulate, where that is not the dtype itself: see `accumulating`.
    accumulator: "Arithmetic | None" = None
    #: As what operands enter products that are summed, where they lose digits on the way in: see `sums.entering`.
    operand: "Arithmetic | None" = None
    #: Whether norm 2 of a sum is that of the worst of the orders that kernels take, see `orders`, else of any order.
    ordered: bool = False

    @property
    def accumulating(self) -> "Arithmetic":
        """The arithmetic of partial sums. Tensor cores and CPU libraries add up half precision in float32."""
        return self.accumulator or self

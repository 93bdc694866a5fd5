"""How a formula of the reference is written down: the forward function, its VJP under it, both by id.

    @formula("relu")
    def relu(x): ...

    @relu.vjp
    def _(g, x): ...

Both take the inputs in the order of the spec and the attributes as keywords; the VJP takes the cotangent first (a
tuple of them when there are several outputs) and returns a tuple of gradients in the order of the spec's `wrt`.
Further keywords, with the right reading as default, are the variants that the spec speaks of.
"""

from collections.abc import Callable
from typing import Any

Function = Callable[..., Any]


class Reference:
    """One formula: call it for the outputs, `backward` for the gradients."""

    def __init__(self, id: str, forward: Function) -> None:
        self.id = id
        self.forward = forward
        self.backward: Function | None = None
        self.__doc__ = forward.__doc__

    def __call__(self, *inputs: Any, **attributes: Any) -> Any:
        """The outputs: one array, or a tuple in the order of the spec."""
        return self.forward(*inputs, **attributes)

    def vjp(self, backward: Function) -> Function:
        """Registers the vector-Jacobian product, the primer's back-propagation."""
        self.backward = backward
        return backward

    def gradients(self, g: Any, *inputs: Any, **attributes: Any) -> tuple[Any, ...]:
        """The VJP as a tuple. Raises TypeError for a formula without one."""
        if self.backward is None:
            raise TypeError(f"{self.id} has no vector-Jacobian product")
        result = self.backward(g, *inputs, **attributes)
        return result if isinstance(result, tuple) else (result,)


#: id -> formula; filled by importing the chapters, which `nnparity.reference` does.
FORMULAS: dict[str, Reference] = {}


def formula(id: str) -> Callable[[Function], Reference]:
    """Registers the forward function of the spec's formula `id`. Raises ValueError when there is one already."""

    def register(forward: Function) -> Reference:
        if id in FORMULAS:
            raise ValueError(f"the formula {id!r} is written twice")
        return FORMULAS.setdefault(id, Reference(id, forward))

    return register

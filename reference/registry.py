"""How a formula of the reference is written down: the forward function, its VJP under it, both by id.

    @formula("relu")
    def relu(x): ...

    @relu.vjp
    def _(g, x): ...

Both take the inputs in the order of the spec and the attributes as keywords; the VJP takes the cotangent first (a
tuple of them when there are several outputs) and returns a tuple of gradients in the order of the spec's `wrt`.
Further keywords, with the right reading as default, are the variants that the spec speaks of. One needs no code: where
the formula's matrices are named, as in ``@formula("dense", matrices=["w"])``, ``transposed=True`` transposes them.
"""

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

Function = Callable[..., Any]


class Reference:
    """One formula: call it for the outputs, `backward` for the gradients."""

    def __init__(self, id: str, forward: Function, matrices: Sequence[str] = ()) -> None:
        self.id = id
        self.forward = forward
        names = list(inspect.signature(forward).parameters) if matrices else []
        self._matrices = [names.index(name) for name in matrices]
        self.backward: Function | None = None
        self.__doc__ = forward.__doc__

    def __call__(self, *inputs: Any, **attributes: Any) -> Any:
        """The outputs: one array, or a tuple in the order of the spec."""
        if self._matrices and attributes.pop("transposed", False):
            inputs = self._transposed(inputs)
        return self.forward(*inputs, **attributes)

    def vjp(self, backward: Function) -> Function:
        """Registers the vector-Jacobian product, the primer's back-propagation."""
        self.backward = backward
        return backward

    def gradients(self, g: Any, *inputs: Any, **attributes: Any) -> tuple[Any, ...]:
        """The VJP as a tuple. Raises TypeError for a formula without one."""
        if self.backward is None:
            raise TypeError(f"{self.id} has no vector-Jacobian product")
        transposed = bool(self._matrices) and attributes.pop("transposed", False)
        result = self.backward(g, *(self._transposed(inputs) if transposed else inputs), **attributes)
        found = result if isinstance(result, tuple) else (result,)
        return self._transposed(found) if transposed else found

    def _transposed(self, arrays: tuple[Any, ...]) -> tuple[Any, ...]:
        """Inputs, or the gradients by all of them, whose matrices are transposed where they are square."""
        found = list(arrays)
        for place in self._matrices:
            *others, rows, columns = range(found[place].ndim)
            if found[place].shape[rows] == found[place].shape[columns]:
                found[place] = np.transpose(found[place], (*others, columns, rows))
        return tuple(found)


#: id -> formula; filled by importing the chapters, which `nnparity.reference` does.
FORMULAS: dict[str, Reference] = {}


def formula(id: str, matrices: Sequence[str] = ()) -> Callable[[Function], Reference]:
    """Registers the forward function of the spec's formula `id`. Raises ValueError when there is one already.

    `matrices` are inputs that a wrong reading takes transposed. Such a formula is differentiated by all its inputs.
    """

    def register(forward: Function) -> Reference:
        if id in FORMULAS:
            raise ValueError(f"the formula {id!r} is written twice")
        return FORMULAS.setdefault(id, Reference(id, forward, matrices))

    return register

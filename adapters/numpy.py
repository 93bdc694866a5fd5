"""The self-check: the reference itself, computed in float64 and rounded to the dtype asked for.

The one adapter that knows the reference, since the reference is its framework. Whatever the harness
reports about this target is a fault of the harness, or of a budget, never of a kernel.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from nnparity.adapters.base import Adapter
from nnparity.adapters.kernel import InPart, Kernel, Operation, Point, Tensors
from nnparity.adapters.request import Array, Failure, Observation, Request, keys
from nnparity.reference import FORMULAS, packs
from nnparity.reference.readings import Dual, tangent_of
from nnparity.spec import load
from nnparity.spec.cases.invalid_inputs import unfit

packs.complete()


class NumpyAdapter(Adapter):
    """Formulas from `nnparity.reference`; derivatives by its VJPs and by the reading `Dual`."""

    backend = "numpy"
    packages = ("numpy",)
    second_order = "Dual numbers through the VJP"

    def __init__(self, device: str = "cpu", mode: str = "") -> None:
        """As of `Adapter`; remembers the order of each formula's inputs, which the reference takes by place."""
        super().__init__(device, mode)
        self._order: dict[str, tuple[str, ...]] = {}

    @classmethod
    def devices(cls) -> list[str]:
        """Only the CPU."""
        return ["cpu"]

    @classmethod
    def kernels(cls) -> dict[str, Kernel]:
        """Every formula of the reference."""
        return {
            name: Kernel(f"{found.forward.__module__}.{found.forward.__name__}") for name, found in FORMULAS.items()
        }

    def observe(self, request: Request) -> Observation:
        """The quantities of `request`, each rounded once, at the end."""
        floats = [a.dtype for a in request.inputs.values() if a.dtype.kind not in "iub"]
        dtype = floats[0] if floats else np.dtype(request.dtype)
        if (formula := load().get(request.formula)) and (wrong := unfit(formula, request.inputs, request.attributes)):
            failure = Failure("error", f"ValueError: {wrong}", raised_in=unfit.__module__)
            return {key: failure for family in sorted(request.quantities) for key in keys(family, request)}
        with np.errstate(all="ignore"):
            seen = super().observe(request)
            return {name: x if isinstance(x, Failure) else x.astype(dtype) for name, x in seen.items()}

    def _bound(self, request: Request) -> Operation:
        """The reference's function, called with keywords like every other adapter's."""
        names = self._order.setdefault(request.formula, tuple(request.inputs))

        def method(**keywords: Any) -> Any:
            inputs = [keywords.pop(name) for name in names]
            return FORMULAS[request.formula](*inputs, **keywords)

        return Operation(request.formula, method, request.wrt, request.attributes)

    def put(self, array: Array) -> Array:
        """A float64 copy; whole numbers stay what they are."""
        return array.copy() if array.dtype.kind in "iub" else array.astype(np.float64)

    def write(self, tensor: Array, array: Array) -> None:
        """Rounded to nothing: a float64 array holds numbers of any dtype."""
        tensor[...] = array

    def get(self, tensor: Any) -> Array:
        """As it is: `observe` rounds."""
        return np.asarray(tensor)

    def vmap(self, program: Callable[..., Tensors]) -> Callable[..., Tensors]:
        """One sample after the other."""
        return lambda *arrays: tuple(
            np.stack(results) for results in zip(*(program(*one) for one in zip(*arrays, strict=True)), strict=True)
        )

    def vjp(self, operation: Operation, point: Point) -> tuple[Tensors, Tensors]:
        """The reference's own back-propagation."""
        return operation(*point.primals, **point.rest), self._gradients(operation, point, point.primals)

    def vjp_late(self, operation: Operation, point: Point) -> tuple[Tensors, Tensors]:
        """The same: nothing is kept from one call to the next."""
        outputs = operation(*point.primals, **point.rest)
        operation(*point.tangents, **point.rest)
        return outputs, self._gradients(operation, point, point.primals)

    def jvp(self, operation: Operation, point: Point) -> Tensors:
        """Dual numbers through the formula."""
        return tuple(tangent_of(y) for y in operation(*self._moving(point), **point.rest))

    def hvp(self, operation: Operation, point: Point) -> Tensors:
        """Dual numbers through the VJP."""
        return tuple(tangent_of(y) for y in self._gradients(operation, point, self._moving(point)))

    def _moving(self, point: Point) -> Tensors:
        return tuple(Dual(x, v) for x, v in zip(point.primals, point.tangents, strict=True))

    def _gradients(self, operation: Operation, point: Point, primals: Tensors) -> Tensors:
        given = _of_all_outputs(operation, point) if isinstance(operation, InPart) else point.cotangents
        g = given if len(given) > 1 else given[0]
        named = dict(zip(operation.wrt, primals, strict=True)) | point.rest
        inputs = [named[name] for name in self._order[operation.formula]]
        found = FORMULAS[operation.formula].gradients(g, *inputs, **operation.attributes)
        formula = load().get(operation.formula)
        everyone = dict(zip(formula.wrt if formula else operation.wrt, found, strict=True))
        return tuple(everyone[name] for name in operation.wrt)


def _of_all_outputs(operation: InPart, point: Point) -> Tensors:
    """The cotangents of some outputs, and zeros of the others."""
    outputs = Operation.__call__(operation, *point.primals, **point.rest)
    given = dict(zip(operation.places, point.cotangents, strict=True))
    return tuple(given.get(place, np.zeros_like(y)) for place, y in enumerate(outputs))

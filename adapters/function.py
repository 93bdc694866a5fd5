"""A user's function as the implementation under test, in the user's own process.

The function is handed arrays of its framework, by the spec's order, and differentiated as that framework does. Its
framework is imported when it is asked for; no setting of the process is touched. NumPy's functions have no derivative
of their own: theirs is the VJP that comes with them, or none.
"""

import importlib
import inspect
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from nnparity.adapters.base import Adapter
from nnparity.adapters.kernel import Operation, Point, Tensors, Unsupported
from nnparity.adapters.request import Array, Failure, Observation, Request, keys, native, unmasked
from nnparity.adapters.traceback import FRAMES, located
from nnparity.spec import Formula

#: Framework -> where its arrays and derivatives are.
FRAMEWORKS = {
    "numpy": "nnparity.adapters.function:NumpyArrays",
    "torch": "nnparity.adapters.torch.arrays:TorchArrays",
    "jax": "nnparity.adapters.jax.arrays:JaxArrays",
    "tensorflow": "nnparity.adapters.tensorflow.arrays:TensorflowArrays",
}
#: Those that take no array of another one for theirs.
OWN = ("torch", "tensorflow")
#: First package of an array's type -> its framework.
PACKAGES = {"numpy": "numpy", "torch": "torch", "jax": "jax", "jaxlib": "jax", "tensorflow": "tensorflow"}


class NumpyArrays(Adapter):
    """Plain arrays, of which nobody knows a derivative."""

    def put(self, array: Array) -> Array:
        return np.array(array)

    def get(self, tensor: Any) -> Array:
        return np.asarray(tensor)

    def vjp(self, operation: Operation, point: Point) -> tuple[Tensors, Tensors]:
        raise Unsupported("a NumPy function has no derivative of its own: give vjp=")

    def jvp(self, operation: Operation, point: Point) -> Tensors:
        raise Unsupported("a NumPy function has no forward derivative")

    def hvp(self, operation: Operation, point: Point) -> Tensors:
        raise Unsupported("a NumPy function has no second derivative")


@dataclass
class Call:
    """What is under test: the function, its VJP if it has one of its own, and the formula it is held to."""

    function: Callable[..., Any]
    formula: Formula
    vjp: Callable[..., Any] | None = None
    #: the attributes of the formula that the function takes as keywords
    takes: frozenset[str] = field(init=False)
    #: whether the function has the formula's own names for the inputs, in another order or as keywords alone
    by_name: bool = field(init=False)

    def __post_init__(self) -> None:
        known = _parameters(self.function)
        self.takes = frozenset(name for name in self.formula.attributes if _takes(known, name))
        names = list(self.formula.inputs)
        by_place = [one.name for one in known if one.kind is not one.KEYWORD_ONLY][: len(names)]
        able = {one.name for one in known if one.kind in (one.KEYWORD_ONLY, one.POSITIONAL_OR_KEYWORD)}
        self.by_name = able.issuperset(names) and by_place != names

    def __call__(self, named: Mapping[str, Any]) -> Any:
        """The outputs."""
        if self.by_name:
            return self.function(**{name: named[name] for name in self.formula.inputs}, **self._keywords(named))
        return self.function(*self._inputs(named), **self._keywords(named))

    def pulled(self, cotangents: Tensors, named: Mapping[str, Any]) -> Tensors:
        """The gradients by the VJP of its own, called as the reference's: cotangent first."""
        assert self.vjp is not None
        g = cotangents if len(cotangents) > 1 else cotangents[0]
        found = self.vjp(g, *self._inputs(named), **self._keywords(named))
        return tuple(found) if isinstance(found, tuple | list) else (found,)

    def _inputs(self, named: Mapping[str, Any]) -> list[Any]:
        return [named[name] for name in self.formula.inputs]

    def _keywords(self, named: Mapping[str, Any]) -> dict[str, Any]:
        return {name: named[name] for name in self.formula.attributes if name in self.takes and name in named}


class Calling(Adapter):
    """The function's part, to be mixed with the arrays of a framework."""

    packages = ()
    second_order = "as the framework differentiates the function"

    def __init__(self, call: Call, device: str) -> None:
        """Raise `DeviceUnavailable` for a device that is not here."""
        super().__init__(device)
        self._call = call

    def _bound(self, request: Request) -> Operation:
        attributes = request.attributes if request.inputs else request.attributes | {"dtype": request.dtype}
        return Operation(request.formula, self._run, request.wrt, attributes, tuple(request.inputs))

    def _run(self, **named: Any) -> Any:
        found = self._call(named)
        parts = tuple(found) if isinstance(found, tuple | list) else (found,)
        names = tuple(self._call.formula.results)
        other = next(filter(None, (whose for one in parts if (whose := framework_of(one)) != self.backend)), None)
        if other and self.backend in OWN:
            raise TypeError(f"the function returned an array of {other}, expected one of {self.backend}")
        if len(parts) != len(names):
            raise ValueError(f"the function returned {len(parts)}, the formula has {len(names)}: {', '.join(names)}")
        return parts

    def observe(self, request: Request) -> Observation:
        """As of `Adapter`; JAX has to be told of float64."""
        self.wide = request.float_dtype == "float64"
        try:
            return super().observe(request)
        except MemoryError as error:  # the process is the user's, and goes on
            return {key: self.failure(error) for family in request.quantities for key in keys(family, request)}

    def vjp(self, operation: Operation, point: Point) -> tuple[Tensors, Tensors]:
        if self._call.vjp is None:
            return super().vjp(operation, point)  # type: ignore[safe-super]  # that of the framework's arrays
        named = dict(zip(operation.wrt, point.primals, strict=True)) | point.rest | dict(operation.attributes)
        return operation(*point.primals, **point.rest), self._call.pulled(point.cotangents, named)

    def failure(self, error: Exception) -> Failure:
        """What was raised is an error, whatever the framework calls it; with the last frames of the user's file."""
        if isinstance(error, Unsupported):
            return Failure("unsupported", str(error))
        told = f"{type(error).__name__}: {super().failure(error).message.partition(': ')[2]}"
        return Failure("error", "\n".join([told, *user_lines(error)]))


def adapter(framework: str, call: Call, device: str = "cpu", dtype: str = "") -> Adapter:
    """The call as an adapter of that framework. Raises ImportError, or `DeviceUnavailable`."""
    kind = type("Function", (Calling, arrays(framework)), {"backend": framework, "wide": dtype == "float64"})
    made: Adapter = kind(call, device)
    return made


def arrays(framework: str) -> type[Adapter]:
    """The arrays and derivatives of a framework, which is imported here."""
    module, _, name = FRAMEWORKS[framework].partition(":")
    found: type[Adapter] = getattr(importlib.import_module(module), name)
    return found


def framework_of(array: Any) -> str | None:
    """Whose array this is, or None for what is no array that we know."""
    if isinstance(array, np.generic):
        return "numpy"
    parents = [PACKAGES.get(kind.__module__.partition(".")[0]) for kind in type(array).__mro__]
    return next(filter(None, parents), None) if hasattr(array, "shape") and hasattr(array, "dtype") else None


def to_numpy(array: Any) -> Array | None:
    """An array of any framework as one of NumPy, in its dtype; None for what is no array that we know.

    In the machine's byte order, whatever it was. Raises MaskedElements.
    """
    framework = framework_of(array)
    if framework is None:
        return None
    return native(np.asarray(arrays(framework).get(_ANY, unmasked(array))))  # none of them looks at its adapter


_ANY: Any = None


def imported() -> list[str]:
    """The frameworks that this process has imported, NumPy first."""
    return [name for name in FRAMEWORKS if name in sys.modules]


def _parameters(function: Callable[..., Any]) -> list[inspect.Parameter]:
    """A function's; those of the `forward` or `call` of a module, whose own call says of none; of a builtin none."""
    inner = (getattr(function, name, None) for name in ("forward", "call"))
    own = next((one for one in inner if inspect.ismethod(one)), function)
    try:
        return list(inspect.signature(own).parameters.values())
    except (TypeError, ValueError):  # a builtin that does not say
        return []


def _takes(known: Sequence[inspect.Parameter], name: str) -> bool:
    """Whether there is a keyword of that name, or any."""
    return any(one.name == name or one.kind is one.VAR_KEYWORD for one in known)


def user_lines(error: Exception, *callers: Path) -> list[str]:
    """The last frames that are neither an adapter's nor an installed package's, or of those the last.

    Nor are they of `callers`, the files that an adapter was called from.
    """
    ours = (Path(__file__).resolve().parent, *callers)
    frames = [one for one in traceback.extract_tb(error.__traceback__) if not _inside(one.filename, *ours)]
    own = [one for one in frames if "site-packages" not in one.filename] or frames
    return [located(one.filename, one.lineno or 0, one.name) for one in own[-FRAMES:]]


def _inside(file: str, *places: Path) -> bool:
    return any(Path(file).resolve().is_relative_to(one) for one in places)

"""The words of an adapter: kernels and compositions, refusals, and a formula bound to its attributes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple, TypeVar

#: A framework's own array. Only the adapter that made it may look inside.
Tensor = Any
Tensors = tuple[Tensor, ...]
Method = TypeVar("Method", bound=Callable[..., Any])


class Unsupported(Exception):
    """Raised inside an operation for what it does not take; the message is the reason."""


class DeviceUnavailable(RuntimeError):
    """The device asked for is not on this machine, or the framework cannot use it."""


@dataclass(frozen=True)
class Kernel:
    """What a formula runs: the framework's own operation, or a composition and why."""

    calls: str
    composed: bool = False
    because: str = ""


def kernel(calls: str) -> Callable[[Method], Method]:
    """Declare a method that calls the framework's own operation, `calls`."""
    return partial(_declare, Kernel(calls))


def composed(calls: str, *, because: str) -> Callable[[Method], Method]:
    """Declare a method that composes the formula from `calls`, for want of an operation of its own."""
    return partial(_declare, Kernel(calls, True, because))


def _declare(declared: Kernel, method: Method) -> Method:
    method.kernel = declared  # type: ignore[attr-defined]
    return method


class Point(NamedTuple):
    """Where a formula is observed: the inputs differentiated, the others, and the directions."""

    primals: Tensors
    rest: dict[str, Tensor]
    tangents: Tensors
    cotangents: Tensors


#: What a target runs at a point: the outputs, a VJP, a JVP ... of one operation.
Program = Callable[[Point], Any]


@dataclass(frozen=True, eq=False)
class Operation:
    """A formula as a function of the inputs differentiated, with its attributes bound.

    ``operation(*primals, **rest)`` returns a tuple of outputs, even when there is one. The method gets its inputs in
    the `order` of the spec: on its way through a compiler a dict may have been sorted.
    """

    formula: str
    method: Callable[..., Any]
    wrt: tuple[str, ...]
    attributes: Mapping[str, Any]
    order: tuple[str, ...] = ()

    def __call__(self, *primals: Tensor, **rest: Tensor) -> Tensors:
        inputs = dict(zip(self.wrt, primals, strict=True)) | rest
        ordered = {name: inputs.pop(name) for name in self.order if name in inputs}
        result = self.method(**ordered, **inputs, **self.attributes)
        return result if isinstance(result, tuple) else (result,)

"""The words of an adapter: kernels and compositions, refusals, and a formula bound to its attributes."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from importlib import metadata
from pkgutil import resolve_name
from types import MethodType
from typing import Any, NamedTuple, TypeVar

from nnparity.adapters.request import Request

#: A framework's own array. Only the adapter that made it may look inside.
Tensor = Any
Tensors = tuple[Tensor, ...]
Method = TypeVar("Method", bound=Callable[..., Any])


class Unsupported(Exception):
    """Raised inside an operation for what it does not take; the message is the reason."""


class DeviceUnavailable(RuntimeError):
    """The device asked for is not on this machine, or the framework cannot use it."""


class NotCompiled(RuntimeError):
    """A compiler ran the program op by op, as it does without a word where it is switched off or gives up."""


def place(device: str) -> tuple[str, int]:
    """The kind of a device, and which of that kind, counted from 0: `cuda1` is the second `cuda`."""
    kind, number = re.fullmatch(r"(.*?)(\d*)", device).groups()  # type: ignore[union-attr]  # fits every word
    return kind, int(number or 0)


#: What a device or a mode may be called: a word that no target's name takes apart.
WORD = re.compile(r"[\w.+-]+")


def is_word(name: Any) -> bool:
    """Whether a device or a mode may be called so."""
    return isinstance(name, str) and WORD.fullmatch(name) is not None


#: What a composition may name beside dotted paths.
OPERATORS = frozenset("+-*/@")
#: Short names that everybody who reads a framework knows, and the packages they stand for; operators of ONNX have
#: names, ``ai.onnx.Gemm``, and no package.
ALIASES = {"tf": "tensorflow", "jnp": "jax.numpy", "ai": "nnparity.adapters.onnxruntime.operators"}


@dataclass(frozen=True)
class Kernel:
    """What a formula runs: the framework's own operation, or a composition and why.

    `calls` is the operation's dotted path, in a composition several and operators, set off by commas. `using` are the
    dotted paths of what it is applied to, or made of. `convention` says where the framework's reading differs from
    the spec's, and what is done about it.
    """

    calls: str
    composed: bool = False
    because: str = ""
    using: tuple[str, ...] = ()
    convention: str = ""

    @property
    def text(self) -> str:
        """All that is called, in words."""
        return f"{self.calls} using {', '.join(self.using)}" if self.using else self.calls

    @property
    def paths(self) -> tuple[str, ...]:
        """Every dotted path that is named; `resolve` finds each."""
        return (*(name for name in self.calls.split(", ") if name not in OPERATORS), *self.using)


def distributions(kernels: Iterable[Kernel]) -> list[str]:
    """The installed distributions that the first names of what is called belong to."""
    first = {path.partition(".")[0] for one in kernels for path in one.paths}
    owners = metadata.packages_distributions() if first else {}
    return sorted({owner for name in first for owner in owners.get(ALIASES.get(name, name).partition(".")[0], ())})


def kernel(calls: str, *, using: tuple[str, ...] = (), convention: str = "") -> Callable[[Method], Method]:
    """Declare a method that calls the framework's own operation, `calls`. Raises TypeError where that is not said."""
    if callable(calls):
        name = getattr(calls, "__name__", calls)
        raise TypeError(f'@kernel stands before {name} without the path of what it calls: @kernel("...")')
    return partial(_declare, Kernel(calls, using=using, convention=convention))


def composed(calls: str, *, because: str, convention: str = "") -> Callable[[Method], Method]:
    """Declare a method that composes the formula from `calls`, for want of an operation of its own."""
    return partial(_declare, Kernel(calls, True, because, convention=convention))


def _declare(declared: Kernel, method: Method) -> Method:
    method.kernel = declared  # type: ignore[attr-defined]
    return method


@cache
def resolve(path: str) -> Callable[..., Any]:
    """The callable at a dotted path. ImportError or AttributeError if there is none, TypeError if it is no callable."""
    first, _, rest = path.partition(".")
    found = resolve_name(".".join(filter(None, (ALIASES.get(first, first), rest))))
    if not callable(found):
        raise TypeError(f"{path} is a {type(found).__name__}, not a callable")
    return found


class Passed:
    """A method that only passes its inputs on, in the order of the spec, to the callable at `calls`.

    Looked up when it is first called: a framework without it lacks this formula, not all of them.
    """

    def __init__(self, calls: str, convention: str, options: Mapping[str, Any]) -> None:
        self.kernel = Kernel(calls, convention=convention)
        self._options = options

    def __set_name__(self, owner: type, name: str) -> None:
        self.__name__ = name

    def __get__(self, adapter: Any, owner: type) -> Any:
        return self if adapter is None else MethodType(self, adapter)

    def __call__(self, adapter: Any, *inputs: Tensor, **named: Tensor) -> Any:
        return resolve(self.kernel.calls)(*inputs, *named.values(), **self._options)


def passed(calls: str, *, convention: str = "", **options: Any) -> Any:
    """Make a row that stands for a method; `options` are keywords of every call."""
    return Passed(calls, convention, options)


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


@dataclass(frozen=True, eq=False)
class InPart(Operation):
    """An operation of several outputs of which some alone are taken, those at `places`; no gradient comes to others."""

    places: tuple[int, ...] = field(kw_only=True)

    def __call__(self, *primals: Tensor, **rest: Tensor) -> Tensors:
        """The outputs at those places."""
        every = super().__call__(*primals, **rest)
        return tuple(every[place] for place in self.places)


@dataclass(frozen=True, eq=False)
class Mapped(Operation):
    """An operation as code for one of several, mapped over the inputs `mapped` and, with `cotangents`, over those.

    With `samples` it is one sample of a batch, which the code takes for a batch of one.
    """

    alone: Operation = field(kw_only=True)
    vmap: Callable[[Any], Any] = field(kw_only=True)
    mapped: Sequence[str] = field(kw_only=True)
    samples: bool = True
    cotangents: bool = True

    def __call__(self, *primals: Tensor, **rest: Tensor) -> Tensors:
        """The outputs."""
        inputs = dict(zip(self.wrt, primals, strict=True)) | rest

        def one(*arrays: Tensor) -> Tensors:
            given = self._with(inputs, arrays)
            of_one = self.alone(*(given.pop(name) for name in self.wrt), **given)
            return tuple(map(self._outward, of_one))

        return tuple(self.vmap(one)(*(inputs[name] for name in self.mapped)))

    def vjp(self, vjp: Callable[[Operation, Point], tuple[Tensors, Tensors]], point: Point) -> Tensors:
        """The outputs, and the gradients of each: of samples, those of inputs that all share are to be added up."""
        inputs = dict(zip(self.wrt, point.primals, strict=True)) | point.rest

        def one(*arrays: Tensor) -> Tensors:
            given = self._with(inputs, arrays[: len(self.mapped)])
            primals = tuple(given.pop(name) for name in self.wrt)
            own = tuple(map(self._inward, arrays[len(self.mapped) :]))
            cotangents = own if self.cotangents else point.cotangents
            outputs, gradients = vjp(self.alone, Point(primals, given, (), cotangents))
            named = zip(self.wrt, gradients, strict=True)
            pulled = (self._outward(g) if name in self.mapped else g for name, g in named)
            return (*map(self._outward, outputs), *pulled)

        more = point.cotangents if self.cotangents else ()
        return tuple(self.vmap(one)(*(inputs[name] for name in self.mapped), *more))

    def _with(self, inputs: Mapping[str, Tensor], arrays: Sequence[Tensor]) -> dict[str, Tensor]:
        """The inputs with one of each that is mapped."""
        return {**inputs, **dict(zip(self.mapped, map(self._inward, arrays), strict=True))}

    def _inward(self, x: Tensor) -> Tensor:
        return x[None] if self.samples else x

    def _outward(self, y: Tensor) -> Tensor:
        return y[0] if self.samples else y


def in_a_way(bound: Operation, request: Request, vmap: Callable[[Any], Any]) -> Operation:
    """The operation mapped as a request asks for it, or with some of its outputs alone, or as it is."""
    if request.output_at:
        return InPart(**vars(bound), places=request.output_at)
    more: dict[str, Any] = {**vars(bound), "alone": bound, "vmap": vmap}
    if request.members or request.jacobian:
        return Mapped(**more, mapped=request.members, samples=False, cotangents=request.jacobian)
    return Mapped(**more, mapped=request.mapped) if request.mapped else bound


def unmapped(
    path: str, program: Callable[..., Tensors], raised: tuple[type[Exception], ...], *words: str
) -> Callable[..., Tensors]:
    """A mapped program; where it raises one of those with such words, what is at `path` says it does not map the code.

    Raises Unsupported then.
    """

    def run(*arrays: Tensor) -> Tensors:
        try:
            return program(*arrays)
        except raised as error:
            told = str(error).strip()
            if any(one in told for one in words):
                raise Unsupported(f"{path}: {told.partition(chr(10))[0]}") from error
            raise

    return run

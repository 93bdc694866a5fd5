"""A formula of the caller's own: a function in plain NumPy, read as those of the reference are.

Its gradient's truth comes from its VJP, or, where it has none, from `Dual` numbers, one run for each number that goes
in. What the readings do not know is told with the line that calls it.
"""

import inspect
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from nnparity.api import given
from nnparity.expect.expected import Expected
from nnparity.reference import FORMULAS, Reference
from nnparity.reference.outside import located
from nnparity.reference.readings import Dual, tangent_of
from nnparity.spec import Formula
from nnparity.spec.given import Given
from nnparity.spec.schema import OWN, Title
from nnparity.spec.usage import UsageError

#: Numbers that go into a function without a VJP, at most: each is a run of its own.
DIRECTIONS = 4096
_serials = itertools.count()


@dataclass(frozen=True, eq=False)
class Own:
    """What `formula` makes: a function with its VJP, if it has one."""

    function: Callable[..., Any]
    vjp: Callable[..., Any] | None = None
    serial: int = field(default_factory=lambda: next(_serials))

    def __post_init__(self) -> None:
        given.callable_of("the reference", self.function)
        if self.vjp is not None:
            given.callable_of("vjp", self.vjp)

    @property
    def name(self) -> str:
        """As it is called in messages."""
        return getattr(self.function, "__name__", type(self.function).__name__).strip("<>")

    def __call__(self, *inputs: Any, **attributes: Any) -> Any:
        """The function itself, on plain arrays."""
        return self.function(*inputs, **attributes)

    @property
    def plain(self) -> Callable[..., Any]:
        """The function for plain arrays: where it fails, its line is told."""
        return located(self.function)

    def formula(self, inputs: Mapping[str, Any]) -> Formula:
        """What the spec would say of it for these inputs. Raises UsageError."""
        arrays = {name: given.array_of(name, x) for name, x in inputs.items() if not _attribute(x)}
        attributes = {name: x for name, x in inputs.items() if _attribute(x)}
        ordered = _ordered(self.function, arrays, attributes)
        plain = [x if _whole(x) else x.astype(np.float64) for x in ordered.values()]
        with np.errstate(all="ignore"):
            results = _tuple(_by_name(self.function, self.plain, ordered)(*plain, **attributes))
        shapes = [_shape(np.asarray(one)) for one in results]
        names = {"output": shapes[0]} if len(shapes) == 1 else {f"y{place}": one for place, one in enumerate(shapes)}
        return Formula(
            section="0",
            title=Title(self.name, self.name),
            latex="",
            inputs={name: _shape(x) for name, x in ordered.items()},
            wrt=tuple(name for name, x in ordered.items() if not _whole(x)),
            signatures=({},),
            output=names.get("output"),
            outputs={} if len(shapes) == 1 else names,
            attributes=attributes,
            domains={name: "mask" for name, x in ordered.items() if _whole(x)},
            id=self.name,
            chapter=OWN,
        )

    @contextmanager
    def entered(self, inputs: Sequence[str]) -> Iterator[None]:
        """While this holds the readings find it under its name; they give it these inputs, in that order."""
        before = FORMULAS.get(self.name)
        FORMULAS[self.name] = self._reference(inputs)
        try:
            yield
        finally:
            FORMULAS.pop(self.name)
            if before is not None:
                FORMULAS[self.name] = before

    def _reference(self, inputs: Sequence[str]) -> Reference:
        found = Reference(self.name, _by_name(self.function, located(self.function), inputs))
        vjp = self.vjp and _by_name(self.vjp, located(self.vjp), inputs, before=1)
        found.vjp(vjp or _by_duals(found.forward))
        return found

    def case(self, case: Given) -> Given:
        """The case, told apart from those of other functions of that name."""
        return replace(case, salt=f"{case.salt}-{self.serial}")

    def expected(self, truth: Mapping[str, Expected]) -> dict[str, Expected]:
        """What is expected, where gradients come from `Dual`: who goes backward rounds elsewhere, but as often."""
        if self.vjp:
            return dict(truth)
        return {name: one.twice if name.startswith("grad") else one for name, one in truth.items()}


def formula(fn: Callable[..., Any], vjp: Callable[..., Any] | None = None) -> Own:
    """A formula from a function in plain NumPy: its value, derivatives and tolerances follow from its code.

    Args:
        fn: Takes arrays, by place or by name, and returns one, or a tuple. NumPy's arithmetic, exp, log, tanh, sqrt,
            sin, cos, square, abs, maximum, where, sum, mean, var, max, einsum, matmul and what moves elements.
        vjp: Its gradients, ``vjp(cotangent, *inputs)``, in the order of the inputs that hold floats. It gets the
            inputs by the names that they have in `fn`, and by place where its own parameters are called otherwise.
    """
    return Own(fn, vjp)


def _attribute(x: Any) -> bool:
    return isinstance(x, bool | int | float | str)


def _whole(x: Any) -> bool:
    return bool(x.dtype.kind in "iub")


def _shape(x: Any) -> str:
    return " ".join(map(str, x.shape))


def _tuple(results: Any) -> tuple[Any, ...]:
    return results if isinstance(results, tuple) else (results,)


def _ordered(function: Callable[..., Any], arrays: Mapping[str, Any], attributes: Mapping[str, Any]) -> dict[str, Any]:
    """The arrays in the order of the function's own parameters. Raises UsageError where they do not fit."""
    takes = _parameters(function)
    if takes is None:
        return dict(arrays)
    named = [one.replace(kind=one.POSITIONAL_OR_KEYWORD) if one.kind is one.POSITIONAL_ONLY else one for one in takes]
    try:
        inspect.Signature(named).bind(**arrays, **attributes)
    except TypeError as error:
        names = ", ".join(one.name for one in takes)
        raise UsageError(
            f"the reference takes {names}; given were {', '.join([*arrays, *attributes])}: {error}"
        ) from None
    first = [one.name for one in takes if one.name in arrays]
    return {name: arrays[name] for name in dict.fromkeys([*first, *arrays])}  # others are among its **keywords


def _parameters(function: Callable[..., Any]) -> list[inspect.Parameter] | None:
    try:
        return list(inspect.signature(function).parameters.values())
    except ValueError:  # a builtin that does not say
        return None


def _by_name(
    function: Callable[..., Any], run: Callable[..., Any], inputs: Iterable[str], before: int = 0
) -> Callable[..., Any]:
    """`run`, which calls `function`, for inputs in that order: each reaches the parameter of its name.

    As many arguments as come `before` them are no inputs. Where the parameters have other names all go by place.
    """
    takes, names = (_parameters(function) or [])[before:], tuple(inputs)
    known = {one.name for one in takes if one.kind is not one.VAR_POSITIONAL}
    fits = known.issuperset(names) or any(one.kind is one.VAR_KEYWORD for one in takes)
    by_place = [one for one in takes if one.kind is one.POSITIONAL_ONLY]

    def called(*arguments: Any, **attributes: Any) -> Any:
        if not fits:
            return run(*arguments, **attributes)
        named = dict(zip(names, arguments[before:], strict=True)) | attributes
        there = [one for one in by_place if one.name in named or one.default is not one.empty]
        places = [named.pop(one.name, one.default) for one in there]
        return run(*arguments[:before], *places, **named)

    return called  # and never `run`, whose module is the reference's: of somebody's own functions nothing is kept


def _by_duals(forward: Callable[..., Any]) -> Callable[..., tuple[Any, ...]]:
    """The gradients by forward derivatives: those along each number that goes in, weighed with the cotangent."""

    def backward(g: Any, *inputs: Any, **attributes: Any) -> tuple[Any, ...]:
        moving = [place for place, x in enumerate(inputs) if not (isinstance(x, np.ndarray) and _whole(x))]
        count = sum(int(np.prod(np.shape(inputs[place]))) for place in moving)
        if count > DIRECTIONS:
            raise UsageError(
                f"{count} numbers go in: without a vjp a gradient takes a run for each, at most {DIRECTIONS}"
            )
        return tuple(_gradient(forward, _tuple(g), inputs, place, attributes) for place in moving)

    return backward


def _gradient(forward: Any, cotangents: tuple[Any, ...], inputs: Any, place: int, attributes: Any) -> Any:
    x = inputs[place]
    shape = np.shape(x)
    elements = []
    for index in np.ndindex(shape):
        direction = np.zeros(shape)
        direction[index] = 1.0
        moved = [*inputs[:place], Dual(x, direction), *inputs[place + 1 :]]
        pushed = [tangent_of(y) for y in _tuple(forward(*moved, **attributes))]
        parts = [np.sum(g * t) for g, t in zip(cotangents, pushed, strict=True)]
        elements.append(sum(parts[1:], start=parts[0]))
    return np.reshape(np.stack(elements), shape) if elements else x

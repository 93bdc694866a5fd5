"""How a framework's layer is read as a formula of the spec, and how it is run once more, on other inputs."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any

import numpy as np

from nnparity.adapters.capture.layer import Layer
from nnparity.adapters.function import framework_of, to_numpy
from nnparity.adapters.request import Array

Turn = Callable[[str, Array], Array]


def same(name: str, array: Array) -> Array:
    """The layout of the spec is the framework's own."""
    return array


@dataclass(frozen=True)
class Reading:
    """A layer as a formula: its kind, parameters, hyperparameters, and where its arrays lie otherwise than ours.

    `inputs` are the formula's names for the tensors it is called with, in their order, `results` those of what it
    returns. `ours` and `theirs` turn an array of that name into the spec's layout and back. `late` gives settings that
    follow from the inputs. Without a kind it is a layer of which only inputs and outputs are known.
    """

    kind: str = ""
    weights: Mapping[str, Array] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    inputs: Sequence[str] = ("x",)
    results: Sequence[str] = ("output",)
    ours: Turn = same
    theirs: Turn = same
    late: Callable[[Mapping[str, Array]], Mapping[str, Any]] = lambda inputs: {}
    note: str = ""


@dataclass(frozen=True)
class Slot:
    """Where a tensor stands among the arguments of a call."""

    name: str


@dataclass(frozen=True)
class Named:
    """A named tuple among the arguments of a call, with its tensors as `Slot`s, which its class may refuse."""

    kind: Callable[..., Any]
    parts: Mapping[str, Any]


@dataclass
class Call:
    """One call of a layer: what it was given, with its tensors as `Slot`s, so that it can be called again."""

    run: Callable[..., Any]
    reading: Reading
    put: Callable[[Array], Any]
    args: Any
    kwargs: Any
    #: in the layout of the framework
    given: dict[str, Array]

    @classmethod
    def of(
        cls, run: Callable[..., Any], reading: Reading, put: Callable[[Array], Any], args: Any, kwargs: Any
    ) -> "Call":
        """Of a call that is about to happen: its tensors are copied now, as a layer may overwrite them."""
        given: dict[str, Array] = {}
        names = _Names(given, [name for name in reading.inputs if name not in kwargs], tuple(reading.inputs))
        args = _slotted(args, names, "")
        kwargs = {key: _slotted(value, names, key) for key, value in kwargs.items()}
        return cls(run, reading, put, args, kwargs, given)

    @property
    def inputs(self) -> dict[str, Array]:
        """In the layout of the spec."""
        return {name: self.reading.ours(name, array) for name, array in self.given.items()}

    def results(self, returned: Any) -> dict[str, Array]:
        """What it returned, in the layout of the spec."""
        arrays = list(leaves(returned))
        names = list(self.reading.results)
        if not self.reading.kind:
            names = names[:1] if len(arrays) == 1 else [f"y{place}" for place in range(len(arrays))]
        named = dict(zip(names, map(_array, arrays), strict=False))
        return {name: self.reading.ours(name, array) for name, array in named.items()}

    def again(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """What the layer returns where these are put in the place of what it was given."""
        theirs = {name: self.reading.theirs(name, array) for name, array in inputs.items() if name in self.given}
        arrays = {name: self.put(array) for name, array in (self.given | theirs).items()}
        args, kwargs = (_filled(one, arrays) for one in (self.args, self.kwargs))
        return self.results(self.run(*args, **kwargs))

    def layer(self, name: str, kind: str, outputs: Mapping[str, Array]) -> Layer:
        """As it is told; `kind` is what the framework calls it."""
        inputs = self.inputs
        settings = dict(self.reading.settings) | dict(self.reading.late(inputs))
        reading = self.reading
        return Layer(name, kind, reading.kind, settings, inputs, dict(reading.weights), dict(outputs), reading.note)


#: No zeros around an image.
NO_PADS = ((0, 0), (0, 0))


def same_padding(image: Sequence[int], kernel: Sequence[int], strides: Sequence[int]) -> tuple[tuple[int, int], ...]:
    """The zeros around an image, of which the results are image / stride in size; an odd one more at the end."""
    found = []
    for size, own, stride in zip(image, kernel, strides, strict=True):
        total = max((-(-size // stride) - 1) * stride + own - size, 0)
        found.append((total // 2, total - total // 2))
    return tuple(found)


def leaves(found: Any) -> Iterator[Any]:
    """All tensors and numbers of a structure, in order."""
    if framework_of(found) is not None:
        yield found
    elif isinstance(found, bool | int | float):
        yield np.asarray(found)
    elif is_dataclass(found) and not isinstance(found, type):
        for part in fields(found):
            yield from leaves(getattr(found, part.name))
    elif isinstance(found, Mapping):
        for one in found.values():
            yield from leaves(one)
    elif isinstance(found, tuple | list):
        for one in found:
            yield from leaves(one)


def _array(tensor: Any) -> Array:
    array = to_numpy(tensor)
    assert array is not None
    return array.copy()


@dataclass
class _Names:
    """The names of the tensors of a call: those that were found, those of the formula that still wait, and all."""

    given: dict[str, Array]
    waiting: list[str]
    own: tuple[str, ...]

    def take(self, key: str, lone: bool) -> str:
        """The name of the next tensor, which stands under a keyword, lone or with others, or behind those before.

        A lone keyword that is not the formula's says what it is, as a mask does; only the first tensor of a call is its
        first input under whatever keyword.
        """
        if key in self.own:
            return key
        if self.waiting and not (key and lone and self.given):
            return self.waiting.pop(0)
        return key if key and key not in self.given else f"{key or 'x'}{len(self.given)}"


def _slotted(found: Any, names: _Names, key: str, lone: bool = True) -> Any:
    if framework_of(found) is not None:
        name = names.take(key, lone)
        names.given[name] = _array(found)
        return Slot(name)
    if isinstance(found, dict):
        return {one: _slotted(value, names, str(one)) for one, value in found.items()}
    if isinstance(found, tuple | list):
        if hasattr(found, "_fields"):
            fields = zip(found._fields, found, strict=True)
            return Named(type(found), {one: _slotted(value, names, one) for one, value in fields})
        parts = [_slotted(one, names, key, lone=False) for one in found]
        return tuple(parts) if isinstance(found, tuple) else parts
    return found


def _filled(found: Any, arrays: Mapping[str, Any]) -> Any:
    if isinstance(found, Slot):
        return arrays[found.name]
    if isinstance(found, Named):
        return found.kind(*(_filled(value, arrays) for value in found.parts.values()))
    if isinstance(found, dict):
        return {key: _filled(value, arrays) for key, value in found.items()}
    if isinstance(found, tuple | list):
        parts = [_filled(one, arrays) for one in found]
        return tuple(parts) if isinstance(found, tuple) else parts
    return found

"""One layer of a model that has run, as plain data, and as named arrays on their way between two processes."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from nnparity.adapters.request import Array

#: The groups of arrays of a layer.
GROUPS = ("inputs", "weights", "outputs")
#: The name under which all that is no array is sent, as JSON in bytes.
TOLD = "layers"
#: The kind of what the whole model returns, told as a last layer.
RESULT = "result"
#: The kinds of layers that compute nothing.
IDENTITY, FLATTEN = "identity", "flatten"
#: The kind of those that drop what chance says.
RANDOM = "dropout in training"


@dataclass(frozen=True, eq=False)
class Layer:
    """What a layer is, received and gave; the arrays in the layout of the spec where its `kind` is known.

    `kind` is one of `nnparity.porting.pairs.formulas`, most of them formulas of the spec; it is "" for a type that
    there is no formula for, and `note` may say why.
    """

    name: str
    type: str
    kind: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    inputs: Mapping[str, Array] = field(default_factory=dict)
    weights: Mapping[str, Array] = field(default_factory=dict)
    outputs: Mapping[str, Array] = field(default_factory=dict)
    note: str = ""
    #: What computes it, as a plan would name it: `torch:cpu:eager`.
    target: str = ""

    @property
    def x(self) -> Array | None:
        """The first input that holds floats, or the first at all."""
        arrays = list(self.inputs.values())
        return next((one for one in arrays if one.dtype.kind not in "iub"), arrays[0] if arrays else None)

    @property
    def y(self) -> Array | None:
        """The first output."""
        return next(iter(self.outputs.values()), None)

    @cached_property
    def digests(self) -> list[int]:
        """A number for each array of parameters: that of what it holds, in whatever order."""
        return sorted(map(_digest, self.weights.values()))

    @property
    def dtype(self) -> str:
        """That of its first output, by name."""
        return "" if self.y is None else self.y.dtype.name

    @property
    def label(self) -> str:
        """As tables show it: what it computes, or what the framework calls it."""
        return self.kind or self.type


def _digest(array: Array) -> int:
    """The sum of the numbers' bits, each of them mixed by a product and a shift, as hash tables do."""
    bits = np.ravel(array.astype(np.float64)).view(np.uint64)
    mixed = bits * np.uint64(0x9E3779B97F4A7C15)
    return int(np.add.reduce((mixed ^ (mixed >> np.uint64(29))) * np.uint64(0xBF58476D1CE4E5B9)))


def packed(layers: Sequence[Layer]) -> dict[str, Array]:
    """All arrays by ``place/group/name``, and the rest as JSON."""
    found: dict[str, Array] = {}
    told = []
    for place, layer in enumerate(layers):
        for group in GROUPS:
            found |= {f"{place}/{group}/{name}": array for name, array in getattr(layer, group).items()}
        plain = {name: getattr(layer, name) for name in ("name", "type", "kind", "note", "target")}
        told.append(plain | {"settings": dict(layer.settings)})
    text = json.dumps(told, default=float).encode()
    return {TOLD: np.frombuffer(text, np.uint8), **found}


def unpacked(arrays: Mapping[str, Array]) -> list[Layer]:
    """The layers again."""
    told = json.loads(arrays[TOLD].tobytes())
    groups: list[dict[str, dict[str, Array]]] = [{group: {} for group in GROUPS} for _ in told]
    for key, array in arrays.items():
        if key != TOLD:
            place, group, name = key.split("/", 2)
            groups[int(place)][group][name] = array
    return [_layer(one, own) for one, own in zip(told, groups, strict=True)]


def _layer(told: dict[str, Any], arrays: Mapping[str, Any]) -> Layer:
    settings = dict(_settings(told.pop("settings")))
    return Layer(settings=settings, **told, **arrays)


def _settings(settings: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """JSON has no tuples."""
    for name, value in settings.items():
        yield name, _tuple(value)


def _tuple(value: Any) -> Any:
    return tuple(map(_tuple, value)) if isinstance(value, list) else value

"""A Keras model that is watched while it runs, on any backend: the `call` of each of its layers is wrapped.

The activation of a dense layer or a convolution is told as a layer of its own, as it is in other frameworks.
"""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

import ml_dtypes
import numpy as np
from keras import backend, ops

from nnparity.adapters.capture.keras_layers import (
    ACTIVATED,
    MOVERS,
    WHOLE,
    activation,
    called,
    channels_last,
    imaged,
    ranks,
)
from nnparity.adapters.capture.layer import IDENTITY, Layer
from nnparity.adapters.capture.reading import Call
from nnparity.adapters.request import Array


class KerasModel:
    """The layers without layers of their own, and those that are known as a whole."""

    framework = "keras"

    def __init__(self, model: Any) -> None:
        self.model = model
        floats = [one.compute_dtype for one in model._flatten_layers() if one.compute_dtype]
        self._dtype = floats[-1] if floats else None
        first = next(iter(model.variables), None)
        on_cpu = first is not None and "cpu" in str(first.value.device).lower()
        #: On another device than the CPU it has none: nothing is on record of kernels there.
        self.target = f"keras-{backend.backend()}:cpu:eager" if on_cpu else ""
        self.calls: list[Call] = []
        self.layers: list[Layer] = []

    def put(self, array: Array) -> Any:
        """A tensor; floats in the dtype that the model computes in."""
        return tensor(array, self._dtype if array.dtype.kind in "fV" else None)

    @contextmanager
    def watched(self) -> Iterator[None]:
        """While this holds, each call of a layer is told."""
        with ExitStack() as stack:
            for name, layer in {id(layer): (name, layer) for name, layer in _whole("", self.model)}.values():
                stack.callback(self._wrap(name, layer))
            yield

    def call(self, args: Any, kwargs: Mapping[str, Any]) -> Any:
        """What the model returns. A functional model takes several inputs as one dict, by their names."""
        names = getattr(self.model, "input_names", None)
        if kwargs and not args and (names is not None or len(kwargs) == 1):
            given = dict(kwargs) if len(kwargs) > 1 else next(iter(kwargs.values()))
            return self.model(given)
        return self.model(*args, **kwargs)

    def again(self, place: int, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """What a layer returns for other inputs."""
        return self.calls[place].again(inputs)

    def _wrap(self, name: str, layer: Any) -> Any:
        """Puts a function that tells in the place of `call`; returns what takes it away again."""
        original = layer.call
        plain = _plain(layer, original)

        def call(*args: Any, **kwargs: Any) -> Any:
            known = Call.of(plain, called(layer, kwargs), tensor, args, kwargs)
            if plain is original:
                returned = original(*args, **kwargs)
                self._tell(known, name, type(layer).__name__, returned)
                return returned
            before = plain(*args, **kwargs)
            self._tell(known, name, type(layer).__name__, before)
            return self._activated(name, layer, before)

        layer.call = call
        return lambda: layer.__delattr__("call")

    def _activated(self, name: str, layer: Any, before: Any) -> Any:
        """The activation behind a layer, told as one more."""
        function = layer.activation
        read = activation(function)
        if read.kind != "softmax" and channels_last(layer):
            read = imaged(read, ranks(layer))
        known = Call.of(function, read, tensor, (before,), {})
        returned = function(before)
        told = getattr(function, "__name__", type(function).__name__)
        self._tell(known, f"{name}/{told}", told, returned)
        return returned

    def _tell(self, call: Call, name: str, kind: str, returned: Any) -> None:
        self.calls.append(call)
        self.layers.append(call.layer(name, kind, call.results(returned)))


def _plain(layer: Any, original: Any) -> Any:
    """The layer's computation without its activation, where it has one that is told apart."""
    if not isinstance(layer, ACTIVATED) or activation(layer.activation).kind == IDENTITY:
        return original

    def plain(*args: Any, **kwargs: Any) -> Any:
        own, layer.activation = layer.activation, _linear
        try:
            return original(*args, **kwargs)
        finally:
            layer.activation = own

    return plain


def _linear(x: Any) -> Any:
    return x


def tensor(array: Array, dtype: str | None = None) -> Any:
    """The array as a tensor of Keras's backend, in its own dtype or another."""
    name = dtype or backend.standardize_dtype(array.dtype)
    plain = array.astype(np.float32) if array.dtype == ml_dtypes.bfloat16 else array
    return ops.convert_to_tensor(np.ascontiguousarray(plain), dtype=name)


def _whole(name: str, layer: Any) -> Iterator[tuple[str, Any]]:
    """The layers that are told, by their names."""
    if isinstance(layer, MOVERS):
        return
    parts = [] if isinstance(layer, WHOLE) else layer._layers
    if not parts:
        yield name or layer.name, layer
    for part in parts:
        yield from _whole(f"{name}/{part.name}".strip("/"), part)

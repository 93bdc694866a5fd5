"""Whose a model is, how it is called, and what its layers were while it ran."""

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from nnparity.adapters.capture.layer import RESULT, Layer
from nnparity.adapters.capture.reading import leaves
from nnparity.adapters.function import to_numpy
from nnparity.adapters.request import Array
from nnparity.spec.usage import UsageError

#: What a model's class descends from -> who watches it. On PyTorch a Keras layer is a module too: Keras comes first.
KINDS = {
    "keras.src.layers.layer.Layer": "nnparity.adapters.capture.keras_model:KerasModel",
    "torch.nn.modules.module.Module": "nnparity.adapters.capture.torch_model:TorchModel",
}
Inputs = Mapping[str, Array] | Sequence[Array]


def watcher(model: Any) -> Any:
    """The model with the one who watches it. Raises UsageError for what is none that we know."""
    parents = {f"{kind.__module__}.{kind.__qualname__}" for kind in type(model).__mro__}
    found = next((place for name, place in KINDS.items() if name in parents), None)
    if found is None:
        raise UsageError(
            f"{type(model).__name__} is no model that can be watched: expected a torch module or a Keras layer"
        )
    module, _, name = found.partition(":")
    return getattr(importlib.import_module(module), name)(model)


class Watched:
    """A model, or a pair of a model and a function that calls it, with what its layers were when it ran."""

    def __init__(self, model: Any) -> None:
        pair = model if isinstance(model, tuple) else (model,)
        if not 1 <= len(pair) <= 2 or not all(map(callable, pair[1:])):
            raise UsageError("expected a model, or a pair of a model and a function that calls it")
        self._model = watcher(pair[0])
        self._function: Callable[..., Any] | None = pair[1] if len(pair) > 1 else None
        self.framework: str = self._model.framework

    def run(self, inputs: Inputs) -> list[Layer]:
        """Runs it on these inputs: named ones as keywords, others by place. Raises UsageError without a result."""
        if isinstance(inputs, Mapping):
            args: tuple[Any, ...] = ()
            kwargs = {name: self._model.put(array) for name, array in inputs.items()}
        else:
            args, kwargs = tuple(map(self._model.put, inputs)), {}
        with self._model.watched():
            returned = self._function(*args, **kwargs) if self._function else self._model.call(args, kwargs)
        layers = [replace(layer, target=self._model.target) for layer in self._model.layers]
        if not (results := _results(returned)):
            what = "None" if returned is None else f"a {type(returned).__name__}, in which there is no array"
            pair = "give a pair of it and a function that returns what is to be compared"
            raise UsageError(f"{type(self._model.model).__name__} returns {what}: {pair}")
        return [*layers, *results]

    def again(self, place: int, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """What the layer of that place returns for other inputs."""
        found: dict[str, Array] = self._model.again(place, inputs)
        return found


def _results(returned: Any) -> list[Layer]:
    """What the model returns, told as layers that pass it on."""
    arrays = [array for array in map(to_numpy, leaves(returned)) if array is not None]
    names = ["the result"] if len(arrays) == 1 else [f"result {place}" for place in range(1, len(arrays) + 1)]
    return [
        Layer(name, RESULT, RESULT, inputs={"x": array}, outputs={"output": array})
        for name, array in zip(names, arrays, strict=True)
    ]

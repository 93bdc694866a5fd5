"""A PyTorch model that is watched while it runs, by hooks on its modules."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

import torch

from nnparity.adapters.capture.layer import Layer
from nnparity.adapters.capture.reading import Call
from nnparity.adapters.capture.torch_layers import MOVERS, WHOLE, layers_of, reading
from nnparity.adapters.request import Array
from nnparity.adapters.torch.arrays import TorchArrays


class TorchModel:
    """The modules without modules of their own, and those that are known as a whole."""

    framework = "torch"

    def __init__(self, model: Any) -> None:
        self.model = model
        first = next(iter(model.parameters()), None)
        device = "cpu" if first is None else str(first.device)
        self._arrays = TorchArrays()
        self._arrays.device = device
        self.target = f"torch:{device.partition(':')[0]}:eager"
        floats = [one.dtype for one in model.parameters() if one.is_floating_point()]
        self._dtype = floats[0] if floats else None
        self._waiting: dict[int, list[Call]] = {}
        self.calls: list[Call] = []
        self.layers: list[Layer] = []

    def put(self, array: Array) -> Any:
        """A tensor where the model is; floats in the dtype of the model's parameters."""
        tensor = self._arrays.put(array)
        return tensor.to(self._dtype) if self._dtype and tensor.is_floating_point() else tensor

    @contextmanager
    def watched(self) -> Iterator[None]:
        """While this holds, each call of a module is told."""
        with ExitStack() as stack, torch.no_grad():
            fast = torch.backends.mha.get_fastpath_enabled()
            torch.backends.mha.set_fastpath_enabled(False)  # which calls none of the modules of an encoder layer
            stack.callback(torch.backends.mha.set_fastpath_enabled, fast)
            modules = {id(module): (name, module) for name, module in _whole("", self.model)}  # shared ones once
            for name, module in modules.values():
                stack.callback(module.register_forward_pre_hook(self._before, with_kwargs=True).remove)
                stack.callback(module.register_forward_hook(self._behind(name), with_kwargs=True).remove)
            yield

    def call(self, args: Any, kwargs: Mapping[str, Any]) -> Any:
        """What the model returns."""
        return self.model(*args, **kwargs)

    def again(self, place: int, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """What a layer returns for other inputs."""
        with torch.no_grad():
            return self.calls[place].again(inputs)

    def _before(self, module: Any, args: Any, kwargs: Any) -> None:
        call = Call.of(module, reading(module), self._arrays.put, args, kwargs)
        self._waiting.setdefault(id(module), []).append(call)

    def _behind(self, name: str) -> Any:
        def behind(module: Any, args: Any, kwargs: Any, returned: Any) -> None:
            call = self._waiting[id(module)].pop()
            parts = layers_of(module)
            if len(parts) == 1:
                self._tell(call, name, type(module).__name__, call.results(returned))
            else:
                self._tell_layers(name, parts, args, kwargs)

        return behind

    def _tell(self, call: Call, name: str, kind: str, results: Mapping[str, Array]) -> None:
        self.calls.append(call)
        self.layers.append(call.layer(name, kind, results))

    def _tell_layers(self, name: str, parts: list[Any], args: Any, kwargs: Any) -> None:
        """Those of an LSTM or a GRU, of which only the last result is known: each is run by itself."""
        given = [*args, *kwargs.values()]
        x, states = given[0], given[1] if len(given) > 1 else None
        for number, one in enumerate(parts):
            own = () if states is None else (_of_layer(states, number),)
            call = Call.of(one, reading(one), self._arrays.put, (x, *own), {})
            returned = one(x, *own)
            self._tell(call, f"{name}.{number}", type(one).__name__, call.results(returned))
            x = returned[0]


def _of_layer(states: Any, number: int) -> Any:
    """A layer's share of the states of all: those of an LSTM are two, of a GRU one."""
    if isinstance(states, tuple | list):
        return tuple(state[number : number + 1] for state in states)
    return states[number : number + 1]


def _whole(name: str, module: Any) -> Iterator[tuple[str, Any]]:
    """The modules that are told, by their names."""
    if isinstance(module, MOVERS):
        return
    children = list(module.named_children())
    if not children or isinstance(module, WHOLE):
        yield name or type(module).__name__, module
        return
    for own, child in children:
        yield from _whole(f"{name}.{own}".strip("."), child)

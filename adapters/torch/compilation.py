"""`torch.compile`: the operation of a formula as Dynamo traces it and Inductor compiles it, and the proof that it did.

It falls back to eager code without a word: after so many shapes, where it is switched off, where it meets what it
cannot trace. So the whole operation must be one graph, and each combination of shapes that is new must have made one.
"""

import os
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import Any

from nnparity.adapters.request import PROGRAMS

# Inductor settles on its folder when it is imported.
if "TORCHINDUCTOR_CACHE_DIR" not in os.environ and PROGRAMS in os.environ:
    os.environ["TORCHINDUCTOR_CACHE_DIR"] = str(Path(os.environ[PROGRAMS], "inductor"))

import torch

from nnparity.adapters.kernel import NotCompiled, Operation, Passed, resolve
from nnparity.adapters.switches.inductor import BACKEND
from nnparity.adapters.switches.switch import told

#: Programs of one function that Dynamo keeps before it gives up; a formula has one for each shape, dtype and layout.
LIMIT = 1 << 20
COMPILED, CACHED = "compiled", "from the cache"


#: What cannot be one graph, as the adapter has it: a model's or a user's code would compile the parts.
REFUSED = MappingProxyType(
    {
        (formula, "*", "*", "*:compiled"): reason
        for formulas, reason in {
            (
                "lstm",
                "lstm_last",
                "lstm_stacked",
                "listing_bert",
            ): "Dynamo makes no nn.Parameter",
            (
                "listing_mlp",
                "listing_cnn",
                "listing_lstm",
                "listing_gan",
            ): "Dynamo makes no layers",
            ("mlp_backprop",): "Dynamo does not trace torch.autograd.grad, which the formula is",
            ("gradient_descent", "minibatch_gradient_descent", "adam", "train_*"): "Dynamo does not make an optimizer",
        }.items()
        for formula in formulas
    }
)


def keep() -> None:
    """Has Dynamo never give up. What Inductor compiles is kept, under its own keys, in the folder of programs.

    Only here is the compiler imported, which takes as long as torch itself: code that is not compiled does without.
    """
    import_module("torch._inductor.config")
    import_module("torch._dynamo.utils")
    torch._inductor.config.compile_threads = 1  # several targets work at once, each on a core
    torch._dynamo.config.recompile_limit = LIMIT
    torch._dynamo.config.accumulated_recompile_limit = LIMIT
    switch({name: value for name, value in told().items() if name != BACKEND})


def switch(settings: Mapping[str, Any]) -> None:
    """Sets some of Inductor's configuration. Raises ValueError for what this version has not, or has so already."""
    for name, value in settings.items():
        before = getattr(torch._inductor.config, name, None)
        if before is None and name not in torch._inductor.config.shallow_copy_dict():
            raise ValueError(f"Inductor has no setting {name} in this version")
        if before == value:
            raise ValueError(f"{name} is {value!r} anyway")
        setattr(torch._inductor.config, name, value)


def compiled(operation: Operation) -> Operation:
    """The same operation, compiled as one graph for each combination of shapes."""
    return replace(operation, method=_Proven(operation.method))


def programs() -> dict[str, int]:
    """How many graphs Inductor has compiled in this process, and how many it had in its cache."""
    counted = torch._dynamo.utils.counters["inductor"]
    return dict(+Counter({COMPILED: counted["fxgraph_cache_miss"], CACHED: counted["fxgraph_cache_hit"]}))


class _Proven:
    """A compiled function that fails where no graph was made of it."""

    def __init__(self, method: Callable[..., Any]) -> None:
        self._run = torch.compile(
            _plain(method), fullgraph=True, dynamic=False, backend=told().get(BACKEND, "inductor")
        )
        self._known: set[tuple[Any, ...]] = set()

    def __call__(self, **named: Any) -> Any:
        key = tuple((name, *_told(x)) for name, x in named.items())
        before = _graphs()
        found = self._run(**named)
        if key not in self._known and _graphs() == before:
            raise NotCompiled("torch.compile made no graph: this is eager code")
        self._known.add(key)
        return found


def _graphs() -> int:
    return int(torch._dynamo.utils.counters["stats"]["unique_graphs"])


def _told(x: Any) -> tuple[Any, ...]:
    """What Dynamo makes a graph of its own for."""
    if not isinstance(x, torch.Tensor):
        return (repr(x),)
    return (x.dtype, x.shape, x.stride(), x.requires_grad, torch.is_grad_enabled(), torch.is_inference_mode_enabled())


def _plain(method: Callable[..., Any]) -> Callable[..., Any]:
    """A row of the adapter that only passes its inputs on is the framework's callable itself."""
    row = getattr(method, "__func__", None)
    if not isinstance(row, Passed):
        return method
    called, options = resolve(row.kernel.calls), row._options
    return lambda **named: called(*named.values(), **options)

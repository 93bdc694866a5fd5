"""Where adapters come from: the built-in ones, installed plugins, a class or a file.

A framework is imported when its adapter is loaded, never before.
"""

import importlib
import importlib.util
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from nnparity.adapters.base import Adapter
from nnparity.adapters.files import from_file
from nnparity.adapters.inspection import faults
from nnparity.adapters.packs import extended, unknown
from nnparity.adapters.shared.isolation import hide_others
from nnparity.adapters.traceback import comes_along
from nnparity.spec import load as load_spec
from nnparity.spec import packs
from nnparity.spec.loader import RECORDS
from nnparity.spec.packs import Pack

GROUP = "nnparity.adapters"
#: Entry points of installed packages that have known divergences of their own: each names a package with `known.toml`.
RECORD_GROUP = "nnparity.known"
#: Where each framework has its package, with the divergences on record in its `known.toml`.
FOLDER = Path(__file__).resolve().parent

#: Built-in backend -> (module and class, the pip extra that installs its framework).
BUILTIN = {
    "numpy": ("nnparity.adapters.numpy:NumpyAdapter", ""),
    "torch": ("nnparity.adapters.torch.backend:TorchAdapter", "torch"),
    "tensorflow": ("nnparity.adapters.tensorflow.backend:TensorflowAdapter", "tensorflow"),
    "jax": ("nnparity.adapters.jax.backend:JaxAdapter", "jax"),
    "keras-torch": ("nnparity.adapters.keras.on_torch:KerasTorchAdapter", "keras,torch"),
    "keras-tensorflow": ("nnparity.adapters.keras.on_tensorflow:KerasTensorflowAdapter", "keras,tensorflow"),
    "keras-jax": ("nnparity.adapters.keras.on_jax:KerasJaxAdapter", "keras,jax"),
    "huggingface": ("nnparity.adapters.huggingface.backend:HuggingFaceAdapter", "huggingface"),
    "onnxruntime": ("nnparity.adapters.onnxruntime.backend:OnnxRuntimeAdapter", "onnxruntime"),
    "tinygrad": ("nnparity.adapters.tinygrad.backend:TinygradAdapter", "tinygrad"),
    "mlx": ("nnparity.adapters.mlx.backend:MlxAdapter", "mlx"),
    "paddle": ("nnparity.adapters.paddle.backend:PaddleAdapter", "paddle"),
}
#: Those of `make more`: what `all` installs and `make parity` runs has none of them.
MORE = ("onnxruntime", "tinygrad", "mlx", "paddle")
#: Those that compile each operation for each shape even when it is run by itself.
COMPILING = ("jax", "keras-jax", "tinygrad")
#: CPU seconds that a signature of the pool takes, all quantities and layouts together, as measured: where it is
#: compiled, of any other, and of backends by name (TensorFlow traces each operation to differentiate it forward).
COMPILED, PLAIN = 1.0, 0.01
COSTS = {"keras-torch": 0.02, "tensorflow": 0.17, "keras-tensorflow": 0.17}


class UnknownBackend(LookupError):
    """No adapter has this name; the message lists those there are."""


class FrameworkMissing(ImportError):
    """The adapter is known but its framework cannot be imported; the message says what to install."""


class Misdeclared(TypeError):
    """An adapter's methods and the formulas of the spec do not fit together; the message names them."""


def builtin_names() -> list[str]:
    """The backends that come with nnparity."""
    return list(BUILTIN)


def names() -> list[str]:
    """Every name that `load` knows: the built-in backends, then the installed plugins."""
    return builtin_names() + sorted(entry_points(group=GROUP).names - BUILTIN.keys())


def records() -> list[Path]:
    """The files of known divergences that installed packages bring along. No package is imported for it.

    Raises UnknownBackend for an entry point whose package is not there.
    """
    return [_beside(entry) for entry in entry_points(group=RECORD_GROUP)]


def _beside(entry: EntryPoint) -> Path:
    found = importlib.util.find_spec(entry.module)
    places = found.submodule_search_locations if found else None
    if not places:
        raise UnknownBackend(
            f"the entry point {entry.name} of {RECORD_GROUP} names {entry.value}, which is no package here"
        )
    return Path(places[0]) / RECORDS


def compiles(backend: str, mode: str) -> bool:
    """Whether a new shape costs compiling, or making a graph."""
    return mode in ("compiled", "graph") or backend in COMPILING


def cost(backend: str, mode: str) -> float:
    """The CPU seconds that a new shape takes in all."""
    return COMPILED if compiles(backend, mode) else COSTS.get(backend, PLAIN)


def load_alone(name: str) -> type[Adapter]:
    """As `load`, in a process that holds this target and nothing else: a built-in one sees no framework but its own."""
    if extra := BUILTIN.get(name, ("", ""))[1]:
        hide_others(extra)
    return load(name)


def load(name: str) -> type[Adapter]:
    """The adapter class for a backend's name, ``package.module:Class`` or ``path/to/file.py:Class``.

    Raises `UnknownBackend`, `FrameworkMissing` when the framework is not installed, `Misdeclared`, or
    `adapters.files.Broken` for a file that cannot be run.
    """
    if name in BUILTIN:
        return _builtin(name)
    if name in entry_points(group=GROUP).names:
        return _checked(name, entry_points(group=GROUP)[name].load())
    if ":" in name:
        return _named(name)
    raise UnknownBackend(f"no backend {name!r}; there are {', '.join(names())}, or give module:Class or file.py:Class")


def _builtin(name: str) -> type[Adapter]:
    path, extra = BUILTIN[name]
    module, _, attribute = path.partition(":")
    try:
        return _checked(name, getattr(importlib.import_module(module), attribute))
    except ImportError as error:
        if not extra:
            raise
        raise FrameworkMissing(f"{name} cannot be imported ({error}); pip install nnparity[{extra}]") from error


def _named(name: str) -> type[Adapter]:
    place, _, attribute = name.rpartition(":")
    try:
        module = from_file(Path(place)) if place.endswith(".py") else importlib.import_module(place)
    except (ModuleNotFoundError, FileNotFoundError) as error:
        raise UnknownBackend(
            f"no adapter at {name!r}: {error}; built-in are {', '.join(names())}, others file.py:Class"
        ) from error
    if not hasattr(module, attribute):
        there = ", ".join(_classes(module)) or "no adapter at all"
        raise UnknownBackend(f"no class {attribute!r} in {place}; it has {there}")
    return _checked(name, getattr(module, attribute))


def _classes(module: ModuleType) -> list[str]:
    """The adapters that a module defines."""
    own = (one for one in vars(module).values() if isinstance(one, type) and issubclass(one, Adapter))
    return [one.__name__ for one in own if one.__module__ == module.__name__]


def _checked(name: str, found: Any) -> type[Adapter]:
    """The class, if its methods and words are those of the spec and of `Adapter`; else all that is wrong, at once."""
    if not (isinstance(found, type) and issubclass(found, Adapter)):
        raise UnknownBackend(f"{name!r} is not an Adapter class")
    if wrong := faults(found, load_spec(), () if comes_along(found) else BUILTIN):
        head = f"{found.__name__}: " if len(wrong) == 1 else f"{found.__name__}: {len(wrong)} things are wrong\n  "
        raise Misdeclared(head + "\n  ".join(wrong))
    for pack in packs.taken():
        unknown_backends(pack, found.backend)
    return extended(found)


def unknown_backends(pack: Pack, *further: str) -> list[str]:
    """What a pack has for backends that are not here, nor `further` ones, a line each.

    Raises UsageError for names that are misspelt.
    """
    return list(unknown(pack, {*names(), *further}))

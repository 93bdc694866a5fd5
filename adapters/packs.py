"""What packs bring for a backend: a module of kernels beside their formulas, ``on_torch.py`` for the backend `torch`.

It has a function for each formula that it gives, by the formula's id, declared by `kernel` or `composed` like a method
of an adapter, and called as one: inputs in the order of the spec, attributes by name. ``on_keras.py`` serves Keras on
each framework that has no module of its own. What cannot be had stands in the tables of an adapter, in capitals.
A kernel that takes the inputs as they are needs no function: the formula's TOML names it, as in
``kernels = { torch = "torch.nn.functional.silu" }``.
"""

import difflib
import re
import sys
from collections.abc import Collection, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from nnparity.adapters.base import Adapter
from nnparity.adapters.inspection import misfit, unresolved
from nnparity.adapters.kernel import Kernel, Passed, resolve
from nnparity.spec import Formula, packs
from nnparity.spec.file_modules import executed
from nnparity.spec.packs import Pack
from nnparity.spec.usage import UsageError, nearest

#: Tables that a module of kernels may have, each to be joined with that of the backend's adapter.
TABLES = ("unsupported", "refused", "nondeterministic", "precision")
#: From here on two names are so alike that one is taken for the other misspelt: "torhc" is, "torch-npu" is not.
MISSPELT = 0.75


class Named(Passed):
    """The row of a kernel that a pack's TOML names; where there is none of that name, its place is told."""

    def __init__(self, pack: Pack, formula: Formula, field: str, calls: str) -> None:
        super().__init__(calls, "", {})
        self._place = f"{pack.name}/{formula.chapter}.toml: {formula.id}.kernels.{field}"

    def __get__(self, adapter: Any, owner: type) -> Any:
        """As a method that can be called: it is looked up here, and not where a compiler reads along."""
        if adapter is not None:
            try:
                resolve(self.kernel.calls)
            except (ImportError, AttributeError, TypeError, ValueError) as error:
                why = next(unresolved(self.kernel), f"{self.kernel.calls}: {error}")
                raise type(error)(f"{self._place} is {why}") from error
        return super().__get__(adapter, owner)


def extended(found: type[Adapter]) -> type[Adapter]:
    """The adapter of a backend with the kernels that the packs in use have for it. Raises UsageError."""
    for pack in packs.taken():
        named = {
            id: Named(pack, one, *told) for id, one in pack.formulas.items() if (told := _told(one, found.backend))
        }
        found = (
            type(found.__name__, (found,), {**named, "backend": found.backend, "__module__": found.__module__})
            if named
            else found
        )
        if (file := file_of(pack, found.backend)) is not None:
            found = _with(found, _module(pack, file), pack)
    return found


def unknown(pack: Pack, known: Collection[str]) -> Iterator[str]:
    """What a pack has for backends that are not known here: nothing would ever ask for it.

    It may be for a plugin that is not installed, or for an adapter in a file, so that is told and no more. Raises
    UsageError for what is the name of a known one misspelt, unless the pack has something for that one as well.
    """
    names = {name for one in known for name in _names(one)}
    files = {path.stem.removeprefix("on_"): path for path in sorted(pack.folder.glob("on_*.py"))}
    asked = [(str(path), name, [*files], {one.replace("-", "_") for one in names}) for name, path in files.items()]
    for id, one in pack.formulas.items():
        place = pack.folder / f"{one.chapter}.toml"
        asked += [(f"{place}: {id}.kernels.{name}", name, [*one.kernels], names) for name in one.kernels]
    for where, name, beside, there in asked:
        if name in there:
            continue
        near = difflib.get_close_matches(name, there, 1, MISSPELT)
        if near and near[0] not in beside:
            raise UsageError(f"{where}: no backend is called {name!r} (did you mean {near[0]}?)")
        yield f"{where}: no backend is called {name!r} here; there are {', '.join(sorted(names))}"


def path_of(formula: Formula, backend: str) -> str | None:
    """What a pack's formula names as its kernel for a backend."""
    _, path = _told(formula, backend) or ("", None)
    return path


def _told(formula: Formula, backend: str) -> tuple[str, str] | None:
    """Under which name a pack's formula names a kernel for a backend, and which."""
    return next(((name, formula.kernels[name]) for name in _names(backend) if name in formula.kernels), None)


def _names(backend: str) -> tuple[str, str]:
    """A backend's own name, and that of the framework on whichever other."""
    return backend, backend.partition("-")[0]


def file_of(pack: Pack, backend: str) -> Path | None:
    """The module of kernels that a pack has for a backend."""
    files = (pack.folder / f"on_{name.replace('-', '_')}.py" for name in _names(backend))
    return next(filter(Path.is_file, files), None)


def kernel_of(formula: Formula, backend: str) -> Path | str | None:
    """Of a pack's formula the file of its function for a backend, or the path that it names; of others nothing."""
    pack = packs.of(formula.id)
    file = file_of(pack, backend) if pack else None
    defined = file is not None and re.search(rf"^def {formula.id}\(", file.read_text(encoding="utf-8"), re.MULTILINE)
    return file if defined else path_of(formula, backend)


def _with(found: type[Adapter], module: ModuleType, pack: Pack) -> type[Adapter]:
    if wrong := list(_faults(module, pack)):
        raise UsageError(
            "\n  ".join([f"{module.__file__}:", *wrong] if len(wrong) > 1 else [f"{module.__file__}: {wrong[0]}"])
        )
    functions = {id: staticmethod(getattr(module, id)) for id in pack.formulas if hasattr(module, id)}
    tables = {name: getattr(module, name.upper(), {}) | dict(getattr(found, name)) for name in TABLES}
    # What the module raises is the adapter's own fault, as if it stood in the adapter's package.
    return type(
        found.__name__, (found,), {**functions, **tables, "backend": found.backend, "__module__": module.__name__}
    )


def _faults(module: ModuleType, pack: Pack) -> Iterator[str]:
    """Kernels of formulas that the pack does not have, functions without one, and what takes other inputs."""
    for name, found in vars(module).items():
        declared = (
            isinstance(getattr(found, "kernel", None), Kernel) and getattr(found, "__module__", "") == module.__name__
        )
        if declared and name not in pack.formulas:
            yield f"{name} is declared, and the pack has no formula of that name{nearest(name, pack.formulas)}"
        elif name in pack.formulas and not isinstance(getattr(found, "kernel", None), Kernel):
            yield f"{name} is the function of a formula, without @kernel or @composed"
        elif declared and (wrong := misfit(found, pack.formulas[name], bound=True)):
            yield f"{name} {wrong}"


def _module(pack: Pack, file: Path) -> ModuleType:
    name = pack.module(file.stem)
    if name in sys.modules and sys.modules[name].__file__ == str(file):
        return sys.modules[name]
    try:
        return executed(name, file)
    except (Exception, SystemExit) as error:
        raise UsageError(f"{file}: {type(error).__name__}: {error}") from error

"""Executables of whole programs, kept from run to run: what is kept is neither traced nor compiled again.

JAX's own cache keeps what XLA compiled, but has a program traced and lowered to know it again, which is nine tenths of
the time of a run that finds all its programs. Here an executable is found by what it would be traced from: operation,
shapes, dtypes and target; the contents of all code that takes part; JAX's settings, XLA's flags, the processor. By what
it was lowered to it is found too, as many operations are the same to XLA.

Only methods that come with nnparity are kept so, on the CPU, where the user names no folder of his own for JAX's cache
and the process has no module of his, which might have changed anything in JAX. What a pack names as its kernel may lie
anywhere: no formula of a pack is kept.
JAX warns that whoever can write to such a folder can have code run: so it is of machine code in any form, also in
JAX's cache, and the folder is the user's.
"""

import contextlib
import hashlib
import inspect
import os
import platform
import re
import sys
from collections.abc import Iterable, Iterator
from functools import cache, lru_cache
from importlib import import_module, metadata
from pathlib import Path
from typing import Any
from weakref import WeakSet

import jax
from archspec.cpu.detect import detected_info
from jax.experimental import serialize_executable

from nnparity import adapters, spec
from nnparity.adapters.inspection import somebodys_modules
from nnparity.adapters.jax import program_cache
from nnparity.adapters.kernel import Point
from nnparity.adapters.shared.devices import CPU
from nnparity.adapters.traceback import comes_along
from nnparity.spec import packs

SIZE = 20
#: Of the way that executables are made and written: those of another are not read.
FORMAT = "2"
#: Whether JAX loads an executable for a device that is named; older versions do not, and keep their own way.
ABLE = "execution_devices" in inspect.signature(serialize_executable.deserialize_and_load).parameters
#: The variable of XLA's flags, or of a file of them.
FLAGS = "XLA_FLAGS"
#: The name that a requirement begins with; those of an extra are none.
REQUIRED = re.compile(r"(?!.*extra\s*==)[\w.-]+")
#: All programs of this process that are not forgotten.
_programs: "WeakSet[Kept]" = WeakSet()
#: Of which directions a rule makes nothing: left out, whether a case has them or not makes no other program of it.
UNUSED = {"_value": ("tangents", "cotangents"), "_vjp": ("tangents",), "jvp": ("cotangents",)}


def kept(adapter: Any, program: Any) -> "Kept | None":
    """A rule with its operation as a program whose executables are kept; None where it must not be, or has no place.

    All of an operation tells it from others but its code: one that is mapped is another, of the same shapes.
    """
    folder = program_cache.ours()
    if not ABLE or not folder or jax.config.jax_disable_jit or adapter.place.platform != CPU:
        return None
    (operation,) = program.args
    method = getattr(operation.method, "__func__", operation.method)
    if not comes_along(type(adapter)) or not comes_along(method) or packs.of(operation.formula):
        return None
    if _foreign(len(sys.modules)):
        return None
    rule = program.func.__name__
    told = (rule, type(operation).__name__, {name: one for name, one in vars(operation).items() if not callable(one)})
    name = _name(adapter.target, repr(told), adapter.settings, code(*adapter.packages))
    jitted = jax.jit(program, keep_unused=True)
    return Kept(jitted, name, folder / "executables", adapter.place, dict.fromkeys(UNUSED.get(rule, ()), ()))


def shapes_of(point: Point) -> tuple[Any, tuple[tuple[tuple[int, ...], str], ...]]:
    """What a program is compiled for: how a point is made up, shapes and dtypes. Values play no part."""
    leaves, tree = jax.tree.flatten(point)
    return tree, tuple((leaf.shape, str(leaf.dtype)) for leaf in leaves)


def let_go() -> None:
    """Has every program let its executables go."""
    for program in list(_programs):
        program.let_go()


class Kept:
    """A program of which the executable for each set of shapes is read, or made and kept."""

    def __init__(self, jitted: Any, name: str, folder: Path, place: Any, without: dict[str, Any]) -> None:
        self._jitted, self._name, self._folder, self._place, self._without = jitted, name, folder, place, without
        self._executables: dict[Any, Any] = {}
        _programs.add(self)

    def let_go(self) -> None:
        """Of what is kept on disk nothing in memory."""
        self._executables.clear()

    def __call__(self, point: Point) -> Any:
        point = point._replace(**self._without)
        shapes = shapes_of(point)
        if shapes not in self._executables:
            self._executables[shapes] = self._found(point, *map(str, shapes))
        return self._executables[shapes](point)

    def _cache_size(self) -> int:
        """As jitted code says that it was compiled."""
        return len(self._executables)

    def _found(self, point: Point, tree: str, shapes: str) -> Any:
        around = environment()
        asked = self._folder / f"{_name(self._name, tree, shapes, around)}-alias"
        if (known := _read(asked)) and (executable := self._loaded(known.decode(), point)):
            return executable
        lowered = self._jitted.lower(point)
        made = f"{_name(FORMAT, lowered.as_text(), shapes, around)}-executable"
        executable = self._loaded(made, point) or self._compiled(lowered, made)
        _write(asked, made.encode())
        return executable

    def _loaded(self, name: str, point: Point) -> Any:
        if not (told := _read(self._folder / name)):
            return None
        inputs, outputs = jax.tree.structure(((point,), {})), jax.tree.structure((0,) * told[0])
        try:
            found = serialize_executable.deserialize_and_load(
                told[1:], inputs, outputs, self._place.client, [self._place]
            )
        except Exception:  # noqa: BLE001  (what is not as this version of JAX writes it is made anew)
            return None
        program_cache.counted[program_cache.CACHED] += 1
        return found

    def _compiled(self, lowered: Any, name: str) -> Any:
        with program_cache.unkept():
            executable = lowered.compile()
        outputs = executable.out_tree
        if outputs == jax.tree.structure((0,) * outputs.num_leaves) and outputs.num_leaves < 256:
            with contextlib.suppress(ValueError, NotImplementedError):  # what JAX cannot write is not kept
                _write(self._folder / name, bytes([outputs.num_leaves]) + serialize_executable.serialize(executable)[0])
        return executable


@cache
def code(*packages: str) -> str:
    """What traces a program: all modules of these packages and of the adapters, and what is installed under them."""
    folders = [Path(str(import_module(name).__file__)).parent for name in packages]
    folders += [Path(room.__path__[0]) for room in (adapters, spec)]
    return _name(platform.python_version(), *map(_installed, _under(packages)), *_contents(folders))


def environment() -> str:
    """What compiles a program, for which processor, and what JAX and XLA are told beside it.

    Where programs lie, which the words and variables with "cache" in them say, changes none.
    """
    settings = sorted((name, repr(value)) for name, value in jax.config.values.items() if "cache" not in name)
    return _name(_compiler(), repr(settings), repr(variables("JAX_", "XLA_")))


def variables(*begin: str) -> list[tuple[str, str]]:
    """The variables of the environment that begin so, but those of where programs lie."""
    named = (one for one in os.environ.items() if one[0].startswith(begin) and "CACHE" not in one[0])
    return sorted((name, _flags(told) if name == FLAGS else told) for name, told in named)


def _flags(told: str) -> str:
    """Flags as they are, or as they stand in the file that is named in their place."""
    if told.lstrip().startswith("-"):
        return told
    with contextlib.suppress(OSError):
        return repr(Path(told).read_bytes())
    return told


@cache
def _compiler() -> str:
    processor = detected_info()
    return _name(_installed("jaxlib"), processor.name, repr(sorted(processor.features)))


@lru_cache(maxsize=1)
def _foreign(_modules: int) -> bool:
    """Whether the process has a module of somebody's own, as long as it has so many modules."""
    return any(somebodys_modules())


def _under(packages: Iterable[str]) -> list[str]:
    """These distributions and all that they require, if it is installed."""
    found, left = set[str](), list(packages)
    while left:
        name = left.pop().lower().replace("_", "-")
        with contextlib.suppress(metadata.PackageNotFoundError):
            if name not in found:
                required = metadata.requires(name) or []
                left += [told.group() for told in map(REQUIRED.match, required) if told]
                found.add(name)
    return sorted(found)


def _installed(name: str) -> str:
    """A distribution with the hashes of its files as they were installed: it may be too large to be read through."""
    found = metadata.distribution(name)
    return f"{name} {found.version} {found.read_text('RECORD')}"


def _contents(folders: Iterable[Path]) -> Iterator[str]:
    """All modules in these folders; one that was edited where it is installed is another."""
    for folder in folders:
        for path in sorted(folder.rglob("*.py")):
            yield f"{path.relative_to(folder)} {hashlib.blake2b(path.read_bytes(), digest_size=SIZE).hexdigest()}"


def _name(*words: str) -> str:
    told = hashlib.blake2b(digest_size=SIZE)
    for word in words:
        told.update(hashlib.blake2b(word.encode()).digest())
    return told.hexdigest()


def _read(path: Path) -> bytes:
    """What was written; nothing where it is not there, or not all of it."""
    try:
        told = path.read_bytes()
    except OSError:
        return b""
    body = told[SIZE:]
    return body if hashlib.blake2b(body, digest_size=SIZE).digest() == told[:SIZE] else b""


def _write(path: Path, body: bytes) -> None:
    """Whole, or not at all: another process may write the same, and this one may be killed."""
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(f"{path.name}.{os.getpid()}.part")
        try:
            beside.write_bytes(hashlib.blake2b(body, digest_size=SIZE).digest() + body)
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)

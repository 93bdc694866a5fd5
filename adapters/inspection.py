"""What is missing or misspelt in an adapter of somebody's own: all of it at once, each with its line.

Nothing is run: the class is held against the spec and the base of all adapters, and its file is read for the lines.
"""

import ast
import difflib
import hashlib
import inspect
import sys
import tempfile
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from functools import cache, cached_property
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

from nnparity.adapters.base import Adapter
from nnparity.adapters.kernel import ALIASES, Kernel, Unsupported, is_word
from nnparity.adapters.shared.forward_only import ForwardOnly
from nnparity.adapters.traceback import comes_along
from nnparity.spec import Formula
from nnparity.spec.cases.layouts import CONTIGUOUS, LAYOUTS
from nnparity.spec.imported import files_behind, foreign
from nnparity.spec.precision import MODELS
from nnparity.spec.usage import nearest

#: What a class may set: under a name close to one of these it has meant that one.
SETTABLE = (
    *("backend", "packages", "modes", "joint", "second_order", "unsupported", "refusals", "refused", "layouts"),
    *("nondeterministic", "precision", "forward_only"),
    *("devices", "versions", "put", "get", "arrange", "vjp", "jvp", "hvp", "jvp_hvp", "scope", "inference", "compile"),
)
#: What has to be there, in words.
NEEDED = {
    "put": "a NumPy array as a tensor of the framework, in its dtype: def put(self, array)",
    "get": "a tensor as a NumPy array, in its dtype: def get(self, tensor)",
    "vjp": "outputs and gradients: def vjp(self, operation, point); or the class is a ForwardOnly",
}
#: Tables that a class may have, and of what their keys are made; of the others a key is a formula's id.
TABLES = {
    "unsupported": (),
    "nondeterministic": (),
    "refused": ("formula", "dtype", "quantity", "device:mode"),
    "precision": ("formula", "dtype", "quantity"),
}
SEQUENCES = ("packages", "modes", "refusals", "layouts")
#: Families of quantities -> the methods that give them; and what bases have in their place, which only says so.
DERIVATIVES = {"grad": "vjp", "jvp": "jvp", "hvp": "hvp"}
SAYING = (Adapter.jvp, Adapter.hvp, ForwardOnly.vjp, ForwardOnly.jvp, ForwardOnly.hvp)
#: How much alike two names are, from 0 to 1, of which one is taken for the other misspelt.
ALIKE = 0.8


def source_of(adapter: type[Adapter]) -> str:
    """A digest of the code that an adapter of somebody's own is made of; nothing of one that comes with nnparity.

    That is the files of its classes, of all modules that are imported by now and are neither installed, Python's nor
    nnparity's, and of those that any of them may still import: a kernel may stand in a helper as well. For what is
    installed its version speaks.
    """
    own = {one.__module__ for one in Sources(adapter).own}
    if not own:
        return ""
    files = dict(somebodys_modules(own))
    found = hashlib.blake2b(digest_size=16)
    for name, file in sorted((files_behind(files.values(), files) | files).items()):
        found.update(hashlib.blake2b(name.encode()).digest() + hashlib.blake2b(file.read_bytes()).digest())
    return found.hexdigest()


def lacking(adapter: Adapter) -> dict[str, str]:
    """The families of quantities that an adapter gives of no formula, and what the base that it has them from says."""
    together = (Adapter.jvp_hvp, Adapter.all_families)  # what is written there takes the place of any of them
    if any(getattr(type(adapter), one.__name__) is not one for one in together):
        return {}
    methods: dict[str, Any] = {family: getattr(adapter, name) for family, name in DERIVATIVES.items()}
    return {family: _said(method) for family, method in methods.items() if getattr(method, "__func__", None) in SAYING}


def _said(method: Callable[[Any, Any], Any]) -> str:
    """The reason of a method that gives nothing, whatever it is given."""
    try:
        method(None, None)
    except Unsupported as error:
        return str(error)
    raise AssertionError


def somebodys_modules(besides: Collection[str] = ()) -> Iterator[tuple[str, Path]]:
    """The modules imported by now that are neither installed, Python's nor nnparity's, and those named; their files."""
    for name, module in sorted(sys.modules.items()):
        file = getattr(module, "__dict__", {}).get("__file__")  # a lazy module imports what it is asked for
        if file and (name in besides or _somebodys(name, file)) and Path(file).is_file():
            yield name, Path(file)


@cache
def _somebodys(name: str, file: str) -> bool:
    """Whether a module is neither installed, Python's or nnparity's, nor written by a framework as it runs."""
    return foreign(name, file) and not Path(file).resolve().is_relative_to(Path(tempfile.gettempdir()).resolve())


class Sources:
    """The files of the classes that an adapter is made of, those of nnparity left out."""

    def __init__(self, adapter: type[Adapter]) -> None:
        self.own = [one for one in adapter.__mro__ if not comes_along(one)]

    @cached_property
    def lines(self) -> dict[str, str]:
        """Name of what a class defines -> file and line; and the texts in it, in quotes, the same."""
        return {name: place for one in reversed(self.own) for name, place in _defined(one)}

    def has(self, name: str) -> bool:
        """Whether one of the classes sets this."""
        return any(name in vars(one) for one in self.own)

    def told(self, name: str, what: str) -> str:
        """A fault with the line of that name; without one that of the class."""
        place = self.lines.get(name) or self.lines.get("class", "")
        return f"{place}: {what}" if place else what


def faults(adapter: type[Adapter], formulas: dict[str, Formula], taken: Iterable[str]) -> list[str]:
    """All that is wrong, in the order of the lines; `taken` are the names that backends have already."""
    sources = Sources(adapter)
    found = [
        *_backend(adapter, sources, tuple(taken)),
        *_missing(adapter, sources),
        *_misspelt(sources, formulas),
        *_methods(adapter, sources, formulas),
        *_kernels(adapter, sources),
        *_declared(adapter, sources, formulas),
    ]
    return sorted(dict.fromkeys(found), key=_order)


def _backend(adapter: type[Adapter], sources: Sources, taken: tuple[str, ...]) -> Iterator[str]:
    name = getattr(adapter, "backend", None)
    if name is None:
        yield sources.told("class", "`backend` is missing: the name of its targets, such as backend = 'mine'")
    elif not is_word(name):
        yield sources.told("backend", f"`backend` is a word of letters, digits, - and _, not {name!r}")
    elif name in taken:
        yield sources.told("backend", f"`backend` is {name!r}, the name of another, whose records are not meant for it")


def _missing(adapter: type[Adapter], sources: Sources) -> Iterator[str]:
    for name in sorted(adapter.__abstractmethods__):
        yield sources.told("class", f"`{name}` is missing: {NEEDED.get(name, 'the base of all adapters has none')}")


def _misspelt(sources: Sources, formulas: dict[str, Formula]) -> Iterator[str]:
    """Names that are almost those of the base, where that one is not set."""
    for name in dict.fromkeys(name for one in sources.own for name in vars(one)):
        if name.startswith("_") or name in formulas or hasattr(Adapter, name):
            continue
        near = difflib.get_close_matches(name, SETTABLE, 1, ALIKE)
        if near and not sources.has(near[0]):
            yield sources.told(name, f"`{name}` means nothing to an adapter: did you mean `{near[0]}`?")


def _methods(adapter: type[Adapter], sources: Sources, formulas: dict[str, Formula]) -> Iterator[str]:
    """Formulas that there are not, methods without a kernel, and methods that do not take what the formula gives."""
    declared = adapter.kernels()
    for name in declared.keys() - formulas.keys():
        yield sources.told(name, f"declares {name}, {_unknown(name, formulas)}")
    for name in formulas.keys() - declared.keys():
        if hasattr(adapter, name):  # a helper may have any other name: under this one it is taken for the formula
            yield sources.told(name, f"{name} is the method of a formula, without @kernel or @composed")
    for name in declared.keys() & formulas.keys():
        if sources.has(name) and (wrong := misfit(inspect.getattr_static(adapter, name), formulas[name])):
            yield sources.told(name, f"{name} {wrong}: see nnparity show {name}")


def _unknown(name: str, there: Iterable[str]) -> str:
    return f"which the spec does not have{nearest(name, there)}"


def given(formula: Formula) -> tuple[str, ...]:
    """The keywords that a method is called with: inputs and attributes, and the dtype where there is no input."""
    return (*formula.inputs, *formula.attributes, *(() if formula.inputs else ("dtype",)))


def misfit(method: Any, formula: Formula, *, bound: bool = False) -> str:
    """What a method takes otherwise than the formula gives it, in words; nothing where it fits.

    One that is `bound` has no adapter as its first parameter.
    """
    if not inspect.isfunction(method):
        return ""  # a row passes everything on
    parameters = list(inspect.signature(method).parameters.values())[0 if bound else 1 :]
    if any(one.kind is one.VAR_KEYWORD for one in parameters):
        return ""
    named = [one for one in parameters if one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY)]
    takes, gives = {one.name for one in named}, given(formula)
    extra = [one.name for one in named if one.default is one.empty and one.name not in gives]
    if not extra and takes >= set(gives):
        return ""
    return f"takes {', '.join(one.name for one in parameters) or 'nothing'}, and the formula gives {', '.join(gives)}"


def _kernels(adapter: type[Adapter], sources: Sources) -> Iterator[str]:
    for name, kernel in adapter.kernels().items():
        if sources.has(name):
            yield from (sources.told(name, f"{name} calls {wrong}") for wrong in unresolved(kernel))


def unresolved(kernel: Kernel) -> Iterator[str]:
    """Paths of which all but the last name is there, and that one is misspelt; a kernel may lack in some release."""
    for path in kernel.paths:
        place, _, last = path.rpartition(".")
        first, _, rest = place.partition(".")
        try:
            home = resolve_name(".".join(filter(None, (ALIASES.get(first, first), rest))))
        except (ImportError, AttributeError, ValueError):
            continue
        near = difflib.get_close_matches(last, dir(home), 1, ALIKE)
        if near and not hasattr(home, last):
            yield f"{path}, which is not there (did you mean {place}.{near[0]}?)"


def _declared(adapter: type[Adapter], sources: Sources, formulas: dict[str, Formula]) -> Iterator[str]:
    """Tables and tuples that are none, and words in them that there are not."""
    wrong = list(_entries(adapter, sources))
    yield from wrong or _unknown_in_tables(adapter, sources, formulas)
    for name in SEQUENCES:
        if isinstance(value := getattr(adapter, name), str):
            yield sources.told(name, f"`{name}` is a text: a tuple is meant, ({value!r},)")
    if isinstance(adapter.layouts, list | tuple):
        for layout in adapter.layouts:
            if layout not in (CONTIGUOUS, *LAYOUTS):
                yield sources.told(f"{layout!r}", f"`layouts`: {layout!r} is none of {', '.join(LAYOUTS)}")
    if isinstance(modes := adapter.modes, list | tuple):
        if not modes:
            yield sources.told("modes", "`modes` is empty: the usual one has to be there, such as ('eager',)")
        for mode in modes:
            if not is_word(mode):
                yield sources.told("modes", f"`modes`: a mode is a word of letters, digits, +, - and _, not {mode!r}")


def _entries(adapter: type[Adapter], sources: Sources) -> Iterator[str]:
    """Tables that are none, and what would never be looked up in one, or not be read."""
    for name, parts in TABLES.items():
        table: Any = getattr(adapter, name)
        if not isinstance(table, Mapping):
            yield sources.told(name, f"`{name}` is a {type(table).__name__}: a dict is meant")
            continue
        meant = f"({', '.join(parts)})" if parts else "formula"
        for key, why in table.items():
            words = key if parts and isinstance(key, tuple) else (key,)
            if len(words) != max(len(parts), 1) or not all(isinstance(one, str) for one in (*words, why)):
                yield sources.told(name, f"`{name}` has {key!r}: {why!r}, and {meant}: a text is meant")


def _unknown_in_tables(adapter: type[Adapter], sources: Sources, formulas: dict[str, Formula]) -> Iterator[str]:
    asked = [(name, key[0] if parts else key) for name, parts in TABLES.items() for key in getattr(adapter, name)]
    for table, id in asked:
        if not any(fnmatchcase(one, id) for one in formulas):
            yield sources.told(f"{id!r}", f"{table}: {id}, {_unknown(id, formulas)}")
    for model in set(adapter.precision.values()) - set(MODELS):
        yield sources.told(f"{model!r}", f"precision: {model} is none of {', '.join(MODELS)}")


def _defined(one: type) -> Iterator[tuple[str, str]]:
    """What a class defines, and the texts in it, with their places; itself is "class"."""
    try:
        file = inspect.getsourcefile(one) or ""
        tree = ast.parse(Path(file).read_text(encoding="utf-8"))
    except (OSError, TypeError, SyntaxError):
        return
    found = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef) and node.name == one.__name__]
    for node in found[-1:]:
        yield "class", f"{Path(file).name}:{node.lineno}"
        for place in ast.walk(node):
            if isinstance(place, ast.Constant) and isinstance(place.value, str):
                yield f"{place.value!r}", f"{Path(file).name}:{place.lineno}"
        for statement in node.body:
            for name in _names(statement):
                yield name, f"{Path(file).name}:{statement.lineno}"


def _names(statement: ast.stmt) -> Iterator[str]:
    if isinstance(statement, ast.FunctionDef | ast.ClassDef):
        yield statement.name
    targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
    yield from (target.id for target in targets if isinstance(target, ast.Name))


def _order(fault: str) -> tuple[str, int, str]:
    """By file and line; what has none comes first."""
    file, _, rest = fault.partition(":")
    line = rest.partition(":")[0]
    return (file, int(line), fault) if line.isdigit() else ("", 0, fault)

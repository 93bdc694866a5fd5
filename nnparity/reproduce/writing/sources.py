"""An adapter's method as text that stands alone: its source, and that of every helper of ours that it calls.

Nothing is imported to find it, so that frameworks stay where they belong: modules are read as text. What belongs to
nnparity only (annotations, declarations of kernels, `self`) is taken off.
"""

import ast
import importlib.util
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from nnparity.adapters.kernel import ALIASES
from nnparity.spec import load
from nnparity.spec.usage import UsageError

#: The decorators that declare a kernel.
DECLARING = {"kernel", "composed"}
PASSED = "passed"
#: What adapters of several frameworks have, and what says nothing of any.
BASES = ("nnparity.adapters.base", "nnparity.adapters.shared.forward_only")


class Unreproducible(UsageError):
    """What no script can be made of; the message says why."""


@dataclass(frozen=True, eq=False)
class Module:
    """A module as text, and which of its statements binds each of its names."""

    name: str
    path: Path
    bindings: dict[str, ast.stmt]
    #: The names that other statements of the module have to do with as well: a script has the one that binds them.
    changed: frozenset[str]


@cache
def module(name: str) -> Module:
    """The module of that name, or of that file."""
    path = Path(name) if name.endswith(".py") else Path(_origin(name))
    tree = ast.parse(path.read_text(encoding="utf-8"))
    bindings = {bound: one for one in _statements(tree) for bound in _bound(one)}
    return Module(name, path, bindings, _changed(tree))


def _origin(name: str) -> str:
    found = importlib.util.find_spec(name)
    if found is None or found.origin is None:
        raise Unreproducible(f"no source of {name}")
    return found.origin


def _statements(tree: ast.Module) -> Iterator[ast.stmt]:
    """Those of the module itself, and of what stands in a ``with``, ``if`` or ``try`` of its own."""
    for one in tree.body:
        yield from one.body if isinstance(one, ast.With | ast.If | ast.Try) else [one]


def _bound(one: ast.stmt) -> list[str]:
    match one:
        case ast.Import() | ast.ImportFrom():
            return [alias.asname or alias.name.partition(".")[0] for alias in one.names]
        case ast.FunctionDef() | ast.ClassDef():
            return [one.name]
        case ast.Assign():
            return [name for target in one.targets for name in _stored(target)]
        case ast.AnnAssign(target=ast.Name(id=name)):
            return [name]
        case _:
            return []


def _stored(tree: ast.AST) -> Iterator[str]:
    """The names that a statement, or a target of one, binds."""
    return (node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store))


def _changed(tree: ast.Module) -> frozenset[str]:
    """Names that are bound more than once, or of which a part is assigned, or a method called."""
    met = Counter(name for one in _all_statements(tree.body) for name in _touched(one))
    return frozenset(name for name, count in met.items() if count > 1)


def _all_statements(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """Those of the module, and of every branch of its own."""
    for one in body:
        if isinstance(one, ast.With | ast.If | ast.Try):
            branches = (getattr(one, name, []) for name in ("body", "orelse", "finalbody"))
            yield from _all_statements(inner for branch in branches for inner in branch)
            yield from _all_statements(inner for handler in getattr(one, "handlers", []) for inner in handler.body)
        else:
            yield one


def _touched(one: ast.stmt) -> set[str]:
    """The names of the module that a statement makes what they are; of modules that are imported none."""
    if isinstance(one, ast.Import | ast.ImportFrom):
        return set()
    if isinstance(one, ast.FunctionDef | ast.ClassDef):
        return {one.name}
    parts = [node for node in ast.walk(one) if isinstance(node, ast.Attribute | ast.Subscript)]
    written = [node for node in parts if not isinstance(node.ctx, ast.Load)]
    call = one.value if isinstance(one, ast.Expr) else None
    asked = [call.func] if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) else []
    return {*_stored(one), *filter(None, map(_root, [*written, *asked]))}


def _root(node: ast.expr) -> str:
    """The name that an attribute or an element of something belongs to."""
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


@dataclass(frozen=True, eq=False)
class Found:
    """A member of a class: its statement, in the module of the class that defines it."""

    module: Module
    statement: ast.stmt


def member(place: Module, kind: str, name: str) -> Found | None:
    """What a class defines or inherits under a name."""
    if place.name in BASES:
        return None
    statement = place.bindings.get(kind)
    if isinstance(statement, ast.ImportFrom) and statement.module:
        original = next(alias.name for alias in statement.names if (alias.asname or alias.name) == kind)
        return member(module(statement.module), original, name) if _ours(statement.module) else None
    if not isinstance(statement, ast.ClassDef):
        return None
    for one in statement.body:
        if name in _bound(one):
            return Found(place, one)
    bases = (base.id for base in statement.bases if isinstance(base, ast.Name))
    return next((found for base in bases if (found := member(place, base, name))), None)


def _ours(name: str) -> bool:
    return name.partition(".")[0] == "nnparity"


@dataclass
class Extraction:
    """What has been taken out so far: imports, then definitions, each behind what it needs."""

    adapter: Module
    kind: str
    #: What ``self.device`` and the like stand for.
    constants: dict[str, str]
    #: Names that are the script's own.
    reserved: tuple[str, ...] = ()
    #: Of a pack's formula the file that has its kernel, or the path that it names for one.
    outside: Path | str | None = None
    imports: list[str] = field(default_factory=list)
    blocks: list[str] = field(default_factory=list)
    _names: dict[tuple[str, str], str] = field(default_factory=dict)

    def method(self, name: str, inputs: tuple[str, ...]) -> str:
        """Takes out the method of a formula; the name that it has in the script. Raises Unreproducible."""
        if isinstance(self.outside, str):
            return self._passing(name, ast.parse(f"{PASSED}({self.outside!r})", mode="eval").body, inputs)
        if self.outside is not None:
            return self._global(module(str(self.outside)), name) or name
        found = member(self.adapter, self.kind, name)
        if found is None:
            raise Unreproducible(f"{self.kind} defines no {name} that could be read")
        if isinstance(found.statement, ast.Assign):
            return self._passing(name, found.statement.value, inputs)
        return self._member(found, name, name)

    def take(self, path: str) -> None:
        """Takes out a definition of ours, by its dotted path."""
        place, _, name = path.rpartition(".")
        self._global(module(place), name)

    def outer(self, place: Module, name: str) -> str:
        """Takes out what a module outside of the adapter defines; its name in the script."""
        return self._global(place, name) or name

    def need(self, line: str) -> None:
        """A line of import more."""
        self._import(line)

    def takes(self, method: str, inputs: Iterable[str]) -> bool:
        """Whether a method that was taken out has the inputs as its first parameters, in that order."""
        made = (ast.parse(block).body[0] for block in self.blocks)
        (parameters,) = (one.args.args for one in made if isinstance(one, ast.FunctionDef) and one.name == method)
        return [one.arg for one in parameters][: len(tuple(inputs))] == list(inputs)

    def _member(self, found: Found, name: str, called: str) -> str:
        key = (f"{found.module.name}:{self.kind}", name)
        if key not in self._names:
            self._names[key] = self._free(called)
            if isinstance(found.statement, ast.Assign):
                inputs = tuple(load()[name].inputs) if name in load() else ("*inputs",)
                return self._passing(self._names[key], found.statement.value, inputs)
            if not isinstance(found.statement, ast.FunctionDef):
                raise Unreproducible(f"{name} of {self.kind} is no function that could be read")
            self._define(found.module, found.statement, self._names[key], method=True)
        return self._names[key]

    def _passing(self, name: str, made: ast.expr, inputs: tuple[str, ...]) -> str:
        """A row of the adapter that only passes its inputs on."""
        if not (isinstance(made, ast.Call) and ast.unparse(made.func) == PASSED and made.args):
            raise Unreproducible(f"{name} of {self.kind} is no method that could be read")
        path = ast.literal_eval(made.args[0])
        path = self._reached(path)
        options = [ast.unparse(word) for word in made.keywords if word.arg != "convention"]
        given = ", ".join(inputs)
        self.blocks.append(f"def {name}({given}):\n    return {path}({', '.join([given, *options])})")
        return name

    def _reached(self, path: str) -> str:
        """Imports what a dotted path begins with, or takes it out where it is ours; the path in the script."""
        first, _, rest = path.partition(".")
        place = ALIASES.get(first, first)
        if _ours(place):
            self._global(module(place), rest.partition(".")[0])
            return rest
        self._import(f"import {place} as {first}" if first in ALIASES else f"import {first}")
        return path

    def _import(self, line: str) -> None:
        if line not in self.imports:
            self.imports.append(line)

    def _free(self, name: str) -> str:
        taken = {*self._names.values(), *self.reserved}
        return next(one for one in (name, *(f"{name}_{n}" for n in range(2, 99))) if one not in taken)

    def _global(self, place: Module, name: str) -> str | None:
        """Takes out what a module's name stands for; its name in the script, or None of a name of Python's own."""
        statement = place.bindings.get(name)
        if name in place.changed:
            raise Unreproducible(f"{name} of {place.path.name} is not what one statement alone makes of it")
        match statement:
            case None:
                return None
            case ast.Import():
                self._import(ast.unparse(statement))
                return name
            case ast.ImportFrom(module=str(source)):
                return self._imported(source, statement, name)
            case _:
                return self._defined(place, name, statement)

    def _imported(self, source: str, statement: ast.ImportFrom, name: str) -> str | None:
        (alias,) = (one for one in statement.names if (one.asname or one.name) == name)
        if _ours(source):
            return self._global(module(source), alias.name)
        self._import(ast.unparse(ast.ImportFrom(source, [alias], 0)))
        return name

    def _defined(self, place: Module, name: str, statement: ast.stmt) -> str:
        key = (place.name, name)
        if key not in self._names:
            self._names[key] = self._free(name)
            self._define(place, statement, self._names[key])
        return self._names[key]

    def _define(self, place: Module, statement: ast.stmt, name: str, method: bool = False) -> None:
        plain = _Plain(self, place, method)
        copy = ast.parse(ast.unparse(statement)).body[0]
        if isinstance(copy, ast.FunctionDef | ast.ClassDef):
            copy.name = name
            copy.decorator_list = [one for one in copy.decorator_list if _called(one) not in DECLARING]
        local = _local(copy)
        written = plain.visit(copy)
        for free in _free_names(written, local):
            meant = self._global(place, free)
            if meant is not None and meant != free:
                plain.renamed[free] = meant
        self.blocks.append(ast.unparse(ast.fix_missing_locations(plain.visit(written))))

    def own(self, place: Module, name: str) -> str:
        """What ``self.<name>`` stands for."""
        if name in self.constants:
            return repr(self.constants[name])
        found = member(self.adapter, self.kind, name)
        if found is None:
            raise Unreproducible(f"self.{name} of {self.kind}, in {place.name}, is nothing that could be read")
        # A method's name is free for a variable of another; taken out of its class it is not.
        return self._member(found, name, f"_{name}")


class _Plain(ast.NodeTransformer):
    """Takes off what belongs to nnparity, and gives names that are taken another."""

    def __init__(self, extraction: Extraction, place: Module, method: bool) -> None:
        self.renamed: dict[str, str] = {}
        self._extraction, self._place, self._method = extraction, place, method
        #: Whether what is annotated are the fields of a class, which a NamedTuple or a dataclass reads.
        self._fields = False

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        self._fields = True
        return self.generic_visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        fields, self._fields = self._fields, False
        node.returns = None
        if self._method and node.args.args and node.args.args[0].arg == "self":
            del node.args.args[0]
        found = self.generic_visit(node)
        self._fields = fields
        return found

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.annotation = None
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST | None:
        if self._fields:
            node.annotation = ast.Name("object", ast.Load())
            return self.generic_visit(node)
        if node.value is None:
            return None
        return ast.Assign([node.target], self.visit(node.value), lineno=node.lineno)

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        if self._method and isinstance(node.value, ast.Name) and node.value.id == "self":
            return ast.parse(self._extraction.own(self._place, node.attr), mode="eval").body
        return self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return ast.Name(self.renamed.get(node.id, node.id), node.ctx)


def _called(decorator: ast.expr) -> str:
    return ast.unparse(decorator.func) if isinstance(decorator, ast.Call) else ast.unparse(decorator)


def _local(tree: ast.AST) -> set[str]:
    """The names that a definition binds itself; those of an assignment of a module are no less global for it."""
    if isinstance(tree, ast.Assign | ast.AnnAssign):
        return set(_bound(tree))
    return {*_stored(tree)} | {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}


def _free_names(tree: ast.AST, local: set[str]) -> list[str]:
    names = [node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)]
    return [name for name in dict.fromkeys(names) if name not in local]

"""Where adapters come from, and what is said of those that cannot come."""

import ast
import builtins
import sys
from collections.abc import Callable
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from nnparity.adapters import registry
from nnparity.adapters.base import Adapter
from nnparity.adapters.kernel import kernel
from nnparity.adapters.registry import FrameworkMissing, Misdeclared, UnknownBackend, builtin_names, load
from nnparity.adapters.shared.forward_only import ForwardOnly

PLUGIN = "nnparity.tests.adapters.test_registry:Minimal"
MINE = """
from nnparity.adapters.kernel import kernel, passed
from nnparity.tests.adapters.test_registry import Minimal

class Mine(Minimal):
    backend = "mine"
"""


class Minimal(ForwardOnly):
    """All that an adapter has to have."""

    backend = "minimal"

    def put(self, array: Any) -> Any:
        return array.copy()

    def get(self, tensor: Any) -> Any:
        return tensor

    @kernel("math.tanh")
    def tanh(self, x: Any) -> Any:
        return x


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., type[Adapter]]:
    """Loads a subclass of `Minimal` with these lines in its body, from a file."""
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path])

    def loaded(*lines: str) -> type[Adapter]:
        file = tmp_path / "mine.py"
        file.write_text(MINE + "".join(f"    {line}\n" for line in lines))
        return load(f"{file}:Mine")

    return loaded


def test_the_backends_there_are() -> None:
    keras = ["keras-torch", "keras-tensorflow", "keras-jax"]
    assert builtin_names() == ["numpy", "torch", "tensorflow", "jax", *keras, "huggingface", *registry.MORE]


def test_a_class_in_a_module() -> None:
    assert load(PLUGIN).backend == "minimal"


def test_a_class_in_a_file(mine: Callable[..., type[Adapter]]) -> None:
    found = mine()
    assert issubclass(found, Adapter)
    assert found.backend == "mine"


def test_helpers_under_names_that_no_formula_has_are_nobodys_business(mine: Callable[..., type[Adapter]]) -> None:
    found = mine("def convolved(self, x): return x", "lazy = 3", 'relu = passed("math.fabs")')
    assert set(found.kernels()) == {"tanh", "relu"}


def test_a_declared_method_that_no_formula_asks_for_is_refused(mine: Callable[..., type[Adapter]]) -> None:
    with pytest.raises(Misdeclared, match=r"(?s)declares swish, which .*declares conv3d, which the spec does not have"):
        mine('swish = passed("math.tanh")', '@kernel("math.tanh")', "def conv3d(self, x): return x")


@pytest.mark.parametrize("line", ["def gelu(self, x): return x", "def tanh(self, x): return -x", "gelu = 3"])
def test_a_formula_without_a_declaration_is_refused(mine: Callable[..., type[Adapter]], line: str) -> None:
    with pytest.raises(
        Misdeclared, match=r"mine.py:7: (gelu|tanh) is the method of a formula, without @kernel or @composed"
    ):
        mine(line)


def test_an_installed_plugin(monkeypatch: pytest.MonkeyPatch) -> None:
    plugins = EntryPoints([EntryPoint("minimal", PLUGIN, registry.GROUP)])
    monkeypatch.setattr(registry, "entry_points", lambda group: plugins)
    assert load("minimal").backend == "minimal"
    assert registry.names()[-1] == "minimal"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("caffe", "there are numpy, torch, tensorflow, jax"),
        ("nowhere.at.all:Adapter", "No module named 'nowhere'"),
        ("nowhere/at/all.py:Adapter", "no file"),
        ("nnparity.adapters.base:Missing", "Missing"),
        ("pathlib:Path", "is not an Adapter class"),
    ],
)
def test_an_unknown_backend_is_told_what_there_is(name: str, words: str) -> None:
    with pytest.raises(UnknownBackend, match=words):
        load(name)


def test_what_a_module_raises_while_it_is_imported_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "of_another_release.py").write_text("import math\nmath.sech\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(AttributeError, match="'math' has no attribute 'sech'"):
        load("of_another_release:Mine")


def test_a_missing_framework_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without_jax(name: str, *rest: object) -> ModuleType:
        if name.partition(".")[0] == "jax":
            raise ModuleNotFoundError("No module named 'jax'")
        return real(name, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(builtins, "__import__", without_jax)
    monkeypatch.delitem(sys.modules, "nnparity.adapters.jax.backend", raising=False)
    with pytest.raises(FrameworkMissing, match=r"pip install nnparity\[jax\]"):
        load("jax")


ROOMS = ("layers", "sequences", "losses", "optimizers", "models", "training")
FRAMEWORKS = ("torch", "tensorflow", "jax", "keras")


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("room", ROOMS)
def test_a_room_holds_the_class_that_is_named_for_it(framework: str, room: str) -> None:
    tree = ast.parse((registry.FOLDER / framework / f"{room}.py").read_text(encoding="utf-8"))
    classes = {node.name for node in tree.body if isinstance(node, ast.ClassDef)}
    assert f"{framework}{room}" in {name.lower() for name in classes}


@pytest.mark.parametrize("framework", [*FRAMEWORKS, "huggingface", *registry.MORE])
def test_a_framework_has_a_backend_and_its_divergences_on_record(framework: str) -> None:
    assert (registry.FOLDER / framework / "backend.py").is_file()
    assert (registry.FOLDER / framework / "known.toml").is_file()

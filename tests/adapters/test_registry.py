"""Where adapters come from, and what is said of those that cannot come."""

import builtins
import sys
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path
from types import ModuleType

import pytest

from nnparity.adapters import registry
from nnparity.adapters.base import Adapter
from nnparity.adapters.registry import FrameworkMissing, UnknownBackend, builtin_names, load

PLUGIN = "nnparity.tests.adapters.test_base:Squares"


def test_the_backends_there_are() -> None:
    keras = ["keras-torch", "keras-tensorflow", "keras-jax"]
    assert builtin_names() == ["numpy", "torch", "tensorflow", "jax", *keras, "huggingface"]


def test_a_class_in_a_module() -> None:
    assert load(PLUGIN).backend == "squares"


def test_a_class_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "mine.py"
    file.write_text(
        "from nnparity.tests.adapters.test_base import Squares\nclass Mine(Squares):\n    backend = 'mine'\n"
    )
    monkeypatch.delitem(sys.modules, "mine", raising=False)
    found = load(f"{file}:Mine")
    assert issubclass(found, Adapter)
    assert found.backend == "mine"
    monkeypatch.delitem(sys.modules, "mine", raising=False)


def test_an_installed_plugin(monkeypatch: pytest.MonkeyPatch) -> None:
    plugins = EntryPoints([EntryPoint("squares", PLUGIN, registry.GROUP)])
    monkeypatch.setattr(registry, "entry_points", lambda group: plugins)
    assert load("squares").backend == "squares"
    assert registry.names()[-1] == "squares"


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

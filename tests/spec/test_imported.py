"""What stands behind a module: the code from outside that it imports, found in the sources without an import."""

import sys
from importlib import metadata
from pathlib import Path

import pytest

from nnparity.spec.imported import behind

#: Of the digest of a file: it is no version.
DIGITS = 32


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on the path of imports."""
    monkeypatch.syspath_prepend(tmp_path / "library")
    (tmp_path / "library").mkdir()
    return tmp_path / "library"


def write(folder: Path, **texts: str) -> None:
    """Modules by their dotted names with __ for a dot; one that ends with __ is a package's own."""
    for name, text in texts.items():
        file = folder / f"{name.replace('__', '/')}{'__init__' if name.endswith('__') else ''}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


@pytest.mark.parametrize(
    ("imports", "names"),
    [
        ("import numpy\nimport math\nimport nnparity.spec", set()),
        ("import outer", {"outer", "outer.alpha", "plain"}),
        ("import outer.beta as b", {"outer", "outer.alpha", "outer.beta", "outer.inner", "outer.inner.deep", "plain"}),
        ("from outer import alpha", {"outer", "outer.alpha", "plain"}),
        ("def f():\n    from spaced.below.leaf import value", {"spaced.below.leaf", "plain"}),
        ("from spaced.below import leaf", {"spaced.below.leaf", "plain"}),
        ("from plain import *", {"plain"}),
        ("from nowhere.at import all", set()),
        ("from . import outer", set()),
        ("from broken import f", {"broken"}),
    ],
)
def test_modules_from_outside_are_followed(library: Path, tmp_path: Path, imports: str, names: set[str]) -> None:
    write(library, outer__="from .alpha import f", outer__alpha="import plain", outer__beta="from .inner import deep")
    write(library, outer__inner__="", outer__inner__deep="from .. import alpha", plain="value = 1", broken="def f(:")
    write(library, spaced__below__leaf="from plain import value")  # folders without __init__.py
    write(tmp_path, reference=imports)
    loaded = {*sys.modules}
    told = behind([tmp_path / "reference.py"])
    assert {name for name, digest in told.items() if len(digest) == DIGITS} == names
    assert {*sys.modules} == loaded, "nothing is imported"


def test_for_what_is_installed_its_version_speaks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, reference="import numpy.linalg\nimport flint\nimport os.path")
    monkeypatch.syspath_prepend(tmp_path / "site-packages")
    write(tmp_path / "site-packages", bought="import numpy")
    write(tmp_path, other="import bought, missing")
    told = behind([tmp_path / "reference.py", tmp_path / "other.py"])
    assert told.keys() == {"numpy", "flint", "bought", "missing"}
    assert told["numpy"] == sys.modules["numpy"].__version__
    assert told["flint"] == metadata.version("python-flint")
    assert (told["bought"], told["missing"]) == ("", "")

"""The rules of the house that a machine can check: data flows one way, and nobody tunes a tolerance."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FRAMEWORKS = {"jax", "jaxlib", "keras", "tensorflow", "tokenizers", "torch", "transformers"}
TOLERANCES = {"rtol", "atol", "allclose", "isclose", "assert_allclose", "assert_almost_equal", "approx"}
#: What a room may import of nnparity. The numpy adapter is the reference itself, put to the same test.
ARROWS = {
    "spec": {"spec"},
    "reference": {"spec", "reference"},
    "adapters": {"spec", "adapters"},
    "adapters/numpy.py": {"spec", "adapters", "reference"},
    "reports": {"reports"},
}
EVERYWHERE = ("adapters", "nnparity", "reference", "reports", "spec", "tests")
#: Rooms that know no framework; nnparity loads them through the adapters' registry.
UNAWARE = ("nnparity", "reference", "reports", "spec")
LONGEST = 400


def sources(*folders: str) -> list[Path]:
    """The modules of these folders; symlinked ones are not entered, so each is met once."""
    return [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]


def imports(tree: ast.AST) -> Iterator[str]:
    """The dotted name of everything imported, at any depth of the code. Relative imports are refused by ruff."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def names(tree: ast.AST) -> Iterator[str]:
    """Every identifier that is read, called, passed, imported or declared."""
    for node in ast.walk(tree):
        for field in ("id", "attr", "arg", "name"):
            if isinstance(name := getattr(node, field, None), str):
                yield name


def rooms_met(source: str) -> set[str]:
    """Which parts of nnparity `source` imports; the package itself counts as the harness."""
    ours = [name.split(".") for name in imports(ast.parse(source)) if name.split(".")[0] == "nnparity"]
    return {part[1] if len(part) > 1 else "nnparity" for part in ours}


def frameworks_met(source: str) -> set[str]:
    return FRAMEWORKS.intersection(name.split(".")[0] for name in imports(ast.parse(source)))


def tolerances_met(source: str) -> set[str]:
    return TOLERANCES.intersection(last for name in names(ast.parse(source)) for last in name.split("."))


@pytest.mark.parametrize("room", ["adapters", "reference", "reports", "spec"])
def test_no_arrow_runs_back_up(room: str) -> None:
    met = {path.relative_to(ROOT).as_posix(): rooms_met(path.read_text(encoding="utf-8")) for path in sources(room)}
    wrong = {name: parts - ARROWS.get(name, ARROWS[room]) for name, parts in met.items()}
    assert {name: parts for name, parts in wrong.items() if parts} == {}


def test_only_adapters_know_a_framework() -> None:
    met = {path: frameworks_met(path.read_text(encoding="utf-8")) for path in sources(*UNAWARE)}
    assert {str(path): found for path, found in met.items() if found} == {}


def test_nobody_writes_a_tolerance() -> None:
    judged = sources("spec", "reference", "adapters", "nnparity", "reports", "tests/conformance")
    met = {path: tolerances_met(path.read_text(encoding="utf-8")) for path in judged}
    assert {str(path): found for path, found in met.items() if found} == {}


def test_no_file_is_too_long_to_read() -> None:
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in sources(*EVERYWHERE)}
    assert {str(path): length for path, length in lengths.items() if length > LONGEST} == {}


@pytest.mark.parametrize(
    ("planted", "found"),
    [
        ("import nnparity", {"nnparity"}),
        ("from nnparity import reference", {"reference"}),
        ("def f():\n    from nnparity.reports.records import read", {"reports"}),
        ("import nnparity.spec.cases as cases", {"spec"}),
        ("import numpy", set()),
    ],
)
def test_an_import_of_ours_is_seen(planted: str, found: set[str]) -> None:
    assert rooms_met(planted) == found


@pytest.mark.parametrize(
    ("planted", "found"),
    [
        ("import torch.nn.functional as F", {"torch"}),
        ("def f():\n    from jax import numpy", {"jax"}),
        ("'torch is only named'", set()),
    ],
)
def test_an_import_of_a_framework_is_seen(planted: str, found: set[str]) -> None:
    assert frameworks_met(planted) == found


@pytest.mark.parametrize(
    ("planted", "found"),
    [
        ("np.testing.assert_allclose(a, b)", {"assert_allclose"}),
        ("close(a, b, rtol=1e-3)", {"rtol"}),
        ("def close(a, b, atol): ...", {"atol"}),
        ("from math import isclose as near", {"isclose"}),
        ("'torch has its own rtol'", set()),
    ],
)
def test_a_tolerance_is_seen(planted: str, found: set[str]) -> None:
    assert tolerances_met(planted) == found

"""The rules of the house that a machine can check: data flows one way, and nobody tunes a tolerance."""

import ast
import graphlib
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FRAMEWORKS = {"jax", "jaxlib", "keras", "tensorflow", "tokenizers", "torch", "transformers"}
TOLERANCES = {"rtol", "atol", "allclose", "isclose", "assert_allclose", "assert_almost_equal", "approx"}
RECORDS = "reports.records"
#: What a room may import of nnparity besides itself. A room may be a folder or a module of one.
ARROWS = {
    "spec": set(),
    "reference": {"spec"},
    "adapters": {"spec"},
    "adapters.numpy": {"spec", "adapters", "reference"},  # the reference itself, put to the same test
    "store": set(),  # of results, whoever computes them
    "reports": {"store"},
    "expect": {"spec", "reference", "store"},
    "execute": {"spec", "adapters"},
    "judge": {"spec", "reference", "expect", "store", RECORDS},
    "checks": {"spec", "expect", "judge", "execute", "adapters.request", RECORDS},
    "run": {"spec", "reference", "expect", "judge", "checks", "execute", "store", "adapters.registry", "reports"},
    "mutate": {
        *("spec", "reference", "expect", "judge", "checks", "execute", "run", "store", RECORDS),
        *("adapters.request", "adapters.numpy", "reports.chain"),
    },
    "hunt": {
        *("spec", "judge", "checks", "execute", "run", "reproduce", RECORDS, "reports.chain", "adapters.request"),
    },
    "api": {
        *("spec", "reference", "expect", "judge", "checks", "execute", "run", "reports.formatting", RECORDS),
        *("adapters.base", "adapters.function", "adapters.kernel", "adapters.request"),
    },
    "porting": {
        *("spec", "reference", "execute", "judge", "api", RECORDS, "reports.formatting"),
        *("adapters.capture", "adapters.registry", "adapters.request"),
    },
    "reproduce": {
        *("spec", "expect", "judge", "checks", "execute", "run", "store", RECORDS, "reports.merge"),
        *("adapters.dialect", "adapters.kernel", "adapters.packs", "adapters.registry"),
        *("adapters.request", "adapters.switches"),
    },
    "summation": {"spec", "execute", "adapters.request"},
    "authoring": {"spec", "reference"},
    "command_line": {
        *("authoring", "spec", "run", "store", "mutate", "hunt", "summation", "reproduce", "reports", "execute"),
        *("porting", "adapters.registry", "judge.known_divergences", "api.packs"),
        "api.proofs",
    },
    "pytest_plugin": {"spec", "api", "porting"},
    "conformance_plugin": {
        *("spec", "run", "store", "checks", "execute", "reports", "api.packs"),
        *("adapters.registry", "judge.known_divergences", "command_line.running"),
    },
}
EVERYWHERE = ("adapters", "nnparity", "reference", "reports", "spec", "tests")
#: Rooms that know no framework; nnparity loads them through the adapters' registry.
UNAWARE = ("nnparity", "reference", "reports", "spec")
LONGEST = 400
MOST = 12


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
    """The first folder or module of nnparity that each import of `source` names; the package itself is one too."""
    return {name.split(".")[1] if "." in name else name for name in ours(ast.parse(source))}


def ours(tree: ast.AST) -> list[str]:
    """What it imports of nnparity, each as deep as it is written."""
    return [name for name in imports(tree) if name.split(".")[0] == "nnparity"]


def modules() -> dict[str, Path]:
    """Every module of the house but its tests, by its import name without ``nnparity.``."""
    found = {}
    for path in sources("adapters", "nnparity", "reference", "reports", "spec"):
        parts = path.relative_to(ROOT).with_suffix("").parts
        parts = parts[1:] if parts[0] == "nnparity" else parts
        found[".".join(part for part in parts if part != "__init__")] = path
    return found


def targets(path: Path, known: Iterable[str]) -> set[str]:
    """The modules that a file imports: the longest prefix of each import that is one."""
    met = set()
    for name in ours(ast.parse(path.read_text(encoding="utf-8"))):
        parts = name.split(".")[1:]
        prefixes = (".".join(parts[:end]) for end in range(len(parts), -1, -1))
        met.add(next(prefix for prefix in prefixes if prefix in known))
    return met


def room(module: str) -> str:
    """The room that a module belongs to: its own entry among the arrows, or that of its folder."""
    return module if module in ARROWS else module.split(".", maxsplit=1)[0]


def within(module: str, allowed: Iterable[str]) -> bool:
    return any(module == one or module.startswith(f"{one}.") for one in allowed)


def frameworks_met(source: str) -> set[str]:
    return FRAMEWORKS.intersection(name.split(".")[0] for name in imports(ast.parse(source)))


def tolerances_met(source: str) -> set[str]:
    return TOLERANCES.intersection(last for name in names(ast.parse(source)) for last in name.split("."))


def test_no_arrow_runs_back_up() -> None:
    known = modules()
    wrong = {
        module: met
        for module, path in known.items()
        if room(module) in ARROWS
        and (met := {one for one in targets(path, known) if not within(one, {room(module), *ARROWS[room(module)]})})
    }
    assert wrong == {}


def test_every_room_has_its_arrows() -> None:
    assert {room(module) for module in modules()} - {"", "__main__"} == ARROWS.keys()


def test_no_import_runs_in_a_circle() -> None:
    known = modules()
    graphlib.TopologicalSorter({module: targets(path, known) for module, path in known.items()}).prepare()


def test_the_spec_names_no_framework() -> None:
    texts = [*sources("spec"), *(ROOT / "spec").rglob("*.toml")]
    named = re.compile(r"\b(" + "|".join([*FRAMEWORKS, "pytorch", "hugging ?face", "xla"]) + r")\b", re.IGNORECASE)
    met = {path.name: sorted(set(named.findall(path.read_text(encoding="utf-8")))) for path in texts}
    assert {name: words for name, words in met.items() if words} == {}


def test_no_folder_holds_more_modules_than_one_takes_in() -> None:
    counts = Counter(path.parent for path in sources(*EVERYWHERE) if path.name != "__init__.py")
    assert {str(folder): count for folder, count in counts.items() if count > MOST} == {}


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

"""What `import nnparity` gives: names at first use, no framework, and a page of documents whose examples run."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import nnparity

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "how-to" / "use-in-your-tests.md"
#: What an adapter of one's own is made of; its page is docs/how-to/add-a-backend.md.
ADAPTERS = {"Adapter", "ForwardOnly", "Unsupported", "composed", "kernel", "passed"}
PUBLIC = {
    *("arbitrate", "assert_close", "check", "formula", "load_pack", "port", "tolerance", "UsageError", "__version__"),
    *ADAPTERS,
}
HEAVY = ("torch", "tensorflow", "jax", "keras", "pytest", "matplotlib", "typer")


def python(code: str) -> str:
    """What a process of its own prints."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_importing_it_imports_nothing_else() -> None:
    seen = "import sys; before = set(sys.modules); import nnparity; print(*sorted(set(sys.modules) - before))"
    loaded = {name.partition(".")[0] for name in python(seen).split()}
    assert "numpy" not in loaded
    assert {name for name in python(seen).split() if name.startswith("nnparity")} == {"nnparity"}


def test_the_api_imports_no_framework_that_it_is_not_handed() -> None:
    use = (
        "import sys, numpy as np, nnparity; x = np.ones((2, 3), 'float32'); nnparity.assert_close(x, 'relu', x=x);"
        "nnparity.check(np.tanh, 'tanh'); nnparity.tolerance('relu', x=x); nnparity.arbitrate(x, x, 'relu', x=x);"
        f"print(*(name for name in {HEAVY} if name in sys.modules))"
    )
    assert python(use) == ""


def test_the_names_are_those_of_the_stub_and_no_others() -> None:
    stub = ast.parse((ROOT / "nnparity" / "__init__.pyi").read_text(encoding="utf-8"))
    imported = {alias.asname for node in stub.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    declared = {node.target.id for node in stub.body if isinstance(node, ast.AnnAssign)}  # type: ignore[union-attr]
    assert imported | declared == set(nnparity.__all__) == PUBLIC
    assert set(dir(nnparity)) >= PUBLIC


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_each_is_there_and_says_what_it_does(name: str) -> None:
    assert getattr(nnparity, name) is getattr(nnparity, name)
    assert name == "__version__" or getattr(nnparity, name).__doc__


def test_another_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'nnparity' has no attribute 'allclose'"):
        nnparity.allclose  # noqa: B018  (which raises)


def doctest(page: Path) -> subprocess.CompletedProcess[str]:
    """In a process of its own, from the root of the checkout."""
    command = [sys.executable, "-m", "doctest", str(page)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def examples(text: str) -> list[list[str]]:
    """The calls of each block: statements at its prompts, without what is only prepared."""
    blocks = re.findall(r"^```python\n(.*?)^```$", text, re.M | re.S)
    return [[line for line in block.splitlines() if line.startswith((">>>", "..."))] for block in blocks]


def test_the_examples_of_the_page_run_and_each_is_of_five_lines_at_most() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert all(len(block) <= 5 for block in examples(text))
    for name in PUBLIC - ADAPTERS - {"UsageError", "__version__"}:
        assert f"nnparity.{name}(" in text
    done = doctest(PAGE)
    assert done.returncode == 0, done.stdout


def test_an_example_that_does_not_hold_is_seen(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(PAGE.read_text(encoding="utf-8").replace("'b', 'rounding'", "'a', 'rounding'"), encoding="utf-8")
    done = doctest(page)
    assert done.returncode == 1

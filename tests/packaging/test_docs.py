"""The documents are true where a machine can tell: links lead somewhere, the table of the house names its folders."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from fnmatch import fnmatchcase
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import pytest

from nnparity.tests import commands
from nnparity.tests.packaging.test_house_rules import ARROWS

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
#: The folders of packages.
HOUSE = ("adapters", "nnparity", "reference", "reports", "spec", "tests")


def links(text: str) -> list[str]:
    """The relative links of a document, those in code left out."""
    prose = re.sub(r"```.*?```|`[^`\n]*`", "", text, flags=re.S)
    return [
        link for link in re.findall(r"\]\(([^)\s]+)\)", prose) if "://" not in link and not link.startswith("mailto:")
    ]


def anchors(text: str) -> set[str]:
    """The names that hosted git sites give to the headings of a document."""
    prose = re.sub(r"```.*?```", "", text, flags=re.S)
    headings = re.findall(r"^#+ (.*)$", prose, re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def broken(document: Path) -> Iterator[str]:
    """The relative links of a document that lead nowhere."""
    for link in links(document.read_text(encoding="utf-8")):
        place, _, anchor = link.partition("#")
        target = document.parent / place if place else document
        if not target.exists() or (anchor and anchor not in anchors(target.read_text(encoding="utf-8"))):
            yield link


def paths(text: str) -> set[str]:
    """What a document names in code as a file or a folder of this repository."""
    named = re.findall(r"`([\w.\-/]+/[\w.\-/]*|[\w\-]+\.(?:py|toml|md|ini))`", text)
    return {name for name in named if name.split("/")[0] in {*HOUSE, "docs", ".github", ".ci"}}


def defined(name: str, source: str) -> bool:
    """Whether a module defines a name, or a class of it the attribute behind the dot."""
    last = re.escape(name.rsplit(".", maxsplit=1)[-1])
    return re.search(rf"^ *(?:class|def) {last}\b|^ *{last}\b *[:=]", source, re.M) is not None


def ignored(name: str) -> bool:
    """Whether git keeps no such folder."""
    patterns = (ROOT / ".gitignore").read_text(encoding="utf-8").split()
    return any(fnmatchcase(name, pattern.strip("/")) for pattern in patterns)


def folders() -> set[str]:
    """The folders of the checkout that are part of it."""
    found = {path.name for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith(".")}
    return {name for name in found if not ignored(name)}


def packages() -> list[Path]:
    """The `__init__` of every package of the house; symlinked folders are not entered."""
    return [path for room in HOUSE for path in sorted((ROOT / room).rglob("__init__.py"))]


def test_every_document_is_there() -> None:
    names = {str(path.relative_to(ROOT)) for path in DOCUMENTS}
    wanted = {"README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", "docs/design.md", "docs/glossary.md"}
    assert wanted <= names


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_relative_link_leads_somewhere(document: Path) -> None:
    assert list(broken(document)) == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_path_that_is_named_exists(document: Path) -> None:
    missing = {name for name in paths(document.read_text(encoding="utf-8")) if not (ROOT / name).exists()}
    assert missing - {"reports/out", "reports/out/"} == set()


def test_every_document_of_docs_is_in_its_index() -> None:
    index = ROOT / "docs" / "README.md"
    reached = {(index.parent / link).resolve() for link in links(index.read_text(encoding="utf-8"))}
    assert {path for path in DOCUMENTS if path.parent != ROOT} - {index} <= reached


def test_the_arrows_of_the_design_are_those_that_are_held() -> None:
    rows = re.findall(r"^\| `([\w.]+)` \| [^|]* \| ([^|]*) \|$", (ROOT / "docs" / "design.md").read_text("utf-8"), re.M)
    assert {room: set(re.findall(r"`([\w.]+)`", told)) for room, told in rows} == ARROWS


def test_what_the_glossary_finds_in_a_file_is_in_it() -> None:
    named = re.findall(
        r"`([\w.]+)`(?: and `[\w.]+`)* in `([\w/]+\.py)`", (ROOT / "docs" / "glossary.md").read_text("utf-8")
    )
    missing = [(name, place) for name, place in named if not defined(name, (ROOT / place).read_text("utf-8"))]
    assert len(named) > 20
    assert missing == []


def test_every_example_of_the_design_runs() -> None:
    examples = re.findall(r"^```python\n(.*?)^```$", (ROOT / "docs" / "design.md").read_text("utf-8"), re.M | re.S)
    for example in examples:
        done = subprocess.run([sys.executable, "-c", example], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert done.stdout
    assert examples


def example(document: str, command: str) -> list[str]:
    """What a document shows under a command, but for what it leaves out."""
    text = (ROOT / "docs" / document).read_text("utf-8")
    (shown,) = re.findall(rf"^\$ {re.escape(command)}\n(.*?)^(?:```|\$ )", text, re.M | re.S)
    return [line for line in shown.splitlines() if line != "..."]


def shares(lines: list[str]) -> list[tuple[list[float], str]]:
    """Of lines of `nnparity explain` the two percentages and the rest; none of what is no such line."""
    found = [re.fullmatch(r" +([\d.]+)% +([\d.]+)%  (.*)", line) for line in lines]
    return [([float(one[1]), float(one[2])], one[3]) for one in found if one]


def test_the_explanation_that_is_shown_is_what_explain_says(tmp_path: Path) -> None:
    command = "nnparity explain layer_norm/n3d8/normal/float32"
    told = example("how-to/reproduce-a-verdict.md", command)
    done = commands.nnparity(*command.split()[1:], cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    seen, shown = shares(done.stdout.splitlines()), shares(told)
    assert [rest for _, rest in shown] == [rest for _, rest in seen]
    assert len(shown) == len(told) - 1 > 4
    for (ours, _), (theirs, _) in zip(shown, seen, strict=True):
        assert all(abs(a - b) < 0.15 for a, b in zip(ours, theirs, strict=True)), (ours, theirs)


@pytest.mark.timeout(600)
def test_the_score_that_is_shown_is_what_mutate_says(tmp_path: Path) -> None:
    """With the release that the page names; another one may round otherwise, so that other faults are none."""
    text = (ROOT / "docs" / "how-to" / "search-for-more.md").read_text("utf-8")
    (release,) = re.findall(r"of PyTorch ([\d.]+) and NumPy", text)
    if find_spec("torch") is None or version("torch").partition("+")[0] != release:
        pytest.skip(f"torch {release} is not installed")
    command = "nnparity mutate --backend torch --formula softmax --dtype float32"
    (quick,) = re.findall(r"`--level quick`[^.]*?(\d+ of \d+) are caught", text)
    for level, told in ((), example("how-to/search-for-more.md", command)[0]), (("--level", "quick"), quick):
        done = commands.nnparity(*command.split()[1:], *level, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert f"float32: {told.removeprefix('float32: ').removesuffix(' caught')} caught" in done.stderr


def test_the_class_that_is_shown_is_what_a_run_says(tmp_path: Path) -> None:
    command = "nnparity run --backend mine_adapter.py:Mine --case softmax/n1k517/normal/bfloat16 --salt hunt-1-40"
    (told,) = (line for line in example("how-to/search-for-more.md", command) if "(supposed)" in line)
    commands.nnparity("new-adapter", "mine", cwd=tmp_path)
    done = commands.nnparity(*command.split()[1:], "--no-scripts", "--no-store", cwd=tmp_path)
    assert done.returncode == 1
    assert " ".join(told.split()) in " ".join(done.stderr.split())


def test_the_table_of_the_house_names_all_folders_and_no_other() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    table = readme.partition("## The house")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| `(\w+)/` \|", table, re.M)) == folders()


@pytest.mark.parametrize("package", packages(), ids=lambda path: str(path.parent.relative_to(ROOT)))
def test_every_package_says_what_it_is_in_more_than_a_line(package: Path) -> None:
    said = ast.get_docstring(ast.parse(package.read_text(encoding="utf-8"))) or ""
    assert len([line for line in said.splitlines() if line.strip()]) > 1


def test_a_link_that_leads_nowhere_is_seen(tmp_path: Path) -> None:
    document = tmp_path / "page.md"
    document.write_text("# One two\n[a](#one-two) [b](#three) [c](page.md) [d](nosuch.md) [e](https://x.y) `[f](g)`\n")
    assert list(broken(document)) == ["#three", "nosuch.md"]


@pytest.mark.parametrize(
    ("planted", "found"),
    [("`spec/nosuch.py`", {"spec/nosuch.py"}), ("`spec/`", {"spec/"}), ("`module:Class` and `a/b`", set())],
)
def test_a_path_is_seen(planted: str, found: set[str]) -> None:
    assert paths(planted) == found

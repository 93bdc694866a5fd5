"""Every ``nnparity`` command that a document shows exists with its options, and runs, on less than is shown there.

Frameworks are put aside for NumPy where the command needs none, plans are narrowed to a formula, and the files that a
command names lie ready in a folder of their own.
"""

import re
import shlex
import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import typer

from nnparity.command_line import main as cli
from nnparity.command_line.main import application

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [
    *(ROOT / name for name in ("README.md", "README.zh.md", "CONTRIBUTING.md", "SECURITY.md", "packs/README.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
]
#: As typer has it: it may bring its own click along.
UsageError: type[Exception] = typer.BadParameter.__mro__[1]
#: What a reader fills in.
PLACEHOLDERS = {"CASE": "gelu/n3d5/infinity/float32", "TARGET": "torch", "QUANTITY": "output"}
#: Options of a run that make it short.
SHORT = ("--no-scripts", "--no-store", "--jobs", "1")
PLANS = ("run", "soak", "mutate", "hunt")
#: Subcommand -> why it is not run here.
ELSEWHERE = {
    "port": "tests/porting/test_command.py runs it on models of two frameworks",
    "passes": "it compiles a program for each switch; tests/reproduce/passes runs it",
    "bisect": "it installs releases; tests/reproduce/test_bisection.py runs it on made ones",
}
#: An option of `run` that is not run here: it needs Ray; tests/run/test_cluster.py does, where Ray is installed.
ON_RAY = "on"
NUMBERS = {"--salts": "1", "--minutes": "0.01", "--terms": "16"}


def shown(text: str) -> tuple[list[str], list[str]]:
    """The commands of a document: those in blocks, to be typed as they are, and those named in sentences."""
    typed = re.findall(r"^\$ (nnparity\b.*)$", text, re.M)
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S)
    return [_bare(one) for one in typed], re.findall(r"`(nnparity [^`\n]+)`", prose)


def _bare(line: str) -> str:
    """Without a comment, and without what takes the output."""
    return re.split(r"\s+(?:#|\||>)\s", line)[0].strip()


def every(which: int) -> list[str]:
    found = [one for path in DOCUMENTS for one in shown(path.read_text(encoding="utf-8"))[which]]
    return list(dict.fromkeys(found))


def parsed(line: str) -> tuple[list[str], list[str]]:
    """The path of the subcommand, and its options. Raises UsageError for what there is not."""
    command: Any = typer.main.get_command(application)
    words, path = [word for word in shlex.split(line)[1:] if word != "..."], []
    while hasattr(command, "commands") and words and not words[0].startswith("-"):
        path.append(words.pop(0))
        if path[-1] not in command.commands:
            raise UsageError(f"no command is called {' '.join(path)}")
        command = command.commands[path[-1]]
    given, rest, _ = command.make_parser(command.context_class(command)).parse_args(words)
    if rest:
        raise UsageError(f"nothing takes {rest}")
    return path, sorted(given)


@pytest.mark.parametrize("line", every(0) + every(1))
def test_a_command_exists_with_its_options(line: str) -> None:
    parsed(line)


@pytest.mark.parametrize(
    "line",
    [
        "nnparity rum",
        "nnparity run --bakend torch",
        "nnparity known chek",
        "nnparity schema RUN.jsonl",
        "nnparity --vers",
    ],
)
def test_a_command_that_is_none_is_seen(line: str) -> None:
    with pytest.raises(UsageError):
        parsed(line)


def test_commands_are_found_in_blocks_and_sentences() -> None:
    text = "```console\n$ nnparity run --out a   # why\n$ nnparity run --json | jq -r .x\n```\nand `nnparity show x`."
    assert shown(text) == (["nnparity run --out a", "nnparity run --json"], ["nnparity show x"])
    assert len(every(0)) > 50


def different() -> list[str]:
    """Of commands with the same options one, and none that is run elsewhere."""
    found: dict[tuple[str, ...], str] = {}
    for line in every(0):
        path, options = parsed(line)
        if path and path[0] not in ELSEWHERE and ON_RAY not in options:
            found.setdefault((*path, *options), line)
    return list(found.values())


def small(line: str) -> list[str]:
    """The words of a command that does the same with less."""
    words = [PLACEHOLDERS.get(word, word) for word in shlex.split(line)[1:]]
    for option, number in NUMBERS.items():
        if option in words:
            words[words.index(option) + 1] = number
    if words[0] in (*PLANS, "order"):
        words = ["numpy" if word in ("torch", "jax", "keras-torch") else word for word in words]
        while words.count("numpy") > 1:  # the same target twice is none
            at = len(words) - 1 - words[::-1].index("numpy")
            del words[at - 1 : at + 1]
    if words[0] in PLANS and not {"--case", "--formula", "--pack"} & set(words):
        words += ["--formula", "softmax" if "mine_adapter.py:Mine" in words else "relu", "--dtype", "float32"]
    if words[0] in PLANS and "--pack" in words:
        words += ["--formula", "sine", "--dtype", "float32", "--level", "quick"]
    return words + list(SHORT) if words[0] == "run" else words


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which all lies that the commands name."""
    folder = tmp_path_factory.mktemp("world")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("NNPARITY_STORE", str(folder / "store"))
        plain = ["run", "--backend", "numpy", "--formula", "relu", "--dtype", "float32", *SHORT]
        assert cli.guarded(lambda: cli.application(plain)) == 0
        for command in (["new-adapter", "mine"], ["store", "--export", "expectations.sqlite"]):
            assert cli.guarded(lambda command=command: cli.application(command)) in (0, None)  # type: ignore[misc]
    run = folder / "reports/out/parity.jsonl"
    for name in (*["OLD", "NEW", "RUN", "runs/2.9", "runs/2.10", "runs/2.11"], *(f"{one}/parity" for one in _FOLDERS)):
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copy(run, folder / f"{name}.jsonl")
    (folder / "mine.toml").touch()
    shutil.copy(ROOT / "docs/how-to/examples/autograd_adapter.py", folder)
    for name in ("packs/modern", "my_formulas"):
        shutil.copytree(ROOT / "packs/modern", folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        for kind, file in (("toml", "sine.toml"), ("python", "sine.py")):
            part = re.search(rf"```{kind}\n(.*?)```", (ROOT / "docs/how-to/write-a-pack.md").read_text("utf-8"), re.S)
            assert part
            (folder / name / file).write_text(part[1], encoding="utf-8")
    return folder


_FOLDERS = ("old", "new", "share-1", "share-2", "share-3")


@pytest.mark.timeout(600)
@pytest.mark.parametrize("line", different())
def test_a_command_does_what_is_shown(line: str, world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = small(line)
    if "autograd_adapter.py:Autograd" in words and find_spec("autograd") is None:
        pytest.skip("autograd is not installed")
    if "torch" in words and find_spec("torch") is None:
        pytest.skip("torch is not installed")
    shutil.copytree(world, tmp_path / "here")
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("NNPARITY_STORE", str(tmp_path / "here" / "store"))
    if words[0] == "new-adapter":
        Path(f"{words[1]}_adapter.py").unlink()
    assert cli.guarded(lambda: cli.application(words)) in (0, 1, None), words

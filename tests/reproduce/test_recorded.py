"""Targets of a run file, started again: an adapter of one's own where the user names it, and no other code."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from nnparity.command_line import main as cli
from nnparity.execute.observer import TargetUnavailable
from nnparity.execute.target import TargetName
from nnparity.reports.chain import Chain, links, sealed
from nnparity.reports.merge import merge
from nnparity.reports.records import ADAPTER, TargetLine
from nnparity.reproduce.again import same_processor
from nnparity.reproduce.recorded import Unnamed, begun

#: An adapter of one's own that leaves a mark where it is imported, and so does a module called like its target.
OWN = """
from pathlib import Path

import numpy as np

from nnparity import ForwardOnly, kernel

Path("{mark}").touch()


class Mine(ForwardOnly):
    backend = "mine"
    put, get = staticmethod(np.array), staticmethod(np.asarray)

    @kernel("numpy.tanh")
    def tanh(self, x):
        return {kernel}
"""
MODERN = Path(__file__).resolve().parents[2] / "packs/modern"
RIGHT, WRONG = "np.tanh(x)", "1.5 * np.tanh(x)"
Called = Callable[..., int | str | None]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run of one's own adapter, which diverges, and lies where its target's name does not tell."""
    folder = tmp_path_factory.mktemp("own")
    (folder / "kernels").mkdir()
    (folder / "kernels" / "own.py").write_text(OWN.format(mark="started", kernel=WRONG))
    (folder / "mine.py").write_text(OWN.format(mark="imported", kernel=RIGHT))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        plan = ("--formula", "tanh", "--dtype", "float32", "--level", "quick", "--dataset", "normal", "--jobs", "1")
        assert called("run", "--backend", "kernels/own.py:Mine", *plan, "--out", "out", "--no-store") == 1
    return folder


def called(*arguments: object) -> int | str | None:
    return cli.guarded(lambda: cli.application([str(one) for one in arguments]))


@pytest.fixture
def folder(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it, in which nothing was started yet."""
    copy = shutil.copytree(made, tmp_path / "own", ignore=shutil.ignore_patterns("started", "__pycache__"))
    monkeypatch.chdir(copy)
    return copy


def relinked(path: Path, old: bytes, new: bytes) -> None:
    """Each line has that instead, and all digests fit."""
    chain, texts = Chain(), [line.text for line in links(path) if b'"kind":"seal"' not in line.text]
    path.write_bytes(b"".join(chain.linked(text.replace(old, new) + b"\n") for text in texts))
    sealed(path)


def test_an_adapter_of_ones_own_is_judged_again_where_it_is_named(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert called("verify", "out/parity.jsonl", "--backend", "kernels/own.py:Mine") == 0
    assert "as written; 1 of 1 verdicts judged again are alike" in capsys.readouterr().out
    assert (folder / "started").exists()
    (folder / "kernels").rename(folder / "elsewhere")
    assert called("verify", "out/parity.jsonl", "--backend", "elsewhere/own.py:Mine") == 0
    relinked(folder / "out/parity.jsonl", b'"grade":"diverges"', b'"grade":"conforms"')
    capsys.readouterr()
    assert called("verify", "out/parity.jsonl", "--backend", "elsewhere/own.py:Mine") == 1
    assert "grade conforms, here diverges" in capsys.readouterr().out


def test_where_it_is_not_named_nothing_runs_and_nothing_is_said(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert called("verify", "out/parity.jsonl") == 2
    told = capsys.readouterr()
    assert "a run file alone names it; where it is code that you would run, --backend kernels/own.py:Mine" in told.out
    assert "no verdict could be judged again" in told.err
    assert "Traceback" not in told.err
    assert not (folder / "started").exists()
    assert not (folder / "imported").exists()
    assert called("verify", "out/parity.jsonl", "--sample", "0") == 0
    (folder / "out/parity.jsonl").write_bytes((folder / "out/parity.jsonl").read_bytes().replace(b"1.5", b"1.6"))
    assert called("verify", "out/parity.jsonl") == 1, "a line that was edited is the worse news"


def test_another_adapter_than_that_of_the_run_judges_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "kernels/own.py").write_text(OWN.format(mark="started", kernel=RIGHT))
    assert called("verify", "out/parity.jsonl", "--backend", "kernels/own.py:Mine") == 2
    assert "mine:cpu:eager: its adapter is other code here than when it was judged" in capsys.readouterr().out
    (folder / "kernels/own.py").write_text(OWN.format(mark="started", kernel=RIGHT).replace('"mine"', '"yours"'))
    assert called("verify", "out/parity.jsonl", "--backend", "kernels/own.py:Mine") == 2
    assert "kernels/own.py:Mine:cpu:eager is yours:cpu:eager here, and not mine:cpu:eager" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["verify", "report", "known"])
def test_no_command_runs_what_a_run_file_names(command: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    relinked(folder / "out/parity.jsonl", b"mine:cpu:eager", b"mine:Mine:cpu:eager")
    relinked(folder / "out/parity.jsonl", b'"known":null', b'"known":"some-record"')
    options = {"verify": ("verify",), "report": ("report", "--scripts", "--out", "again"), "known": ("known", "check")}
    called(*options[command], "out/parity.jsonl")
    assert "Traceback" not in capsys.readouterr().err
    assert not (folder / "imported").exists()
    assert not (folder / "started").exists()


def test_what_is_in_the_box_is_started_whatever_a_run_file_says_of_it(folder: Path) -> None:
    line = TargetLine("numpy:cpu:eager", available=True, properties={ADAPTER: "kernels/own.py:Mine"})
    target = begun(line.target, line=line)
    target.observer.close()
    assert target.name == "numpy:cpu:eager"
    assert not (folder / "started").exists()


@pytest.mark.parametrize("name", ["", "mine", "mine:Mine", "mine:Mine:cpu:eager", "./mine.py:Mine:cpu:eager"])
def test_a_target_is_no_name_of_code(name: str, folder: Path) -> None:
    with pytest.raises(Unnamed):
        begun(name)
    assert not (folder / "imported").exists()


@pytest.mark.parametrize("name", ["numpy:\0:eager", "numpy:cpu:" + "e" * 100_000])
def test_what_no_process_can_be_told_is_no_target(name: str) -> None:
    with pytest.raises(TargetUnavailable, match="no target is called"):
        begun(name)


def test_the_name_of_a_target_says_nothing_of_where_its_adapter_is() -> None:
    """Which is why it was taken for a module of that name, in whatever folder the user was."""
    assert TargetName.of("mine:cpu:eager").backend == "mine:cpu"


def test_bits_are_held_against_those_of_a_processor_that_can_do_the_same(folder: Path) -> None:
    """Guests of one cloud see one name for several generations, whose kernels differ."""
    there = merge([folder / "out/parity.jsonl"]).environments[0]
    assert same_processor(there)
    assert same_processor(replace(there, instructions=()))  # a file of before they were told
    assert not same_processor(replace(there, instructions=(*there.instructions, "another")))
    assert not same_processor(replace(there, cpu="another"))


def test_a_run_of_a_pack_is_verified_with_it_and_without_it_the_option_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(MODERN, "my pack", ignore=shutil.ignore_patterns("__pycache__"))
    small = ("--formula", "silu", "--dtype", "float32", "--level", "quick", "--no-scripts", "--out", "out")
    assert called("run", "--pack", "my pack", "--backend", "numpy", *small) == 0
    assert called("verify", "out/parity.jsonl", "--pack", "my pack") == 0
    assert "not known here" not in capsys.readouterr().out
    assert called("verify", "out/parity.jsonl") == 2
    told = capsys.readouterr().out
    assert "it is of formulas of packs that are not known here, my pack: --pack 'my pack' names them" in told
    assert "other code than this" not in told
    Path("my pack/losses.py").write_text(Path("my pack/losses.py").read_text() + "\n")
    assert called("verify", "out/parity.jsonl", "--pack", "my pack") == 0
    assert "it was judged by other code than this" in capsys.readouterr().out

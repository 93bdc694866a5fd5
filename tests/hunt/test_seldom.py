"""A hunt of an adapter that is seldom wrong: what fails of many cases by one name is not lost."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from nnparity.command_line import main as cli
from nnparity.execute.target import TargetName
from nnparity.hunt import command
from nnparity.hunt.command import Hunt
from nnparity.hunt.draw import Prey
from nnparity.reports import merge
from nnparity.reports.chain import links
from nnparity.reports.records import Verdict, decode
from nnparity.run.verdicts import failed
from nnparity.spec import load
from nnparity.spec.cases.layouts import CONTIGUOUS, STRIDED
from nnparity.tests.checks.inside import plan

#: Wrong of two numbers, and only where the first lies in some interval.
SELDOM = """
import numpy as np

from nnparity import ForwardOnly, kernel


class Seldom(ForwardOnly):
    backend = "seldom"
    layouts = ("strided",)
    put, get = staticmethod(np.array), staticmethod(np.asarray)

    def arrange(self, tensor, layout):
        return np.repeat(tensor, 2, axis=-1)[..., ::2]

    @kernel("numpy.exp")
    def softmax(self, x):
        e = np.exp(x - x.max(-1, keepdims=True))
        y = e / e.sum(-1, keepdims=True)
        return y * 1.1 if x.shape == (1, 2) and 1.0 < x[0, 0] < 1.6 else y
"""
CASE = "softmax/n1k2/normal/float32"
#: So many salts: some draw such a number, and the last does not.
DRAWN = 25


def preys(*_: object) -> Iterator[Prey]:
    """One case again and again, every fourth time in another layout."""
    for number in range(1, DRAWN + 1):
        layout = CONTIGUOUS if number % 4 else STRIDED
        values = {"n": 1, "k": 2}
        yield Prey(load()["softmax"], values, "normal", "float32", f"hunt-1-{number}", layout)


@pytest.fixture(scope="module")
def hunted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of such a hunt, whose file is hunt.jsonl."""
    folder = tmp_path_factory.mktemp("hunted")
    (folder / "seldom.py").write_text(SELDOM)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(command, "draws", preys)
        asked = replace(plan("softmax"), targets=(TargetName("seldom.py:Seldom"),))
        hunt = Hunt(asked, folder / "hunt.jsonl", 60.0)
        try:
            hunt.run(600.0, lambda bag: None)
        finally:
            hunt.close()
    return folder


def called(*arguments: object) -> int | str | None:
    return cli.guarded(lambda: cli.application([str(one) for one in arguments]))


def written(path: Path) -> list[Verdict]:
    return [line for one in links(path) if isinstance(line := decode(one.text), Verdict)]


def test_every_verdict_of_a_hunt_is_kept_with_its_salt_and_its_layout(hunted: Path) -> None:
    there = written(hunted / "hunt.jsonl")
    run = merge([hunted / "hunt.jsonl"])
    assert {one.case for one in there} == {CASE}
    assert sum(failed(one) for one in there) > 1
    assert not failed(there[-1]), "the last one of that name must not be the one that counts"
    assert sorted(run.verdicts, key=str) == sorted(there, key=str)
    assert {one.salt for one in there} == {f"hunt-1-{number}" for number in range(1, DRAWN + 1)}
    assert {one.layout or "" for one in there} == {"", STRIDED}
    assert run.environments[0].plan["hunt"] == ["1"]


def test_the_report_of_a_hunt_says_what_failed_and_by_which_command(hunted: Path, tmp_path: Path) -> None:
    assert called("report", hunted / "hunt.jsonl", "--out", tmp_path / "out") == 0
    assert "critical" in (tmp_path / "out" / "badge.json").read_text("utf-8")
    salts = {one.salt for one in written(hunted / "hunt.jsonl") if failed(one)}
    told = (tmp_path / "out" / "parity.md").read_text("utf-8")
    assert any(f"--salt {salt} --case {CASE}" in told for salt in salts)
    assert merge([tmp_path / "out" / "parity.jsonl"]).verdicts == merge([hunted / "hunt.jsonl"]).verdicts


def test_a_hunt_is_judged_again_on_the_numbers_of_each_case(
    hunted: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(hunted)
    assert called("verify", "hunt.jsonl", "--sample", "999", "--backend", "seldom.py:Seldom") == 0
    told = capsys.readouterr().out
    there = [one for one in written(hunted / "hunt.jsonl") if one.grade != "unsupported"]
    usual = sum(not one.layout for one in there)
    assert f"{usual} of {usual} verdicts judged again are alike" in told
    assert f"{len(there) - usual} verdicts are of inputs in other layouts than the usual: none is judged again" in told

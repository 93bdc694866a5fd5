"""The scripts that a report carries: as `nnparity reproduce` prints them, short before long ones, else the reason."""

from importlib.util import find_spec
from pathlib import Path

import pytest

from nnparity.command_line import main as cli
from nnparity.reports import merge
from nnparity.reports.causes.causes import causes_of
from nnparity.reports.causes.scripts import script_of
from nnparity.reports.records import Verdict
from nnparity.reproduce import scripts as carried
from nnparity.reproduce.scripts import scripts, undrawn
from nnparity.tests.judge.verdicts import verdict

pytestmark = [
    pytest.mark.skipif(find_spec("torch") is None, reason="torch is not installed"),
    pytest.mark.usefixtures("targets_kept"),
]
HOLDS = "attention/b2t3s5d8e8/nan/float32"
RIGHT = "tanh/n3d5/normal/float32"
AGAIN = "gelu/n3d5/again/float32"
GONE = "gelu/n3d5/no such dataset/float32"
ABSENT = "no_such_module:Adapter:cpu:eager"


def line(case: str, target: str = "torch:cpu:eager") -> Verdict:
    formula, signature, dataset, dtype = case.split("/")
    names = {"formula": formula, "signature": signature, "dataset": dataset, "dtype": dtype}
    return verdict(case=case, target=target, quantity="output", grade="diverges", **names)


def test_a_script_is_the_one_that_reproduce_prints(capsys: pytest.CaptureFixture[str]) -> None:
    (found,) = scripts([[line(HOLDS)]])
    assert (found.case, found.target, found.quantity, found.why) == (HOLDS, "torch:cpu:eager", "output", "")
    assert cli.guarded(lambda: cli.application(["reproduce", HOLDS, "torch", "output"])) == 0
    assert found.text == capsys.readouterr().out


def test_of_a_cell_that_is_right_it_is_said_that_one_call_may_not_show_all(capsys: pytest.CaptureFixture[str]) -> None:
    for case, said in ((RIGHT, True), (HOLDS, False)):
        assert cli.guarded(lambda case=case: cli.application(["reproduce", case, "torch", "output"])) == 0  # type: ignore[misc]
        told = "run --backend torch:cpu:eager --formula tanh --signature n3d5 --dtype float32"
        assert (told in capsys.readouterr().err) == said


def test_that_command_asks_the_same_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["reproduce", "--salt", "soak-3", RIGHT, "torch", "output"]
    assert cli.guarded(lambda: cli.application(asked)) == 0
    assert "run --backend torch:cpu:eager --salt soak-3 --formula tanh" in capsys.readouterr().err


def test_where_there_is_none_the_line_says_why() -> None:
    found = scripts([[line(AGAIN)], [line(RIGHT)], [line(GONE)], [line(HOLDS, ABSENT)]])
    whys = {one.case if one.target == "torch:cpu:eager" else one.target: (one.text, one.why) for one in found}
    assert {text for text, _ in whys.values()} == {""}
    assert "belongs to the check 'determinism'" in whys[AGAIN][1]
    assert whys[RIGHT][1] == "asked once more by itself it is graded conforms"
    assert "no such dataset" in whys[GONE][1]
    assert whys[ABSENT][1]


def test_what_has_no_script_whatever_a_target_says_is_told_without_one() -> None:
    (found,) = scripts([[line(AGAIN)]])
    assert undrawn([line(AGAIN)], "") == found
    assert undrawn([line(AGAIN), line(RIGHT)], "") is None
    assert undrawn([line(GONE)], "") is not None


def test_a_short_script_of_another_verdict_goes_before_a_long_or_missing_one(monkeypatch: pytest.MonkeyPatch) -> None:
    (found,) = scripts([[line(AGAIN), line(HOLDS)]])
    assert found.case == HOLDS
    monkeypatch.setattr(carried, "LONGEST", 100)
    (found,) = scripts([[line(HOLDS)]])
    assert found.text == ""
    assert found.why.endswith("characters, most of them numbers")


def test_a_fault_of_ours_costs_one_script(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> str:
        raise KeyError("a name that nobody has")

    monkeypatch.setattr(carried, "reproduction", broken)
    (found,) = scripts([[line(HOLDS)]])
    assert found.why == "KeyError: 'a name that nobody has'"


def run(folder: Path, *more: str) -> int | str | None:
    arguments = ["run", "--backend", "torch", "--case", HOLDS, "--jobs", "1", "--out", str(folder), *more]
    return cli.guarded(lambda: cli.application(arguments))


def test_a_run_leaves_the_scripts_of_its_causes_in_its_file_and_they_are_sealed(tmp_path: Path) -> None:
    assert run(tmp_path / "with") == 0
    merged = merge([tmp_path / "with/parity.jsonl"])
    assert [script_of(merged, cause) for cause in causes_of(merged)] == list(merged.scripts.values())
    assert any(one.text for one in merged.scripts.values())
    arguments = ["verify", str(tmp_path / "with/parity.jsonl"), "--sample", "0"]
    assert cli.guarded(lambda: cli.application(arguments)) == 0


def test_without_scripts_a_report_makes_them_later(tmp_path: Path) -> None:
    assert run(tmp_path / "bare", "--no-scripts") == 0
    bare = tmp_path / "bare/parity.jsonl"
    assert merge([bare]).scripts == {}
    for more, made in ((), False), (("--scripts",), True):
        arguments = ["report", str(bare), "--out", str(tmp_path / "again"), *more]
        assert cli.guarded(lambda arguments=arguments: cli.application(arguments)) == 0  # type: ignore[misc]
        assert bool(merge([tmp_path / "again/parity.jsonl"]).scripts) == made

"""Shares of a plan: each unit is in one of them, and their report is that of the whole. What is not one is refused."""

import json
from pathlib import Path

import pytest

from nnparity.execute.target import TargetName
from nnparity.reports import MergedRun, merge
from nnparity.reports.records import encode, read_run
from nnparity.run.engines.units import units
from nnparity.run.plan import Plan
from nnparity.spec.cases.datasets import SCHEME
from nnparity.tests.invocation import invoked

OPTIONS = ("--backend", "numpy", "--formula", "relu", "--formula", "softmax", "--dtype", "float32", "--jobs", "1")


def told(run: MergedRun) -> tuple[list[tuple[str, ...]], list[tuple[str, str, str, str]]]:
    verdicts = sorted((v.case, v.target, v.quantity, v.grade, str(v.hard), str(v.digest)) for v in run.verdicts)
    return verdicts, sorted((fact.table, fact.row, fact.column, fact.text) for fact in run.facts)


def test_shares_are_the_whole_plan_and_none_twice() -> None:
    whole = [unit.title for unit in units(Plan((TargetName("numpy"),)))]
    shares = [[unit.title for unit in units(Plan((TargetName("numpy"),), shard=(i, 3)))] for i in (1, 2, 3)]
    assert sorted(title for share in shares for title in share) == sorted(whole)
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_the_report_of_all_shares_is_that_of_the_whole(tmp_path: Path) -> None:
    assert invoked("run", *OPTIONS, "--out", str(tmp_path / "whole")) == 0
    for number in (1, 2):
        assert invoked("run", *OPTIONS, "--shard", f"{number}/2", "--out", str(tmp_path / f"{number}")) == 0
    files = [str(tmp_path / f"{number}" / "parity.jsonl") for number in (1, 2)]
    assert invoked("report", *files, "--out", str(tmp_path / "both")) == 0
    one, both = (merge([tmp_path / name / "parity.jsonl"]) for name in ("whole", "both"))
    assert told(one) == told(both)


def test_a_share_that_is_missing_makes_the_report_incomplete(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert invoked("run", *OPTIONS, "--shard", "1/3", "--out", str(tmp_path / "1")) == 0
    file, out = str(tmp_path / "1"), tmp_path / "out"
    for files in ((file,), (file, file)):
        capsys.readouterr()
        assert invoked("report", *files, "--out", str(out), "--json") == 1
        told = capsys.readouterr()
        assert "nnparity: incomplete: shares 2, 3 of 3 are missing" in told.err
        assert json.loads(told.out)["shares_missing"] == ["2, 3 of 3"]
    assert json.loads((out / "badge.json").read_text("utf-8"))["message"] == "incomplete"
    assert "**Incomplete:** shares 2, 3 of 3 are missing." in (out / "parity.md").read_text("utf-8")
    assert invoked("report", file, "--trend", "--out", str(out)) == 1
    assert "is not a whole plan: shares 2, 3 of 3 are missing." in (out / "trend.md").read_text("utf-8")
    same = str(tmp_path / "1" / "parity.jsonl")
    assert invoked("diff", same, same) == 0, "a share may be held against itself"


IDLE = """
from nnparity.adapters.numpy import NumpyAdapter

class Idle(NumpyAdapter):
    backend = "idle"
    unsupported = {"relu": "no rectifiers here"}
"""
SHARES = 3
IDLE_PLAN = ("--dtype", "float32", "--level", "quick", "--no-scripts", "--no-store", "--jobs", "1")


@pytest.mark.parametrize(("formulas", "status"), [(("relu", "tanh"), 0), (("relu",), 2)])
def test_what_judged_nothing_is_told_by_the_report_of_all_shares(
    formulas: tuple[str, ...], status: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "idle.py").write_text(IDLE)
    asked = [word for name in formulas for word in ("--formula", name)]
    plan = ("run", "--backend", f"{tmp_path}/idle.py:Idle", *asked, *IDLE_PLAN)
    shares = [str(tmp_path / str(number)) for number in range(1, SHARES + 1)]
    for number, out in enumerate(shares, start=1):
        assert invoked(*plan, "--shard", f"{number}/{SHARES}", "--out", out) == 0, capsys.readouterr().err
    grades = [{one.grade for one in merge([f"{out}/parity.jsonl"]).verdicts} for out in shares]
    assert {"unsupported"} in grades, "a share in which all is unsupported"
    assert set() in grades, "and one that is empty"
    capsys.readouterr()
    assert invoked("report", *shares, "--out", str(tmp_path / "all")) == status
    told = capsys.readouterr().err
    assert ("nothing was judged on idle:cpu:eager: every formula" in told) == (status == 2)
    assert invoked("report", *shares[1:], "--out", str(tmp_path / "rest")) == 1, "incomplete before anything else"


@pytest.mark.parametrize("shard", ["0/2", "3/2", "2", "a/b", "1/0"])
def test_a_share_that_is_none_is_refused(shard: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert invoked("run", *OPTIONS, "--shard", shard, "--out", str(tmp_path)) == 2
    assert "shar" in capsys.readouterr().err


def test_runs_of_different_specs_are_not_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert invoked("run", *OPTIONS, "--level", "quick", "--out", str(tmp_path)) == 0
    lines = [encode(line).decode() for line in read_run(tmp_path / "parity.jsonl")]
    digest = merge([tmp_path / "parity.jsonl"]).environments[0].spec_digest
    (tmp_path / "other.jsonl").write_text("".join(lines).replace(digest, "0123456789abcdef"))
    files = (str(tmp_path / name) for name in ("parity.jsonl", "other.jsonl"))
    assert invoked("report", *files, "--out", str(tmp_path / "both")) == 2
    assert "the runs are of different specs" in capsys.readouterr().err


def test_runs_on_different_numbers_are_not_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for salt in ("1", "2"):
        assert invoked("run", *OPTIONS, "--level", "quick", "--salt", salt, "--out", str(tmp_path / salt)) == 0
    files = [str(tmp_path / salt) for salt in ("1", "2")]
    assert invoked("report", *files, "--out", str(tmp_path / "both")) == 2
    told = capsys.readouterr().err
    assert f"the runs are on different numbers, salt '1' of {SCHEME}, salt '2' of {SCHEME}: " in told
    assert invoked("report", files[0], files[0], "--out", str(tmp_path / "both")) == 0

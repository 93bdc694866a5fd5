"""A trend counts what the run files hold, in the order of their dates, and says what is not comparable."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from nnparity.command_line import main as cli
from nnparity.reports.records import Environment, KnownLine, Summary, TargetLine
from nnparity.tests.reports.conftest import MakeVerdict, Write

END = Summary({}, 0, [], {})
Files = list[Path]


@pytest.fixture
def files(
    write: Write,
    verdict: MakeVerdict,
    environment: Callable[..., Environment],
    target: Callable[..., TargetLine],
) -> Files:
    """Two runs, the later one first: torch 2.10 gives one wrong result more."""
    known = KnownLine("r", "special value", "why r")
    recorded = [verdict("diverges", formula="b", known="r", case=f"b/{n}") for n in range(3)]
    early = [environment(started="2025-03-01T10:00:00+00:00"), target(versions={"torch": "2.9", "numpy": "2.0"})]
    late = [environment(started="2025-06-01T10:00:00+00:00"), target(versions={"torch": "2.10", "numpy": "2.0"})]
    return [
        write(*late, known, *recorded, verdict("diverges", formula="a"), END, name="late.jsonl"),
        write(*early, known, *recorded, verdict(formula="a"), END, name="early.jsonl"),
    ]


def trend(files: Files, out: Path, *more: str) -> tuple[int | str | None, str]:
    arguments = ["report", *map(str, files), "--trend", "--out", str(out), *more]
    status = cli.guarded(lambda: cli.application(arguments))
    return status, (out / "trend.md").read_text("utf-8") if status in (0, 1) else ""


def rows(markdown: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in markdown.splitlines() if line[:1] == "|"]


def test_it_counts_causes_and_verdicts_by_class_the_oldest_first(files: Files, tmp_path: Path) -> None:
    status, told = trend(files, tmp_path / "out")
    head, _, early, late = rows(told)
    assert status == 0
    assert head == ["date", "run", "versions", "judged", "new causes", "wrong result", "special value"]
    assert early == ["2025-03-01", f"`{files[1]}`", "numpy 2.0, torch 2.9", "4", "0", "0 (0)", "1 (3)"]
    assert late == ["2025-06-01", f"`{files[0]}`", "torch 2.10", "4", "1", "1 (1)", "1 (3)"]
    assert "something else" not in told
    assert "cut short" not in told
    assert not (tmp_path / "out/parity.jsonl").exists(), "nothing is merged"


def test_its_drawing_is_xml_with_a_line_a_class(files: Files, tmp_path: Path) -> None:
    _, told = trend(files, tmp_path)
    (picture,) = re.findall(r"!\[[^\]]+\]\((.*)\)", told)
    text = " ".join(ET.fromstring((tmp_path / picture).read_text("utf-8")).itertext())
    for word in ("wrong result", "special value", "2025-03-01", "2025-06-01", "causes"):
        assert word in text


def test_equal_runs_make_equal_bytes(files: Files, tmp_path: Path) -> None:
    drawings = []
    for out in ("one", "two"):
        trend(files, tmp_path / out)
        drawings.append((tmp_path / out / "trend.svg").read_bytes())
    assert drawings[0] == drawings[1]


def test_another_plan_and_a_run_that_was_cut_short_are_said(
    files: Files, write: Write, verdict: Any, environment: Callable[..., Environment], tmp_path: Path
) -> None:
    other = environment(started="2025-09-01T10:00:00+00:00", plan={"dtypes": ["float64"]})
    status, told = trend([*files, write(other, verdict(), name="other.jsonl")], tmp_path)
    assert status == 1
    assert told.count("was asked something else than") == 1
    assert re.search(r"other.jsonl` was asked something else than `.*late.jsonl`", told)
    assert re.search(r"other.jsonl` was cut short", told)


def test_hostile_words_stay_in_their_cells(
    write: Write, verdict: Any, environment: Callable[..., Environment], tmp_path: Path
) -> None:
    evil = "$x^{|<script>\u202e"
    lines = [environment(started=evil), KnownLine("r", evil, "why"), verdict("diverges", known="r"), END]
    status, told = trend([write(*lines, name="evil.jsonl")], tmp_path)
    assert status == 0
    assert "<script" not in told + (tmp_path / "trend.svg").read_text("utf-8")
    assert "\u202e" not in told + (tmp_path / "trend.svg").read_text("utf-8")
    assert len({len(re.split(r"(?<!\\)\|", line)) for line in told.splitlines() if line[:1] == "|"}) == 1


@pytest.mark.parametrize("more", [("--scripts",), ("--json",), ("--baseline", "x.jsonl")])
def test_it_is_no_report(
    more: tuple[str, ...], files: Files, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert trend(files, tmp_path / "out", *more)[0] == 2
    assert "--trend makes no report" in capsys.readouterr().err

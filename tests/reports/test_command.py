"""`python -m nnparity.reports`, and reports of the size of a full run."""

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from nnparity.reports import merge, render
from nnparity.reports.__main__ import main
from nnparity.reports.records import Worst

#: What a report is made of, for people first.
FILES = ("parity.md", "parity.html", "summary.md", "junit.xml", "badge.svg", "badge.json")


def test_files_become_a_report(tmp_path: Path, write: Any, verdict: Any, capsys: pytest.CaptureFixture[str]) -> None:
    files = [write(verdict("diverges"), name="a"), write(verdict(), name="b")]
    assert main([*map(str, files), "--out", str(tmp_path / "out")]) == 0
    made = {path.name for path in (tmp_path / "out").iterdir()} - {"verdicts.parquet"}  # where pyarrow is
    assert made == {*FILES, "parity.jsonl"}
    assert merge([tmp_path / "out/parity.jsonl"]) == merge(files)
    told = [Path(line) for line in capsys.readouterr().out.split()]
    assert told[: len(FILES)] == [tmp_path / "out" / name for name in FILES]


def test_a_file_that_is_no_run_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text("{}\n")
    assert main([str(path), "--out", str(tmp_path / "out")]) == 2
    assert f"{path}:1: " in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("file", "status"), [("run.jsonl", 0), ("nowhere.jsonl", 2)])
def test_output_that_nobody_reads_ends_no_report(
    tmp_path: Path, write: Any, verdict: Any, file: str, status: int
) -> None:
    write(verdict())
    theirs, ours = os.pipe()
    os.close(theirs)
    command = [sys.executable, "-m", "nnparity.reports", file, "--out", "out"]
    done = subprocess.run(command, cwd=tmp_path, stdout=ours, stderr=ours, check=False)
    os.close(ours)
    assert (done.returncode, (tmp_path / "out/parity.html").exists()) == (status, status == 0)


def test_a_run_file_that_is_there_is_not_written_over(
    tmp_path: Path, write: Any, verdict: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(verdict(), name="parity.jsonl")
    before = path.read_bytes()
    assert main([str(path), "--out", str(tmp_path)]) == 2
    assert f"{path} is there already" in capsys.readouterr().err
    assert [one.name for one in tmp_path.iterdir()] == [path.name]
    assert path.read_bytes() == before


def test_twenty_thousand_verdicts_are_quick_and_small(tmp_path: Path, write: Any, verdict: Any) -> None:
    """Takes 2 s on a slow machine; grows with the groups, not with the verdicts."""
    verdicts = [
        verdict(
            "diverges" if group % 50 == 0 else "conforms",
            formula=f"formula_{group % 25}",
            target=f"torch:cpu:mode{group % 5}",
            dtype=("float64", "float32", "float16", "bfloat16")[group % 4],
            quantity=f"grad.x{group // 100 % 2}",
            dataset=str(number),
            hard=0.5,
            sharp=0.25,
            worst=Worst([0], 1.0, 2.0),
            message=f"said of {number}",
        )
        for group in range(1_000)
        for number in range(20)
    ]
    path = write(*verdicts)
    start = time.perf_counter()
    pages = render(merge([path]), tmp_path / "out")
    assert time.perf_counter() - start < 15
    assert len(verdicts) == 20_000
    assert all(page.stat().st_size < 1_000_000 for page in pages)

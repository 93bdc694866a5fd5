"""A run that is killed, interrupted or ended loses nothing that was finished, and leaves nothing behind."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from nnparity.command_line.running.exclusion import alone
from nnparity.reports.records import Finished, Seal, Summary, Verdict, read_run

NUMPY, SLOW = "numpy", "nnparity.tests.execute.hostile:Slow"
OPTIONS = ("--formula", "dense", "--formula", "softmax", "--level", "quick", "--no-store")
#: How often a run is killed; the whole count takes minutes, and is for those who ask for it.
KILLS = 20 if "NNPARITY_EVERY_CASE" in os.environ else 1


def begin(out: Path, *more: str, jobs: str = "2", backend: str = NUMPY) -> subprocess.Popen[str]:
    plan = ("--backend", backend, *OPTIONS, "--jobs", jobs)
    command = [sys.executable, "-m", "nnparity", "run", *plan, "--out", str(out), *more]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)


def verdicts(path: Path) -> list[dict[str, Any]]:
    """All verdicts but for the time they took, sorted."""
    lines = [json.loads(line) for line in path.read_bytes().splitlines()]
    found = [line for line in lines if line["kind"] == "verdict"]
    return sorted(
        ({k: v for k, v in one.items() if k not in ("seconds", "link")} for one in found),
        key=lambda one: (one["case"], one["quantity"]),
    )


def counts(path: Path) -> dict[str, int]:
    (summary,) = (line for line in read_run(path) if isinstance(line, Summary))
    return summary.counts


def left_behind(group: int) -> list[str]:
    """Processes of the session that are alive a moment later."""
    for _ in range(50):
        told = subprocess.run(["ps", "-eo", "sess=,stat=,args="], capture_output=True, text=True, check=True).stdout
        mine = [line for line in told.splitlines() if line.split()[0] == str(group) and line.split()[1][0] != "Z"]
        targets = [line for line in told.splitlines() if "execute.worker" in line and str(group) in line.split()[-1:]]
        if not mine and not targets:
            return []
        time.sleep(0.1)
    return mine + targets


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("undisturbed")
    begin(out).communicate(timeout=120)
    return out / "parity.jsonl"


def until_some(path: Path, lines: int) -> None:
    """Waits until so many units are finished."""
    for _ in range(600):
        if path.exists() and path.read_bytes().count(b'"kind":"finished"') >= lines:
            return
        time.sleep(0.05)
    raise AssertionError("the run does not get on")


@pytest.mark.parametrize("kill", range(KILLS))
def test_a_killed_run_goes_on_where_it_was(kill: int, undisturbed: Path, tmp_path: Path) -> None:
    path, chance = tmp_path / "parity.jsonl", random.Random(kill)
    run = begin(tmp_path)
    until_some(path, chance.randrange(1, 6))
    time.sleep(chance.random() / 4)
    run.kill()
    run.communicate()
    assert left_behind(run.pid) == []
    before = {line.unit for line in read_run(path) if isinstance(line, Finished)}
    assert begin(tmp_path, "--resume").wait(timeout=120) == 0
    lines = list(read_run(path))
    units = [line.unit for line in lines if isinstance(line, Finished)]
    assert len(units) == len(set(units)), "nothing is done twice"
    assert before <= set(units)
    assert verdicts(path) == verdicts(undisturbed)
    assert counts(path) == counts(undisturbed)
    assert isinstance(lines[-1], Seal)
    assert subprocess.run([sys.executable, "-m", "nnparity", "verify", str(path)], check=False).returncode == 0
    assert not (tmp_path / ".scratch").exists()


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_an_interrupt_lets_what_is_at_hand_be_finished(jobs: str, undisturbed: Path, tmp_path: Path) -> None:
    path = tmp_path / "parity.jsonl"
    run = begin(tmp_path, jobs=jobs, backend=SLOW)
    until_some(path, 2)
    run.send_signal(signal.SIGINT)
    _, told = run.communicate(timeout=120)
    assert run.returncode == 130
    assert "interrupted" in told
    assert "--resume" in told
    assert "Traceback" not in told
    assert left_behind(run.pid) == []
    assert (tmp_path / "parity.html").exists()
    assert 0 < len(verdicts(path)) < len(verdicts(undisturbed))
    assert begin(tmp_path, "--resume", jobs=jobs, backend=SLOW).wait(timeout=120) == 0
    asked = [[(one["case"], one["quantity"], one["grade"]) for one in verdicts(file)] for file in (path, undisturbed)]
    assert asked[0] == asked[1]


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_termination_stops_now_and_leaves_nothing(number: int, status: int, tmp_path: Path) -> None:
    run = begin(tmp_path, backend=SLOW)
    until_some(tmp_path / "parity.jsonl", 1)
    run.send_signal(number)
    _, told = run.communicate(timeout=30)
    assert run.returncode == status
    assert "Traceback" not in told
    assert left_behind(run.pid) == []
    assert not (tmp_path / ".scratch").exists()
    assert any(isinstance(line, Verdict) for line in read_run(tmp_path / "parity.jsonl"))


def test_a_second_run_into_the_same_folder_is_refused(undisturbed: Path, tmp_path: Path) -> None:
    (tmp_path / "parity.jsonl").write_bytes(undisturbed.read_bytes())
    with alone(tmp_path):
        run = begin(tmp_path)
        _, told = run.communicate(timeout=60)
    assert run.returncode == 2
    assert "another run writes into" in told
    assert "Traceback" not in told
    assert (tmp_path / "parity.jsonl").read_bytes() == undisturbed.read_bytes()


def test_a_run_of_another_plan_is_not_gone_on_with(undisturbed: Path, tmp_path: Path) -> None:
    (tmp_path / "parity.jsonl").write_bytes(undisturbed.read_bytes())
    run = begin(tmp_path, "--resume", "--salt", "7")
    _, told = run.communicate(timeout=60)
    assert run.returncode == 2
    assert "its salt is ''" in told
    assert (tmp_path / "parity.jsonl").read_bytes() == undisturbed.read_bytes()


@pytest.mark.parametrize("text", [b"", b"not json\n", b'{"kind":"summary"}\n'])
def test_what_is_no_run_is_not_gone_on_with(text: bytes, tmp_path: Path) -> None:
    (tmp_path / "parity.jsonl").write_bytes(text)
    run = begin(tmp_path, "--resume")
    _, told = run.communicate(timeout=60)
    assert run.returncode == 2
    assert "cannot be gone on with" in told
    assert "Traceback" not in told

"""A target that attacks the harness: the run ends clearly, not as a success, and leaves no process behind."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from nnparity.command_line import main as cli
from nnparity.reports.records import Verdict, read_run
from nnparity.tests.execute import vandal

BACKEND = "nnparity.tests.execute.vandal:Vandal"
#: So few that one process does them all, and so many that there are two.
FEW = ("--formula", "relu", "--formula", "dense", "--dtype", "float32", "--level", "quick", "--no-scripts")
MANY = [
    option for name in ("relu", "dense", "tanh", "sigmoid", "softmax", "l1_penalty") for option in ("--formula", name)
]
OF_THE_FILE = {
    "write into": "carries no link: it was put in",
    "double": "is there twice",
    "overwrite": "was changed while the run went on: line 1 ",
    "truncate": "was changed while the run went on: line 1 ",
    "cut": "was changed while the run went on: ",
    "remove": "the run file is gone: ",
    "replace": "was changed while the run went on: line 1 ",
}


def test_every_attack_is_tried() -> None:
    assert vandal.DEEDS.keys() == OF_THE_FILE.keys() | {"kill", "terminate", "stop"}


@pytest.mark.parametrize("do", OF_THE_FILE)
def test_a_run_file_that_is_changed_under_the_run_is_told(
    do: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(vandal.DO, do)
    monkeypatch.setenv(vandal.RUN, str(tmp_path / "parity.jsonl"))
    options = ("run", "--backend", BACKEND, *FEW, "--jobs", "1", "--out", str(tmp_path))
    assert cli.guarded(lambda: cli.application(list(options))) == cli.INTERNAL
    told = capsys.readouterr().err
    assert OF_THE_FILE[do] in told
    assert "Traceback" not in told
    assert not (tmp_path / "parity.html").exists()


@pytest.mark.parametrize("do", ["kill", "terminate", "stop"])
def test_a_job_that_its_target_attacks(do: str, tmp_path: Path) -> None:
    """Killed, it is missed; stopped, it is woken, and nothing is lost."""
    environment = os.environ | {vandal.DO: do, vandal.RUN: str(tmp_path / "parity.jsonl")}
    options = ("run", "--backend", BACKEND, *MANY, "--level", "quick", "--no-scripts", "--jobs", "2")
    command = [sys.executable, "-m", "nnparity", *options, "--out", str(tmp_path)]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=300)
    assert "Traceback" not in ended.stderr
    if do == "stop":
        assert ended.returncode == 0, ended.stderr
        verdicts = [line for line in read_run(tmp_path / "parity.jsonl") if isinstance(line, Verdict)]
        assert {verdict.formula for verdict in verdicts} >= {"relu", "dense", "softmax"}
    else:
        assert ended.returncode == cli.INTERNAL, ended.stderr
        assert "was killed (out of memory?); " in ended.stderr
    assert _alive(str(tmp_path)) == []


def _alive(folder: str) -> list[str]:
    """Processes whose command line or environment names the folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if folder.encode() in (entry / "environ").read_bytes() and int(entry.name) != os.getpid():
                found.append((entry / "cmdline").read_text())
        except OSError:
            continue
    return found

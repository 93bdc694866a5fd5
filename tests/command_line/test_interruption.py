"""A run that is killed, interrupted or ended loses nothing that was finished, and leaves nothing behind."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from nnparity.command_line.running.exclusion import alone
from nnparity.command_line.running.interruption import SIGNALS, gentle, stopping
from nnparity.command_line.running.previous import RUN
from nnparity.reports.chain import Chain, links, sealed
from nnparity.reports.records import Finished, Verdict, read_run
from nnparity.tests.command_line.kills import Runs
from nnparity.tests.commands import nnparity, signals_heeded

NUMPY, SLOW = "numpy", "nnparity.tests.execute.hostile:Slow"
OPTIONS = ("--formula", "dense", "--formula", "softmax", "--level", "quick", "--no-store")
#: An adapter of one's own whose kernel is in a helper beside it.
OWN = """
import numpy as np
from helper import tanh
from nnparity import ForwardOnly, kernel


class Mine(ForwardOnly):
    backend = "mine"
    put, get = staticmethod(np.array), staticmethod(np.asarray)

    @kernel("numpy.tanh")
    def tanh(self, x):
        return tanh(x)
"""
HELPER = "from numpy import tanh\n"
#: How often a run is killed; the whole count takes minutes, and is for those who ask for it.
KILLS = 20 if "NNPARITY_EVERY_CASE" in os.environ else 1


def begin(
    out: Path, *more: str, jobs: str = "2", backend: str = NUMPY, subcommand: str = "run"
) -> subprocess.Popen[str]:
    plan = ("--backend", backend, *OPTIONS, "--jobs", jobs)
    command = [sys.executable, "-m", "nnparity", subcommand, *plan, "--out", str(out), *more]
    with signals_heeded():
        return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)


def verdicts(path: Path) -> list[dict[str, Any]]:
    """All verdicts but for the time they took, sorted."""
    lines = [json.loads(line) for line in path.read_bytes().splitlines()]
    found = [line for line in lines if line["kind"] == "verdict"]
    return sorted(
        ({k: v for k, v in one.items() if k not in ("seconds", "link")} for one in found),
        key=lambda one: (one["case"], one["quantity"]),
    )


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


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Runs, float]:
    more = (
        word for name in ("gelu", "tanh", "mse", "layer_norm") for word in ("--formula", name)
    )  # worth two processes
    found = Runs(tmp_path_factory.mktemp("kills"), ("--backend", NUMPY, *OPTIONS, *more, "--jobs", "2"))
    return found, found.undisturbed()


@pytest.mark.skipif(sys.platform != "linux", reason="processes are found by /proc")
@pytest.mark.parametrize("kill", range(KILLS))
@pytest.mark.parametrize("whole", [True, False])
def test_a_killed_run_goes_on_where_it_was(whole: bool, kill: int, runs: tuple[Runs, float]) -> None:
    found = runs[0].killed(f"{kill}-{whole}", random.Random(f"{kill}/{whole}"), runs[1], 1 + kill % 2, whole)
    assert found.wrong == [], found.told
    units = [line.unit for line in read_run(runs[0].folder / f"{kill}-{whole}" / RUN) if isinstance(line, Finished)]
    assert len(units) == len(set(units)), "nothing is done twice"


def test_what_differs_from_an_undisturbed_run_is_told(runs: tuple[Runs, float]) -> None:
    there, _ = runs
    before = there.folder / "undisturbed"
    assert there.differences("undisturbed", 0) == []
    shutil.copytree(before, there.folder / "grade")
    (there.folder / "grade.tmp").mkdir()
    (there.folder / "grade.tmp" / "left").touch()
    shutil.copy(there.folder / "undisturbed.log", there.folder / "grade.log")
    path = there.folder / "grade" / RUN
    path.write_bytes(relinked(path, b'"grade":"conforms"', b'"grade":"inconclusive"'))
    told = "".join(there.differences("grade", 1))
    for one in ("ends with 1", "only here", "temporary files are left: ['left']", "html, without times, differs"):
        assert one in told


def relinked(path: Path, old: bytes, new: bytes) -> bytes:
    """One verdict changed, and all digests worked out anew."""
    chain, other = Chain(), path.with_name("other")
    texts = [one.text for one in links(path) if b'"kind":"seal"' not in one.text]
    place = next(place for place, text in enumerate(texts) if old in text)
    texts[place] = texts[place].replace(old, new)
    other.write_bytes(b"".join(chain.linked(text) for text in texts))
    sealed(other)
    data = other.read_bytes()
    other.unlink()
    return data


def test_a_run_that_left_no_file_begins(tmp_path: Path) -> None:
    run = begin(tmp_path, "--resume", "--dtype", "float32")
    _, told = run.communicate(timeout=120)
    assert run.returncode == 0
    assert "nothing was done yet" in told
    assert (tmp_path / "parity.html").exists()


def test_a_damaged_run_is_not_gone_on_with(undisturbed: Path, tmp_path: Path) -> None:
    damaged = undisturbed.read_bytes().replace(b'"grade":"conforms"', b'"grade":"diverges"', 1)
    (tmp_path / "parity.jsonl").write_bytes(damaged)
    run = begin(tmp_path, "--resume")
    _, told = run.communicate(timeout=60)
    assert run.returncode == 2
    assert "was edited" in " ".join(told.split())
    assert (tmp_path / "parity.jsonl").read_bytes() == damaged


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


def test_an_interrupted_soak_promises_nothing_that_it_has_not(tmp_path: Path) -> None:
    soak = begin(tmp_path, jobs="1", backend=SLOW, subcommand="soak")
    until_some(tmp_path / "soak" / "1.jsonl", 1)
    soak.send_signal(signal.SIGINT)
    _, told = soak.communicate(timeout=120)
    assert soak.returncode == 130
    assert "interrupted: what was at hand is finished" in " ".join(told.split())
    assert "--resume" not in told
    assert left_behind(soak.pid) == []


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


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("hearing", [lambda: gentle(lambda: None), stopping])
def test_a_signal_that_is_ignored_stays_so(hearing: Callable[[], AbstractContextManager[None]], number: int) -> None:
    """As under nohup, and as a script's job in the background ignores interrupts."""
    before = signal.signal(number, signal.SIG_IGN)
    try:
        with hearing():
            signal.raise_signal(number)
            signal.raise_signal(number)
        assert signal.getsignal(number) is signal.SIG_IGN
    finally:
        signal.signal(number, before)


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


@pytest.fixture(scope="module")
def cut_short(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an adapter of one's own, and its run of two dtypes, of which one unit was finished."""
    folder = tmp_path_factory.mktemp("own")
    (folder / "mine.py").write_text(OWN)
    (folder / "helper.py").write_text(HELPER)
    assert own_run(folder).returncode == 0
    lines = (folder / "out" / RUN).read_bytes().splitlines(keepends=True)
    end = next(place for place, line in enumerate(lines, start=1) if b'"kind":"finished"' in line)
    (folder / "out" / RUN).write_bytes(b"".join(lines[:end]))
    return folder


def own_run(folder: Path, *more: str) -> subprocess.CompletedProcess[str]:
    plan = ("--formula", "tanh", "--dtype", "float32", "--dtype", "float64", "--level", "quick", "--no-store")
    return nnparity("run", "--backend", "mine.py:Mine", *plan, "--jobs", "1", "--out", "out", *more, cwd=folder)


@pytest.mark.parametrize("name", ["mine.py", "helper.py"])
def test_a_run_of_an_adapter_that_was_edited_is_not_gone_on_with(name: str, cut_short: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(cut_short, tmp_path / "own", ignore=shutil.ignore_patterns("__pycache__"))
    before, other = (folder / name).read_text(), "\n\ndef tanh(x):\n    return 1.001 * np.tanh(x)\n"
    (folder / name).write_text(f"import numpy as np\n{before}{other}")
    for _ in range(2):  # what was refused leaves nothing behind that lets the next one pass
        run = own_run(folder, "--resume")
        assert run.returncode == 2, run.stderr
        assert "mine:cpu:eager (mine.py:Mine): the source of its adapter is not what it was" in run.stderr
        assert "Traceback" not in run.stderr
        assert (folder / "out" / RUN).read_bytes() == (cut_short / "out" / RUN).read_bytes()
    (folder / name).write_text(before)
    assert own_run(folder, "--resume").returncode == 0


@pytest.mark.parametrize("text", [b"", b"not json\n", b'{"kind":"summary"}\n'])
def test_what_is_no_run_is_not_gone_on_with(text: bytes, tmp_path: Path) -> None:
    (tmp_path / "parity.jsonl").write_bytes(text)
    run = begin(tmp_path, "--resume")
    _, told = run.communicate(timeout=60)
    assert run.returncode == 2
    assert "cannot be gone on with" in told
    assert "Traceback" not in told

"""A plan on a Ray cluster: the verdicts of one machine, also when a machine of the cluster goes down in the middle."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nnparity.reports.records import Finished, Seal, read_run
from nnparity.run.engines.cluster import SETTINGS
from nnparity.tests.commands import signals_heeded

pytest.importorskip("ray")
pytestmark = pytest.mark.timeout(300)

SLOW = "slow.py:Slow"
#: The reference, with as much time as is said to be interrupted in.
SLOWED = """
import os, time
from nnparity.adapters.numpy import NumpyAdapter

class Slow(NumpyAdapter):
    backend = "slow"

    def observe(self, request):
        time.sleep(float(os.environ.get("NNPARITY_TEST_SLOWNESS", "0")))
        return super().observe(request)
"""
FORMULAS = [option for id in ("dense", "softmax", "mse", "sigmoid") for option in ("--formula", id)]
OPTIONS = (*FORMULAS, "--level", "quick", "--no-store", "--no-scripts")
#: An adapter that kills the job that started it when it is asked for a formula, the first time or each time.
TRAITOR = """
import os, pathlib, signal, time
from nnparity.adapters.numpy import NumpyAdapter

class Traitor(NumpyAdapter):
    backend = "traitor"

    def observe(self, request):
        before = pathlib.Path(__file__).with_name("before")
        if request.formula == "softmax" and not before.exists():
            if "once" in __file__:
                before.touch()
            os.kill(os.getppid(), signal.SIGKILL)
            time.sleep(600)
        if request.formula == "dense" and "stopped" in __file__:
            os.kill(os.getppid(), signal.SIGSTOP)
        return super().observe(request)
"""


#: An adapter that runs where a GPU is given to it, and says which.
GRAPHICAL = """
import os, pathlib
from nnparity.adapters.numpy import NumpyAdapter

class Graphical(NumpyAdapter):
    backend = "graphical"

    def devices(self):
        return ("cuda",)

    def observe(self, request):
        pathlib.Path(__file__).with_name("seen").write_text(os.environ.get("CUDA_VISIBLE_DEVICES", ""))
        return super().observe(request)
"""
#: What takes longer than a minute in all, for those who ask for it.
every = pytest.mark.skipif("NNPARITY_EVERY_CASE" not in os.environ, reason="NNPARITY_EVERY_CASE is not set")


def begin(
    out: Path, *more: str, backend: str = SLOW, slowness: float = 0, temporary: str = ""
) -> subprocess.Popen[str]:
    (out.parent / "slow.py").write_text(SLOWED)
    command = [sys.executable, "-m", "nnparity", "run", "--backend", backend, *OPTIONS, "--out", str(out), *more]
    own = {"NNPARITY_TEST_SLOWNESS": str(slowness)} | ({"TMPDIR": temporary} if temporary else {})
    with signals_heeded():
        return subprocess.Popen(
            command, stderr=subprocess.PIPE, text=True, start_new_session=True, cwd=out.parent, env=os.environ | own
        )


def lines(path: Path, *without: str) -> list[dict[str, Any]]:
    """Verdicts and targets but for the time they took, sorted; those that several jobs told alike are one."""
    read = [json.loads(line) for line in path.read_bytes().splitlines()]
    kept = [
        {k: v for k, v in one.items() if k not in ("seconds", "import_seconds", "link", *without)}
        for one in read
        if one["kind"] in ("verdict", "target", "formula")
    ]
    assert len({json.dumps(one) for one in kept if one["kind"] == "verdict"}) == sum("grade" in one for one in kept)
    return [json.loads(text) for text in sorted({json.dumps(one, sort_keys=True) for one in kept})]


def finished(path: Path) -> list[str]:
    return [line.unit for line in read_run(path) if isinstance(line, Finished)]


def until_some(path: Path, count: int, run: subprocess.Popen[str], jobs: int = 1) -> None:
    """Waits until so many units are finished, and so many jobs are at work."""
    for _ in range(1800):
        text = path.read_bytes() if path.exists() else b""
        if text.count(b'"kind":"finished"') >= count and text.count(b'"target":"slow:cpu:eager","available"') >= jobs:
            return
        assert run.poll() is None, run.communicate()[1]
        time.sleep(0.05)
    raise AssertionError("the run does not get on")


def left_behind(run: subprocess.Popen[str] | None = None) -> list[str]:
    """Targets, jobs, and processes of the session of a run, that are alive a moment later."""
    for _ in range(100):
        told = subprocess.run(["ps", "-eo", "sess=,stat=,args="], capture_output=True, text=True, check=True).stdout
        rows = [line.split(maxsplit=2) for line in told.splitlines() if line.split()[1][0] != "Z"]
        mine = [row for row in rows if run is not None and row[0] == str(run.pid)]
        jobs = [row for row in rows if "ray::Actor" in row[2] or (SLOW in row[2] and "execute.worker" in row[2])]
        if not mine and not jobs:
            return []
        time.sleep(0.1)
    return [" ".join(row) for row in mine + jobs]


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run file of one process of one machine."""
    out = tmp_path_factory.mktemp("alone") / "out"
    assert begin(out, "--jobs", "1").wait(timeout=120) == 0
    return out / "parity.jsonl"


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Three machines, as far as Ray knows, of one CPU each."""
    from ray.cluster_utils import Cluster

    for name, value in SETTINGS.items():  # among them the priority of jobs: on a busy machine Ray's usual one is little
        os.environ.setdefault(name, value)
    several = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    try:
        for _ in range(2):
            several.add_node(num_cpus=1)
        yield several
    finally:
        several.shutdown()


@every
def test_a_job_that_is_lost_is_replaced(cluster: Any, alone: Path, tmp_path: Path) -> None:
    """And one that its target has stopped goes on."""
    (tmp_path / "once_stopped.py").write_text(TRAITOR)
    run = begin(tmp_path / "out", "--on", f"ray:{cluster.address}", "--jobs", "1", backend="once_stopped.py:Traitor")
    _, told = run.communicate(timeout=120)
    assert run.returncode == 0, told
    assert told.count("lost and replaced") == 1
    assert (tmp_path / "before").exists()
    grades = [
        [(one["case"], one["quantity"], one["grade"]) for one in lines(path) if one["kind"] == "verdict"]
        for path in (alone, tmp_path / "out" / "parity.jsonl")
    ]
    assert grades[0] == grades[1]


@every
def test_a_job_that_is_lost_again_and_again_ends_the_run(cluster: Any, tmp_path: Path) -> None:
    (tmp_path / "always.py").write_text(TRAITOR)
    run = begin(tmp_path / "out", "--on", f"ray:{cluster.address}", "--jobs", "1", backend="always.py:Traitor")
    _, told = run.communicate(timeout=120)
    assert run.returncode == 70
    assert "nnparity: the process that worked on softmax/" in told
    assert "has what was finished" in told
    assert "Traceback" not in told
    assert finished(tmp_path / "out" / "parity.jsonl")
    assert left_behind(run) == []


@every
def test_an_interrupt_lets_what_is_at_hand_be_finished(cluster: Any, alone: Path, tmp_path: Path) -> None:
    path = tmp_path / "out" / "parity.jsonl"
    run = begin(tmp_path / "out", "--on", f"ray:{cluster.address}", "--jobs", "2", slowness=0.3)
    until_some(path, 1, run)
    run.send_signal(signal.SIGINT)
    _, told = run.communicate(timeout=60)
    assert run.returncode == 130
    assert "interrupted" in told
    assert "Traceback" not in told
    before = finished(path)
    assert 0 < len(before) < len(finished(alone))
    assert left_behind(run) == []
    again = begin(tmp_path / "out", "--resume", "--jobs", "1")  # in a process of this machine
    assert again.wait(timeout=120) == 0
    assert set(before) < set(finished(path))
    assert lines(path) == lines(alone)


@every
@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGKILL, -9)])
def test_a_termination_stops_now_and_leaves_nothing(number: int, status: int, tmp_path: Path) -> None:
    """On a cluster of its own, in this machine. Of a killed run two agents of Ray stay for a while, and its folder."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as short:
        run = begin(tmp_path / "out", "--on", "ray", "--jobs", "2", slowness=0.3, temporary=short)
        until_some(tmp_path / "out" / "parity.jsonl", 1, run)
        run.send_signal(number)
        _, told = run.communicate(timeout=60)
        assert run.returncode == status
        assert "Traceback" not in told
        assert left_behind(run if number == signal.SIGTERM else None) == []
        assert number == signal.SIGKILL or not any(Path(short).iterdir())


def test_what_cannot_be_had_is_a_usage_error(cluster: Any, tmp_path: Path) -> None:
    plan = ("run", "--backend", "numpy", "--formula", "relu", "--out", str(tmp_path))
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("RAY_ADDRESS", cluster.address)
        for wrong, why in (
            (("--on", "ray", "--device", "cuda"), "no machine of the cluster has a GPU for CUDA"),
            (("--on", "ray", "--backend", "nowhere:Nothing"), "nowhere:Nothing: "),
        ):
            run = subprocess.run(
                [sys.executable, "-m", "nnparity", *plan, *wrong], capture_output=True, text=True, check=False
            )
            assert run.returncode == 2, run.stderr
            assert why in run.stderr
            assert "Traceback" not in run.stderr


def test_a_machine_that_goes_down_costs_no_verdict(cluster: Any, alone: Path, tmp_path: Path) -> None:
    path = tmp_path / "out" / "parity.jsonl"
    run = begin(tmp_path / "out", "--on", f"ray:{cluster.address}", "--jobs", "3", slowness=0.5)
    until_some(path, 3, run, jobs=3)
    cluster.remove_node(cluster.worker_nodes.copy().pop(), allow_graceful=False)
    _, told = run.communicate(timeout=120)
    assert run.returncode == 0, told
    assert "lost and replaced" in told
    assert "Traceback" not in told
    assert lines(path) == lines(alone)
    assert sorted(finished(path)) == sorted(finished(alone))
    assert isinstance(list(read_run(path))[-1], Seal)
    check = [sys.executable, "-m", "nnparity", "verify", str(path), "--sample", "0"]
    assert subprocess.run(check, check=False).returncode == 0
    assert left_behind(run) == []


@every
def test_a_target_is_placed_where_its_gpu_is(cluster: Any, tmp_path: Path) -> None:
    """As far as Ray knows; and each crew does every unit."""
    (tmp_path / "graphical.py").write_text(GRAPHICAL)
    node = cluster.add_node(num_cpus=1, num_gpus=1)
    more = ("--backend", "graphical.py:Graphical:cuda", "--on", f"ray:{cluster.address}", "--jobs", "1")
    run = begin(tmp_path / "out", *more)
    _, told = run.communicate(timeout=120)
    cluster.remove_node(node)
    assert run.returncode == 0, told
    assert (tmp_path / "seen").read_text() == "0"
    of = [unit.partition(" on ")[2] for unit in finished(tmp_path / "out" / "parity.jsonl")]
    assert set(of) == {"slow.py:Slow", "graphical.py:Graphical:cuda"}
    assert len(of) == 2 * of.count("slow.py:Slow")

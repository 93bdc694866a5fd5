"""What a user's folder, limit or adapter is to blame for ends with 2 and one line, and its name is told as it is."""

import errno
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from nnparity.command_line.running.exclusion import alone, written
from nnparity.run.engines import processes
from nnparity.run.recorder import Recorder
from nnparity.spec.usage import UsageError
from nnparity.tests.command_line.running.test_unread import whole
from nnparity.tests.invocation import Run, invoked

SMALL = ("--formula", "relu", "--dtype", "float32", "--level", "quick", "--jobs", "1")
NUMPY = ("run", "--backend", "numpy", *SMALL)
ADAPTER = """
from nnparity.adapters.numpy import NumpyAdapter

class Own(NumpyAdapter):
    backend = "own"

class Short(Own):
    target = "short"

class Empty(Own):
    target = "empty::"
"""


@pytest.fixture
def nnparity(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command in a folder of its own, in which a file lies, and an adapter."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "afile").touch()
    (tmp_path / "own.py").write_text(ADAPTER)
    return invoked


def told(capsys: pytest.CaptureFixture[str]) -> str:
    """The one line that was said."""
    (line,) = capsys.readouterr().err.strip().splitlines()
    return line


@pytest.mark.parametrize(
    "arguments",
    [
        NUMPY,
        ("soak", *NUMPY[1:], "--salts", "1"),
        ("hunt", "--backend", "numpy", "--formula", "relu", "--minutes", "0"),
        ("mutate", "--backend", "numpy", "--formula", "relu", "--dtype", "float32"),
    ],
)
def test_a_file_in_the_place_of_the_folder_is_told(
    nnparity: Run, arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert nnparity(*arguments, "--out", "afile") == 2
    assert told(capsys).startswith("nnparity: afile"), "soak has a folder in it"


def test_a_second_mutate_into_a_folder_is_refused(nnparity: Run, capsys: pytest.CaptureFixture[str]) -> None:
    with alone(Path("out"), "mutation"):
        assert nnparity("mutate", "--backend", "numpy", *SMALL, "--out", "out") == 2
    assert told(capsys) == "nnparity: another mutation writes into out: name another folder by --out"


def test_a_report_into_a_file_is_told(nnparity: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert nnparity(*NUMPY) == 0
    run = "reports/out/parity.jsonl"
    for arguments in (("report", run), ("report", run, "--trend"), ("known", "check", run)):
        capsys.readouterr()
        assert nnparity(*arguments, "--out", "afile") == 2
        assert told(capsys) == "nnparity: afile is a file: name a folder by --out"


@pytest.mark.parametrize(
    ("name", "options"),
    [("parity.html", ("--no-keep-previous",)), ("previous", ()), ("parity.jsonl.begun", ()), (".scratch", ())],
)
def test_what_stands_in_the_way_in_the_folder_is_told(
    name: str, options: tuple[str, ...], nnparity: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert nnparity(*NUMPY) == 0
    (there := Path("reports/out") / name).unlink(missing_ok=True)
    there.mkdir() if name.startswith("parity") else there.touch()
    assert nnparity(*NUMPY, *options) == 2
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert last.startswith("nnparity: reports/out cannot be written to: ")
    assert name in last


def test_a_full_disk_is_told(
    nnparity: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Recorder, "flush", full)
    assert nnparity(*NUMPY) == 2
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert last == "nnparity: reports/out cannot be written to: [Errno 28] No space left on device"


def test_a_run_whose_line_was_cut_by_a_full_disk_is_gone_on_with(
    nnparity: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    whole_write, verdicts = os.write, []

    def cut(file: int, text: bytes) -> int:
        if text.startswith(b'{"kind":"verdict"'):
            verdicts.append(text)
        return whole_write(file, text[:20] if len(verdicts) == 3 and text == verdicts[-1] else text)

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", cut)
        assert nnparity(*NUMPY) == 2
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert last == "nnparity: reports/out cannot be written to: [Errno 28] No space left on device"
    assert nnparity(*NUMPY, "--resume") == 0
    assert "the run begins" not in capsys.readouterr().err


def test_a_fault_of_ours_while_the_folder_is_written_stays_one(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), written(tmp_path / "out"):
        (tmp_path / "elsewhere" / "file").touch()
    with pytest.raises(UsageError, match="cannot be made"), written(tmp_path / "out" / ("a" * 300)):
        pass


def test_output_into_a_full_file_is_told(tmp_path: Path) -> None:
    command = f"{shlex.quote(sys.executable)} -m nnparity list > /dev/full"
    done = subprocess.run(["sh", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, "nnparity: [Errno 28] No space left on device\n")


@pytest.mark.parametrize("out", ["q[/b]", "ü [x]", "[bold]", "a\x1b[31m"])
def test_the_name_of_a_folder_is_no_markup(nnparity: Run, out: str, capsys: pytest.CaptureFixture[str]) -> None:
    shown = out.replace("\x1b", "\\u001b")
    assert nnparity(*NUMPY, "--out", out) == 0
    assert f"report: {shown}/parity.jsonl  {shown}/parity.md" in capsys.readouterr().err
    for trend in ((), ("--trend",)):
        assert nnparity("report", f"{out}/parity.jsonl", "--out", f"{out}/again", *trend) == 0
        assert f"{shown}/again/{'trend.md' if trend else 'parity.md'}\n" in capsys.readouterr().err


def test_the_name_of_a_backend_is_no_markup(nnparity: Run, tmp_path: Path) -> None:
    (tmp_path / "[" / "b]").mkdir(parents=True)
    (tmp_path / "[" / "b]" / "own.py").write_text(ADAPTER)
    assert nnparity("run", "--backend", "[/b]/own.py:Own", *SMALL) == 0
    assert whole(tmp_path)


@pytest.mark.parametrize("seconds", ["0", "-1", "nan", "inf", "1e10", "1e7"])
def test_a_time_that_nobody_can_wait_is_told_and_nothing_moved(
    seconds: str, nnparity: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("reports/out").mkdir(parents=True)
    assert nnparity(*NUMPY, "--timeout", seconds) == 2
    assert told(capsys) == (
        f"nnparity: a time limit of {float(seconds):g} s is none: it is more than 0, and at most 2,000,000 s"
    )
    assert list(Path("reports/out").iterdir()) == []


def test_the_longest_time_is_one_that_the_system_can_wait(nnparity: Run) -> None:
    assert nnparity(*NUMPY, "--timeout", "2e6") == 0


@pytest.mark.parametrize("memory", ["1e300", "1e30", "8589934592", "1e-300", "much"])
def test_a_memory_that_no_machine_has_is_told_and_nothing_moved(
    memory: str, nnparity: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NNPARITY_MEMORY", memory)
    assert nnparity(*NUMPY) == 2
    assert told(capsys) == f"nnparity: NNPARITY_MEMORY={memory}: so many GiB, fewer than 2^33, or off"
    assert not Path("reports/out").exists(), "it was made for nothing"


@pytest.mark.parametrize(("kind", "target"), [("Short", "short"), ("Empty", "empty::")])
def test_a_target_without_a_name_in_three_parts_is_told_with_its_adapter(
    kind: str, target: str, nnparity: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert nnparity("run", "--backend", f"own.py:{kind}", *SMALL) == 2
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert last == f"nnparity: own.py:{kind}: `target` is {target!r}, and has to be BACKEND:DEVICE:MODE"


def test_what_is_refused_leaves_no_job_behind(nnparity: Run) -> None:
    """A job of this process would answer the next run in its place."""
    assert nnparity(*NUMPY) == 0
    (Path("reports/out") / "previous").touch()
    assert nnparity(*NUMPY) == 2
    assert processes._own == []


def test_a_folder_whose_name_is_too_long_is_told(nnparity: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert nnparity(*NUMPY, "--out", "a" * 300) == 2
    assert "cannot be made: " in capsys.readouterr().err.strip().splitlines()[-1]

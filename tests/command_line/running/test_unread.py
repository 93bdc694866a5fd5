"""Output that nobody reads ends no command: a run goes on to its report, and every command ends with its own status."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from nnparity.reports.export.unread import Output
from nnparity.reports.records import Summary, read_run

RUN = ("run", "--backend", "numpy", "--formula", "relu", "--dtype", "float32", "--level", "quick", "--no-store")


def left(ends: tuple[int, int]) -> Iterator[int]:
    """The end that is written to, until the test is over; nobody has the other."""
    theirs, ours = ends
    os.close(theirs)
    yield ours
    os.close(ours)


@pytest.fixture
def unread() -> Iterator[int]:
    """The end of a pipe that is written to, without anybody at the other."""
    yield from left(os.pipe())


@pytest.fixture
def hung_up() -> Iterator[int]:
    """A terminal that was closed."""
    yield from left(os.openpty())


def nnparity(folder: Path, *arguments: str, out: int, err: int = subprocess.PIPE) -> tuple[int, str]:
    """The status of a command that writes there, and what it told on its other stream."""
    command = [sys.executable, "-m", "nnparity", *arguments]
    done = subprocess.run(command, cwd=folder, stdout=out, stderr=err, text=True, check=False)
    return done.returncode, done.stderr or ""


def whole(folder: Path) -> bool:
    """Whether a run came to its end, with a report."""
    ended = any(isinstance(line, Summary) for line in read_run(folder / "reports/out/parity.jsonl"))
    return ended and (folder / "reports/out/parity.html").exists()


@pytest.mark.parametrize("output", ["unread", "hung_up"])
def test_a_run_whose_progress_nobody_reads_goes_on(output: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    nowhere = request.getfixturevalue(output)
    assert nnparity(tmp_path, *RUN, "--json", out=nowhere, err=nowhere) == (0, "")
    assert whole(tmp_path)
    same = ("reports/out/parity.jsonl",) * 2
    assert nnparity(tmp_path, "diff", *same, out=nowhere, err=nowhere) == (0, "")


def test_a_run_without_any_output_goes_on(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "nnparity", *RUN, "--json"]
    assert subprocess.run(["sh", "-c", 'exec "$@" >&- 2>&-', "sh", *command], cwd=tmp_path, check=False).returncode == 0
    assert whole(tmp_path)


@pytest.mark.parametrize(
    ("arguments", "status"),
    [(("list",), 0), (("--help",), 0), (("diff", "nowhere", "nowhere"), 2), (("run", "--nosuch"), 2)],
)
@pytest.mark.parametrize("both", [True, False])
def test_other_commands_end_with_their_own_status(
    arguments: tuple[str, ...], status: int, both: bool, unread: int, tmp_path: Path
) -> None:
    ended, told = nnparity(tmp_path, *arguments, out=unread, err=unread if both else subprocess.PIPE)
    assert ended == status
    assert [words for words in ("Traceback", "BrokenPipe", "Exception ignored") if words in told] == []


def test_what_cannot_be_written_though_somebody_reads_is_an_error() -> None:
    with Output("/dev/full", "wb") as full, pytest.raises(OSError, match="No space left"):
        full.write(b"a")


def test_a_reader_of_the_beginning_gets_it(tmp_path: Path) -> None:
    pipe = f"{sys.executable} -m nnparity list | head -n 1; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", pipe], cwd=tmp_path, capture_output=True, text=True, check=False)
    first, status = done.stdout.splitlines()
    assert (first.startswith("backends: numpy"), status, done.stderr) == (True, "0", "")

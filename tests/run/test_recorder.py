"""The recorder: lines as they fall, kept by a killed run, unmixed by several processes."""

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from nnparity.execute.target import TargetName
from nnparity.reports.chain import state
from nnparity.reports.records import Environment, Fact, FormulaLine, Line, Verdict, read_run
from nnparity.run.plan import Plan
from nnparity.run.recorder import OURS, Recorder, environment, formula_line
from nnparity.spec import digest, load
from nnparity.spec.cases.datasets import SCHEME
from nnparity.tests.judge.verdicts import verdict

WRITER = """
import sys, pathlib
from nnparity.run.recorder import Recorder
from nnparity.tests.judge.verdicts import verdict
recorder = Recorder(pathlib.Path(sys.argv[1]))
for number in range(int(sys.argv[3])):
    recorder.write(verdict(case=f"{sys.argv[2]}/{number}", message=sys.argv[2] * 2000))
print("written", flush=True)
sys.stdin.read()
"""


def writer(path: Path, name: str, lines: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WRITER, str(path), name, str(lines)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def test_lines_are_appended_in_order_and_read_back(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "run.jsonl"
    for names in (("a", "b"), ("c",)):
        recorder = Recorder(path)
        recorder.write(*(verdict(case=name) for name in names))
        assert [line.case for line in read_run(path) if isinstance(line, Verdict)][-1] == names[-1]  # already there
        recorder.close()
    assert [line.case for line in read_run(path) if isinstance(line, Verdict)] == ["a", "b", "c"]


def test_a_killed_run_keeps_what_it_wrote(tmp_path: Path) -> None:
    process = writer(tmp_path / "run.jsonl", "killed", 5)
    assert process.stdout is not None
    assert process.stdout.readline() == "written\n"
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert len(list(read_run(tmp_path / "run.jsonl"))) == 5


def test_several_processes_append_to_one_file_without_mixing(tmp_path: Path) -> None:
    path, names = tmp_path / "run.jsonl", ("one", "two", "three")
    processes = [writer(path, name, 200) for name in names]
    for process in processes:
        process.communicate()
    seen = [line for line in read_run(path) if isinstance(line, Verdict)]
    for name in names:
        mine = [line for line in seen if line.case.startswith(f"{name}/")]
        assert [line.case for line in mine] == [f"{name}/{number}" for number in range(200)]
        assert {line.message for line in mine} == {name * 2000}
    assert len(seen) == 600


@pytest.mark.parametrize("appended", [b"", b"another process's line\n"])
def test_a_line_that_has_no_room_is_told_and_taken_away(
    appended: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, whole = tmp_path / "run.jsonl", os.write

    def cut(file: int, text: bytes) -> int:
        written = whole(file, text[:20])
        path.open("ab").write(appended)
        return written

    recorder = Recorder(path)
    recorder.write(verdict(case="before"))
    before = path.read_bytes()
    monkeypatch.setattr(os, "write", cut)
    with pytest.raises(OSError, match="No space left on device"):
        recorder.write(verdict(case="cut"))
    monkeypatch.undo()
    assert path.read_bytes() == before + (appended and b'{"kind":"verdict","c' + appended), "another's line stays"
    recorder.write(verdict(case="later"))
    recorder.close()
    if not appended:
        assert [line.case for line in read_run(path) if isinstance(line, Verdict)] == ["before", "later"]
        assert state(path).faults == [], "what is written when there is room again follows the line before"


def test_a_line_that_the_system_refuses_is_no_link_of_the_chain(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    recorder = Recorder(tmp_path / "run.jsonl")
    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="No space left on device"):
        recorder.write(verdict(case="refused"))
    monkeypatch.undo()
    recorder.write(verdict(case="later"))
    recorder.close()
    assert state(recorder.path).faults == []


def test_the_environment_says_where_and_of_what_a_run_was_made() -> None:
    plan = Plan((TargetName("numpy"),), formulas=("dense",), salt="7")
    found = environment(plan)
    assert isinstance(found, Environment)
    assert (found.spec_digest, found.seeds, found.salt, found.plan) == (digest(), SCHEME, "7", plan.described())
    assert set(found.packages) == set(OURS)
    assert found.python == ".".join(map(str, sys.version_info[:3]))
    assert 1 <= found.cores <= (os.cpu_count() or 1)
    assert found.cpu
    assert found.platform


@pytest.mark.parametrize("id", list(load()))
def test_a_formula_is_told_in_full(id: str) -> None:
    formula, line = load()[id], formula_line(load()[id])
    assert isinstance(line, FormulaLine)
    assert (line.id, line.section, line.latex, line.chapter) == (id, formula.section, formula.latex, formula.chapter)
    assert (line.inputs, line.outputs) == (formula.inputs, formula.results)
    assert len(line.errata) == len(formula.errata)
    assert set(line.variants) == set(formula.variants)


def test_a_run_file_has_its_whole_head_or_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, written = tmp_path / "parity.jsonl", []
    plan = Plan((TargetName("numpy"),), formulas=("dense", "tanh"))

    def write(self: Recorder, *lines: Line) -> None:
        written.append(path.exists())
        raise KeyboardInterrupt

    monkeypatch.setattr(Recorder, "write", write)
    with pytest.raises(KeyboardInterrupt):
        Recorder.anew(path, plan)
    assert written == [False]
    monkeypatch.undo()
    recorder = Recorder.anew(path, plan)
    recorder.write(Fact("t", "r", "c", "x"))
    recorder.close()
    kinds = [type(line).__name__ for line in read_run(path)]
    assert kinds == ["Environment", *["FormulaLine"] * len(plan.chosen()), "Fact"]
    assert [one.name for one in tmp_path.iterdir()] == [path.name]

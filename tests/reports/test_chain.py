"""A run file whose lines were edited, removed, doubled or added: each is found, and the line is named."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from nnparity.command_line import main as cli
from nnparity.execute.target import TargetName
from nnparity.reports import merge
from nnparity.reports.chain import Chain, broken, links, sealed
from nnparity.run.finalization import finalize
from nnparity.run.plan import Plan
from nnparity.run.recorder import Recorder
from nnparity.run.session import Session
from nnparity.tests.judge.verdicts import verdict

Lines = list[bytes]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Two writers whose lines lie among each other, and the seal."""
    file = tmp_path / "run.jsonl"
    recorders = Recorder(file), Recorder(file)
    for number in range(12):
        recorders[number % 2].write(verdict(case=f"dense/n{number}/normal/float32", quantity="output", hard=0.5))
    sealed(file)
    return file


def found(path: Path) -> list[str]:
    return list(broken(links(path)))


def test_a_file_as_it_was_written_has_nothing_wrong(path: Path) -> None:
    assert found(path) == []
    assert merge([path]).verdicts[0].case == "dense/n0/normal/float32"


def test_other_ends_of_lines_are_no_change_and_hide_none(path: Path) -> None:
    """Git and tools of Windows write them so."""
    as_written = links(path)
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert links(path) == as_written
    assert found(path) == []
    path.write_bytes(path.read_bytes().replace(b'"hard":0.5', b'"hard":0.4', 1))
    assert [one.endswith("was edited") for one in found(path)] == [True]


def edited(lines: Lines) -> str:
    lines[6] = lines[6].replace(b'"hard":0.5', b'"hard":0.4')
    return "line 7 (verdict of dense/n6/normal/float32 output on {target}) was edited"


def other_link(lines: Lines) -> str:
    head, _, tail = lines[6].partition(b'"link":"')
    writer, place, digest = tail.rstrip(b'"}').split(b".")
    lines[6] = head + b'"link":"' + b".".join((writer, place, digest[::-1])) + b'"}'
    return "line 7 (verdict of dense/n6/normal/float32 output on {target}) was edited"


def removed(lines: Lines) -> str:
    del lines[6]
    return "1 line is missing before line 8 (verdict of dense/n8/normal/float32 output on {target}), behind line 5 "


def first_removed(lines: Lines) -> str:
    del lines[0]
    return "1 line is missing before line 2 (verdict of dense/n2/normal/float32 output on {target}), at the beginning"


def last_removed(lines: Lines) -> str:
    del lines[11]
    return "1 lines of {writer} are missing behind line 10 (verdict of dense/n9/normal/float32 output on {target})"


def a_writer_removed(lines: Lines) -> str:
    lines[:12] = lines[0:12:2]
    return "all 6 lines of {writer} are missing"


def doubled(lines: Lines) -> str:
    lines.insert(7, lines[6])
    return "line 8 (verdict of dense/n6/normal/float32 output on {target}) is there twice, first as line 7"


def moved(lines: Lines) -> str:
    lines[6], lines[8] = lines[8], lines[6]
    return "stands behind number 5"


def put_in(lines: Lines) -> str:
    lines.insert(3, json.dumps(json.loads(lines[2]) | {"link": ""}).encode())
    return "line 4 (verdict of dense/n2/normal/float32 output on {target}) carries no link"


def unsealed(lines: Lines) -> str:
    del lines[12]
    return "the file has no last line that seals it"


def seal_edited(lines: Lines) -> str:
    lines[12] = lines[12].replace(b'"6.', b'"5.', 1)
    return "line 13 (Seal) was edited"


FAULTS = [
    *(edited, other_link, removed, first_removed, last_removed, a_writer_removed),
    *(doubled, moved, put_in, unsealed, seal_edited),
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda one: str(one.__name__))
def test_a_fault_is_named(path: Path, fault: Callable[[Lines], str]) -> None:
    lines = path.read_bytes().splitlines()
    target = json.loads(lines[0])["target"]
    writer = json.loads(lines[1])["link"].partition(".")[0]
    told = fault(lines).format(target=target, writer=writer)
    path.write_bytes(b"\n".join(lines) + b"\n")
    assert any(told in one for one in found(path)), found(path)


def test_what_is_added_behind_the_seal_is_told(path: Path) -> None:
    Recorder(path).write(verdict())
    assert any("were added after the file was sealed" in one for one in found(path))


def test_a_line_that_was_moved_behind_the_seal_is_told(path: Path) -> None:
    *lines, last, seal = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join((*lines, seal, last)))
    assert any("stands behind the line that sealed the file" in one for one in found(path))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real run of one formula, as it ends."""
    path = tmp_path_factory.mktemp("run") / "parity.jsonl"
    plan = Plan((TargetName("numpy"),), formulas=("dense",), dtypes=("float32",), datasets=("normal",))
    recorder = Recorder.anew(path, plan)
    recorder.close()
    with Session(plan, path) as session:
        for group in plan.groups():
            list(session.examine(group))
        session.recorder.write(session.total().summary())
    finalize(path, path.parent)
    return path


def called(*arguments: object) -> int | str | None:
    return cli.guarded(lambda: cli.application([str(one) for one in arguments]))


def verify(path: Path, *arguments: str) -> int | str | None:
    return called("verify", path, *arguments)


def test_a_real_run_is_as_written_and_judged_again_alike(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert verify(run, "--sample", "6") == 0
    assert "as written; 6 of 6 verdicts judged again are alike" in capsys.readouterr().out


def relinked(path: Path, before: bytes, after: bytes) -> Path:
    """A copy in which numbers are others and all digests fit: whoever did that knew how."""
    other = path.with_name("forged.jsonl")
    other.unlink(missing_ok=True)
    chain = Chain()
    texts = [line.text for line in links(path) if b'"kind":"seal"' not in line.text]
    other.write_bytes(b"".join(chain.linked(text.replace(before, after) + b"\n") for text in texts))
    sealed(other)
    return other


def test_a_forged_file_is_found_by_judging_again(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    forged = relinked(run, b'"grade":"conforms"', b'"grade":"imprecise"')
    assert verify(forged, "--sample", "3") == 1
    told = capsys.readouterr().out
    assert "grade imprecise, here conforms" in told
    assert "as written; 0 of 3" in told


def test_what_is_not_chained_is_a_usage_error(run: Path, tmp_path: Path) -> None:
    plain = tmp_path / "old.jsonl"
    plain.write_bytes(b"\n".join(line.text for line in links(run)) + b"\n")
    assert merge([plain]).verdicts == merge([run]).verdicts
    assert verify(plain) == 2
    assert verify(tmp_path / "none.jsonl") == 2


@pytest.mark.parametrize("place", [0, 5])
def test_a_line_of_which_a_part_is_left_is_named(
    place: int, run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = run.read_bytes().splitlines(keepends=True)
    other = tmp_path / "torn.jsonl"
    other.write_bytes(b"".join([*lines[:place], lines[place][:30] + b"\n", *lines[place + 1 :]]))
    assert verify(other) == 1
    told = capsys.readouterr().out
    assert f"line {place + 1} carries no link" in told
    assert "not as written; none was judged again, since some cannot be read" in told


@pytest.mark.parametrize("text", [b"", b"\xff\xfe\x00"])
def test_what_is_no_run_file_is_not_taken_for_an_old_one(
    text: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "none.jsonl").write_bytes(text)
    assert verify(tmp_path / "none.jsonl") == 2
    assert "no line says where it was run: no run file" in capsys.readouterr().err


def test_a_report_of_a_damaged_file_is_refused(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = tmp_path / "edited.jsonl"
    other.write_bytes(run.read_bytes().replace(b'"grade":"conforms"', b'"grade":"imprecise"', 1))
    for command in (("report", other, "--out", tmp_path / "out"), ("diff", run, other), ("known", "check", other)):
        assert called(*command) == 2, command
        assert "is not as it was written: line" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    assert merge([other], damaged=True).verdicts != merge([run]).verdicts


@pytest.mark.parametrize("lines", [1, 40])
def test_a_file_without_its_end_makes_an_incomplete_report(
    lines: int, run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cut = tmp_path / "cut.jsonl"
    cut.write_bytes(b"".join(run.read_bytes().splitlines(keepends=True)[:-lines]))
    out = tmp_path / "out"
    for command in (("report", cut, "--out", out), ("report", out / "parity.jsonl", "--out", out), ("diff", run, cut)):
        assert called(*command) == 1, command
        assert "incomplete: 1 of 1 runs did not come to an end" in capsys.readouterr().err
    assert "did not come to an end" in (out / "parity.md").read_text("utf-8")


def test_what_is_merged_is_chained_unless_nothing_vouches_for_it(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plain = tmp_path / "plain.jsonl"
    plain.write_bytes(b"".join(line.text + b"\n" for line in links(run)))
    for number, path in enumerate((run, plain)):
        out = tmp_path / str(number)
        assert called("report", path, "--out", out) == 0
        assert ("are not chained: nothing tells" in capsys.readouterr().err) == (path is plain)
        assert verify(out / "parity.jsonl", "--sample", "0") == (2 if path is plain else 0)
        assert merge([out / "parity.jsonl"]).verdicts == merge([run]).verdicts


def test_what_is_no_run_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty.jsonl").write_bytes(b"")
    assert called("report", tmp_path / "empty.jsonl") == 2
    assert "no line says where it was run" in capsys.readouterr().err


def test_what_a_file_holds_does_not_steer_the_terminal(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = run.with_name("codes.jsonl")
    evil = run.read_bytes().replace(b'"case":"dense', '"case":"\u202e\u001b'.encode() + b"dense", 1)
    other.write_bytes(evil.replace(b"\x1b", rb"\u001b"))
    assert verify(other, "--sample", "0") == 1
    told = "".join(capsys.readouterr())
    assert "\u202e" not in told
    assert "\x1b" not in told
    assert "\\u202e\\u001b" in told

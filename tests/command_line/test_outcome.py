"""What a run leaves to others: the report of before, a JSON object for programs, a status that may be of news alone."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from nnparity.command_line.running.exclusion import LOCK, alone
from nnparity.command_line.running.outcome import Outcome, soaked
from nnparity.command_line.running.previous import ASIDE, RUN
from nnparity.reports import MergedRun, merge
from nnparity.reports.aggregation import Aggregate
from nnparity.reports.chain import state
from nnparity.reports.records import Seal, Summary, Verdict, encode, read_run
from nnparity.reports.render import FILES
from nnparity.run.counts import Counts, TotalCounts
from nnparity.tests import commands
from nnparity.tests.invocation import Run, invoked
from nnparity.tests.judge.verdicts import verdict

TALKATIVE = """
from nnparity.adapters.numpy import NumpyAdapter
print("imported")

class Target(NumpyAdapter):
    backend = "target"
    unsupported = {}

    def observe(self, request):
        print("asked")
        return super().observe(request)
"""
DOUBLED = TALKATIVE.replace("super().observe(request)", "{n: y + y for n, y in super().observe(request).items()}")
GONE = TALKATIVE.replace("unsupported = {}", "unsupported = {'relu': 'not any more'}")
PLAN = (
    *("run", "--backend", "target.py:Target", "--formula", "relu", "--dtype", "float32", "--level", "quick"),
    *("--no-scripts", "--no-store"),
)
OUT = Path("reports/out")


@pytest.fixture
def nnparity(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command in a folder of its own, with an adapter file in it."""
    monkeypatch.chdir(tmp_path)
    target(TALKATIVE)
    return invoked


def target(source: str) -> None:
    Path("target.py").write_text(source)


def verdicts(path: Path) -> list[Verdict]:
    return [line for line in read_run(path) if isinstance(line, Verdict)]


def files(folder: Path) -> dict[str, bytes]:
    """What lies in a folder, but for the lock and the folders in it."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file() and path.name != LOCK}


def cut_short(path: Path) -> None:
    """The run file as a kill would leave it."""
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[: next(row for row, line in enumerate(lines) if b'"kind":"summary"' in line)]))


# --- the report of before


def test_a_report_consists_of_the_files_that_are_said_to_be_its_own(nnparity: Run) -> None:
    nnparity(*PLAN)
    assert {path.name for path in OUT.iterdir()} - {LOCK, "verdicts.parquet"} == {*FILES, RUN} - {"verdicts.parquet"}


def test_the_report_of_before_is_kept_and_said(nnparity: Run, capsys: pytest.CaptureFixture[str]) -> None:
    nnparity(*PLAN)
    assert "is kept" not in capsys.readouterr().err
    before = files(OUT)
    target(DOUBLED)
    nnparity(*PLAN)
    assert capsys.readouterr().err.count(f"the report of before is kept in {OUT / 'previous'}\n") == 1
    assert files(OUT / "previous") == before
    assert "diverges" in {one.grade for one in verdicts(OUT / RUN)}


def test_one_generation_is_kept_and_nothing_else_touched(nnparity: Run) -> None:
    nnparity(*PLAN, "--salt", "1")
    nnparity(*PLAN, "--salt", "2")
    (OUT / "previous/notes.txt").write_text("mine")
    (OUT / "previous/verdicts.parquet").write_text("of the first")
    (OUT / "verdicts.parquet").unlink(missing_ok=True)
    nnparity(*PLAN, "--salt", "3")
    assert '"salt":"2"' in (OUT / "previous" / RUN).read_text()
    assert (OUT / "previous/notes.txt").read_text() == "mine"
    assert not (OUT / "previous/verdicts.parquet").exists(), "of another run than the rest"
    assert not (OUT / "previous/previous").exists()


def test_a_run_that_was_cut_short_does_not_take_the_place_of_a_whole_one(nnparity: Run) -> None:
    nnparity(*PLAN, "--salt", "1")
    nnparity(*PLAN, "--salt", "2")
    cut_short(OUT / RUN)
    nnparity(*PLAN, "--salt", "3")
    assert '"salt":"1"' in (OUT / "previous" / RUN).read_text()


@pytest.mark.parametrize("options", [(), ("--no-keep-previous",)])
@pytest.mark.parametrize("whole", [True, False])
def test_a_target_that_does_not_start_leaves_all_as_it_was(
    whole: bool, options: tuple[str, ...], nnparity: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    for salt in ("1", "2"):
        nnparity(*PLAN, "--salt", salt)
    if not whole:
        cut_short(OUT / RUN)
    before, earlier = files(OUT), files(OUT / "previous")
    target("import nowhere")
    assert nnparity(*PLAN, *options) == 2
    assert (files(OUT), files(OUT / "previous")) == (before, earlier)
    assert capsys.readouterr().err.count("the report of before is kept") == 1, "that of the second run"


def test_a_target_that_does_not_start_leaves_no_run_file_and_no_folders(nnparity: Run) -> None:
    target("import nowhere")
    assert nnparity(*PLAN) == 2
    assert not OUT.exists()
    OUT.mkdir(parents=True)
    target(TALKATIVE)
    nnparity(*PLAN)
    target("import nowhere")
    assert nnparity(*PLAN) == 2
    assert not (OUT / "previous").exists()


def test_a_run_file_that_lies_aside_since_a_kill_takes_its_place_again(nnparity: Run) -> None:
    nnparity(*PLAN, "--salt", "1")
    before = (OUT / RUN).read_bytes()
    (OUT / RUN).replace(OUT / ASIDE)
    (OUT / RUN).write_bytes(before.splitlines(keepends=True)[0])  # the head of a run that has done nothing
    nnparity(*PLAN, "--salt", "2")
    assert (OUT / "previous" / RUN).read_bytes() == before
    assert not (OUT / ASIDE).exists()


def test_told_otherwise_it_is_written_over(nnparity: Run) -> None:
    nnparity(*PLAN)
    nnparity(*PLAN, "--no-keep-previous")
    assert not (OUT / "previous").exists()


def test_a_run_that_goes_on_moves_nothing(nnparity: Run) -> None:
    nnparity(*PLAN)
    whole = len(verdicts(OUT / RUN))
    assert nnparity(*PLAN, "--resume") == 0
    cut_short(OUT / RUN)
    assert nnparity(*PLAN, "--resume") == 0
    assert not (OUT / "previous").exists()
    assert len(verdicts(OUT / RUN)) == whole


def test_a_run_goes_on_whatever_ends_the_lines_of_its_file(nnparity: Run) -> None:
    nnparity(*PLAN)
    whole = len(verdicts(OUT / RUN))
    cut_short(OUT / RUN)
    (OUT / RUN).write_bytes((OUT / RUN).read_bytes().replace(b"\n", b"\r\n"))
    assert nnparity(*PLAN, "--resume") == 0
    assert len(verdicts(OUT / RUN)) == whole
    assert state(OUT / RUN).seal
    assert not state(OUT / RUN).faults


def test_the_report_of_before_may_be_the_baseline(nnparity: Run) -> None:
    nnparity(*PLAN)
    target(DOUBLED)
    assert nnparity(*PLAN, "--baseline", str(OUT / RUN)) == 1
    assert "## Changed since the baseline" in (OUT / "summary.md").read_text("utf-8")


# --- a report in the folder of a run


def test_a_report_is_refused_where_a_run_is_going_on(nnparity: Run, capsys: pytest.CaptureFixture[str]) -> None:
    nnparity(*PLAN)
    before = files(OUT)
    with alone(OUT):
        assert nnparity("report", str(OUT)) == 2
        assert f"another run writes into {OUT}: name another folder by --out" in capsys.readouterr().err
        assert files(OUT) == before
        assert nnparity("report", str(OUT), "--out", "elsewhere") == 0
    assert nnparity("report", str(OUT)) == 0


def test_a_report_of_its_own_folder_leaves_the_run_file_as_it_is(nnparity: Run) -> None:
    target(DOUBLED)
    nnparity(*PLAN)
    before = files(OUT)
    (OUT / "parity.html").unlink()
    assert nnparity("report", str(OUT / RUN)) == 0
    assert files(OUT).keys() == before.keys()
    assert files(OUT)[RUN] == before[RUN]
    tables = [encode(line) for line in read_run(OUT / RUN) if not isinstance(line, Verdict | Seal)]
    (OUT / "mutation.jsonl").write_bytes(b"".join(tables))  # goes with a run, and has no verdict itself
    assert nnparity("report", str(OUT)) == 0
    assert files(OUT)[RUN] == before[RUN]


def test_a_report_of_a_run_that_was_cut_short_leaves_it_to_be_gone_on_with(nnparity: Run) -> None:
    nnparity(*PLAN)
    cut_short(OUT / RUN)
    before = (OUT / RUN).read_bytes()
    assert nnparity("report", str(OUT)) == 1
    assert (OUT / RUN).read_bytes() == before
    assert nnparity(*PLAN, "--resume") == 0
    assert (OUT / RUN).read_bytes().startswith(before[: before.rindex(b'{"kind":"finished"')])


def test_a_report_elsewhere_moves_what_a_run_has_left_there(nnparity: Run, capsys: pytest.CaptureFixture[str]) -> None:
    nnparity(*PLAN, "--out", "one")
    target(DOUBLED)
    nnparity(*PLAN)
    before = files(OUT)
    assert nnparity("report", f"one/{RUN}") == 0
    assert f"the report of before is kept in {OUT / 'previous'}" in capsys.readouterr().err
    assert files(OUT / "previous") == before
    assert merge([OUT / RUN]) == merge([f"one/{RUN}"])


@pytest.mark.parametrize(
    ("runs", "told"),
    [
        ((f"one/{RUN}", str(OUT)), f"take the place of {OUT / RUN}, one of the runs that it is made of"),
        ((str(OUT / "previous"),), f"{OUT / RUN} would take the place of {OUT / 'previous' / RUN}"),
        ((f"one/{RUN}", "--out", "cut"), f"cut/{RUN} is a run that was cut short"),
    ],
)
def test_a_report_takes_the_place_of_no_other_run(
    runs: tuple[str, ...], told: str, nnparity: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        nnparity(*PLAN)
    for out in ("one", "cut"):
        nnparity(*PLAN, "--out", out)
    cut_short(Path("cut") / RUN)
    before = {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()}
    assert nnparity("report", *runs) == 2
    error = capsys.readouterr().err
    assert told in error
    assert "name another folder by --out" in error
    assert {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()} == before


def test_a_folder_that_was_made_for_nothing_goes_again(nnparity: Run) -> None:
    assert nnparity("report", "nowhere.jsonl", "--out", "nothing") == 2
    assert not Path("nothing").exists()


# --- as JSON


def alone_on_stdout(*arguments: str) -> tuple[int, dict[str, Any]]:
    done = commands.nnparity(*arguments, "--json")
    return done.returncode, json.loads(done.stdout)


@pytest.mark.parametrize(("source", "status"), [(TALKATIVE, 0), (DOUBLED, 1), (GONE, 2)])
@pytest.mark.usefixtures("nnparity")
def test_what_a_run_says_as_json_is_what_its_file_says(source: str, status: int) -> None:
    target(source)
    ended, told = alone_on_stdout(*PLAN)
    found = verdicts(OUT / RUN)
    assert (ended, told["status"], told["passed"]) == (status, status, status == 0)
    assert told["verdicts"] == len(found)
    assert told["grades"] == Counter(one.grade for one in found)
    assert told["failing_not_on_record"] == sum(one.grade == "diverges" for one in found)
    (summary,) = (line for line in read_run(OUT / RUN) if isinstance(line, Summary))
    assert told["grades"] == summary.counts
    assert all(Path(path).is_file() for path in told["files"])
    assert bool(told["new_causes"]) == (status == 1)
    assert "news" not in told


@pytest.mark.usefixtures("nnparity")
def test_a_report_says_the_same_as_json() -> None:
    _, run = alone_on_stdout(*PLAN)
    ended, told = alone_on_stdout("report", str(OUT / RUN), "--out", "again")
    assert ended == 0
    assert {key: run[key] for key in told if key != "files"} == {key: told[key] for key in told if key != "files"}
    assert Path("again/parity.html") in map(Path, told["files"])


# --- on what it fails


@pytest.mark.parametrize(
    ("before", "now", "plain", "of_news", "news"),
    [
        (TALKATIVE, TALKATIVE, 0, 0, "none"),
        (DOUBLED, DOUBLED, 1, 0, "none"),
        (DOUBLED, TALKATIVE, 0, 0, "none"),
        (TALKATIVE, DOUBLED, 1, 1, "verdicts"),
        (TALKATIVE, GONE, 2, 1, "verdicts"),
        (GONE, GONE, 2, 2, None),
        (GONE, DOUBLED, 1, 1, "verdicts"),
    ],
)
def test_it_may_fail_on_news_alone(
    before: str,
    now: str,
    plain: int,
    of_news: int,
    news: str | None,
    nnparity: Run,
    capsys: pytest.CaptureFixture[str],
) -> None:
    target(before)
    nnparity(*PLAN, "--out", "before")
    target(now)
    against = (*PLAN, "--baseline", f"before/{RUN}")
    assert nnparity(*against) == plain
    capsys.readouterr()
    assert nnparity(*against, "--fail-on", "news", "--json") == of_news
    out, err = capsys.readouterr()
    last = err.splitlines()[-1]
    assert last.startswith("FAIL: " if of_news else "PASS: ")
    assert ("news since the baseline: " in last) == (news is not None)
    assert news is None or news in last
    told = json.loads(out.splitlines()[-1])
    assert (told["news"] > 0) == (news == "verdicts")
    assert (told["status"], told["passed"]) == (of_news, not of_news)
    assert "new divergence" not in last, "new is what is news"
    red = json.loads((OUT / "badge.json").read_text("utf-8"))["color"] == "critical"
    assert ("<failure" in (OUT / "junit.xml").read_text("utf-8"), red) == (of_news == 1, of_news == 1)


FAILS = TotalCounts(Counts(failures=[verdict()], judged={"t": 1}))
IDLE, PASSES = TotalCounts(), TotalCounts(Counts(judged={"t": 1}))


@pytest.mark.parametrize(
    ("seeds", "stopped", "status", "told"),
    [
        ([PASSES, PASSES], False, 0, "PASS: all of 2 seeds."),
        ([IDLE, FAILS, PASSES], False, 1, "FAIL: 2 of 3 seeds, soak-1, soak-2."),
        ([IDLE, IDLE], False, 2, "FAIL: 2 of 2 seeds, soak-1, soak-2."),
        ([FAILS, PASSES], True, 130, "FAIL: interrupted at seed 2 of 2; 1 of 2 seeds, soak-1."),
    ],
)
def test_a_soak_ends_as_its_worst_seed(seeds: list[TotalCounts], stopped: bool, status: int, told: str) -> None:
    last = len(seeds)
    outcomes = {
        f"soak-{place}": Outcome(total, Aggregate(MergedRun()), stopped and place == last)
        for place, total in enumerate(seeds, start=1)
    }
    assert soaked(outcomes, last) == (status, told)


def test_what_was_not_asked_before_is_news_where_it_fails(nnparity: Run) -> None:
    target(DOUBLED)
    nnparity(*PLAN, "--out", "before")
    against = (*PLAN, "--baseline", f"before/{RUN}", "--fail-on", "news")
    assert nnparity(*against) == 0
    assert nnparity(*against, "--formula", "tanh") == 1


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--fail-on", "news"), "name one by --baseline"),
        (("--fail-on", "new", "--baseline", "x.jsonl"), "did you mean 'news'?"),
    ],
)
def test_news_of_nothing_is_no_usage(
    arguments: tuple[str, ...], told: str, nnparity: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert nnparity(*PLAN, *arguments) == 2
    assert told in capsys.readouterr().err
    assert not OUT.exists()


@pytest.mark.parametrize("command", [(), ("run",), ("report",)])
def test_h_is_help(command: tuple[str, ...], nnparity: Run, capsys: pytest.CaptureFixture[str]) -> None:
    texts = []
    for option in ("-h", "--help"):
        assert nnparity(*command, option) == 0
        texts.append(capsys.readouterr().out)
    assert texts[0] == texts[1]
    assert "Usage: " in texts[0]

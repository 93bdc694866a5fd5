"""A case that fails is asked once more: the same bits say nothing, others are told, and no finished result is lost."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from nnparity.adapters.request import Request
from nnparity.execute.observer import Observed
from nnparity.execute.target import Target, TargetName, start
from nnparity.reports import merge
from nnparity.reports.records import ONCE_MORE, RIGHT_AGAIN, WRONG, Verdict, read_run
from nnparity.reproduce.again import judged_again
from nnparity.run import repetition
from nnparity.run.engines.processes import Processes
from nnparity.run.examiner import Examiner
from nnparity.run.plan import Plan
from nnparity.run.repetition import SAME
from nnparity.run.scheduler import Jobs
from nnparity.run.session import Session
from nnparity.store import memory
from nnparity.tests.invocation import invoked

UNSTEADY = "nnparity.tests.run.repetition.unsteady"
DTYPES = ("float32", "bfloat16")
CALLED = f"{ONCE_MORE}other bits, and"
RECORD = """
[tanh-times-three]
formula = "tanh"
target = "*"
dtype = ["float32", "bfloat16"]
quantity = "output"
versions = {}
class = "wrong result"
expects = { hard = 1e9, sharp = 1e9 }
upstream = "not reported"
reason = "It is three times the result."
"""


def plan(name: str, **options: object) -> Plan:
    asked = {"formulas": ("tanh",), "dtypes": ("float32",), "pool": "none", **options}
    return Plan((TargetName(f"{UNSTEADY}:{name}"),), **asked)  # type: ignore[arg-type]


def begun(name: str, timeout: float = 20.0) -> Target:
    return start(TargetName(f"{UNSTEADY}:{name}"), DTYPES, timeout)


def ran(name: str, timeout: float = 20.0, **options: object) -> list[Verdict]:
    """What a session writes down of the ordinary cases."""
    asked = plan(name, **options)
    with Session(asked, None, timeout) as session:
        return [verdict for group in asked.groups() for verdict in session.examine(group)]


def outputs(verdicts: list[Verdict], dtype: str = "float32") -> list[Verdict]:
    return [one for one in verdicts if one.quantity == "output" and one.dtype == dtype]


def said(verdicts: list[Verdict]) -> Counter[str]:
    """What came once more, of those that say something."""
    return Counter((one.message or "").partition(ONCE_MORE)[2] for one in verdicts if ONCE_MORE in (one.message or ""))


@pytest.mark.parametrize("dtype", DTYPES)
def test_what_is_right_once_more_fails_and_is_named_for_that(dtype: str) -> None:
    found = outputs(ran("Once", dtypes=DTYPES), dtype)
    assert len(found) > SAME
    assert {one.grade for one in found} == {"diverges"}
    assert {one.message for one in found} == {f"{CALLED} conforms"}
    assert {one.diagnosis for one in found} == {RIGHT_AGAIN}


@pytest.mark.parametrize("dtype", DTYPES)
def test_other_bits_that_fail_too_are_told_beside_the_diagnosis(dtype: str) -> None:
    found = outputs(ran("Each", dtypes=DTYPES), dtype)
    assert {one.message for one in found} == {f"{CALLED} diverges"}
    assert not any(RIGHT_AGAIN in (one.diagnosis or "") for one in found)
    assert "the expected result times 3" in {one.diagnosis for one in found}


@pytest.mark.parametrize("dtype", DTYPES)
def test_of_the_same_bits_nothing_is_said(dtype: str) -> None:
    """Nor of what nobody asks once more: an examiner that is not told to."""
    asked, steady = plan("Unsteady", dtypes=(dtype,)), begun("Unsteady")
    plain = [one for group in asked.groups() for one in Examiner(asked).examine(group, [steady])]
    steady.observer.close()
    found = ran("Unsteady", dtypes=(dtype,))
    assert any(one.grade == "diverges" for one in found)
    assert [untimed(one) for one in found] == [untimed(one) for one in plain]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("Dies", "no answer: crashed, the process died: exit status 7"),
        ("Hangs", "no answer: timed out, no answer within 2 s; the process was killed"),
    ],
)
def test_a_process_that_is_lost_once_more_costs_no_verdict(name: str, told: str, dtype: str) -> None:
    """And after the first it is not asked for another."""
    found, steady = ran(name, timeout=2.0, dtypes=(dtype,)), ran("Unsteady", dtypes=(dtype,))
    assert [(one.case, one.quantity, one.grade, one.hard, one.digest, one.diagnosis) for one in found] == [
        (one.case, one.quantity, one.grade, one.hard, one.digest, one.diagnosis) for one in steady
    ]
    assert said(found) == {told: 1}


def test_what_raises_once_more_says_so() -> None:
    found = outputs(ran("Raises"))
    assert said(found) == {"no answer: error, no more memory": len(found)}
    assert {one.grade for one in found} == {"diverges"}


@pytest.mark.parametrize(("name", "asked"), [("Unsteady", SAME), ("Once", 6)])
def test_so_many_cases_are_asked_at_most(name: str, asked: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of a formula in a dtype; of a kernel that is always wrong few, of one that is not more."""
    monkeypatch.setattr(repetition, "MOST", 6)
    planned, wrong = plan(name, dtypes=DTYPES), begun(name)
    asks, once = list[str](), wrong.observer.once

    def counting(request: Request) -> Observed | None:
        asks.append(request.dtype)
        return once(request)

    wrong.observer.once = counting  # type: ignore[method-assign]
    examiner = Examiner(planned, repeating=True)
    found = [one for group in planned.groups() for one in examiner.examine(group, [wrong])]
    wrong.observer.close()
    assert Counter(asks) == dict.fromkeys(DTYPES, asked)
    assert all(len(outputs(found, dtype)) > asked for dtype in DTYPES)


def test_what_is_on_record_is_not_asked(tmp_path: Path) -> None:
    file = tmp_path / "known.toml"
    file.write_text(RECORD)
    found = outputs(ran("Once", known=(file,)))
    assert {one.known for one in found} == {"tanh-times-three"}
    assert not said(found)


def test_nothing_is_asked_once_more_where_nothing_fails() -> None:
    asked, right = plan("Once", formulas=("relu", "softmax")), begun("Once")
    asks: list[object] = []
    right.observer.once = asks.append  # type: ignore[method-assign, assignment]
    examiner = Examiner(asked, repeating=True)
    found = [one for group in asked.groups() for one in examiner.examine(group, [right])]
    right.observer.close()
    assert found
    assert not asks


@pytest.fixture
def store(tmp_path: Path) -> Iterator[None]:
    memory.use(tmp_path / "kept")
    yield
    memory.leave()


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize("name", ["Once", "Each", "Unsteady"])
def test_where_verdicts_are_kept_the_case_is_asked_in_each_run(name: str) -> None:
    """What is kept follows from the first answer alone; what came once more is of this run."""
    first = [untimed(one) for one in ran(name)]
    assert [untimed(one) for one in ran(name)] == first
    steady = [untimed(one) for one in ran("Unsteady")]
    assert not said(steady)
    assert {one.diagnosis for one in outputs(steady)} >= {"the expected result times 3"}


def untimed(verdict: Verdict) -> Verdict:
    return msgspec.structs.replace(verdict, seconds=0.0)


def test_two_jobs_say_the_same(tmp_path: Path) -> None:
    """However the plan is shared out."""
    told = []
    for count in (1, 2):
        asked, path = plan("Once", dtypes=DTYPES, formulas=("tanh", "relu"), level="quick"), tmp_path / f"{count}.jsonl"
        with Jobs(Processes(count)) as jobs:
            assert list(jobs.drive(asked, path))
        found = [line for line in read_run(path) if isinstance(line, Verdict) and line.grade in WRONG]
        told.append(sorted((one.case, one.quantity, one.message or "", one.diagnosis or "") for one in found))
    assert told[0] == told[1]
    assert [message for _, _, message, _ in told[0]] == [f"{CALLED} conforms"] * len(DTYPES)


def test_a_run_that_goes_on_says_the_same(tmp_path: Path) -> None:
    """It was cut short in a unit whose case had been asked once more: that is asked, and asked once more, again."""
    options = ("--formula", "tanh", "--dtype", "float32", "--dtype", "bfloat16", "--level", "quick", "--jobs", "1")
    command = ("run", "--backend", f"{UNSTEADY}:Once", *options, "--no-scripts", "--out", str(tmp_path))
    assert invoked(*command) == 1
    path = tmp_path / "parity.jsonl"
    whole, lines = failing(path), path.read_bytes().splitlines(keepends=True)
    ends = [place for place, line in enumerate(lines) if b'"kind":"finished"' in line]
    path.write_bytes(b"".join(lines[: ends[1]]))
    assert failing(path) == whole
    assert invoked(*command, "--resume") == 1
    assert failing(path) == whole
    assert len(whole) == len(DTYPES)


def failing(path: Path) -> list[Verdict]:
    return [untimed(line) for line in read_run(path) if isinstance(line, Verdict) and line.grade in WRONG]


def test_run_report_and_console_say_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ("--formula", "tanh", "--dtype", "float32", "--level", "quick", "--jobs", "1", "--out", str(tmp_path))
    assert invoked("run", "--backend", f"{UNSTEADY}:Once", *options) == 1
    console = " ".join(capsys.readouterr().err.split())
    assert RIGHT_AGAIN in console
    assert f"{CALLED} conforms" in console
    for file in ("parity.jsonl", "parity.md", "parity.html"):
        assert f"{CALLED} conforms" in (tmp_path / file).read_text(encoding="utf-8"), file
    sample = judged_again(merge([tmp_path / "parity.jsonl"]), 50, "1", named=[f"{UNSTEADY}:Once"])
    assert sample.judged
    assert not sample.wrong

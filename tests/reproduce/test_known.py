"""Records shown by scripts of their own: one that does not hold any more is told, and so is one without a script."""

from importlib.util import find_spec
from pathlib import Path

import pytest

from nnparity.command_line import main as cli
from nnparity.execute.target import TargetName
from nnparity.reports.records import Summary, Verdict, encode
from nnparity.reproduce import known
from nnparity.run.plan import Plan
from nnparity.run.recorder import environment
from nnparity.tests.judge.verdicts import verdict

pytestmark = [
    pytest.mark.skipif(find_spec("torch") is None, reason="torch is not installed"),
    pytest.mark.usefixtures("targets_kept"),
]
HOLDS = "attention/b2t3s5d8e8/nan/float32"
RIGHT = "tanh/n3d5/normal/float32"
AGAIN = "attention/b2t3s5d8e8/again/float16"


def line(case: str, known: str | None, target: str = "torch:cpu:eager") -> Verdict:
    formula, signature, dataset, dtype = case.split("/")
    names = {"formula": formula, "signature": signature, "dataset": dataset, "dtype": dtype}
    return verdict(case=case, target=target, quantity="output", grade="diverges", known=known, **names)


def check(path: Path, *lines: Verdict) -> int | str | None:
    run = path / "run.jsonl"
    run.write_bytes(b"".join(map(encode, (environment(Plan((TargetName("torch"),))), *lines, Summary({}, 1, [], {})))))
    arguments = ["known", "check", str(run), "--out", str(path / "scripts")]
    return cli.guarded(lambda: cli.application(arguments))


def test_records_are_shown_by_their_scripts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = (
        line(AGAIN.replace("float16", "bfloat16"), "holds"),
        line(HOLDS, "holds"),
        line(AGAIN, "repeated"),
        line(RIGHT, None),
    )
    assert check(tmp_path, *lines) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[0] == f"holds: shown, {HOLDS} output on torch:cpu:eager"
    assert told[1].startswith("repeated: no script: 'again' belongs to the check 'determinism'")
    assert told[2].startswith("1 of 2 records are shown by their scripts")
    assert (tmp_path / "scripts" / "holds.py").is_file()


def test_a_record_that_does_not_hold_any_more_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(tmp_path, line(RIGHT, "held")) == 1
    told = capsys.readouterr().out
    assert told.startswith(f"held: not shown, its script ends with 0: agrees, {RIGHT} output")


@pytest.mark.parametrize("record", ["../../I_evil", "/tmp/I_evil", "..", "a/b", "a\\b", "", "-c", "x" * 500, "a\nb"])
def test_no_name_of_a_record_leads_out_of_the_folder(record: str, tmp_path: Path) -> None:
    name = known.file_of(record)
    assert (tmp_path / name).resolve().parent == tmp_path.resolve()
    assert name.startswith("record-")
    assert name != known.file_of(f"{record}.")
    (tmp_path / name).touch()


def test_what_a_run_file_calls_a_record_writes_into_the_folder_alone(tmp_path: Path) -> None:
    folder = tmp_path / "within" / "it"
    folder.mkdir(parents=True)
    assert check(folder, line(HOLDS, "../../../I_evil")) == 0
    assert not list(tmp_path.glob("*.py")) + list(folder.glob("*.py"))
    assert [one.name for one in (folder / "scripts").glob("*.py")] == [known.file_of("../../../I_evil")]


@pytest.mark.parametrize("last", [line(HOLDS, "far", "torch:nowhere:eager"), line(AGAIN, "repeated")])
def test_where_no_record_could_be_asked_nothing_is_said(
    last: Verdict, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check(tmp_path, last) == 2
    told = capsys.readouterr()
    assert "0 of 1 records are shown" in told.out
    assert "no record could be asked again" in told.err


def test_a_run_that_met_no_record_asks_none(tmp_path: Path) -> None:
    assert check(tmp_path, line(RIGHT, None)) == 0


@pytest.mark.parametrize(("grade", "shows"), [("diverges", False), ("error", True)])
def test_a_script_that_raises_shows_no_wrong_numbers(tmp_path: Path, grade: str, shows: bool) -> None:
    file = tmp_path / "script.py"
    file.write_text("print('disagrees: raises: NameError: x'); raise SystemExit(1)", encoding="utf-8")
    assert (known._run(file, grade) == known.SHOWN) == shows


def test_what_cannot_be_read_is_a_usage_error(tmp_path: Path) -> None:
    arguments = ["known", "check", str(tmp_path / "none.jsonl")]
    assert cli.guarded(lambda: cli.application(arguments)) == 2

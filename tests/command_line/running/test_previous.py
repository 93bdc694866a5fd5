"""What lies in a folder stays until something takes its place: a plan of nothing, a hunt and a soak take none."""

from pathlib import Path

import pytest

from nnparity.command_line.running.exclusion import LOCKS, alone
from nnparity.execute.target import TargetName
from nnparity.run.plan import Plan
from nnparity.tests.invocation import Run, invoked

QUICK = ("--dtype", "float32", "--level", "quick", "--no-store", "--jobs", "1")
SMALL = (*QUICK, "--no-scripts")
CASE = "relu/n3d5/normal/float32"
ADAPTER = """
from nnparity.adapters.numpy import NumpyAdapter

class Own(NumpyAdapter):
    backend = "own"
"""
HUNT = ("hunt", "--backend", "own.py:Own", "--dtype", "float32", "--minutes", "0", "--out", "out")
SOAK = ("soak", "--backend", "own.py:Own", "--formula", "relu", *QUICK, "--salts", "2", "--out", "out")


@pytest.fixture
def nnparity(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command in a folder of its own, in which an adapter lies."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own.py").write_text(ADAPTER)
    return invoked


def files() -> dict[str, bytes]:
    found = [path for path in Path("out").rglob("*") if path.is_file() and path.name not in LOCKS.values()]
    return {str(path): path.read_bytes() for path in found}


# --- a plan of which nothing is left


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--formula", "tanh", "--case", CASE), f"nothing is left of the plan: --case {CASE} is not of --formula tanh"),
        (("--dtype", "float64", "--case", CASE), f"--case {CASE} is not of --dtype float64"),
        (("--case", CASE, "--signature", "n4d9"), f"--case {CASE} is not of --signature n4d9"),
        (
            ("--formula", "relu", "--level", "quick", "--dataset", "rejects: integers"),
            "no case is of --formula relu, --dataset rejects: integers, --level quick at once",
        ),
        (
            ("--formula", "listing_mlp", "--dtype", "float16"),
            "nothing was judged: no formula of the plan has these dtypes and quantities; out/parity.jsonl stays as it",
        ),
    ],
)
def test_a_plan_of_which_nothing_is_left_leaves_the_folder_as_it_was(
    options: tuple[str, ...], told: str, nnparity: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert nnparity("run", "--backend", "numpy", "--formula", "tanh", *SMALL, "--out", "out") == 0
    before = files()
    capsys.readouterr()
    for _ in range(2):
        assert nnparity("run", "--backend", "numpy", *options, "--out", "out") == 2
        assert told in capsys.readouterr().err.splitlines()[-1]
    assert files() == before


def test_nothing_is_made_for_a_plan_of_which_nothing_is_left(nnparity: Run) -> None:
    for command in ("run", "soak"):
        assert nnparity(command, "--backend", "numpy", "--formula", "tanh", "--case", CASE, "--out", "out") == 2
        assert not Path("out").exists()


def test_one_case_that_is_of_the_plan_is_enough() -> None:
    def clash(*cases: str, formula: str = "relu", level: str = "core") -> str:
        return Plan((TargetName("numpy"),), formulas=(formula,), cases=cases, level=level).clash

    assert clash(CASE) == clash(CASE, "tanh/n3d5/normal/float32") == ""
    asked = "softmax/n3k5/rejects: integers/float32"
    assert clash(asked, formula="softmax") == "", "a further check makes it"
    assert "--level quick at once" in clash(asked, formula="softmax", level="quick")
    told = clash(*(f"relu/n3d{size}/normal/float32" for size in (5, 6, 7, 8, 9)), formula="tanh")
    assert told.count(" is not of --formula tanh") == 3
    assert told.endswith("; and 2 more")


def test_an_empty_share_goes_on(nnparity: Run, capsys: pytest.CaptureFixture[str]) -> None:
    """What is judged of the plan is in the others; that nothing is in this one is what its file says."""
    plan = ("run", "--backend", "numpy", "--formula", "relu", *SMALL, "--case", CASE, "--out", "out")
    assert nnparity(*plan) == 0
    capsys.readouterr()
    assert nnparity(*plan, "--shard", "2/2") == 0
    assert "the report of before is kept in out/previous" in capsys.readouterr().err
    assert b'"kind":"verdict"' not in Path("out/parity.jsonl").read_bytes()
    assert b'"kind":"verdict"' in Path("out/previous/parity.jsonl").read_bytes()


# --- hunts and soaks


@pytest.mark.parametrize("command", [(*HUNT, "--formula", "tanh"), SOAK])
def test_the_files_of_before_stay_until_the_targets_are_up_and_are_kept_then(
    command: tuple[str, ...], nnparity: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert nnparity(*command) == 0
    before = files()
    assert "is kept" not in capsys.readouterr().err
    Path("own.py").write_text("import nowhere")
    assert nnparity(*command) == 2
    assert files() == before
    Path("own.py").write_text(ADAPTER)
    assert nnparity(*command) == 0
    told, after = capsys.readouterr().err, files()
    for name, written in before.items():
        there = Path(name).parent / "previous"
        assert after[str(there / Path(name).name)] == written
        assert told.count(f"{Path(name).name} of before is kept in {there}\n") == 1
    assert after.keys() == {*before, *(str(Path(name).parent / "previous" / Path(name).name) for name in before)}


@pytest.mark.parametrize("formula", ["listing_mlp", "relu"])
def test_a_hunt_of_nothing_leaves_the_file_of_before(formula: str, nnparity: Run) -> None:
    assert nnparity(*HUNT, "--formula", "tanh") == 0
    before = files()
    Path("own.py").write_text(f"{ADAPTER}    unsupported = {{'relu': 'no rectifiers here'}}\n")
    assert nnparity(*HUNT, "--formula", formula) == 2, "it has no pool, or is unsupported"
    assert files() == before


def test_a_second_hunt_into_a_folder_is_refused_and_a_run_beside_one_is_not(
    nnparity: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    """It would move the file of the first away, which then seals the file of the second."""
    assert nnparity(*HUNT, "--formula", "tanh") == 0
    before = files()
    capsys.readouterr()
    with alone(Path("out"), "hunt"):
        assert nnparity(*HUNT, "--formula", "relu") == 2
        assert capsys.readouterr().err == "nnparity: another hunt writes into out: name another folder by --out\n"
        assert files() == before
        assert nnparity("run", "--backend", "own.py:Own", "--formula", "relu", *SMALL, "--out", "out") == 0
    with alone(Path("out")):
        assert nnparity(*HUNT, "--formula", "relu") == 0


def test_a_hunt_that_is_refused_leaves_no_folder(nnparity: Run) -> None:
    assert nnparity(*HUNT, "--formula", "listing_mlp") == 2
    assert not Path("out").exists()

"""What lies in a folder stays until something takes its place: a plan of nothing, a hunt and a soak take none.

So does a run that was killed before it had a verdict, until it goes on or another takes its place.
"""

from pathlib import Path

import pytest

from nnparity.command_line.running.exclusion import LOCKS, alone
from nnparity.command_line.running.previous import ASIDE, RUN
from nnparity.execute.target import TargetName
from nnparity.run.plan import Plan
from nnparity.run.recorder import Recorder
from nnparity.tests.invocation import Run, invoked

QUICK = ("--dtype", "float32", "--level", "quick", "--no-store", "--jobs", "1")
SMALL = (*QUICK, "--no-scripts")
OUT = Path("out")
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


# --- a run that was killed before it had a verdict


RUN_OF = ("run", "--backend", "own.py:Own", "--formula", "relu", *SMALL, "--out", "out", "--salt")


def lying(folder: Path) -> dict[str, bytes]:
    """The files of a folder itself."""
    return {path.name: text for name, text in files().items() if (path := Path(name)).parent == folder}


@pytest.fixture
def killed(nnparity: Run, capsys: pytest.CaptureFixture[str]) -> dict[str, bytes]:
    """A run with salt 2 that was killed while its targets start; the files of the one before, whose salt is 1."""
    assert nnparity(*RUN_OF, "1") == 0
    before = lying(OUT)
    (OUT / RUN).replace(OUT / ASIDE)
    own = TargetName.of("own.py:Own")
    plan = Plan(targets=(own,), formulas=("relu",), dtypes=("float32",), level="quick", salt="2")
    Recorder.anew(OUT / RUN, plan).close()
    capsys.readouterr()
    return before


def test_a_run_that_was_killed_at_its_beginning_and_goes_on_keeps_the_report_of_before(
    killed: dict[str, bytes], nnparity: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert nnparity(*RUN_OF, "2", "--resume") == 0
    assert capsys.readouterr().err.count("the report of before is kept in out/previous\n") == 1
    assert lying(OUT / "previous") == killed
    assert not (OUT / ASIDE).exists()
    second = lying(OUT)
    assert nnparity(*RUN_OF, "3") == 0
    assert lying(OUT / "previous") == second


@pytest.mark.parametrize(("salt", "adapter"), [("3", ADAPTER), ("2", "import nowhere")], ids=["plan", "target"])
def test_one_that_is_refused_can_be_gone_on_with_again(
    salt: str, adapter: str, killed: dict[str, bytes], nnparity: Run
) -> None:
    before = files()
    Path("own.py").write_text(adapter)
    assert nnparity(*RUN_OF, salt, "--resume") == 2
    assert files() == before
    Path("own.py").write_text(ADAPTER)
    assert nnparity(*RUN_OF, "2", "--resume") == 0
    assert lying(OUT / "previous") == killed


def test_a_report_of_one_keeps_that_of_before(killed: dict[str, bytes], nnparity: Run) -> None:
    begun = (OUT / RUN).read_bytes()
    assert nnparity("report", "out", "--out", "out") == 1
    assert lying(OUT / "previous") == killed
    assert (OUT / RUN).read_bytes() == begun


def test_no_run_file_is_kept_with_the_report_of_another_run(nnparity: Run) -> None:
    """As it lay there once a run had gone on, and taken the place of the report of before."""
    assert nnparity(*RUN_OF, "1") == 0
    first = (OUT / RUN).read_bytes()
    assert nnparity(*RUN_OF, "2") == 0
    second = lying(OUT)
    (OUT / ASIDE).write_bytes(first)
    assert nnparity(*RUN_OF, "3") == 0
    assert lying(OUT / "previous") == second


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


@pytest.mark.parametrize("command", [(*HUNT, "--formula", "tanh"), SOAK])
def test_the_files_of_before_are_written_over_where_that_is_asked(command: tuple[str, ...], nnparity: Run) -> None:
    for _ in range(2):
        assert nnparity(*command, "--no-keep-previous") == 0
        assert nnparity("report", next(iter(files())), "--out", "out/shown", "--no-keep-previous") == 0
    assert not [*OUT.rglob("previous")]


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

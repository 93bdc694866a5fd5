"""The pytest face: items, options, one run file for several processes, exit status; in processes of their own."""

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from nnparity.command_line.running.exclusion import alone
from nnparity.command_line.running.previous import RUN
from nnparity.reports import merge
from nnparity.reports.chain import state
from nnparity.reports.records import Environment, Summary, TargetLine, Verdict, encode, read_run
from nnparity.tests.command_line.test_cli import FAULTY

CONFORMANCE = Path(__file__).resolve().parents[1] / "conformance"
#: Without what other plugins of the environment take their time for: importing themselves, or keeping a cache.
ALONE = ("-p", "no:cacheprovider", "-p", "no:hypothesispytest", "-p", "no:anyio")
SMALL = ("--formula", "relu", "--dtype", "float32")


def conformance(folder: Path, *arguments: str) -> tuple[int, str]:
    """Exit status and output of ``pytest tests/conformance`` in a folder, where its run file goes."""
    command = [sys.executable, "-m", "pytest", *ALONE, str(CONFORMANCE), *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def verdicts(folder: Path) -> list[Verdict]:
    return [line for line in read_run(folder / "reports/out/pytest.jsonl") if isinstance(line, Verdict)]


SPY = """
import pathlib, sys

def pytest_unconfigure():
    pathlib.Path("modules").write_text(" ".join(sys.modules))
"""


def test_items_are_called_by_formula_signature_and_dtype_and_collecting_starts_nothing(tmp_path: Path) -> None:
    (tmp_path / "spy.py").write_text(SPY)
    backends = ("--backend", "torch", "--backend", "jax")
    status, told = conformance(tmp_path, *backends, *SMALL, "--collect-only", "-q", "-p", "spy")
    assert status == 0
    assert "test_conformance.py::test_conforms[relu/n3d5/float32/torch]" in told
    modules = set((tmp_path / "modules").read_text().split())
    assert "nnparity.conformance_plugin" in modules
    assert not modules & {"torch", "jax", "tensorflow"}
    assert {path.name for path in tmp_path.iterdir()} <= {"spy.py", "modules", "__pycache__"}, (
        "collecting writes no file"
    )


def test_what_conforms_passes_and_leaves_a_report(tmp_path: Path) -> None:
    status, told = conformance(
        tmp_path, "--backend", "numpy", *SMALL, "--salt", "7", "--quantity", "output", "--quantity", "grad"
    )
    assert status == 0, told
    assert "3 passed" in told
    assert " conforms\n" in told
    assert {v.quantity for v in verdicts(tmp_path)} == {"output", "grad.x"}
    assert [line.salt for line in read_run(tmp_path / "reports/out/pytest.jsonl") if isinstance(line, Environment)] == [
        "7"
    ]
    assert (tmp_path / "reports/out/parity.html").exists()


def test_an_item_that_fails_lists_its_failing_verdicts(tmp_path: Path) -> None:
    (tmp_path / "faulty.py").write_text(FAULTY)
    status, told = conformance(tmp_path, "--backend", "faulty.py:Doubled", *SMALL, "-k", "n3d5")
    assert status == 1
    for case in ("normal", "small", "large", "wide"):
        assert f"diverges: relu/n3d5/{case}/float32 output on doubled:cpu:eager  hard " in told
    assert "worst element [" in told
    assert "the expected result times 2" in told
    assert "relu/n3d5/normal/float32 hvp.x" not in told, "a zero doubled is right"
    assert "test_conformance.py:" not in told.split("short test summary")[0], "no traceback of ours"


def test_two_backends_on_two_processes_write_one_run_file(tmp_path: Path) -> None:
    (tmp_path / "faulty.py").write_text(FAULTY)
    backends = ("--backend", "numpy", "--backend", "faulty.py:Refusing")
    formulas = ("--formula", "relu", "--formula", "tanh", "--dtype", "float32")
    status, told = conformance(tmp_path, *backends, *formulas, "-n", "2", "-v", "--records", "both/run.jsonl")
    assert status == 0, told
    assert "[relu/n3d5/float32/numpy]" in told
    assert "[tanh/n3d5/float32/faulty.py:Refusing]" in told
    lines = list(read_run(tmp_path / "both/run.jsonl"))
    assert len([line for line in lines if isinstance(line, Environment)]) == 1
    merged = merge([tmp_path / "both/run.jsonl"])
    assert {line.target for line in merged.targets.values() if line.available} == {
        "numpy:cpu:eager",
        "refusing:cpu:eager",
    }
    keys = Counter((v.case, v.target, v.quantity) for v in lines if isinstance(v, Verdict))
    assert set(keys.values()) == {1}
    # three signatures, four datasets, four quantities
    drawn = [v for v in merged.verdicts if v.dataset in ("normal", "small", "large", "wide")]
    assert Counter((v.formula, v.target, v.grade) for v in drawn) == {
        ("relu", "numpy:cpu:eager", "conforms"): 48,
        ("tanh", "numpy:cpu:eager", "conforms"): 40,
        ("relu", "refusing:cpu:eager", "unsupported"): 3,
        ("tanh", "refusing:cpu:eager", "conforms"): 40,
    }
    assert merged.cut_short == 0
    assert any(isinstance(line, TargetLine) for line in lines)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--backend", "nosuch"), "no backend is called 'nosuch'"),
        (("--backend", "nosuch.py:Adapter"), "no adapter at 'nosuch.py:Adapter'"),
        (("--backend", "faulty.py:Misspelt", *SMALL), "declares conv2, which the spec does not have"),
        (("--backend", "numpy", "--formula", "desne"), "did you mean 'dense'?"),
        (("--backend", "numpy:cpu", *SMALL, "--device", "cuda"), "--device cuda is taken by no --backend"),
        (("--backend", "numpy", *SMALL, "--known", "form.toml"), "form.toml: not TOML: "),
        (("--backend", "numpy", *SMALL, "--known", "field.toml", "-n", "1"), "field.toml: own-relu: Object contains"),
    ],
    ids=["backend", "file", "misspelt", "formula", "device not taken", "record, no TOML", "record, a wrong field"],
)
def test_what_does_not_exist_is_an_error_of_usage(tmp_path: Path, arguments: tuple[str, ...], told: str) -> None:
    (tmp_path / "faulty.py").write_text(FAULTY)
    (tmp_path / "form.toml").write_text("formula = [")
    (tmp_path / "field.toml").write_text(STALE + 'colour = "red"\n')
    (before := tmp_path / "reports/out/pytest.jsonl").parent.mkdir(parents=True)
    before.write_text("of before")
    status, output = conformance(tmp_path, *arguments)
    assert output.startswith("ERROR: nnparity: ")
    assert told in output
    assert status == pytest.ExitCode.USAGE_ERROR, output
    assert before.read_text() == "of before"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "DeviceUnavailable: numpy has no cuda here, only cpu"),
        # the message of a worker is lost: xdist calls it a crash
        (("-n", "1"), "no verdict"),
    ],
    ids=["here", "in a worker"],
)
def test_a_device_that_is_not_there_ends_with_2(tmp_path: Path, arguments: tuple[str, ...], told: str) -> None:
    status, output = conformance(tmp_path, "--backend", "numpy", *SMALL, "--device", "cuda", *arguments)
    assert told in output
    assert status == 2, output


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--backend", "faulty.py:Idle", *SMALL), "nothing was judged on idle:cpu:eager: every formula"),
        (("--backend", "numpy", "--formula", "listing_mlp", "--dtype", "float16"), "nothing was judged: no formula of"),
        (("--backend", "numpy", *SMALL, "-k", "nosuch"), "nothing was judged: "),
    ],
    ids=["all unsupported", "no verdict", "no item"],
)
def test_nothing_judged_is_no_success(tmp_path: Path, arguments: tuple[str, ...], told: str) -> None:
    (tmp_path / "faulty.py").write_text(FAULTY)
    status, output = conformance(tmp_path, *arguments)
    assert told in output
    assert status == 2, output


def test_without_a_backend_nothing_is_run_and_that_is_said(tmp_path: Path) -> None:
    status, told = conformance(tmp_path)
    assert status == 0
    assert "1 skipped" in told
    assert "SKIPPED [1]" in told, "with its reason"
    assert not list(tmp_path.iterdir())


def test_a_time_limit_that_is_none_ends_with_2(tmp_path: Path) -> None:
    status, told = conformance(tmp_path, "--backend", "numpy", *SMALL, "--case-timeout", "1e10")
    assert status == 2
    assert "nnparity: a time limit of 1e+10 s is none" in told


OWN = """
from nnparity.adapters.numpy import NumpyAdapter

class Own(NumpyAdapter):
    backend = "own"
"""
#: Of what is right: it is stale where all that it speaks of was run.
STALE = """
[own-relu]
formula   = "relu"
target    = "own:*"
dtype     = ["float32"]
quantity  = "output"
versions  = { numpy = ">=1,<3" }
class     = "reduced precision"
expects   = { hard = 15, sharp = 600 }
reason    = "adds up in bfloat16"
upstream  = "not reported"
"""
INTERRUPTS = """
def pytest_runtest_logreport(report):
    if report.when == "teardown":
        raise KeyboardInterrupt
"""


@pytest.mark.parametrize(
    ("arguments", "stale"),
    [((), True), (("-n", "2"), True), (("-k", "n3d5"), False), (("-n", "2", "-k", "n3d5"), False)],
    ids=["whole", "whole, by two", "a part", "a part, by two"],
)
def test_a_record_is_stale_only_where_all_was_examined(tmp_path: Path, arguments: tuple[str, ...], stale: bool) -> None:
    (tmp_path / "own.py").write_text(OWN)
    (tmp_path / "known.toml").write_text(STALE)
    own = ("--backend", "own.py:Own", "--known", "known.toml", *SMALL)
    status, told = conformance(tmp_path, *own, *arguments)
    assert status == stale, told
    assert ("stale record, nothing diverges there any more: own-relu" in told) == stale
    merged = merge([tmp_path / "reports/out/pytest.jsonl"])
    assert (merged.stale, merged.cut_short) == (["own-relu"] * stale, 0)


@pytest.mark.parametrize(("arguments", "ends"), [(("-x",), 1), (("-p", "interrupts"), 2)], ids=["-x", "Ctrl-C"])
def test_a_session_that_did_not_come_to_its_end_is_incomplete(
    tmp_path: Path, arguments: tuple[str, ...], ends: int
) -> None:
    (tmp_path / "faulty.py").write_text(FAULTY)
    (tmp_path / "interrupts.py").write_text(INTERRUPTS)
    status, told = conformance(tmp_path, "--backend", "faulty.py:Doubled", *SMALL, *arguments)
    assert status == ends, told
    assert "nnparity: 1 of 1 runs did not come to an end" in told
    found = state(tmp_path / "reports/out/pytest.jsonl")
    assert (found.open, found.faults) == (True, [])
    assert not any(isinstance(line, Summary) for line in read_run(tmp_path / "reports/out/pytest.jsonl"))
    assert "1 of 1 runs did not come to an end" in (tmp_path / "reports/out/parity.md").read_text()


#: What a session finds of its own folder while it goes on.
ASKS = """
from pathlib import Path
from nnparity.command_line.running.exclusion import alone
from nnparity.spec.usage import UsageError

def pytest_runtest_logfinish():
    try:
        with alone(Path("reports/out")):
            pass
    except UsageError as error:
        Path("refused").write_text(str(error))
"""


def test_a_session_has_its_folder_alone_with_its_workers(tmp_path: Path) -> None:
    """A second one would take the run file away from the first, which then sealed the file of the second."""
    (tmp_path / "asks.py").write_text(ASKS)
    out = tmp_path / "reports/out"
    small = ("--backend", "numpy", *SMALL, "--quantity", "output")
    status, told = conformance(tmp_path, *small, "-n", "2", "-p", "asks")
    assert status == 0, told
    assert "another run writes into" in (tmp_path / "refused").read_text()
    before = (out / "pytest.jsonl").read_bytes()
    with alone(out):
        status, told = conformance(tmp_path, *small)
    assert (status, told.splitlines()[0]) == (
        pytest.ExitCode.USAGE_ERROR,
        f"ERROR: nnparity: another run writes into {out}: name another folder by --records",
    )
    assert (out / "pytest.jsonl").read_bytes() == before


def test_the_report_that_a_run_left_is_kept_and_where_none_can_be_written_that_is_said(tmp_path: Path) -> None:
    out, page = tmp_path / "reports/out", "parity.html"
    out.mkdir(parents=True)
    (out / RUN).write_bytes(encode(Summary({}, 0, [], {})))
    (out / page).write_text("of before")
    small = ("--backend", "numpy", *SMALL, "--quantity", "output")
    status, told = conformance(tmp_path, *small)
    assert status == 0, told
    assert f"the report of before is kept in {out / 'previous'}" in told
    assert (out / "previous" / page).read_text() == "of before"
    assert (out / page).read_text() != "of before"
    (out / page).unlink()
    (out / page).mkdir()
    status, told = conformance(tmp_path, *small)
    assert status == 2, told
    assert f"there is no report: {out} cannot be written to: " in told

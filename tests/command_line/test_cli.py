"""The command line: its exit status tells a divergence from a wrong word from a fault of nnparity itself."""

import importlib.metadata
import json
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from nnparity import __version__
from nnparity.command_line import main as cli
from nnparity.reports import merge
from nnparity.reports.chain import links
from nnparity.reports.records import Environment, FormulaLine, KnownLine, Summary, TargetLine, Verdict, read_run
from nnparity.run import examiner
from nnparity.spec import loader, selection
from nnparity.tests.invocation import Run, invoked

FAULTY = """
from nnparity.adapters.kernel import Kernel
from nnparity.adapters.numpy import NumpyAdapter

class Doubled(NumpyAdapter):
    backend = "doubled"

    def observe(self, request):
        return {name: y + y for name, y in super().observe(request).items()}

class Refusing(NumpyAdapter):
    backend = "refusing"
    unsupported = {"relu": "no rectifiers here"}

    def _bound(self, request):
        from nnparity.adapters.base import Unsupported
        if request.formula in self.unsupported:
            raise Unsupported(self.unsupported[request.formula])
        return super()._bound(request)

class Idle(NumpyAdapter):
    backend = "idle"
    unsupported = {"relu": "no rectifiers here", "tanh": "not this one either"}

class Misspelt(NumpyAdapter):
    backend = "misspelt"

    @classmethod
    def kernels(cls):
        return super().kernels() | {"conv2": Kernel("conv")}
"""
RECORD = """
[doubled-relu]
formula  = "relu"
target   = "doubled:*"
dtype    = ["float32"]
versions = { numpy = ">=1,<99" }
class    = "wrong result"
expects  = { answer = ["finite", "infinity"] }
reason   = "Everything twice."
upstream = "not reported"
"""


@pytest.fixture
def nnparity(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command in a folder of its own, with an adapter file in it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "faulty.py").write_text(FAULTY)
    return invoked


SMALL = ("--formula", "relu", "--dtype", "float32")


def verdicts(path: str = "reports/out/parity.jsonl") -> list[Verdict]:
    return [line for line in read_run(Path(path)) if isinstance(line, Verdict)]


# --- 0, 1, 2, 70


def test_what_conforms_ends_with_0_and_leaves_a_report(nnparity: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert nnparity("run", "--backend", "numpy", *SMALL) == 0
    told = capsys.readouterr().err
    assert "verdicts: " in told
    assert " conforms" in told
    assert told.splitlines()[-1] == "PASS: Nothing new. No known cause was met."
    assert {path.name for path in Path("reports/out").iterdir()} >= {"parity.jsonl", "parity.md", "parity.html"}


def test_a_run_file_begins_with_its_environment_and_holds_one_summary(nnparity: Run) -> None:
    nnparity("run", "--backend", "numpy", *SMALL, "--out", "elsewhere", "--salt", "7")
    first, second, third, *lines = read_run(Path("elsewhere/parity.jsonl"))
    assert isinstance(first, Environment)
    assert first.salt == "7"
    assert isinstance(second, FormulaLine)
    assert isinstance(third, TargetLine)
    (summary,) = (line for line in lines if isinstance(line, Summary))
    assert summary.counts == {"conforms": len([line for line in lines if isinstance(line, Verdict)])}


def test_a_divergence_ends_with_1_and_is_named(nnparity: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert nnparity("run", "--backend", "faulty.py:Doubled", *SMALL) == 1
    lines = capsys.readouterr().err.splitlines()
    told = " ".join(" ".join(lines).split())
    (causes,) = re.findall(r"what does not conform, and is on no record: (\d+) causes", told)
    assert re.search(r"✗ wrong result \(supposed\): relu output.*? on doubled:\*: the expected result times 2", told)
    again = "nnparity run --backend faulty.py:Doubled:cpu:eager --case relu/"
    commands = told.replace("--case '", "--case ")  # names of cases may have blanks
    assert commands.count(again) == int(causes) < 12, "one command a cause, not one a verdict"
    assert lines[-1].startswith(f"FAIL: {causes} new divergences: relu ")
    wrong = [v for v in verdicts() if v.case == "relu/n3d5/normal/float32" and v.grade == "diverges"]
    assert {(v.quantity, v.diagnosis) for v in wrong} == {
        (q, "the expected result times 2") for q in ("output", "jvp", "grad.x")
    }


def test_an_adapter_may_be_named_by_its_module_too(nnparity: Run) -> None:
    assert nnparity("run", "--backend", "nnparity.adapters.numpy:NumpyAdapter", *SMALL) == 0


def test_what_is_declared_unsupported_is_told_and_no_fault(nnparity: Run) -> None:
    assert nnparity("run", "--backend", "faulty.py:Refusing", *SMALL, "--formula", "tanh") == 0
    told = {(v.formula, v.grade, v.message) for v in verdicts()}
    assert told == {("relu", "unsupported", "no rectifiers here"), ("tanh", "conforms", None)}


IDLE = ("--backend", "faulty.py:Idle", *SMALL, "--formula", "tanh")
#: Options -> why not a single verdict of theirs judges the target.
NOTHING = [
    (IDLE, "nothing was judged on idle:cpu:eager: every formula of the plan is unsupported there"),
    ((*IDLE, "--backend", "numpy"), "nothing was judged on idle:cpu:eager: every formula of the plan is unsupported"),
    (("--backend", "numpy", "--formula", "listing_mlp", "--dtype", "float16"), "nothing was judged: no formula of the"),
    (
        ("--backend", "numpy", "--formula", "gradient_descent", "--dtype", "float32", "--quantity", "hvp"),
        "nothing was judged: no formula of the",
    ),
]


@pytest.mark.parametrize(("arguments", "told"), NOTHING)
def test_nothing_judged_is_no_success(
    nnparity: Run, arguments: tuple[str, ...], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert nnparity("run", *arguments) == 2
    *_, said, last = capsys.readouterr().err.strip().splitlines()
    assert said.startswith(f"nnparity: {told}"), said
    assert last.startswith(f"FAIL: {told}"), last


def test_a_soak_that_judges_nothing_is_no_success(nnparity: Run) -> None:
    assert nnparity("soak", "--salts", "1", *IDLE) == 2


def test_a_divergence_outweighs_a_target_that_was_not_judged(nnparity: Run) -> None:
    assert nnparity("run", *IDLE, "--backend", "faulty.py:Doubled") == 1


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (
            ("--backend", "faulty.py:Misspelt", *SMALL),
            "declares conv2, which the spec does not have (did you mean conv2d?)",
        ),
        (("--backend", "nosuch"), "no backend is called 'nosuch'"),
        (("--backend", "nosuch.py:Adapter"), "no adapter at 'nosuch.py:Adapter'"),
        (("--backend", "nosuch.module:Adapter"), "no adapter at 'nosuch.module:Adapter'"),
        (("--backend", "faulty.py:Nobody"), "no class 'Nobody' in faulty.py; it has Doubled, Refusing, Idle, Misspelt"),
        (("--backend", "numpy", "--device", "cuda"), "numpy has no cuda here, only cpu"),
        (("--backend", "numpy", "--device", "abacus"), "no device is called 'abacus'"),
        (("--backend", "numpy", "--mode", "compiled"), "numpy has no mode 'compiled'"),
        (("--backend", "numpy:cpu", "--device", "cuda"), "--device cuda is taken by no --backend: numpy:cpu says"),
        (("--backend", "numpy:cpu:eager", "--mode", "compiled"), "--mode compiled is taken by no --backend: numpy"),
        (("--backend", "numpy", "--formula", "desne"), "did you mean 'dense'?"),
        (("--backend", "numpy", "--dtype", "float31"), "did you mean 'float32'?"),
        (("--backend", "numpy", "--quantity", "hessian"), "no quantity is called 'hessian'"),
        (("--backend", "numpy", "--level", "deep"), "no level is called 'deep'"),
    ],
)
def test_what_does_not_exist_ends_with_2_and_one_line(
    nnparity: Run, arguments: tuple[str, ...], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert nnparity("run", *arguments) == 2
    error = capsys.readouterr().err.strip()
    assert error.startswith("nnparity: ")
    assert told in error
    assert "Traceback" not in error
    assert len(error.splitlines()) == 1


@pytest.mark.parametrize("arguments", [(), ("run",), ("run", "--nosuch"), ("nosuch",), ("run", "--backend")])
def test_a_command_that_cannot_be_read_ends_with_2(nnparity: Run, arguments: tuple[str, ...]) -> None:
    assert nnparity(*arguments) == 2


def test_a_malformed_spec_ends_with_2_and_names_the_file(
    nnparity: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "bad.toml").write_text("[dense]\nsection = 3\n")
    monkeypatch.setattr(selection, "load", lambda: loader.load(tmp_path))
    assert nnparity("run", "--backend", "numpy") == 2
    assert "bad.toml: dense: " in capsys.readouterr().err


def on_record(text: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The records of this run are these, and no others, as if their target came with nnparity."""
    (folder / "torch").mkdir()
    (folder / "torch/known.toml").write_text(text)
    monkeypatch.setattr(examiner, "FOLDER", folder)
    monkeypatch.setattr(examiner, "builtin_names", lambda: ["doubled"])


def test_a_malformed_record_ends_with_2_and_names_the_file(
    nnparity: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    on_record(RECORD.replace("reason", "excuse"), tmp_path, monkeypatch)
    assert nnparity("run", "--backend", "numpy", *SMALL) == 2
    assert "known.toml: doubled-relu: " in capsys.readouterr().err


def test_a_fault_of_nnparity_ends_with_70_and_its_traceback(
    nnparity: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("our own")

    monkeypatch.setattr(examiner, "graded", broken)
    assert nnparity("run", "--backend", "numpy", *SMALL) == 70
    assert "ZeroDivisionError: our own" in capsys.readouterr().err


# --- what is on record


def test_a_divergence_on_record_ends_with_0_and_a_stale_record_with_1(
    nnparity: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    on_record(RECORD, tmp_path, monkeypatch)
    assert nnparity("run", "--backend", "faulty.py:Doubled", *SMALL) == 0
    told = capsys.readouterr().err
    assert "✗ wrong result: Everything twice." in told.partition("on record: doubled-relu (")[2].splitlines()[0]
    assert told.splitlines()[-1] == "PASS: Nothing new. 1 known cause, 1 of them wrong numbers."
    (line,) = (one for one in read_run(Path("reports/out/parity.jsonl")) if isinstance(one, KnownLine))
    assert [line.id, line.class_, line.reason] == ["doubled-relu", "wrong result", "Everything twice."]
    assert [line.versions, line.upstream] == [{"numpy": ">=1,<99"}, "not reported"]
    assert line.scope == {"formula": ["relu"], "target": ["doubled:*"], "dtype": ["float32"]}
    assert line.expects == {"answer": "finite, infinity"}
    assert {v.known for v in verdicts() if v.grade == "diverges"} == {"doubled-relu"}
    (tmp_path / "faulty.py").write_text(FAULTY.replace("y + y", "y"))
    assert nnparity("run", "--backend", "faulty.py:Doubled", *SMALL) == 1
    assert "stale records, nothing diverges there any more: doubled-relu" in capsys.readouterr().err
    assert merge(["reports/out/parity.jsonl"]).stale == ["doubled-relu"]


# --- several targets, soak, report, list


def test_several_backends_share_a_run(nnparity: Run) -> None:
    assert nnparity("run", "--backend", "numpy", "--backend", "faulty.py:Doubled", *SMALL) == 1
    grades = {(v.target, v.grade) for v in verdicts() if v.dataset == "normal" and v.quantity == "output"}
    assert grades == {("numpy:cpu:eager", "conforms"), ("doubled:cpu:eager", "diverges")}


def test_an_option_that_is_given_twice_counts_once(nnparity: Run) -> None:
    once = ("--backend", "numpy", *SMALL, "--dtype", "float16", "--quantity", "output")
    assert nnparity("run", *once, "--out", "once") == 0
    assert nnparity("run", *once, *once, "--out", "twice") == 0
    asked = [[(v.case, v.quantity, v.grade) for v in verdicts(f"{out}/parity.jsonl")] for out in ("once", "twice")]
    assert asked[0] == asked[1] != []


def test_two_names_of_one_target_are_told(nnparity: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert nnparity("run", "--backend", "numpy", "--backend", "numpy:cpu:eager", *SMALL) == 2
    assert "numpy:cpu and numpy:cpu:eager are the same target, numpy:cpu:eager" in capsys.readouterr().err


def test_a_soak_goes_through_other_seeds(nnparity: Run) -> None:
    assert nnparity("soak", "--salts", "2", "--backend", "numpy", *SMALL) == 0
    runs = [list(read_run(Path(f"reports/out/soak/{number}.jsonl"))) for number in (1, 2)]
    salts = [line.salt for lines in runs for line in lines if isinstance(line, Environment)]
    assert salts == ["soak-1", "soak-2"]
    assert all(any(isinstance(line, TargetLine) for line in lines) for lines in runs)
    assert nnparity("soak", "--salts", "2", "--backend", "faulty.py:Doubled", *SMALL) == 1
    assert nnparity("report", "reports/out/soak/2.jsonl", "--out", "second") == 0
    assert nnparity("report", "reports/out/soak", "--out", "all") == 2
    assert nnparity("soak", "--first", "3", "--salts", "1", "--backend", "numpy", *SMALL) == 0
    assert [line.salt for line in read_run(Path("reports/out/soak/3.jsonl")) if isinstance(line, Environment)] == [
        "soak-3"
    ]


EARLY = """
from pathlib import Path
from nnparity.adapters.numpy import NumpyAdapter

class Early(NumpyAdapter):
    backend = "early"

    def observe(self, request):
        late = Path(__file__).with_name("reports").joinpath("out/soak/2.jsonl").exists()
        return {name: y if late else y + y for name, y in super().observe(request).items()}
"""


def test_the_last_line_of_a_soak_is_of_all_its_seeds(nnparity: Run, capsys: pytest.CaptureFixture[str]) -> None:
    Path("early.py").write_text(EARLY)
    assert nnparity("soak", "--salts", "3", "--backend", "early.py:Early", *SMALL) == 1
    *_, last_seed, last = capsys.readouterr().err.splitlines()
    assert last_seed.startswith("PASS: Nothing new.")
    assert last == "FAIL: 1 of 3 seeds, soak-1."


def test_reports_are_merged(nnparity: Run, capsys: pytest.CaptureFixture[str]) -> None:
    for out, formula in (("a", "relu"), ("b", "tanh")):
        nnparity("run", "--backend", "numpy", "--formula", formula, "--dtype", "float32", "--out", out)
    assert nnparity("report", "a/parity.jsonl", "b/parity.jsonl", "--out", "both") == 0
    assert {v.formula for v in verdicts("both/parity.jsonl")} == {"relu", "tanh"}
    assert nnparity("report", "a", "b/parity.jsonl", "--out", "folders") == 0
    assert {v.formula for v in verdicts("folders/parity.jsonl")} == {"relu", "tanh"}
    assert nnparity("report", "a/previous", "--out", "folders") == 2
    assert nnparity("report", "nowhere.jsonl") == 2
    assert "nowhere.jsonl" in capsys.readouterr().err


def test_a_report_of_an_older_file_has_what_the_records_here_say(
    nnparity: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    on_record(RECORD, tmp_path, monkeypatch)
    assert nnparity("run", "--backend", "faulty.py:Doubled", *SMALL) == 0
    texts = [one.text for one in links(Path("reports/out/parity.jsonl"))]
    Path("old.jsonl").write_bytes(b"".join(text + b"\n" for text in texts if b'"kind":"known"' not in text))
    assert merge(["old.jsonl"]).known == {}
    assert nnparity("report", "old.jsonl", "--out", "merged") == 0
    assert merge(["merged/parity.jsonl"]).known["doubled-relu"].reason == "Everything twice."
    assert "1 known cause, 1 of them wrong numbers." in Path("merged/summary.md").read_text("utf-8")


def test_the_schema_is_printed(nnparity: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert nnparity("schema") == 0
    assert "KnownLine" in json.loads(capsys.readouterr().out)["$defs"]


def test_a_query_needs_a_table(nnparity: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert nnparity("query", "grade = 'diverges'", "--table", "nowhere.parquet") == 2
    assert "nowhere.parquet is not there" in capsys.readouterr().err


def test_the_list_shows_backends_dtypes_formulas_and_signatures(
    nnparity: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert nnparity("list") == 0
    told = capsys.readouterr().out
    for word in ("numpy, torch, tensorflow, jax", "bfloat16", "conv2d", "n2c3h9w8o4p3q2"):
        assert word in told


def test_the_console_script_passes_the_status_on(tmp_path: Path) -> None:
    script = Path(sys.executable).parent / "nnparity"
    done = subprocess.run(
        [script, "run", "--backend", "nosuch"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "no backend is called 'nosuch'" in done.stderr


# --- what it is, and how else it is called


def test_the_version_is_that_of_the_package(nnparity: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert nnparity("--version") == 0
    assert capsys.readouterr().out == f"nnparity {importlib.metadata.version('nnparity')}\n"


def test_the_version_of_the_package_is_that_of_the_sources() -> None:
    assert importlib.metadata.version("nnparity") == __version__


@pytest.mark.parametrize(
    ("arguments", "status", "told"),
    [(("--version",), 0, "nnparity 0."), (("run", "--backend", "nosuch"), 2, "nnparity: no backend is called")],
)
def test_the_module_is_the_command_too_version_and_status(
    arguments: tuple[str, ...], status: int, told: str, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "nnparity", *arguments]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, (done.stdout + done.stderr)[: len(told)]) == (status, told)


def test_a_process_that_imports_the_module_version_runs_nothing() -> None:
    """As those do that a plan is shared out over: they are told the module under another name."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cli, "app", lambda: pytest.fail("run again"))
        runpy.run_path(str(Path(cli.__file__).parents[1] / "__main__.py"), run_name="__mp_main__")

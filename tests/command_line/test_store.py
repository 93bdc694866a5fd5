"""The store as a user meets it: the second run computes nothing and finds the same, and says what came from where.

Runs are processes of their own: within one, expectations are kept in memory too.
"""

import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from nnparity.command_line import main as cli
from nnparity.command_line import runs
from nnparity.execute.target import TargetName
from nnparity.reports import merge
from nnparity.reports.records import Summary, Verdict, read_run
from nnparity.run.counts import TotalCounts
from nnparity.run.engines.processes import Processes
from nnparity.run.plan import Plan
from nnparity.run.scheduler import Jobs
from nnparity.store.database import Database
from nnparity.store.location import BOUND_VARIABLE, VARIABLE
from nnparity.tests import commands
from nnparity.tests.command_line.test_cli import FAULTY
from nnparity.tests.command_line.test_pytest_plugin import ALONE

QUANTITIES = ("--quantity", "output", "--quantity", "grad")
PLAN = ("--formula", "softmax", "--dtype", "float16", "--dtype", "float64", *QUANTITIES)
NNPARITY = (sys.executable, "-m", "nnparity")
ROOT = Path(__file__).resolve().parents[2]
#: A record of nothing that is run here: beside others nothing is judged as before, and all is expected as before.
RECORD = """
[another]
formula  = "gelu"
target   = "numpy:*"
dtype    = ["float32"]
versions = { numpy = ">=99,<100" }
class    = "wrong result"
expects  = { hard = 2 }
reason   = "None."
upstream = "not reported"
"""


def run(out: Path, *arguments: str, backend: str = "numpy") -> tuple[Summary, dict[Any, Any], str]:
    """How a run in a process of its own ended, its verdicts without their seconds, and what it printed."""
    command = ["run", "--backend", backend, *(arguments or PLAN), "--jobs", "1", "--out", str(out)]
    done = commands.nnparity(*command, cwd=out.parent)
    assert done.returncode in (0, 1), done.stderr
    merged = merge([out / "parity.jsonl"])
    (summary,) = merged.summaries
    return summary, {(v.case, v.quantity): _without_seconds(v) for v in merged.verdicts}, done.stderr


def _without_seconds(verdict: Verdict) -> Any:
    return {field: getattr(verdict, field) for field in verdict.__struct_fields__ if field != "seconds"}


@pytest.fixture
def others(tmp_path: Path) -> Path:
    """Other records than those of before."""
    (tmp_path / "others.toml").write_text(RECORD)
    return tmp_path / "others.toml"


@pytest.fixture(scope="module")
def cold(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Summary, dict[Any, Any], str]:
    """A store that a run has filled, and what came of that run."""
    folder = tmp_path_factory.mktemp("cold")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(VARIABLE, str(folder / "kept"))
        return folder / "kept", *run(folder / "out")


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the store of this test will lie."""
    monkeypatch.setenv(VARIABLE, str(tmp_path / "kept"))
    return tmp_path / "kept"


@pytest.fixture
def kept(empty: Path, cold: Any) -> Path:
    """A store of its own that a run has filled."""
    return Path(shutil.copytree(cold[0], empty))


def test_a_warm_run_computes_nothing_and_finds_the_same(kept: Path, cold: Any, tmp_path: Path) -> None:
    _, before, first, cold_told = cold
    warm, second, warm_told = run(tmp_path / "warm")
    assert second == first
    assert before.kept["expectations"]["computed"] > 20
    assert warm.kept == {"verdicts": {"from the store": len(first)}}
    assert re.search(r"^verdicts: [\d,]+ computed$", cold_told, re.M)
    assert re.search(r"^expectations: .*\d computed$", cold_told, re.M)
    assert re.search(r"^verdicts: [\d,]+ from the store$", warm_told, re.M)
    assert not warm.troubles


def test_beside_other_records_a_warm_run_judges_anew_by_expectations_that_are_kept(
    kept: Path, cold: Any, tmp_path: Path, others: Path
) -> None:
    warm, second, warm_told = run(tmp_path / "warm", *PLAN, "--known", str(others))
    assert second == cold[2]
    assert warm.kept["verdicts"] == {"computed": len(second)}
    assert set(warm.kept["expectations"]) == set(warm.kept["sensitivities"]) == {"from the store"}
    assert re.search(r"^expectations: [\d,]+ from the store$", warm_told, re.M)
    assert not warm.troubles


def test_without_a_store_it_finds_the_same(empty: Path, cold: Any, tmp_path: Path) -> None:
    summary, found, told = run(tmp_path / "out", *PLAN, "--no-store")
    assert found == cold[2]
    assert not summary.kept
    assert "expectations: " not in told
    assert not empty.exists()


def test_several_jobs_share_a_store_and_close_it(kept: Path, tmp_path: Path, others: Path) -> None:
    plan = Plan(
        targets=(TargetName("numpy"),),
        formulas=("softmax",),
        dtypes=("float16", "float64"),
        quantities=("output", "grad"),
        known=(others,),
    )
    total = TotalCounts()
    with Jobs(Processes(2, store=kept)) as jobs:
        for _, part in jobs.drive(plan, tmp_path / "run.jsonl"):
            total.add(part)
    assert set(total.summary().kept["expectations"]) == {"from the store"}
    assert [path.suffix for path in kept.iterdir()] == [".sqlite"], "no log is left"


def test_what_diverges_is_told_the_same_from_a_warm_store(empty: Path, tmp_path: Path, others: Path) -> None:
    (tmp_path / "faulty.py").write_text(FAULTY)
    plan = ("--formula", "tanh", "--dtype", "float32", *QUANTITIES)
    _, first, _ = run(tmp_path / "cold", *plan, backend="faulty.py:Doubled")
    again, same, _ = run(tmp_path / "again", *plan, backend="faulty.py:Doubled")
    warm, second, _ = run(tmp_path / "warm", *plan, "--known", str(others), backend="faulty.py:Doubled")
    assert second == same == first
    assert any(verdict["diagnosis"] for verdict in first.values())
    assert set(again.kept["verdicts"]) == {"from the store"}
    assert set(warm.kept["expectations"]) == {"from the store"}


@pytest.mark.parametrize("kind", ["verdicts", "expectations"])
def test_a_damaged_entry_is_said_in_the_summary(kept: Path, cold: Any, tmp_path: Path, others: Path, kind: str) -> None:
    (file,) = kept.glob("*.sqlite")
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE bodies SET body = zeroblob(length(body))")
    summary, found, told = run(tmp_path / "warm", *PLAN, *(["--known", str(others)] if kind == "expectations" else []))
    assert found == cold[2]
    assert summary.kept["expectations"]["damaged and computed again"] > 20
    assert summary.kept["verdicts"] == {"damaged and computed again" if kind == "verdicts" else "computed": len(found)}
    assert re.search(r"^expectations: .*\d damaged and computed again$", told, re.M)


def test_a_store_that_cannot_be_had_is_said_once_and_the_run_goes_on(
    cold: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv(VARIABLE, str(tmp_path / "file" / "kept"))
    summary, found, told = run(tmp_path / "out")
    assert found == cold[2]
    (trouble,) = summary.troubles
    assert "Not a directory" in trouble
    assert told.count("store: ") == 1


def test_what_is_wrong_with_the_store_while_the_report_is_made_is_said_too(
    empty: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def seen(path: Path, verdicts: int) -> None:  # the run has ended, its report is not yet begun
        shutil.rmtree(empty)
        empty.write_text("no folder")

    monkeypatch.setattr(runs, "unchanged", seen)
    asked = ["run", "--backend", "numpy", "--formula", "relu", "--dtype", "float32", "--jobs", "1"]
    assert cli.guarded(lambda: cli.application([*asked, "--out", str(tmp_path / "out")])) == 0
    assert merge([tmp_path / "out" / "parity.jsonl"]).troubles == []
    (told,) = re.findall(r"^store: .*$", capsys.readouterr().err, re.M)
    assert "File exists" in told


def test_what_is_wrong_with_the_store_while_a_report_gets_its_scripts_is_said_too(
    kept: Path, cold: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (kept.parent / "file").write_text("no folder")
    monkeypatch.setenv(VARIABLE, str(kept.parent / "file"))
    asked = ["report", str(cold[0].parent / "out" / "parity.jsonl"), "--scripts", "--out", str(kept.parent / "out")]
    assert cli.guarded(lambda: cli.application(asked)) == 0
    assert len(re.findall(r"^store: .*File exists.*$", capsys.readouterr().err, re.M)) == 1


def test_what_is_wrong_with_the_store_while_faults_are_planted_is_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv(VARIABLE, str(tmp_path / "file"))
    plan = ["--backend", "numpy", "--formula", "relu", "--formula", "tanh", "--dtype", "float32", "--level", "quick"]
    asked = ["mutate", *plan, "--jobs", "2", "--out", str(tmp_path / "out")]
    assert cli.guarded(lambda: cli.application(asked)) == 0
    assert len(re.findall(r"^store: .*File exists.*$", capsys.readouterr().err, re.M)) == 1
    assert len(merge([tmp_path / "out" / "mutation.jsonl"]).troubles) == 1


def test_a_killed_run_leaves_a_store_that_the_next_one_believes(empty: Path, cold: Any, tmp_path: Path) -> None:
    command = [*NNPARITY, "run", "--backend", "numpy", *PLAN, "--jobs", "1", "--out", str(tmp_path / "killed")]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    run_file = tmp_path / "killed" / "parity.jsonl"
    while process.poll() is None and not (run_file.exists() and b'"verdict"' in run_file.read_bytes()):
        time.sleep(0.01)
    process.kill()
    process.wait()
    summary, found, _ = run(tmp_path / "warm")
    assert found == cold[2]
    assert summary.kept["expectations"]["from the store"] > 0
    assert not summary.troubles


def store(*arguments: str) -> int | str | None:
    return cli.guarded(lambda: cli.application(["store", *arguments]))


def test_the_store_is_looked_at_carried_and_emptied(
    kept: Path, cold: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    entries = _entries(kept)
    assert entries > sum(counted["computed"] for kind, counted in cold[1].kept.items() if kind != "verdicts")
    assert store() == store("--info") == 0
    assert f"file: {kept}" in (told := capsys.readouterr().out)
    assert f"entries: {entries:,}" in told
    assert store("--export", str(tmp_path / "file")) == 0
    assert f"file: {entries:,} entries" in capsys.readouterr().out
    assert store("--clear") == 0
    assert store("--info") == 0
    assert "entries: 0" in capsys.readouterr().out
    monkeypatch.setenv(VARIABLE, str(tmp_path / "other"))
    assert store("--import", str(tmp_path / "file")) == 0
    assert capsys.readouterr().out == f"{entries:,} entries\n"
    warm, *_ = run(tmp_path / "warm")
    assert warm.kept == {"verdicts": {"from the store": len(cold[2])}}


@pytest.mark.parametrize(
    ("environment", "arguments", "told"),
    [
        ({VARIABLE: "off"}, ["store"], "NNPARITY_STORE=off: there is no store"),
        ({BOUND_VARIABLE: "much"}, ["store", "--info"], "NNPARITY_STORE_MIB is a number of MiB, not much"),
        ({BOUND_VARIABLE: "much"}, ["run", "--backend", "numpy"], "NNPARITY_STORE_MIB is a number of MiB, not much"),
        ({}, ["store", "--import", "nosuch"], "nosuch: unable to open database file"),
    ],
)
def test_what_is_wrong_with_it_is_told_in_a_line(
    empty: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    environment: dict[str, str],
    arguments: list[str],
    told: str,
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert cli.guarded(lambda: cli.application(arguments)) == 2
    said = capsys.readouterr().err
    assert said.startswith("nnparity: ")
    assert told in said


@pytest.mark.parametrize("arguments", [["--on", "nowhere"], []])
def test_a_run_that_cannot_be_begun_leaves_the_report_of_before_where_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    (tmp_path / "parity.jsonl").write_bytes(b"{}\n")
    if not arguments:
        monkeypatch.setenv(BOUND_VARIABLE, "much")
    line = ["run", "--backend", "numpy", "--out", str(tmp_path), *arguments]
    assert cli.guarded(lambda: cli.application(line)) == 2
    assert (tmp_path / "parity.jsonl").read_bytes() == b"{}\n"


def pytest_of_a_user(folder: Path, *arguments: str) -> str:
    """What it printed; the environment says of the store only where the user's cache lies: in `folder`."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("NNPARITY")}
    command = [sys.executable, "-m", "pytest", *ALONE, *arguments]
    environment |= {"XDG_CACHE_HOME": str(folder / "cache")}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the cache is not where XDG_CACHE_HOME says")
def test_conformance_tests_have_the_users_store_and_others_have_none(tmp_path: Path) -> None:
    store, conformance = tmp_path / "cache" / "nnparity", str(ROOT / "tests/conformance")
    small = ("--backend", "numpy", "--formula", "relu", "--dtype", "float32")
    others = [str(ROOT / "tests" / name) for name in ("expect/test_budgets.py", "command_line/test_cli.py")]
    ours = (*others, "-k", "variant_is_another or test_what_conforms or test_conforms")
    assert "2 passed" in pytest_of_a_user(tmp_path, *ours)
    assert not store.exists()
    assert "expectations: " in pytest_of_a_user(tmp_path, conformance, *small)
    entries = _entries(store)
    assert entries > 0
    told = pytest_of_a_user(tmp_path, conformance, *ours, *small)  # one session, and only its own run has it
    assert re.search(r"^verdicts: \d+ from the store$", told, re.M)
    assert "expectations: " not in told
    assert _entries(store) == entries


#: A plugin that has the store fail while a report is made.
FAILING = """
from nnparity import conformance_plugin
from nnparity.store import memory


def failing(*arguments, finalize=conformance_plugin.finalize, **options):
    memory.used().tally.troubles.add("the disk is gone")
    return finalize(*arguments, **options)


conformance_plugin.finalize = failing
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the cache is not where XDG_CACHE_HOME says")
def test_what_is_wrong_with_the_store_while_pytest_makes_the_report_is_said_too(tmp_path: Path) -> None:
    (tmp_path / "failing.py").write_text(FAILING)
    small = ("--backend", "numpy", "--formula", "relu", "--dtype", "float32", "-p", "failing")
    assert "\nstore: the disk is gone\n" in pytest_of_a_user(tmp_path, str(ROOT / "tests/conformance"), *small)


def _entries(folder: Path) -> int:
    (file,) = folder.glob("*.sqlite")
    database = Database(file)
    found = len(database.keys())
    database.close()
    return found


def test_a_run_file_without_a_word_of_the_store_is_still_read(tmp_path: Path) -> None:
    line = {"kind": "summary", "counts": {"conforms": 1}, "known": 0, "stale": [], "seconds": {}}
    (tmp_path / "old.jsonl").write_text(json.dumps(line) + "\n")
    (summary,) = read_run(tmp_path / "old.jsonl")
    assert isinstance(summary, Summary)
    assert summary.kept == {}
    assert merge([tmp_path / "old.jsonl"]).troubles == []

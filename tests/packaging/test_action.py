"""The action for GitHub is well formed, and its steps do what it says: they are run here, as a runner would.

What only a runner has, the checkout and the upload, is not.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from nnparity.command_line.main import application
from nnparity.reports.render import FILES

ROOT = Path(__file__).resolve().parents[2]
ACTION = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
STEPS: list[dict[str, Any]] = ACTION["runs"]["steps"]
SHELL = [step for step in STEPS if "run" in step]
EXPRESSION = re.compile(r"\$\{\{ *([\w.]+) *\}\}")
#: Of the adapter's results all are doubled where the file is told so.
ADAPTER = """
from pathlib import Path
from nnparity.adapters.numpy import NumpyAdapter

class Target(NumpyAdapter):
    backend = "target"

    def observe(self, request):
        factor = 2 if "relu" in Path("doubled").read_text() else 1
        return {name: factor * y for name, y in super().observe(request).items()}
"""
FEW = "--formula relu --dtype float32 --no-scripts --no-store"


def texts(value: Any) -> list[str]:
    """All strings within."""
    if isinstance(value, dict):
        return [text for one in value.values() for text in texts(one)]
    return [text for one in value for text in texts(one)] if isinstance(value, list) else [str(value)]


def expressions(value: Any) -> set[str]:
    """What is asked of the runner."""
    return {found for text in texts(value) for found in EXPRESSION.findall(text)}


def options(command: str) -> set[str]:
    """The long options of a command."""
    group = typer.main.get_command(application)
    return {option for one in group.commands[command].params for option in (*one.opts, *one.secondary_opts)}  # type: ignore[attr-defined]


class Runner:
    """As much of a runner as the steps need."""

    def __init__(self, folder: Path, **inputs: str) -> None:
        self.folder = folder
        given = {name: one.get("default", "") for name, one in ACTION["inputs"].items()} | inputs
        self.known = {f"inputs.{name}": value for name, value in given.items()}
        self.known["github.action_path"] = str(ROOT)
        self.files = {name: folder / name for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
        for file in self.files.values():
            file.write_text("")

    def outputs(self) -> dict[str, str]:
        """What the steps have told so far."""
        return dict(line.split("=", 1) for line in self.files["GITHUB_OUTPUT"].read_text().splitlines())

    def said(self, text: str) -> str:
        """A text with its expressions worked out."""
        told = self.known | {f"steps.run.outputs.{name}": value for name, value in self.outputs().items()}
        return EXPRESSION.sub(lambda found: told[found[1]], text)

    def step(self, name: str, path: str = "") -> subprocess.CompletedProcess[str]:
        """Runs a step, with programs from `path` before all others."""
        (step,) = (one for one in SHELL if one["name"] == name)
        programs = os.pathsep.join(filter(None, (path, str(Path(sys.executable).parent), os.environ["PATH"])))
        own = {key: self.said(value) for key, value in step["env"].items()}
        own |= {"PATH": programs, "RUNNER_TEMP": str(self.folder)} | {k: str(v) for k, v in self.files.items()}
        command = ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "-c", step["run"]]
        return subprocess.run(
            command, cwd=self.folder, env=os.environ | own, capture_output=True, text=True, check=False
        )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "target.py").write_text(ADAPTER)
    (tmp_path / "doubled").write_text("nothing")
    return tmp_path


def test_it_is_a_composite_action_that_says_what_it_takes() -> None:
    assert ACTION["runs"]["using"] == "composite"
    assert {"backend", "level", "baseline"} <= ACTION["inputs"].keys()
    assert all(one.get("required") or "default" in one for one in ACTION["inputs"].values())
    assert all(step["shell"] == "bash" for step in SHELL)


def test_all_that_its_steps_ask_for_is_there() -> None:
    steps = {f"steps.{step['id']}.outputs.{name}" for step in STEPS if "id" in step for name in ("status", "answer")}
    asked = expressions(ACTION)
    assert {one for one in asked if one.startswith("inputs.")} == {f"inputs.{name}" for name in ACTION["inputs"]}
    assert {one for one in asked if not one.startswith("inputs.")} == {"github.action_path", *steps}


def test_no_input_is_pasted_into_a_command() -> None:
    assert expressions([step["run"] for step in SHELL]) == set()
    assert expressions(["${{ inputs.level }}"]) == {"inputs.level"}


def test_its_steps_use_options_that_exist() -> None:
    (run,) = (step["run"] for step in SHELL if step.get("id") == "run")
    named = set(re.findall(r"--[a-z-]+", run))
    assert len(named) >= 5
    assert named <= options("run")


def test_what_it_uploads_is_what_a_report_consists_of() -> None:
    (upload,) = (step for step in STEPS if step.get("uses", "").startswith("actions/upload-artifact@"))
    kept = {Path(line).name for line in upload["with"]["path"].split("\n") if line}
    assert "parity.html" in kept
    assert kept <= {*FILES, "parity.jsonl"}


def test_its_status_is_one_of_those_that_the_readme_tells() -> None:
    table = (ROOT / "README.md").read_text("utf-8").partition("### Exit status")[2].partition("\n\n`make")[0]
    rows = re.findall(r"^\| (\d[\d, ]*) \|", table, re.M)
    told = {status for row in rows for status in row.split(", ")}
    assert {"0", "1", "2", "70"} < told
    assert set(re.findall(r"\d+", ACTION["outputs"]["status"]["description"])) == told


@pytest.mark.parametrize(("extras", "told"), [("", ""), ("torch,jax", "[torch,jax]")])
def test_it_installs_what_lies_beside_it(extras: str, told: str, folder: Path) -> None:
    (folder / "python").write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    (folder / "python").chmod(0o755)
    done = Runner(folder, extras=extras).step("install", path=str(folder))
    assert done.stdout.split("\n")[:3] == ["-m", "pip", "install"]
    assert done.stdout.split("\n")[-2] == f"{ROOT}{told}"


def test_it_fails_on_news_alone(folder: Path) -> None:
    statuses = []
    for doubled, out, baseline in (("relu", "old", ""), ("relu", "same", "old"), ("nothing", "better", "old")):
        (folder / "doubled").write_text(doubled)
        against = f"{baseline}/parity.jsonl" if baseline else ""
        runner = Runner(folder, backend="target.py:Target", level="quick", baseline=against, arguments=FEW, out=out)
        assert runner.step("run").returncode == 0, "the summary comes first"
        told = json.loads(Path(runner.outputs()["answer"]).read_text())
        assert runner.step("summarize").returncode == 0
        assert runner.files["GITHUB_STEP_SUMMARY"].read_text() == (folder / out / "summary.md").read_text()
        statuses.append(runner.step("end as nnparity did").returncode)
        assert told["status"] == statuses[-1]
    assert statuses == [1, 0, 0]


def test_a_plan_that_cannot_be_run_is_no_success(folder: Path) -> None:
    (folder / "reports/out").mkdir(parents=True)
    (folder / "reports/out/summary.md").write_text("of an earlier run")
    runner = Runner(folder, backend="numpy\nnosuch", arguments="--formula *")
    done = runner.step("run")
    assert "no backend is called 'nosuch'" in done.stderr or "no formula is called '*'" in done.stderr
    assert runner.step("summarize").returncode == 0
    assert runner.files["GITHUB_STEP_SUMMARY"].read_text() == runner.outputs()["answer"] == ""
    assert runner.step("end as nnparity did").returncode == 2

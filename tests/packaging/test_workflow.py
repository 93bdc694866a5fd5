"""The hosted workflow decides nothing by itself: what it runs is a target of the Makefile or an environment of tox."""

import configparser
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
WORKFLOW = (ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")
MATRIX = "${{ matrix.environment }}"


def environments(workflow: str) -> set[str]:
    """All that a matrix names as environments of tox."""
    return {name.strip() for row in re.findall(r"^ +environment: \[(.*)\]$", workflow, re.M) for name in row.split(",")}


def made(workflow: str) -> set[str]:
    """The targets that are handed to make."""
    return {target for line in re.findall(r"^ +- run: make (.*)$", workflow, re.M) for target in line.split()}


def toxed(workflow: str) -> set[str]:
    """The environments that are handed to tox, with those of a matrix in place of its expression."""
    named = {name for line in re.findall(r"^ +- run: tox -e (.*)$", workflow, re.M) for name in line.split(",")}
    return named - {MATRIX} | (environments(workflow) if MATRIX in named else set())


def targets() -> set[str]:
    """What the Makefile has to be made."""
    declared = re.findall(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M)
    return {target for line in declared for target in line.split()}


def env_list() -> set[str]:
    """What tox has to be run."""
    settings = configparser.ConfigParser(interpolation=None)
    settings.read(ROOT / "tox.ini", encoding="utf-8")
    return {name.strip() for name in settings["tox"]["env_list"].split(",")}


def test_every_make_target_exists() -> None:
    assert made(WORKFLOW) == {"parity"} & targets()


def test_every_tox_environment_runs_and_exists() -> None:
    """All but `parity`: what runs in its place is `make parity`, which has Keras and Hugging Face too."""
    assert toxed(WORKFLOW) == env_list() - {"parity"}


def test_every_command_is_one_of_make_tox_or_pip() -> None:
    commands = re.findall(r"^ +(?:- )?run: (\S+)", WORKFLOW, re.M)
    assert set(commands) == {"make", "tox", "python", "cat"}


def test_tests_run_from_the_lowest_python_on() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (row,) = re.findall(r"^ +python: \[(.*)\]$", WORKFLOW, re.M)
    versions = re.findall(r'"(3\.\d+)"', row)
    assert len(versions) == 3
    assert f">={versions[0]}" == project["requires-python"]


def test_what_is_kept_is_what_a_run_writes() -> None:
    kept = set(re.findall(r"reports/out/(\S+)", WORKFLOW.replace(MATRIX, "*")))
    assert kept == {"*.jsonl", "parity.html", "parity.md", "parity.jsonl", "summary.md", "junit.xml"}


def test_it_is_indented_by_twos_and_without_tabs() -> None:
    """What most often spoils YAML by hand; there is no parser of it among the tools of this repository."""
    indents = [len(line) - len(line.lstrip(" ")) for line in WORKFLOW.splitlines() if line.strip()]
    assert "\t" not in WORKFLOW
    assert {indent % 2 for indent in indents} == {0}


@pytest.mark.parametrize(
    ("planted", "found"),
    [
        ("      - run: make nosuch", ({"nosuch"}, set())),
        ("      - run: tox -e nosuch,lint", (set(), {"nosuch", "lint"})),
        (f"        environment: [a, b]\n      - run: tox -e {MATRIX}", (set(), {"a", "b"})),
    ],
)
def test_a_command_is_seen(planted: str, found: tuple[set[str], set[str]]) -> None:
    assert (made(planted), toxed(planted)) == found

"""The hosted workflow decides nothing by itself: what it runs is a target of the Makefile or an environment of tox."""

import configparser
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
WORKFLOW = (ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")
MATRIX = "${{ matrix.environment }}"


NIGHTLY = (ROOT / ".github" / "workflows" / "nightly.yml").read_text(encoding="utf-8")
#: Made each night beside the backends that tox runs by itself.
OLDEST = {"torch-oldest", "tensorflow-oldest", "jax-oldest", "keras-oldest"}
#: What takes a GPU, which hosted machines have not.
GPU = {"torch-cuda", "tensorflow-cuda", "jax-cuda"}


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
    assert made(WORKFLOW) == {"parity", "modern"} & targets()


def test_every_tox_environment_runs_and_exists() -> None:
    """All but `parity`, for which `make parity` is run, and `merge`, which the nightly run needs."""
    assert toxed(WORKFLOW) == env_list() - {"parity", "merge"}


def sections() -> set[str]:
    """All that tox has, one by one."""
    text = (ROOT / "tox.ini").read_text(encoding="utf-8")
    found: set[str] = set()
    for name in re.findall(r"^\[testenv:(.+)\]$", text, re.M):
        head, _, rest = name.partition("{")
        inside, _, tail = rest.partition("}")
        found |= {f"{head}{one}{tail}" for one in inside.split(",")}
    return found


def test_each_night_runs_every_backend_alone_its_oldest_release_and_merges() -> None:
    alone = toxed(WORKFLOW) - {"lint", "type", "browser", "docs", "test"}
    assert toxed(NIGHTLY) == alone | OLDEST | {"merge", "trend"}
    assert toxed(NIGHTLY) <= sections()
    assert made(NIGHTLY) == set()


def test_what_takes_a_gpu_is_in_tox_and_in_no_list() -> None:
    assert sections() >= GPU
    assert not GPU & (env_list() | toxed(WORKFLOW) | toxed(NIGHTLY))


def test_the_merge_comes_after_the_backends() -> None:
    listed = (ROOT / "tox.ini").read_text(encoding="utf-8").partition("env_list = ")[2].splitlines()[0].split(", ")
    assert listed.index("merge") == 1 + max(map(listed.index, toxed(NIGHTLY) & set(listed) - {"merge"}))


def test_the_oldest_releases_are_the_lower_bounds() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    bounds = {one for name in ("torch", "tensorflow", "jax") for one in extras[name]}
    pins = re.findall(r"(?:^    \w+: |deps = )(\w+)==([\d.]+?)(?:\.\*|\.0)?$", (ROOT / "tox.ini").read_text(), re.M)
    assert {f"{name}>={version}" for name, version in pins if name != "jaxlib"} == bounds


def test_every_command_is_one_of_make_tox_or_pip() -> None:
    found = [set(re.findall(r"^ +(?:- )?run: (\S+)", workflow, re.M)) for workflow in (WORKFLOW, NIGHTLY)]
    assert found == [{"make", "tox", "python", "cat"}, {"tox", "python", "mkdir", "cp"}]


def test_tests_run_from_the_lowest_python_on() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for workflow in (WORKFLOW, NIGHTLY):
        (row,) = re.findall(r"^ +python: \[(.*)\]$", workflow, re.M)
        versions = re.findall(r'"(3\.\d+)"', row)
        assert len(versions) == 3
        assert f">={versions[0]}" == project["requires-python"]


def test_what_is_kept_is_what_a_run_writes() -> None:
    kept = set(re.findall(r"reports/out/(\S+)", WORKFLOW.replace(MATRIX, "*")))
    both = {"parity.html", "parity.jsonl"}
    assert kept == both | {f"modern/{name}" for name in both} | {"*.jsonl", "parity.md", "summary.md", "junit.xml"}


def test_it_is_indented_by_twos_and_without_tabs() -> None:
    """What most often spoils YAML by hand."""
    for workflow in (WORKFLOW, NIGHTLY):
        indents = [len(line) - len(line.lstrip(" ")) for line in workflow.splitlines() if line.strip()]
        assert "\t" not in workflow
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

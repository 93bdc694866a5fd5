"""Where a verdict changed: found whatever the place, past versions that cannot be run, and with real wheels."""

import subprocess
import sys
import zipfile
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path

import pytest
from typer.testing import CliRunner

from nnparity.command_line import cells
from nnparity.command_line.main import application
from nnparity.reproduce import bisection
from nnparity.reproduce.bisection import AGREES, DISAGREES, SILENT, bisect, releases, shown, teller
from nnparity.spec.usage import UsageError

VERSIONS = [f"1.{minor}" for minor in range(12)]


@pytest.mark.parametrize("change", range(1, len(VERSIONS)))
@pytest.mark.parametrize("silent", [(), (3, 4), (5, 6, 7), tuple(range(1, 11))])
def test_the_change_is_found_wherever_it_is(change: int, silent: tuple[int, ...]) -> None:
    def tell(version: str) -> str:
        place = VERSIONS.index(version)
        return SILENT if place in silent else DISAGREES if place >= change else AGREES

    found = bisect(VERSIONS, tell)
    assert found.between is not None
    low, high = map(VERSIONS.index, found.between)
    assert low < change <= high
    assert all(place in silent for place in range(low + 1, high))
    assert len(found.told) <= len(silent) + 6


def test_ends_that_are_alike_have_nothing_between_them() -> None:
    found = bisect(VERSIONS, lambda _: AGREES)
    assert (found.between, len(found.told)) == (None, 2)
    assert list(shown("toy", found))[-1] == "the same at both ends: it agrees"


def test_an_end_that_cannot_be_run_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match=r"1\.11, cannot be run: ImportError: x"):
        bisect(VERSIONS, lambda version: f"{SILENT}: ImportError: x" if version == "1.11" else AGREES)


def test_releases_are_those_of_the_index_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    told = "toy (2.1)\nAvailable versions: 2.1, 2.0.1, 2.0.0+cpu, 2.0.0, 2.0rc1, 1.10, 1.9, 1.0\n"
    done = subprocess.CompletedProcess([], 0, told, "")
    monkeypatch.setattr(bisection, "_pip", lambda *_: done)
    assert releases("toy", "1.9..2.0") == ["1.9", "1.10", "2.0.0", "2.0.1"]
    for span in ("1.9", "2.0..1.9", "a..b", "3.0..4.0"):
        with pytest.raises(UsageError):
            releases("toy", span)


SCRIPT = """
import sys
import toy
if toy.RIGHT is None:
    raise ImportError
if toy.RIGHT == "raises":
    sys.exit("disagrees: raises: AttributeError: no such function")
print("agrees" if toy.RIGHT else "disagrees")
sys.exit(not toy.RIGHT)
"""


def wheel(folder: Path, version: str, text: str, name: str = "toy", needs: str = "") -> None:
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as file:
        file.writestr(f"{name}.py", text)
        file.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}")
        file.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        file.writestr(f"{info}/RECORD", "")


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that pip takes for its index."""
    if subprocess.run([sys.executable, "-m", "pip", "--version"], capture_output=True, check=False).returncode:
        pytest.skip("no pip here")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    return tmp_path


def test_versions_of_real_wheels_are_installed_and_asked(index: Path) -> None:
    for version, right in (("1.0", True), ("1.1", True), ("1.2", None), ("1.3", False)):
        wheel(index, version, f"RIGHT = {right}\n")
    found = bisect(["1.0", "1.1", "1.2", "1.3"], teller(SCRIPT, ["toy"], index / "versions"))
    assert found.between == ("1.1", "1.3")
    assert found.told == {"1.0": AGREES, "1.1": AGREES, "1.2": f"{SILENT}: ImportError", "1.3": DISAGREES}
    assert list(shown("toy", found))[-1] == "changed in toy 1.3: it disagrees, and with 1.1 it agrees"
    assert teller(SCRIPT, ["toy"], index / "versions")("7.7").startswith(f"{SILENT}: ERROR: No matching distribution")


def test_what_a_version_needs_is_brought_where_it_is_asked_for_and_goes_again(index: Path) -> None:
    for version in ("1.0", "1.1"):
        wheel(index, version, "import grown\nRIGHT = grown.RIGHT\n", needs=f"Requires-Dist: grown=={version}\n")
        wheel(index, version, f"RIGHT = {version == '1.0'}\n", name="grown")
    folder = index / "versions"
    assert teller(SCRIPT, ["toy"], folder)("1.0") == f"{SILENT}: ModuleNotFoundError: No module named 'grown'"
    found = bisect(["1.0", "1.1"], teller(SCRIPT, ["toy"], folder, complete=True))
    assert (found.told, found.between) == ({"1.0": AGREES, "1.1": DISAGREES}, ("1.0", "1.1"))
    assert {path.name for path in folder.iterdir()} == {"script.py", "toy-1.0"}


def test_who_raises_is_told_from_who_has_other_numbers(index: Path) -> None:
    for version, right in (("1.0", "'raises'"), ("1.1", "False")):
        wheel(index, version, f"RIGHT = {right}\n")
    found = bisect(["1.0", "1.1"], teller(SCRIPT, ["toy"], index / "versions"))
    assert list(shown("toy", found))[-1] == "changed in toy 1.1: it disagrees, and with 1.0 it raises"


def test_a_folder_that_was_left_half_done_is_made_anew(index: Path) -> None:
    wheel(index, "1.0", "RIGHT = True\n")
    half = index / "versions" / "toy-1.0.part"
    half.mkdir(parents=True)
    (half / "toy.py").write_text("RIGHT = False\n", encoding="utf-8")
    assert teller(SCRIPT, ["toy"], index / "versions")("1.0") == AGREES
    assert not half.exists()


def test_the_release_is_found_in_which_it_began_to_refuse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is unsupported here has a script all the same: it raises where it is refused, and agrees where it is not."""
    if find_spec("torch") is None:
        pytest.skip("torch is not installed")

    def told(script: str, packages: Sequence[str], folder: Path, complete: bool) -> Callable[[str], str]:
        (file := tmp_path / "script.py").write_text(script, encoding="utf-8")
        return lambda version: bisection._asked(file, tmp_path) if version == "1.1" else AGREES

    monkeypatch.setattr(cells, "releases", lambda *_: ["1.0", "1.1"])
    monkeypatch.setattr(cells, "teller", told)
    monkeypatch.chdir(tmp_path)
    cell = ["dense/n3i5j4/normal/float32", "torch:cpu:compiled", "jvp"]
    done = CliRunner().invoke(application, ["bisect", *cell, "--package", "torch", "--versions", "1.0..1.1"])
    assert (done.exit_code, done.exception and str(done.exception)) == (1, "1"), done.output
    assert done.output.splitlines()[-1] == "changed in torch 1.1: it raises, and with 1.0 it agrees"

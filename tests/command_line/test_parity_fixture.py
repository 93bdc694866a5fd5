"""The fixture `parity` in somebody's tests: it asserts by itself, in each dtype of the marker, at the level asked."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from nnparity import conformance_plugin
from nnparity.tests.command_line.test_pytest_plugin import ALONE

TESTS = """
import numpy as np
import pytest

def relu(x):
    return np.maximum(x, 0).astype(x.dtype)

@pytest.mark.dtypes("float32", "bfloat16")
def test_right(parity):
    assert parity.check(relu, "relu").verdicts[0].dtype == parity.dtype

def test_wrong(parity):
    parity.check(lambda x: x, "relu")

def test_close(parity):
    x = np.linspace(-1, 1, 8, dtype="float32").reshape(2, 4)
    parity.assert_close(relu(x), "relu", x=x)
    assert parity.tolerance("relu", x=x).hard.max() == 0
    assert parity.arbitrate(relu(x), -x, "relu", inputs={"x": x}).farther == "b"
    parity.assert_close(2 * x, parity.formula(lambda x: x + x), x=x)

def test_level(parity):
    assert len(parity.check(relu, "relu").verdicts) == CASES
"""


def run(folder: Path, *options: str, cases: int = 1) -> str:
    """What pytest prints of that file, elsewhere and with its markers strict."""
    (folder / "test_mine.py").write_text(TESTS.replace("CASES", str(cases)))
    command = [sys.executable, "-m", "pytest", "-q", *ALONE, "--strict-markers", "-rA", *options]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False).stdout


def test_it_asserts_by_itself_with_the_message_of_the_suite(tmp_path: Path) -> None:
    told = run(tmp_path)
    assert "1 failed, 4 passed" in told
    assert "FAILED test_mine.py::test_wrong" in told
    assert "output of relu/n3d5/normal/float32: diverges" in told
    assert "worst element" in told
    for dtype in ("float32", "bfloat16"):
        assert f"PASSED test_mine.py::test_right[{dtype}]" in told


def test_a_level_asks_more(tmp_path: Path) -> None:
    assert "1 failed, 4 passed" not in run(tmp_path, "--nnparity-level", "core")
    assert "PASSED test_mine.py::test_level" in run(tmp_path, "--nnparity-level", "core", cases=12)


def test_a_dtype_that_there_is_not_is_told(tmp_path: Path) -> None:
    (tmp_path / "test_mine.py").write_text(
        "import pytest\n@pytest.mark.dtypes('half')\ndef test_right(parity):\n    pass\n"
    )
    command = [sys.executable, "-m", "pytest", "-q", *ALONE]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "the marker dtypes of test_mine.py::test_right: no dtype is called 'half'" in done.stdout
    assert "During handling" not in done.stdout
    assert "nnparity/" not in done.stdout, "no traceback of ours"


def test_a_level_that_there_is_not_is_refused(tmp_path: Path) -> None:
    (tmp_path / "test_mine.py").write_text("def test_right():\n    pass\n")
    command = [sys.executable, "-m", "pytest", "-q", *ALONE, "--nnparity-level", "banana"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 4
    assert "--nnparity-level: no level is called 'banana'" in done.stderr


OPTIONS = """
def pytest_addoption(parser):
    for name in NAMES:
        parser.addoption(name)
"""


def test_a_suite_may_have_options_that_a_conformance_run_has(tmp_path: Path) -> None:
    conformance_plugin.pytest_addoption(parser := pytest.Parser(_ispytest=True))
    names = [name for option in parser.getgroup("conformance").options for name in option.names()]
    assert "--device" in names
    (tmp_path / "conftest.py").write_text(OPTIONS.replace("NAMES", repr(names)))
    (tmp_path / "test_mine.py").write_text(
        "def test_mine(parity, request):\n    assert request.config.getoption('--device') == 'npu'\n"
    )
    command = [sys.executable, "-m", "pytest", "-q", *ALONE, "--device", "npu"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


FAILING = """
import numpy as np
import pytest

def test_wrong(parity):
    x = np.ones((2, 2), "float32")
    parity.assert_close(x, "softmax", x=x)

@pytest.mark.parametrize("time", [1, 2])
def test_pack(parity, time):
    assert "silu" in parity.load_pack("MODERN").formulas
"""
TWO_MODELS = """
import pytest
torch = pytest.importorskip("torch")

def linear():
    torch.manual_seed(0)
    return torch.nn.Linear(3, 3).eval()

def test_right(parity):
    assert parity.port(linear(), linear(), torch.ones(2, 3))

def test_wrong(parity):
    other = linear()
    torch.nn.init.zeros_(other.weight)
    parity.port(linear(), other, torch.ones(2, 3))
"""


def test_what_does_not_conform_is_recorded_too_and_packs_go_with_their_test(tmp_path: Path) -> None:
    modern = Path(__file__).resolve().parents[2] / "packs" / "modern"
    (tmp_path / "test_mine.py").write_text(FAILING.replace("MODERN", str(modern)))
    command = [sys.executable, "-m", "pytest", "-q", *ALONE, "--junitxml", "out.xml"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "1 failed, 2 passed" in done.stdout, done.stdout
    told = (tmp_path / "out.xml").read_text()
    assert 'name="nnparity" value="softmax in float32 on given inputs: 1 of 1 verdicts do not conform"' in told


@pytest.mark.skipif(find_spec("torch") is None, reason="torch is not installed")
def test_two_models_are_asserted(tmp_path: Path) -> None:
    (tmp_path / "test_mine.py").write_text(TWO_MODELS)
    command = [sys.executable, "-m", "pytest", "-q", *ALONE, "--junitxml", "out.xml"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "1 failed, 1 passed" in done.stdout, done.stdout
    assert "AssertionError: the first layer that departs is" in done.stdout
    told = (tmp_path / "out.xml").read_text()
    assert 'value="the first layer that departs is' in told


def test_the_results_are_recorded_with_the_test(tmp_path: Path) -> None:
    run(tmp_path, "--junitxml", "out.xml")
    assert "relu in float32 on numpy:cpu:eager, 1 case of the level quick" in (tmp_path / "out.xml").read_text()


def test_a_suite_whose_warnings_are_errors_may_have_a_junit_file(tmp_path: Path) -> None:
    """pytest warns of `record_property` where the file's family is xunit2, as it is by default."""
    told = run(tmp_path, "-W", "error", "--junitxml", "out.xml")
    assert "1 failed, 4 passed" in told
    assert not {"error", "warning", "warnings"} & set(told.splitlines()[-1].split()), told
    assert "relu in float32 on numpy:cpu:eager, 1 case of the level quick" in (tmp_path / "out.xml").read_text()


@pytest.mark.dtypes("float64", "float32")
def test_here_too(parity: object) -> None:
    assert parity.dtype in ("float64", "float32")  # type: ignore[attr-defined]

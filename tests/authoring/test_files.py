"""An adapter in a file: called like its framework, broken, raising; on devices of its own; derived from another's."""

from pathlib import Path

import pytest

from nnparity.adapters.files import Broken
from nnparity.adapters.numpy import NumpyAdapter
from nnparity.adapters.registry import load
from nnparity.execute.observer import TargetUnavailable
from nnparity.execute.target import TargetName, start
from nnparity.reports.records import TargetLine, Verdict, read_run
from nnparity.tests.authoring.conftest import Run

#: A module of Python's own, in the place of a framework.
NAMESAKE = """\
import colorsys

import numpy as np

from nnparity import ForwardOnly, kernel


class Mine(ForwardOnly):
    backend = "mine"
    modes = ("fast", "safe") if colorsys.rgb_to_hsv else ()
    put, get = staticmethod(np.array), staticmethod(np.asarray)

    @classmethod
    def devices(cls):
        return ["npu0", "npu1"]

    @kernel("colorsys.rgb_to_hsv")
    def tanh(self, x):
        import colorsys as again

        assert again is colorsys and colorsys.rgb_to_hsv(0, 0, 0) == (0.0, 0.0, 0)
        return helper(x)


def helper(x):
    return np.tahn(x)
"""
SMALL = ("--formula", "tanh", "--dtype", "float32", "--level", "quick")


def verdicts() -> list[Verdict]:
    return [line for line in read_run(Path("reports/out/parity.jsonl")) if isinstance(line, Verdict)]


def test_a_file_may_be_called_like_what_it_imports(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where its folder is the first that modules are looked for in, as python -m nnparity has it."""
    (folder / "colorsys.py").write_text(NAMESAKE)
    monkeypatch.syspath_prepend(folder)
    target = start(TargetName.of("colorsys.py:Mine"), ("float32",))
    target.observer.close()
    assert target.name == "mine:npu0:fast"


def test_a_file_that_imports_nothing_but_itself_is_told(folder: Path) -> None:
    (folder / "my_framework.py").write_text("import my_framework\n")
    with pytest.raises(Broken) as caught:
        load("my_framework.py:Mine")
    assert str(caught.value).splitlines() == [
        "my_framework.py cannot be run: ModuleNotFoundError: No module named 'my_framework' but my_framework.py itself",
        "  my_framework.py:1 in <module>: import my_framework",
    ]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("x = 1 / 0\n", "ZeroDivisionError: division by zero\n  broken.py:1 in <module>: x = 1 / 0"),
        ("class (:\n", r"SyntaxError: invalid syntax \(broken.py, line 1\)"),
    ],
)
def test_a_file_that_cannot_be_run_is_told_with_its_line(folder: Path, text: str, told: str) -> None:
    (folder / "broken.py").write_text(text)
    with pytest.raises(TargetUnavailable, match=told):
        start(TargetName.of("broken.py:Mine"), ("float32",))


def test_devices_and_modes_are_the_adapters_words(nnparity: Run, folder: Path) -> None:
    (folder / "mine.py").write_text(NAMESAKE.replace("tahn", "tanh"))
    assert nnparity("run", "--backend", "mine.py:Mine:npu1:safe", *SMALL) == 0
    lines = list(read_run(Path("reports/out/parity.jsonl")))
    assert [line.target for line in lines if isinstance(line, TargetLine)] == ["mine:npu1:safe"]
    assert {(v.quantity, v.grade) for v in verdicts()} == {
        ("output", "conforms"),
        *((quantity, "unsupported") for quantity in ("grad.x", "jvp", "hvp.x")),
    }
    assert {v.message for v in verdicts() if v.grade == "unsupported"} == {"forward only"}


@pytest.mark.parametrize("options", [("mine.py:Mine:npu2",), ("mine.py:Mine", "--device", "npu2")])
def test_a_device_that_is_not_there_is_told(
    nnparity: Run, folder: Path, options: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "mine.py").write_text(NAMESAKE)
    assert nnparity("run", "--backend", *options, *SMALL) == 2
    assert "mine has no npu2 here, only npu0, npu1" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "name", "told"),
    [
        ("my/mine.py:Mine", ("my/mine.py:Mine", "", ""), "my/mine.py:Mine"),
        ("mine.py:Mine:npu0", ("mine.py:Mine", "npu0", ""), "mine.py:Mine:npu0"),
        ("package.mine:Mine:npu0:fast", ("package.mine:Mine", "npu0", "fast"), "package.mine:Mine:npu0:fast"),
        ("mine.py:Mine::fast", ("mine.py:Mine", "", "fast"), "mine.py:Mine::fast"),
        ("torch::compiled", ("torch", "", "compiled"), "torch::compiled"),
    ],
)
def test_a_full_name_works_for_files_too(text: str, name: tuple[str, str, str], told: str) -> None:
    assert TargetName.of(text) == TargetName(*name)
    assert str(TargetName.of(text)) == told


def test_an_error_is_told_with_the_last_lines_of_the_file(
    nnparity: Run, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "mine.py").write_text(NAMESAKE)
    assert nnparity("run", "--backend", "mine.py:Mine", *SMALL) == 1
    again = "nnparity run --backend mine.py:Mine:npu0:fast --case tanh/n3d5/normal/float32"
    assert again in capsys.readouterr().err
    (message,) = (v.message or "" for v in verdicts() if v.grade == "error")
    first, *frames = message.splitlines()
    assert first == "AttributeError: module 'numpy' has no attribute 'tahn'"
    assert frames == ["  mine.py:22 in tanh: return helper(x)", "  mine.py:26 in helper: return np.tahn(x)"]


class NoBias(NumpyAdapter):
    """It derives from another's, and says no name."""


class Deeper(NoBias):
    """And from that: it is called by its own name, as that one is."""


class Named(NumpyAdapter):
    """It says one."""

    backend = "mine"


class UnderNamed(Named):
    """It derives from one of the same house."""


def test_a_subclass_of_anothers_adapter_has_a_name_of_its_own() -> None:
    assert [one.backend for one in (NoBias, Deeper, Named, UnderNamed)] == ["no-bias", "deeper", "mine", "mine"]
    assert NumpyAdapter.backend == "numpy"
    assert NoBias().target == "no-bias:cpu:eager"


def test_the_command_that_shows_a_verdict_again_does_so(nnparity: Run, folder: Path) -> None:
    (folder / "mine.py").write_text(NAMESAKE)
    words = "run --backend mine.py:Mine:npu0:fast --case tanh/n3d5/normal/float32"
    assert nnparity(*words.split()) == 1
    assert {v.case for v in verdicts()} == {"tanh/n3d5/normal/float32"}

"""All that is missing or misspelt in an adapter is told in one message, each with its line."""

from pathlib import Path

import pytest

from nnparity.adapters.base import Adapter
from nnparity.adapters.files import Broken
from nnparity.adapters.inspection import faults, source_of
from nnparity.adapters.registry import BUILTIN, Misdeclared, load
from nnparity.spec import load as formulas

WRONG = """\
import numpy as np

from nnparity import Adapter, kernel, passed


class Mine(Adapter):
    packages = "numpy"
    unsuported = {"adam": "no moments here"}
    nondeterministic = {"lstmm": "threads"}
    refused = {("sofmax", "*", "*", "*"): "never"}
    precision = {("softmax", "*", "*"): "perfect"}

    def put(self, array):
        return np.array(array)

    relu = passed("numpy.maximun")

    @kernel("numpy.dot")
    def dense(self, x, weight, bias):
        return np.dot(x, weight) + bias

    @kernel("numpy.exp")
    def conv3d(self, x):
        return x

    def tanh(self, x):
        return np.tanh(x)

    def helper(self, x):
        return x
"""
TOLD = """\
Mine: 12 things are wrong
  mine.py:6: `backend` is missing: the name of its targets, such as backend = 'mine'
  mine.py:6: `get` is missing: a tensor as a NumPy array, in its dtype: def get(self, tensor)
  mine.py:6: `vjp` is missing: outputs and gradients: def vjp(self, operation, point); or the class is a ForwardOnly
  mine.py:7: `packages` is a text: a tuple is meant, ('numpy',)
  mine.py:8: `unsuported` means nothing to an adapter: did you mean `unsupported`?
  mine.py:9: nondeterministic: lstmm, which the spec does not have (did you mean lstm?)
  mine.py:10: refused: sofmax, which the spec does not have (did you mean softmax?)
  mine.py:11: precision: perfect is none of narrow, accumulate-wide, fused-wide, tf32
  mine.py:16: relu calls numpy.maximun, which is not there (did you mean numpy.maximum?)
  mine.py:19: dense takes x, weight, bias, and the formula gives x, w, b: see nnparity show dense
  mine.py:23: declares conv3d, which the spec does not have (did you mean conv2d?)
  mine.py:26: tanh is the method of a formula, without @kernel or @composed"""
LEAST = """\
from nnparity import ForwardOnly, kernel


class Mine(ForwardOnly):
    put, get = staticmethod(lambda array: array), staticmethod(lambda tensor: tensor)
"""


def told(folder: Path, text: str, name: str = "Mine") -> str:
    (folder / "mine.py").write_text(text)
    with pytest.raises(Misdeclared) as caught:
        load(f"mine.py:{name}")
    return str(caught.value)


def test_all_is_told_at_once_with_its_lines(folder: Path) -> None:
    assert told(folder, WRONG) == TOLD


def test_a_single_fault_is_one_line(folder: Path) -> None:
    assert (
        told(folder, LEAST)
        == "Mine: mine.py:4: `backend` is missing: the name of its targets, such as backend = 'mine'"
    )


@pytest.mark.parametrize("line", ['backend = "mine"', "backend = 'mine'; modes = ('fast', 'safe'); gets = 3"])
def test_all_but_the_name_and_two_methods_has_a_default(folder: Path, line: str) -> None:
    (folder / "mine.py").write_text(f"{LEAST}    {line}\n")
    adapter = load("mine.py:Mine")()
    assert (adapter.device, adapter.versions(), adapter.kernels()) == ("cpu", {}, {})


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        (
            'backend = "torch"',
            "mine.py:6: `backend` is 'torch', the name of another, whose records",
        ),
        ('backend = "my:own"', "mine.py:6: `backend` is a word of letters, digits, - and _, not 'my:own'"),
        ("backend = 3", "mine.py:6: `backend` is a word of letters, digits, - and _, not 3"),
        ('backend = "mine"; modes = "fast"', r"mine.py:6: `modes` is a text: a tuple is meant, \('fast',\)"),
        ('backend = "mine"; modes = ()', "mine.py:6: `modes` is empty: the usual one has to be there"),
        ('backend = "mine"; modes = ("fast:", "slow")', "mine.py:6: `modes`: a mode is a word .*, not 'fast:'"),
        ('backend = "mine"; layouts = ("strided", "transposd")', "mine.py:6: `layouts`: 'transposd' is none of "),
        ('backend = "mine"; unsupported = ["relu"]', "mine.py:6: `unsupported` is a list: a dict is meant"),
        ('backend = "mine"; unsupported = {"relu": None}', "mine.py:6: `unsupported` has 'relu': None, and formula: a"),
        ('backend = "mine"; refused = {"relu": "no"}', "mine.py:6: `refused` has 'relu': 'no', and .formula, dtype, "),
        ('backend = "mine"; refused = {("relu", "*"): "no"}', r"`refused` has \('relu', '\*'\): 'no', and .formula, "),
        ('backend = "mine"; device = lambda cls: ["npu0"]', "mine.py:6: `device` means nothing .* mean `devices`"),
        ('backend = "mine"; relu = kernel("numpy.maximum")(lambda self, y: y)', "mine.py:6: relu takes y, and .* x"),
        ('backend = "mine"; relu = kernel("numpy.maximum")(lambda self, x, y: y)', "mine.py:6: relu takes x, y, and"),
    ],
)
def test_each_fault_has_its_words(folder: Path, line: str, fault: str) -> None:
    with pytest.raises(Misdeclared, match=fault):
        raise Misdeclared(told(folder, f"{LEAST}    {line}\n"))


def test_a_kernel_without_a_path_is_told_so(folder: Path) -> None:
    (folder / "mine.py").write_text(f"{LEAST}    relu = kernel(lambda self, x: x)\n")
    with pytest.raises(
        Broken, match=r"mine.py cannot be run: TypeError: @kernel stands before <lambda> without the path"
    ):
        load("mine.py:Mine")


@pytest.mark.parametrize("method", ["lambda self, **given: 1", "lambda self, x, more=1: x", "lambda self, *, x: x"])
def test_a_method_that_takes_what_the_formula_gives_is_right(folder: Path, method: str) -> None:
    (folder / "mine.py").write_text(f'{LEAST}    backend = "mine"; relu = kernel("numpy.maximum")({method})\n')
    assert set(load("mine.py:Mine").kernels()) == {"relu"}


def test_a_kernel_that_a_release_does_not_have_lacks_this_formula_alone(folder: Path) -> None:
    text = LEAST.replace("kernel", "passed") + '    backend = "mine"; relu = passed("numpy.rectified_linear_unit")\n'
    (folder / "mine.py").write_text(text)
    assert set(load("mine.py:Mine").kernels()) == {"relu"}


def test_an_adapter_in_the_box_is_held_to_the_same() -> None:
    adapter: type[Adapter] = load("numpy")
    assert faults(adapter, formulas(), ()) == []
    assert any("the name of another" in one for one in faults(adapter, formulas(), BUILTIN))


def test_a_class_that_is_not_there_is_told_with_those_that_are(folder: Path) -> None:
    (folder / "mine.py").write_text(f'{LEAST}    backend = "mine"\n')
    with pytest.raises(LookupError, match=r"no class 'Mien' in mine.py; it has Mine$"):
        load("mine.py:Mien")


def test_the_source_of_an_adapter_is_that_of_its_file_and_of_what_stands_in_the_box_nothing(folder: Path) -> None:
    assert source_of(load("numpy")) == ""
    text, found = f'{LEAST}    backend = "mine"\n', []
    for more in ("", "# another kernel\n", ""):
        (folder / "mine.py").write_text(text + more)
        found.append(source_of(load("mine.py:Mine")))
    assert found[0] == found[2] != found[1]


@pytest.mark.parametrize("imports", ["import later", "from pack.above import first", "from pack import above"])
def test_what_an_adapter_imports_once_it_is_called_is_part_of_its_source(
    folder: Path, imports: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(folder)
    (folder / "mine.py").write_text(f'{LEAST}    backend = "mine"\n\n    def helper(self):\n        {imports}\n')
    (folder / "pack").mkdir()
    for name, text in (
        ("later", ""),
        ("pack/__init__", ""),
        ("pack/above", "def f(): from . import deep"),
        ("other", ""),
    ):
        (folder / f"{name}.py").write_text(text)
    found = []
    for name, more in (
        ("pack/deep", ""),
        ("other", "# no part of it"),
        ("pack/deep", "# a kernel"),
        ("later", "# one"),
    ):
        (folder / f"{name}.py").write_text(more)
        found.append(source_of(load("mine.py:Mine")))
    assert found[0] == found[1]
    assert len({*found}) == 2

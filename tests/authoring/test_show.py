"""The skeleton runs as it is; every formula can be shown; ten formulas fit into fewer than 60 lines, and run."""

import shlex
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from nnparity.adapters.inspection import given, misfit
from nnparity.authoring.formula import described, method
from nnparity.reports.records import Verdict, read_run
from nnparity.spec import load
from nnparity.tests.authoring.conftest import Run

MODERN = Path(__file__).resolve().parents[2] / "packs/modern"
EXAMPLE = Path(__file__).resolve().parents[2] / "docs/how-to/examples/autograd_adapter.py"


def verdicts() -> list[Verdict]:
    return [line for line in read_run(Path("reports/out/parity.jsonl")) if isinstance(line, Verdict)]


@pytest.mark.parametrize("file", ["my_chip_adapter.py", "of my chip.py"])
def test_the_skeleton_gives_a_verdict_by_the_command_that_is_told(
    nnparity: Run, folder: Path, file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    named = () if file == "my_chip_adapter.py" else ("--file", file)
    assert nnparity("new-adapter", "my-chip", *named) == 0
    command = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("a verdict: "))
    program, *arguments = shlex.split(command.removeprefix("a verdict:"))
    assert program == "nnparity"
    assert nnparity(*arguments) == 0
    assert {v.grade for v in verdicts()} == {"conforms", "unsupported"}
    assert {v.target for v in verdicts()} == {"my-chip:cpu:eager"}
    assert len((folder / file).read_text().splitlines()) < 20


@pytest.mark.parametrize("name", ["none", "true", "false"])
def test_a_name_that_is_pythons_own_makes_no_class(nnparity: Run, folder: Path, name: str) -> None:
    assert nnparity("new-adapter", name) == 0
    compile((folder / f"{name}_adapter.py").read_text(), name, "exec")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("my chip",), "'my chip' is no name of a backend"),
        (("torch",), "torch comes with nnparity: take another name"),
        (("mine", "--file", "there.py"), "there.py cannot be written: File exists"),
        (("mine", "--file", "nowhere/mine.py"), "nowhere/mine.py cannot be written: No such file or directory"),
    ],
)
def test_no_file_is_written_over_and_no_name_taken(
    nnparity: Run, folder: Path, arguments: tuple[str, ...], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "there.py").write_text("mine")
    assert nnparity("new-adapter", *arguments) == 2
    assert told in capsys.readouterr().err
    assert (folder / "there.py").read_text() == "mine"


@pytest.mark.parametrize("id", load())
def test_the_method_that_is_shown_takes_what_the_formula_gives(id: str) -> None:
    formula = load()[id]
    _, head, body = method(formula)
    found: dict[str, object] = {}
    exec(f"{head}\n{body}", found)
    assert misfit(found[id], formula) == ""
    text = "\n".join(described(formula))
    assert all(f"\n    {name} " in text for name in (*formula.inputs, *formula.attributes, *formula.results))
    assert f"{head}\n" in text


def test_softmax_is_shown_with_an_example_that_is_right(nnparity: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert nnparity("show", "softmax") == 0
    shown = capsys.readouterr().out
    assert shown.startswith("softmax: Softmax, section 3.4.3 of the primer\n")
    head, _, result = shown.partition("-> output = ")
    x, y = (np.array([float(w) for w in text.replace("[", " ").replace("]", " ").split()]) for text in (
        head.partition("    x = ")[2], result
    ))  # fmt: skip
    e = np.exp(x.reshape(3, 5))
    np.testing.assert_allclose(y.reshape(3, 5), e / e.sum(1, keepdims=True), atol=2e-4)


@pytest.mark.parametrize(
    ("id", "told"),
    [
        ("lstm_step", "in the order i, f, o, c of the primer"),
        ("conv2d", "sizes: n batch, c channel, h image, w image, o channel, p kernel, q kernel"),
        ("conv2d", "A true convolution (kernel flipped)"),
        ("sparse_cross_entropy", "labels (n,), whole numbers from 0 to k - 1, int64, no gradient"),
        ("masked_attention", "mask (b, s), 1 where it counts, 0 where not, int64, no gradient"),
        ("layer_norm", "eps = 1e-12"),
    ],
)
def test_what_shapes_do_not_say_is_said(id: str, told: str) -> None:
    assert told in "\n".join(described(load()[id]))


def test_a_formula_that_there_is_not_is_told(nnparity: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert nnparity("show", "sofmax") == 2
    assert "did you mean 'softmax'?" in capsys.readouterr().err


def test_ten_formulas_take_fewer_than_sixty_lines() -> None:
    assert len(EXAMPLE.read_text().splitlines()) < 60


@pytest.mark.skipif(find_spec("autograd") is None, reason="autograd is not installed")
def test_ten_formulas_run(nnparity: Run) -> None:
    ids = ("dense", "sigmoid", "tanh", "relu", "gelu", "softmax", "conv2d", "layer_norm", "mse", "cross_entropy_logits")
    asked = [word for id in ids for word in ("--formula", id)]
    wide = ("--dtype", "float64", "--dtype", "float32", "--level", "quick")
    assert nnparity("run", "--backend", f"{EXAMPLE}:Autograd", *asked, *wide) in (0, 1)
    right = [v for v in verdicts() if v.grade == "conforms"]
    assert {v.formula for v in right} == set(ids)
    assert {v.quantity.partition(".")[0] for v in right} == {"output", "grad", "hvp"}
    # the derivative of tanh is 1/cosh², and a little more than a rounding of tanh's own formula may be off
    assert {(v.formula, v.grade) for v in verdicts()} - {("tanh", "diverges")} <= {
        *((id, "conforms") for id in ids),
        *((id, "unsupported") for id in ids),
    }


def test_what_a_method_is_given() -> None:
    assert given(load()["layer_norm"]) == ("x", "gamma", "beta", "eps")
    without = next((one for one in load().values() if not one.inputs), None)
    assert without is None or given(without)[-1] == "dtype"


def test_a_formula_of_a_pack_is_shown_with_it(nnparity: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert nnparity("show", "silu") == 2
    assert nnparity("show", "--pack", MODERN, "silu") == 0
    told = capsys.readouterr().out
    assert told.startswith("silu: SiLU (swish), section 1.1 of the pack modern\n")
    assert "an example, silu/n3d5/normal/float64" in told

"""Formula packs: loaded, proven, judged on three frameworks; what is wrong with one is told, a wrong VJP is seen."""

import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import nnparity
from nnparity.adapters.numpy import NumpyAdapter
from nnparity.adapters.packs import extended
from nnparity.api.packs import Pack
from nnparity.reference import FORMULAS
from nnparity.spec import load
from nnparity.tests.api.judged import told

MODERN = Path(__file__).resolve().parents[2] / "packs" / "modern"
IDS = (
    *("silu", "softplus", "swiglu", "rms_norm", "group_norm", "huber", "smoothed_cross_entropy", "rope"),
    *("causal_attention", "grouped_query_attention", "depthwise_conv2d", "strided_conv2d", "gru", "adamw"),
)
#: Of these all ordinary numbers conform, in all dtypes, on the frameworks below, but for what is on record.
FIRST = ("silu", "softplus", "swiglu", "rms_norm", "group_norm", "huber", "smoothed_cross_entropy")
#: How much is asked of each framework.
LEVELS = {"torch": "core", "tensorflow": "core", "jax": "quick"}
#: The gradient of many classes alone, whose cotangents PyTorch adds up one after the other in float32.
RECORDED = {"torch": [("smoothed_cross_entropy", "float32")]}


@pytest.fixture
def pack() -> Iterator[Pack]:
    found = nnparity.load_pack(MODERN)
    yield found
    found.close()


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """A pack of one's own to spoil."""
    return Path(shutil.copytree(MODERN, tmp_path / "mine", ignore=shutil.ignore_patterns("__pycache__")))


def spoil(folder: Path, file: str, right: str, wrong: str) -> None:
    text = (folder / file).read_text(encoding="utf-8")
    assert right in text
    (folder / file).write_text(text.replace(right, wrong), encoding="utf-8")


def test_every_formula_is_proven(pack: Pack) -> None:
    assert set(pack.formulas) == set(IDS)
    assert pack.prove() == []


@pytest.mark.parametrize(
    ("file", "right", "wrong", "says"),
    [
        (
            "activations",
            "return g * (gate + x * steep if gated",
            "return g * (gate + x * gate if gated",
            "silu/.*J v>",
        ),
        ("normalisations", "dx = gg / root - y *", "dx = gg / root - 1.0000000001 * y *", "rms_norm/.*J v> is"),
        ("normalisations", "np.sum(g, axis=(0, 2, 3))", "0 * np.sum(g, axis=(0, 2, 3))", "group_norm/.*J v> is"),
        ("losses", "np.where(d < 0, -delta, d)", "np.where(d < 0, delta, d)", "huber/.*J v> is"),
        ("activations", "y / np.log(base) if base", "y / np.log(3.0) if base", "variant base_2: softplus/"),
        ("attention", "return _turn(g, -sign,", "return _turn(g, sign,", "rope/.*J v> is"),
        ("recurrence", "dproduct = dn if early else dn * s.r", "dproduct = dn if early else dn * s.z", "gru/.*J v> is"),
        (
            "convolutions",
            "(i, p - 1 - i), (j, q - 1 - j)",
            "(p - 1 - i, i), (j, q - 1 - j)",
            "depthwise_conv2d/.*J v>",
        ),
        ("losses", "return dy, -dy", "return dy, -dy[0]", r"huber/.*: the VJP of huber returns t in shape \(5,\)"),
        ("losses", "return dy, -dy", "return dy", "huber/.*: the gradients of huber are 1 arrays, expected y, t"),
        ("optimizers", "host_scalar(1 - rate *", "host_scalar(1 / (1 - 1) - rate *", "adamw/.*ZeroDivisionError"),
    ],
)
def test_a_wrong_reference_is_seen(copied: Path, file: str, right: str, wrong: str, says: str) -> None:
    spoil(copied, f"{file}.py", right, wrong)
    found = nnparity.load_pack(copied)
    (id,) = (id for id in IDS if f"{id}/" in says)  # the one that it is seen in; proving the others shows nothing
    try:
        assert any(re.search(says, line) for line in replace(found, formulas={id: found.formulas[id]}).prove())
    finally:
        found.close()


def test_a_variant_that_is_the_formula_is_seen(copied: Path) -> None:
    spoil(copied, "activations.toml", "{ gated = false }", "{ gated = true }")
    found = nnparity.load_pack(copied)
    try:
        told = replace(found, formulas={"silu": found.formulas["silu"]}).prove()
    finally:
        found.close()
    assert [line for line in told if "gives what the formula gives, in all cases" in line] == told
    assert len(told) == 1


@pytest.mark.parametrize("id", IDS)
def test_variants_are_seen_and_named(pack: Pack, id: str) -> None:
    formula, forward = pack.formulas[id], FORMULAS[id].forward
    assert len(formula.variants) >= 2
    right = nnparity.check(as_float32(forward, {}), id, level="core")
    assert right, str(right)
    for name, variant in formula.variants.items():
        if name == "held_mean":  # the output is right, and second derivatives no function in NumPy has
            continue
        result = nnparity.check(as_float32(forward, dict(variant.set)), id, level="core")
        assert not result
        assert variant.says in str(result)


def as_float32(forward: object, variant: dict[str, object]) -> object:
    """The reference in float64, rounded once, as a NumPy function."""

    def function(*inputs: np.ndarray, **attributes: float) -> object:
        wide = (x if x.dtype.kind == "i" else x.astype(np.float64) for x in inputs)
        found = forward(*wide, **(attributes | variant))  # type: ignore[operator]
        parts = [np.asarray(one, np.float32) for one in (found if isinstance(found, tuple) else (found,))]
        return tuple(parts) if len(parts) > 1 else parts[0]

    return function


def test_the_tools_know_it(pack: Pack) -> None:
    x = np.random.default_rng(0).normal(size=(3, 5)).astype(np.float32)
    right = (x.astype(np.float64) / (1 + np.exp(-x.astype(np.float64)))).astype(np.float32)
    nnparity.assert_close(right, "silu", x=x)
    assert nnparity.tolerance("silu", x=x).hard.shape == x.shape
    assert nnparity.arbitrate(right, x, "silu", inputs={"x": x}).farther == "b"


def test_nothing_is_left_of_one_that_is_closed() -> None:
    before, primer = dict(FORMULAS), set(load())
    found = nnparity.load_pack(MODERN)
    assert set(load()) == {*primer, *IDS}
    with pytest.raises(nnparity.UsageError, match="there is a formula of that id already"):
        nnparity.load_pack(MODERN)
    found.close()
    assert before == FORMULAS
    assert set(load()) == primer
    with pytest.raises(nnparity.UsageError, match="no formula is called 'silu'"):
        nnparity.tolerance("silu", n=3)


@pytest.mark.parametrize(
    ("file", "right", "wrong", "says"),
    [
        ("losses.toml", 'wrt     = ["y", "t"]', 'wrt     = ["y", "z"]', "losses.toml: huber.wrt: 'z' is no input"),
        ("losses.toml", "[huber", "[dense", "dense: there is a formula of that id already"),
        ("losses.toml", 'inputs  = { y = "n k"', 'inputs  = { y = "n k!"', "huber.inputs: cannot read 'k!'"),
        (
            "attention.toml",
            "infinity             = [",
            "infinite = [",
            "attention.toml: causal_attention.permits: no special",
        ),
        ("losses.py", '@formula("huber")', '@formula("hubris")', "'huber' is in the TOML, and not registered here"),
        ("activations.py", "@silu.vjp\n", "\n", "'silu' has no VJP, and is differentiated by x"),
        ("losses.py", "import numpy as np", "import numpie as np", "losses.py: ModuleNotFoundError: No module"),
    ],
)
def test_what_is_wrong_with_one_is_told_and_nothing_kept(
    copied: Path, file: str, right: str, wrong: str, says: str
) -> None:
    spoil(copied, file, right, wrong)
    before, primer = dict(FORMULAS), set(load())
    with pytest.raises(nnparity.UsageError) as raised:
        nnparity.load_pack(copied)
    assert says in str(raised.value)
    assert before == FORMULAS
    assert set(load()) == primer


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ("return np.sort(x) * gate", r"silu cannot be read: activations.py:\d+: return np.sort.*\n.* no rule for sort"),
        ("return (x * gate)[0]", r"silu returns output in shape \(5,\), expected \(3, 5\)"),
        ("return None", "silu returns a NoneType, expected an array"),
        ("return x, gate", "the results of silu are 2 arrays, expected output"),
    ],
)
def test_a_reference_that_cannot_be_run_is_no_fault_of_the_target(copied: Path, wrong: str, says: str) -> None:
    spoil(copied, "activations.py", "return x * gate if gated else gate", wrong)
    found = nnparity.load_pack(copied)
    try:
        with pytest.raises(nnparity.UsageError, match=says):
            nnparity.check(lambda x: x, "silu", quantities=("output",), framework="numpy")
    finally:
        found.close()


def test_a_module_that_ends_the_process_is_told(copied: Path) -> None:
    spoil(copied, "losses.py", "import numpy as np", "raise SystemExit(0)")
    with pytest.raises(nnparity.UsageError, match=r"losses\.py: SystemExit: 0"):
        nnparity.load_pack(copied)


def test_its_modules_may_have_dataclasses(copied: Path) -> None:
    own = "from __future__ import annotations\nimport dataclasses\n@dataclasses.dataclass\nclass Own:\n    size: int\n"
    losses = copied / "losses.py"
    losses.write_text(own + losses.read_text(encoding="utf-8"), encoding="utf-8")
    (copied / "on_numpy.py").write_text(own, encoding="utf-8")
    found = nnparity.load_pack(copied)
    try:
        assert extended(NumpyAdapter).backend == "numpy"
    finally:
        found.close()


def test_a_folder_without_one_is_told(tmp_path: Path) -> None:
    with pytest.raises(nnparity.UsageError, match="nosuch: no formula here: there is no such folder"):
        nnparity.load_pack(tmp_path / "nosuch")
    with pytest.raises(nnparity.UsageError, match="no formula here"):
        nnparity.load_pack(tmp_path)
    shutil.copy(MODERN / "losses.toml", tmp_path)
    with pytest.raises(nnparity.UsageError, match=r"reference\.py: not there"):
        nnparity.load_pack(tmp_path)


@pytest.mark.parametrize("framework", LEVELS, ids=map("-".join, LEVELS.items()))
def test_its_methods_conform_in_all_dtypes(request: pytest.FixtureRequest, framework: str) -> None:
    lines = told(request, framework, "packs")
    assert {line[0] for line in lines} == set(FIRST)
    assert len(lines) == 4 * len(FIRST)
    failing = [line for line in lines if not line[2]]
    assert [(line[0], line[1]) for line in failing] == RECORDED.get(framework, []), [line[3] for line in failing]
    assert all(": 1 of 10 verdicts do not conform\n" in line[3] and ", 65540]: observed" in line[3] for line in failing)

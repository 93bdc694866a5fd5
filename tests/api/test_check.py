"""Kernels in blocks on four frameworks: the right ones conform, with no tolerance given; eleven wrong ones have names.

A process for each framework, see `judged`.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nnparity
from nnparity.reference.formulas.convolution import max_pool2d
from nnparity.tests import once
from nnparity.tests.api.frameworks import OPS, NumpyOps
from nnparity.tests.api.judged import EVERYTHING, FEW, HEAVY, WHOLE, told
from nnparity.tests.api.kernels.blocks import ALL, wrong

WRONG = wrong(NumpyOps())
RIGHT = ("softmax", "attention", "masked_attention", "layer_norm")
#: NumPy's functions have no derivative of their own; attention comes with one.
FORWARD = {("numpy", name) for name in RIGHT} - {("numpy", "attention")}
#: What a verdict must be able to see at least: half of the digits of the dtype.
SEEN = {"float64": 2.0**-26, "float32": 2.0**-12, "float16": 2.0**-5, "bfloat16": 2.0**-4}


def dtypes(framework: str, name: str) -> tuple[str, ...]:
    own = WRONG[name].dtypes
    if framework in WHOLE or EVERYTHING:
        return own
    return () if name in HEAVY else tuple(dtype for dtype in own if dtype in FEW)


def complaints(framework: str, found: dict[tuple[str, str, str], dict[str, Any]]) -> Iterator[str]:
    """What is not as it should be: a right kernel that fails, a wrong one that passes or has another name."""
    for formula in RIGHT:
        for dtype in ALL:
            one = found["", formula, dtype]
            families = {verdict["quantity"].partition(".")[0] for verdict in one["verdicts"]}
            wanted = {"output"} if (framework, formula) in FORWARD else {"output", "grad"}
            if not one["conforms"] or families != wanted or one["resolution"] > SEEN[dtype]:
                yield f"right: {one['text']}"
    for name, planted in WRONG.items():
        for dtype in dtypes(framework, name):
            one = found[name, planted.formula, dtype]
            if one["conforms"] or planted.says not in one["text"]:
                yield f"{name}: {one['text']}"


@pytest.mark.parametrize("framework", OPS)
def test_right_kernels_conform_and_wrong_ones_fail_by_their_names(
    request: pytest.FixtureRequest, framework: str
) -> None:
    found = {(one["name"], one["formula"], one["dtype"]): one for one in told(request, framework, "check")}
    assert list(complaints(framework, found)) == []
    one = found["gradient of one input missing", "attention", "float32"]
    assert {v["quantity"] for v in one["verdicts"] if v["grade"] == "diverges"} == {"grad.k"}
    assert f"on {framework}:cpu:eager" in one["text"]


def sigmoid(x: Any) -> Any:
    return (1 / (1 + np.exp(-x))).astype(x.dtype)


def test_a_function_may_answer_in_any_order_of_bytes_but_not_hide_what_it_answers() -> None:
    assert nnparity.check(lambda x: sigmoid(x).astype(">f4"), "sigmoid")
    assert nnparity.check(lambda x: np.ma.array(sigmoid(x)), "sigmoid")
    for mask in (True, np.eye(3, 5, dtype=bool)):
        worst = nnparity.check(lambda x, mask=mask: np.ma.array(sigmoid(x), mask=mask), "sigmoid").worst  # type: ignore[misc]
        assert worst.grade == "error"
        assert "of 15 elements are masked" in str(worst.message)


def test_ten_ways_are_planted_in_all_dtypes_that_they_are_wrong_in() -> None:
    assert len(WRONG) >= 10
    fewer = {name for name, one in WRONG.items() if one.dtypes != ALL}
    assert fewer == {"half-precision probabilities", "TF32 inputs"}  # half precision has no more digits than those


def test_what_is_wrong_is_complained_of() -> None:
    """A right kernel that failed, a wrong one that passed, and one that was given another name."""
    fine = {
        "conforms": True,
        "resolution": 0.0,
        "text": "",
        "verdicts": [{"quantity": "output"}, {"quantity": "grad.x"}],
    }
    found = {("", formula, dtype): dict(fine) for formula in RIGHT for dtype in ALL}
    for name, one in WRONG.items():
        found |= {(name, one.formula, d): {"conforms": False, "text": one.says} for d in one.dtypes}
    assert list(complaints("torch", found)) == []
    found["", "softmax", "float32"] |= {"conforms": False}
    found["", "attention", "float16"] |= {"resolution": 1.0}
    found["zeros", "softmax", "float32"] |= {"conforms": True}
    found["unscaled", "attention", "float64"] |= {"text": "another"}
    assert len(list(complaints("torch", found))) == 4


def test_a_module_is_found_by_whatever_path_it_was_collected(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "linked").symlink_to(Path(__file__).parent)
    asking = {"check": tmp_path / "linked" / Path(__file__).name}
    monkeypatch.setattr(once, "_ask", lambda _, subject, asked: {one: {"found": subject} for one in asked})
    assert once.told(request, "linked", "numpy", "check", asking) == "numpy"


@pytest.mark.parametrize("dtype", ALL)
@pytest.mark.parametrize(("scan", "says"), [("last", "the last has"), ("columns", "the first has the gradient")])
def test_another_choice_among_equal_pixels_has_a_name(scan: str, says: str, dtype: str) -> None:
    def pooled(x: Any) -> Any:
        return max_pool2d(x.astype(np.float64)).astype(x.dtype)

    def pulled(g: Any, x: Any) -> Any:
        (dx,) = max_pool2d.gradients(g.astype(np.float64), x.astype(np.float64), scan=scan)
        return dx.astype(x.dtype)

    found = nnparity.check(pooled, "max_pool2d", vjp=pulled, dtype=dtype, level="core")
    tied = [one for one in found.failures if one.dataset == "tied"]
    assert tied
    assert all(f"of equal pixels {says}" in str(one.diagnosis) for one in found.failures)

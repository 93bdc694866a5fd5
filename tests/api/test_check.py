"""Kernels in blocks on four frameworks: the right ones conform, with no tolerance given; ten wrong ones have names."""

import json
import os
import subprocess
import sys
from functools import cache
from typing import Any

import pytest

from nnparity.tests.api.blocks import ALL, WIDE, wrong
from nnparity.tests.api.frameworks import OPS, NumpyOps
from nnparity.tests.api.judged import FEW, HEAVY

WRONG = wrong(NumpyOps())
#: Asked at the core level and in all dtypes; the others take minutes for that.
WHOLE = ("numpy", "torch")
EVERYTHING = "NNPARITY_EVERY_CASE" in os.environ
RIGHT = ("softmax", "attention", "masked_attention", "layer_norm")
#: NumPy's functions have no derivative of their own.
FORWARD = {("numpy", name) for name in RIGHT} - {("numpy", "attention")}


@cache
def told(framework: str) -> dict[tuple[str, str, str], dict[str, Any]]:
    """What a process of that framework says of each kernel."""
    command = [sys.executable, "-W", "ignore", "-m", "nnparity.tests.api.judged", framework]
    command += ["all"] if framework in WHOLE or EVERYTHING else []
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return {(line["name"], line["formula"], line["dtype"]): line for line in lines}


def dtypes(framework: str, name: str) -> tuple[str, ...]:
    own = WRONG[name].dtypes
    if framework in WHOLE or EVERYTHING:
        return own
    return () if name in HEAVY else tuple(dtype for dtype in own if dtype in FEW)


@pytest.mark.parametrize("framework", OPS)
@pytest.mark.parametrize("formula", RIGHT)
@pytest.mark.parametrize("dtype", ALL)
def test_a_right_kernel_conforms(framework: str, formula: str, dtype: str) -> None:
    one = told(framework)["", formula, dtype]
    assert one["conforms"], one["text"]
    assert f"on {framework}:cpu" in one["text"]
    quantities = {verdict["quantity"].partition(".")[0] for verdict in one["verdicts"]}
    assert quantities == {"output"} if (framework, formula) in FORWARD else {"output", "grad"}
    assert one["resolution"] < {"float64": 1e-14, "float32": 1e-5, "float16": 0.02, "bfloat16": 0.1}[dtype]


@pytest.mark.parametrize("framework", OPS)
@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_kernel_fails_by_its_name(framework: str, name: str) -> None:
    asked = dtypes(framework, name)
    assert asked or name in HEAVY
    for dtype in asked:
        one = told(framework)[name, WRONG[name].formula, dtype]
        assert not one["conforms"], f"{name} in {dtype} passes"
        assert WRONG[name].says in one["text"], f"{name} in {dtype}:\n{one['text']}"


def test_ten_ways_and_more_are_planted() -> None:
    assert len(WRONG) > 10
    assert {name for name, one in WRONG.items() if one.dtypes != ALL} == {
        "half-precision probabilities",
        "TF32 inputs",
    }
    assert all(one.dtypes in (ALL, WIDE) for one in WRONG.values())


@pytest.mark.parametrize("framework", OPS)
def test_only_the_gradient_that_is_missing_fails(framework: str) -> None:
    one = told(framework)["gradient of one input missing", "attention", "float32"]
    failing = {verdict["quantity"] for verdict in one["verdicts"] if verdict["grade"] == "diverges"}
    assert failing == {"grad.k"}

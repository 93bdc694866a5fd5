"""What a target declares of its half precision is held against it; what it says nothing of, against float32 sums."""

import pathlib

import numpy as np
import pytest

from nnparity.adapters.numpy import NumpyAdapter
from nnparity.adapters.request import Observation, Request
from nnparity.execute.observer import TargetUnavailable
from nnparity.execute.target import TargetName, start
from nnparity.run.examiner import Examiner
from nnparity.run.plan import Plan
from nnparity.spec.precision import ACCUMULATE, FUSED, MODELS, NARROW

HERE = "nnparity.tests.run.test_precision"


class Twice(NumpyAdapter):
    """Rounds inside too: its softmax is off by three roundings, which float32 sums and bfloat16 results explain."""

    def observe(self, request: Request) -> Observation:
        return {
            name: (y.astype(np.float64) * (1 + 2.5 * 2.0**-8)).astype(y.dtype) if name == "output" else y
            for name, y in super().observe(request).items()
        }


class Promising(Twice):
    """The same, but it says that it rounds once."""

    precision = {("soft*", "bfloat16", "output"): FUSED}  # noqa: RUF012


class Boasting(NumpyAdapter):
    """There is no such model."""

    precision = {("softmax", "*", "*"): "perfect"}  # noqa: RUF012


class Misnamed(NumpyAdapter):
    """There is no such formula."""

    precision = {("hardmax", "*", "*"): NARROW}  # noqa: RUF012


@pytest.mark.parametrize(("adapter", "grade"), [("Twice", "conforms"), ("Promising", "diverges")])
def test_what_it_says_decides(adapter: str, grade: str) -> None:
    plan = Plan((TargetName("numpy"),), formulas=("softmax",), dtypes=("bfloat16",), quantities=("output",))
    target = start(TargetName(f"{HERE}:{adapter}"), ("bfloat16",))
    found = {v.grade for group in plan.groups() for v in Examiner(plan).examine(group, [target])}
    target.observer.close()
    assert grade in found
    assert ("diverges" in found) == (grade == "diverges")


def test_the_first_pattern_that_fits_counts_and_else_the_default(tmp_path: pathlib.Path) -> None:
    target = start(TargetName(f"{HERE}:Promising"), ("bfloat16",))
    target.observer.close()
    assert target.model("softmax", "bfloat16", "output") == FUSED
    assert target.model("softmax", "float16", "output") == ACCUMULATE
    assert target.model("dense", "bfloat16", "output") == ACCUMULATE
    assert len(set(MODELS)) == 4


@pytest.mark.parametrize(
    ("adapter", "told"), [("Boasting", ":38: precision: perfect is none"), ("Misnamed", ":44: .*hardmax")]
)
def test_what_does_not_exist_is_refused(adapter: str, told: str) -> None:
    with pytest.raises(TargetUnavailable, match=told):
        start(TargetName(f"{HERE}:{adapter}"), ("bfloat16",))

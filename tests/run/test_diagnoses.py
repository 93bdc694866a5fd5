"""What a run makes of a diagnosis: it stands in the verdict, and none that fails ends the run."""

from collections.abc import Callable
from typing import Any

import pytest

from nnparity.adapters.numpy import NumpyAdapter
from nnparity.adapters.request import Observation, Request
from nnparity.execute.target import TargetName
from nnparity.reports.records import Verdict
from nnparity.run import examiner
from nnparity.run.plan import Plan
from nnparity.tests.checks.inside import target


class Tripled(NumpyAdapter):
    def observe(self, request: Request) -> Observation:
        return {name: 3 * y for name, y in super().observe(request).items()}


def verdicts() -> list[Verdict]:
    plan = Plan((TargetName("numpy"),), formulas=("tanh",), dtypes=("float32",), quantities=("output",), level="quick")
    tripled = target(Tripled)
    found = (line for group in plan.groups() for line in examiner.Examiner(plan).examine(group, [tripled]))
    return [line for line in found if isinstance(line, Verdict) and line.dataset == "normal"]


def test_it_stands_in_the_verdict() -> None:
    assert {(v.grade, v.diagnosis) for v in verdicts()} == {("diverges", "the expected result times 3")}


def test_one_that_fails_is_told_and_the_verdict_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_: Any, **__: Any) -> Callable[..., Any]:
        raise ValueError("cannot reshape\nfurther lines")

    monkeypatch.setattr("nnparity.checks.common.diagnosed", failing)
    told = "the diagnosis itself failed: ValueError: cannot reshape"
    assert {(v.grade, v.diagnosis) for v in verdicts()} == {("diverges", told)}

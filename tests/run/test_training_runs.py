"""What a training run is held to: machines are simulated only where norm 2 does not hold it."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnparity.adapters.numpy import NumpyAdapter
from nnparity.adapters.request import Failure, Observation, Request
from nnparity.execute.target import Target, TargetName, start
from nnparity.expect import training_horizon
from nnparity.expect.budgets import expect
from nnparity.reports.records import Verdict
from nnparity.reproduce.cell import FIRST_ORDER, Cell
from nnparity.run import examiner
from nnparity.run.examiner import Examiner
from nnparity.run.plan import Plan
from nnparity.spec import cases_of, load
from nnparity.spec.schema import QUANTITIES
from nnparity.spec.selection import CaseGroup
from nnparity.store import memory
from nnparity.store.memory import KEPT

HERE = "nnparity.tests.run.test_training_runs"
PLAN = Plan((TargetName("numpy"),), formulas=("train_gan",), dtypes=("float32",), quantities=("output",))
CASES = next(cases_of(load()["train_gan"], "float32"))
LOSSES = "output.losses"


class Off(NumpyAdapter):
    """Its losses are off by as much as no rounding explains."""

    def observe(self, request: Request) -> Observation:
        return {name: y * np.float32(1.01) if name == LOSSES else y for name, y in super().observe(request).items()}


class Declining(NumpyAdapter):
    """It has the formula, and none of its results."""

    declined = frozenset(load()["train_gan"].quantities)

    def observe(self, request: Request) -> Observation:
        refused = Failure("unsupported", "no such optimiser")
        return {name: refused if name in self.declined else y for name, y in super().observe(request).items()}


class DecliningLosses(Declining):
    """It declines one of the results."""

    declined = frozenset({LOSSES})


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """What was asked of cases: an expectation, simulated machines."""
    found: Counter[str] = Counter()

    def counting(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any, **keywords: Any) -> Any:
            found[name] += 1
            return function(*arguments, **keywords)

        return counted

    for module, name in ((examiner, "expect"), (training_horizon, "scatter")):
        monkeypatch.setattr(module, name, counting(name, getattr(module, name)))
    examiner._expected.cache_clear()
    return found


def started(adapter: str) -> Target:
    return start(TargetName(f"{HERE}:{adapter}" if adapter else "numpy"), PLAN.dtypes)


def examined(adapter: str) -> list[Verdict]:
    target = started(adapter)
    found = list(Examiner(PLAN).examine(CaseGroup(tuple(CASES)), [target]))
    target.observer.close()
    return found


def test_a_cell_takes_what_its_run_expected(tmp_path: Path) -> None:
    target, plan = started("Off"), replace(PLAN, quantities=QUANTITIES)
    with memory.using(tmp_path / "kept"):
        used = memory.used()
        assert used is not None
        list(Examiner(plan).examine(CaseGroup((CASES[0],)), [target]))
        used.take()
        assert Cell(CASES[0], target, LOSSES, FIRST_ORDER).truth.steps
        assert used.take().results["expectations"] == {KEPT: 1}, "machines are simulated for seconds"
    target.observer.close()


def test_of_what_norm_2_holds_no_machine_is_asked(asked: Counter[str]) -> None:
    assert {verdict.grade for verdict in examined("")} == {"conforms"}
    assert asked == {"expect": len(CASES)}


def test_machines_have_the_last_word_on_what_it_does_not_hold(asked: Counter[str]) -> None:
    found = {verdict.quantity: verdict for verdict in examined("Off")}
    assert {name for name, verdict in found.items() if verdict.grade != "conforms"} == {LOSSES}
    assert asked["scatter"] > 0
    for name, truth in expect(CASES[0], frozenset({"output"})).items():
        told = found[name].note
        assert told == f"{truth.steps} of {len(truth.value)} steps judged", "all results by the same budgets"


def test_norm_2_alone_is_never_the_wider_one() -> None:
    for case in CASES:
        alone, simulated = (expect(case, frozenset({"output"}), simulated=one) for one in (False, True))
        for name, truth in simulated.items():
            assert np.all(alone[name].sharp <= truth.sharp), name
            assert np.all(alone[name].hard <= truth.hard), name
            assert (alone[name].steps or 0) >= (truth.steps or 0)


def test_nothing_is_expected_of_a_run_that_the_target_declines(asked: Counter[str]) -> None:
    found = examined("Declining")
    assert [verdict.quantity for verdict in found] == [*load()["train_gan"].quantities] * len(CASES)
    assert {(verdict.grade, verdict.message) for verdict in found} == {("unsupported", "no such optimiser")}
    assert not asked


def test_of_one_that_it_declines_in_part_the_rest_is_judged(asked: Counter[str]) -> None:
    found = examined("DecliningLosses")
    assert {verdict.quantity for verdict in found if verdict.grade == "unsupported"} == {LOSSES}
    assert {verdict.grade for verdict in found if verdict.quantity != LOSSES} == {"conforms"}
    assert asked == {"expect": len(CASES)}

"""Verdicts are kept: of the same answers nothing is judged anew and all is told again, of any others all is judged."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from nnparity import checks
from nnparity.adapters.numpy import NumpyAdapter
from nnparity.adapters.request import Array, Failure, Observation, Request
from nnparity.execute.observer import Observed
from nnparity.execute.target import Target
from nnparity.reference import FORMULAS, Reference
from nnparity.reports.records import Curve, Line, Verdict
from nnparity.run import kept_verdicts
from nnparity.run.examiner import Examiner
from nnparity.run.kept_verdicts import answers
from nnparity.run.plan import Plan
from nnparity.store import memory
from nnparity.store.memory import AGAIN, COMPUTED, KEPT
from nnparity.tests.checks import faulty
from nnparity.tests.checks.inside import plan, target
from nnparity.tests.checks.test_layouts import Arranging

CHECKS = ("specials", "rejects", "determinism", "layouts", "threads", "sweep", "subnormals")
RECORD = """
[tanh-twice]
formula = "tanh"
target = "*"
dtype = ["float32"]
quantity = "output"
versions = {}
class = "wrong result"
expects = { hard = 1e9 }
upstream = "not reported"
reason = "It is twice the result."
"""


class Scaled(faulty.Spoilt):
    """The result of tanh, times a factor: one adapter, whose kernel may be another in the next run."""

    factor = 1

    def spoil(self, array: Array) -> Any:
        return array * (self.factor if self.request.formula == "tanh" else 1)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[memory.Memory]:
    memory.use(tmp_path / "kept")
    used = memory.used()
    assert used is not None
    yield used
    memory.leave()


def found(asked: Plan, one: Target, keeping: bool = True, diagnosing: bool = True) -> tuple[list[Line], Examiner]:
    """All lines of a plan on a target, their seconds left out."""
    examiner = Examiner(asked, diagnosing=diagnosing, keeping=keeping)
    lines: list[Line] = [verdict for group in asked.groups() for verdict in examiner.examine(group, [one])]
    lines += examiner.curves
    lines += [line for item in checks.items(asked) for line in examiner.check(item, one)]
    return untimed(lines), examiner


def untimed(lines: Sequence[Line]) -> list[Line]:
    return [msgspec.structs.replace(one, seconds=0.0) if isinstance(one, Verdict) else one for one in lines]


def judged(store: memory.Memory) -> dict[str, int]:
    """How the verdicts were come by since this was last asked."""
    return dict(store.take().results.get("verdicts", {}))


def test_of_the_same_answers_nothing_is_judged_and_the_same_is_told(
    store: memory.Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = plan("tanh", "dense", dtypes=("float32", "bfloat16"))
    first, _ = found(asked, target(NumpyAdapter))
    assert first == found(asked, target(NumpyAdapter), keeping=False)[0]
    number = sum(isinstance(line, Verdict) for line in first)
    assert judged(store) == {COMPUTED: number}
    for name in ("expect.budgets.expect", "run.examiner._expected", "run.examiner.judge", "judge.sensitivity.graded"):
        monkeypatch.setattr(f"nnparity.{name}", None)
    assert found(asked, target(NumpyAdapter))[0] == first
    assert judged(store) == {KEPT: number}


@pytest.mark.parametrize("check", CHECKS)
def test_each_check_is_kept(store: memory.Memory, check: str) -> None:
    asked = plan("dense" if check == "rejects" else "tanh")
    item = next(item for item in checks.items(asked) if item.check == check)
    examiner = Examiner(asked, keeping=True)
    first, second = (
        [line for line in examiner.check(item, target(Arranging)) if isinstance(line, Verdict)] for _ in range(2)
    )
    assert judged(store) == {COMPUTED: len(first), KEPT: len(first)}
    assert untimed(first) == untimed(second)
    assert sum(one.seconds for one in second) > 0
    assert [bool(one.seconds) for one in first] == [bool(one.seconds) for one in second], "each tells its own answers"


def test_a_diagnosis_that_failed_is_not_kept(store: memory.Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    """For want of memory, say: the next run may have more."""

    def failing(*_: Any, **__: Any) -> Any:
        raise MemoryError

    asked, twice = plan("tanh"), type("Twice", (Scaled,), {"factor": 2})
    monkeypatch.setattr("nnparity.checks.common.diagnosed", failing)
    assert any("failed" in (one.diagnosis or "") for one in found(asked, target(twice))[0] if isinstance(one, Verdict))
    monkeypatch.undo()
    again, _ = found(asked, target(twice))
    assert not any("failed" in (one.diagnosis or "") for one in again if isinstance(one, Verdict))


def test_another_answer_is_judged(store: memory.Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = plan("tanh", "relu")
    found(asked, target(Scaled))
    judged(store)
    monkeypatch.setattr(Scaled, "factor", 2)
    wrong, _ = found(asked, target(Scaled))
    assert wrong == found(asked, target(Scaled), keeping=False)[0]
    counted = judged(store)
    other = [one for one in wrong if isinstance(one, Verdict) and one.formula == "relu" and one.dataset != "subnormal"]
    assert counted[KEPT] >= len(other) > 0
    assert counted[COMPUTED] > 0
    assert any(isinstance(one, Verdict) and one.grade == "diverges" and one.diagnosis for one in wrong)


def test_answers_are_digested_once_whether_they_are_those_of_before_or_others(
    store: memory.Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted: list[int] = []
    monkeypatch.setattr(kept_verdicts, "answers", lambda observed: counted.append(len(observed)) or answers(observed))
    asked, runs = plan("tanh"), []
    for factor in (1, 1, 2):
        monkeypatch.setattr(Scaled, "factor", factor)
        found(asked, target(Scaled))
        runs.append(counted.copy())
        counted.clear()
    assert runs[0]
    assert runs[0] == runs[1] == runs[2]
    found(asked, target(Scaled), keeping=False)
    assert not counted, "nobody asks"


def test_of_a_group_only_the_cases_whose_answers_changed_are_judged(store: memory.Memory) -> None:
    asked = plan("tanh", quantities=("output",))
    group = next(asked.groups())
    assert len(group.cases) > 1
    for adapter in (NumpyAdapter, faulty.Restless, faulty.Restless):
        one = target(adapter)
        list(Examiner(asked, keeping=True).examine(group, [one]))
    assert set(judged(store)) == {COMPUTED, KEPT}


OTHERS = {
    "a quantity": (plan("tanh", quantities=("output",)), {}),
    "a record": (plan("tanh"), {"record": RECORD}),
    "its version": (plan("tanh"), {"versions": {"numpy": "9"}}),
    "the model it is held to": (plan("tanh"), {"precision": {("tanh", "float16", "*"): "fused"}}),
    "subnormals": (plan("tanh"), {"flushes": True}),
    "no diagnosis": (plan("tanh"), {"diagnosing": False}),
}


@pytest.mark.parametrize("other", list(OTHERS))
def test_where_anything_else_is_asked_all_is_judged_anew(store: memory.Memory, other: str, tmp_path: Path) -> None:
    found(plan("tanh"), target(NumpyAdapter))
    judged(store)
    asked, changes = OTHERS[other]
    if "record" in changes:
        (tmp_path / "more.toml").write_text(changes["record"])
        asked = replace(asked, known=(tmp_path / "more.toml",))
    one = target(NumpyAdapter, flushes=bool(changes.get("flushes")))
    says = {name: told for name, told in changes.items() if name in ("versions", "precision")}
    one.observer.info = replace(one.observer.info, **says)
    found(asked, one, diagnosing=changes.get("diagnosing", True))
    assert set(judged(store)) == {COMPUTED}


@pytest.mark.parametrize("factor", [1, 2])
def test_a_record_is_run_held_or_stale_as_when_it_was_judged(
    store: memory.Memory, factor: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Scaled, "factor", factor)
    (tmp_path / "more.toml").write_text(RECORD)
    asked = replace(plan("tanh"), known=(tmp_path / "more.toml",))
    told = [found(asked, target(Scaled))[1].ledger.take() for _ in range(2)]
    assert told[0] == told[1]
    ran, held = told[1]
    assert "tanh-twice" in ran
    assert ("tanh-twice" in held) == (factor == 2)
    assert judged(store)[KEPT] > 0


def test_records_are_told_again_of_a_check_whose_lines_were_taken_one_by_one(
    store: memory.Memory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Scaled, "factor", 2)
    (tmp_path / "more.toml").write_text(RECORD)
    asked = replace(plan("tanh"), known=(tmp_path / "more.toml",))
    item = next(one for one in checks.items(asked) if one.check == "specials")
    told = []
    for _ in range(2):
        examiner, held = Examiner(asked, keeping=True), set[str]()
        for _ in examiner.check(item, target(Scaled)):
            held |= examiner.ledger.take()[1]
        told.append(held | examiner.ledger.take()[1])
    assert told[0] == told[1] == {"tanh-twice"}


def test_of_a_formula_that_is_not_the_references_nothing_is_kept(
    store: memory.Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = Reference("tanh", np.tanh)
    own.backward = lambda g, x: g * (1 - np.tanh(x) ** 2)
    # with a salt: what this process remembers of its cases is not what other tests ask for
    asked = replace(plan("tanh"), salt="another reference")
    found(asked, target(NumpyAdapter))
    assert judged(store)[COMPUTED] > 0
    monkeypatch.setitem(FORMULAS, "tanh", own)
    asked = replace(plan("tanh"), salt="another reference still")
    found(asked, target(NumpyAdapter))
    assert judged(store) == {}


def test_what_is_asked_of_two_processes_is_asked_of_one_after_the_other() -> None:
    told: list[str] = []

    class Process:
        def __init__(self, name: str) -> None:
            self.name = name

        def submit(self, requests: Sequence[Request]) -> None:
            told.append(f"{self.name} is asked {len(requests)}")

        def collect(self) -> Iterator[Observed]:
            told.append(f"{self.name} answers")
            return iter([Observed({}, 1.0)])

    asked: Any = [(Process("one"), []), (Process("other"), [])]
    inquiry = checks.Inquiry(lambda answers: [], (), asked, lambda: told.append("meanwhile"))
    assert len(inquiry.answers()) == 2
    assert told == ["one is asked 0", "meanwhile", "one answers", "other is asked 0", "other answers"]
    told.clear()
    inquiry.answers(ahead=False)
    assert "meanwhile" not in told


def test_the_curves_of_a_training_run_are_told_again(store: memory.Memory) -> None:
    asked = plan("train_gan", quantities=("output",))
    first, second = (found(asked, target(NumpyAdapter))[0] for _ in range(2))
    assert first == second
    assert any(isinstance(line, Curve) for line in second)
    assert judged(store)[KEPT] > 0


def test_a_damaged_entry_is_judged_again_and_said(store: memory.Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = plan("tanh", quantities=("output",))
    first, _ = found(asked, target(NumpyAdapter))
    store.take()
    body = memory.decode
    monkeypatch.setattr(memory, "decode", lambda key, entry: body(key, entry[:-1]))
    assert found(asked, target(NumpyAdapter))[0] == first
    counted = judged(store)
    assert set(counted) == {AGAIN}


def test_who_plants_faults_keeps_nothing(store: memory.Memory) -> None:
    found(plan("tanh"), target(NumpyAdapter), keeping=False)
    assert judged(store) == {}


BITS = np.array([1.0, -0.0, np.nan], np.float32)
DIFFERENT = {
    "a bit": Observed({"output": np.array([1.0, 0.0, np.nan], np.float32)}),
    "the dtype": Observed({"output": BITS.view(np.int32)}),
    "the shape": Observed({"output": BITS[None]}),
    "the name": Observed({"jvp": BITS}),
    "one more": Observed({"output": BITS, "jvp": BITS}),
    "a failure": Observed({"output": Failure("error", "no")}),
    "a fate": Observed({"output": BITS}, fate="crashed"),
    "a message": Observed({"output": BITS}, message="killed"),
    "a note": Observed({"output": BITS}, notes={"jvp": "by a double VJP"}),
}


@pytest.mark.parametrize("other", list(DIFFERENT))
def test_answers_that_differ_in_anything_but_the_time_have_another_digest(other: str) -> None:
    plain = Observed({"output": BITS}, 0.5)
    assert answers([plain]) == answers([replace(plain, seconds=9.0)])
    assert answers([plain]) != answers([DIFFERENT[other]])
    assert answers([plain, plain]) != answers([plain])


class OutputAlone(NumpyAdapter):
    """Forgets the derivatives."""

    def observe(self, request: Request) -> Observation:
        return {"output": super().observe(request)["output"]}


def test_what_is_asked_and_not_answered_is_judged_where_it_is_asked(store: memory.Memory) -> None:
    less = list(found(plan("tanh", quantities=("output",)), target(OutputAlone))[0])
    more = list(found(plan("tanh", quantities=("output", "grad")), target(OutputAlone))[0])
    assert not any(isinstance(one, Verdict) and one.grade == "error" for one in less)
    assert any(isinstance(one, Verdict) and one.grade == "error" and one.dataset == "normal" for one in more)

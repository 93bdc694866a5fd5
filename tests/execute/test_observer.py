"""Whatever an adapter does costs the case at hand and nothing else."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from nnparity.adapters.request import Failure, Request
from nnparity.command_line import main as cli
from nnparity.execute.observer import Observed, Observer, TargetUnavailable
from nnparity.execute.requests import request
from nnparity.execute.target import Target, TargetName, start
from nnparity.reports.records import ADAPTER, NO_SCRIPTS, SCRIPTS, Verdict, read_run
from nnparity.run.examiner import Examiner
from nnparity.run.plan import Plan
from nnparity.run.verdicts import target_line
from nnparity.spec import cases_of, load
from nnparity.spec.schema import QUANTITIES

UNRULY = "nnparity.tests.execute.unruly"
CASES = next(cases_of(load()["relu"], "float32"))
#: What is done -> (grade of every quantity, what the message says).
FAULTS = {
    "raise": ("error", "ArithmeticError: it does not add up"),
    "refuse": ("unsupported", "not in this release"),
    "exit": ("crashed", "the process died: exit status 7\nthese are my last words"),
    "leave": ("crashed", "I am leaving"),
    "die": ("crashed", "the process died: killed by SIGSEGV"),
    "hang": ("timed out", "no answer within 2 s; the process was killed"),
    "wrong shape": ("diverges", "returned shape (1, 3, 5), expected (3, 5)"),
    "wrong dtype": ("diverges", "returned float16, expected float32"),
    "list": ("error", "the adapter returned list, not a dict of quantities"),
    "nothing": ("error", "the adapter returned NoneType, not a dict of quantities"),
    "no message": ("error", "<built-in function len>"),
    "objects": ("error", "the adapter returned an array of objects: ragged, or not of numbers"),
    "text": ("diverges", "returned str32, expected float32"),
    "None": ("error", "the adapter returned NoneType, not an array"),
    "0-d": ("diverges", "returned shape (), expected (3, 5)"),
    "code": ("error", "odd"),
    "scalars": ("error", "the adapter returned float, not an array"),
    "write": ("error", "read-only"),
    "write behind": ("error", "the adapter changed its input x"),
}


@pytest.fixture(scope="module")
def target() -> Iterator[Target]:
    target = start(TargetName(f"{UNRULY}:Unruly"), ("float32",), timeout=2.0)
    yield target
    target.observer.close()


class Doing(Observer):
    """An observer whose second request carries what the adapter is to do."""

    def __init__(self, observer: Observer, do: str) -> None:
        self.__dict__ = observer.__dict__
        self.do = do

    def submit(self, requests: list[Request]) -> None:  # type: ignore[override]
        bad = replace(requests[1], attributes={"do": self.do})
        super().submit([requests[0], bad, *requests[2:]])


def examined(target: Target, do: str) -> dict[str, list[Verdict]]:
    """Dataset -> verdicts of a group in which the adapter misbehaves in the second case."""
    plan = Plan((TargetName("numpy"),), dtypes=("float32",))
    group = next(group for group in plan.groups() if group.cases[0].formula.id == "relu")
    doing = Target(Doing(target.observer, do), target.flushes)
    verdicts: dict[str, list[Verdict]] = {}
    for verdict in Examiner(plan).examine(group, [doing]):
        verdicts.setdefault(verdict.dataset, []).append(verdict)
    return verdicts


@pytest.mark.parametrize("do", FAULTS)
def test_a_fault_costs_its_case_and_no_other(target: Target, do: str) -> None:
    grade, told = FAULTS[do]
    before, bad, *after = examined(target, do).values()
    assert [verdict.grade for verdict in bad] == [grade] * 4
    assert all(told in (verdict.message or "") for verdict in bad), bad[0].message
    assert all(verdict.case == "relu/n3d5/small/float32" for verdict in bad)
    assert len(after) == 2
    assert {verdict.grade for group in (before, *after) for verdict in group} == {"conforms"}


WRONG = [do for do in FAULTS if do not in ("raise", "refuse", "exit", "leave", "die", "hang", "write", "write behind")]


@pytest.mark.parametrize("do", [*WRONG, "forget", "complex", "ragged", "structure", "keys"])
def test_whatever_is_returned_no_run_ends(do: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In every check and the ordinary cases, each asked quantity gets one verdict."""
    monkeypatch.setenv("NNPARITY_DO", do)
    options = ("--formula", "relu", "--formula", "dense", "--dtype", "float32", "--out", str(tmp_path), "--jobs", "1")
    assert cli.guarded(lambda: cli.application(["run", "--backend", f"{UNRULY}:Always", *options])) == 1
    found = [line for line in read_run(tmp_path / "parity.jsonl") if isinstance(line, Verdict)]
    assert {v.dataset for v in found} >= {"normal", "again", "in another process", "sweep", "nan", "subnormal"}
    assert any(v.dataset.startswith("rejects: ") for v in found)
    assert len({(v.case, v.quantity) for v in found}) == len(found)
    for verdict in found:
        if verdict.quantity == "output" or do != "forget":
            assert verdict.grade in ("error", "diverges"), verdict
            assert verdict.message, verdict


def test_a_quantity_that_is_missing_is_an_error_of_its_own(target: Target) -> None:
    bad = {verdict.quantity: verdict for verdict in examined(target, "forget")["small"]}
    assert (bad["output"].grade, bad["output"].message) == ("error", "the adapter did not return this quantity")
    assert {verdict.grade for name, verdict in bad.items() if name != "output"} == {"conforms"}


def test_a_formula_that_a_target_does_not_have_costs_one_verdict_and_no_work() -> None:
    plan = Plan((TargetName("numpy"),), formulas=("relu",), dtypes=("float32",), level="quick")
    examiner, (group,) = Examiner(plan), plan.groups()
    modest = start(TargetName(f"{UNRULY}:Modest"), ("float32",))
    (verdict,) = examiner.examine(group, [modest])
    modest.observer.close()
    assert (verdict.grade, verdict.message) == ("unsupported", "beyond me")
    assert not examiner.seconds


@pytest.mark.parametrize(("name", "quantity"), [("relu", "output.with_grad"), ("lstm", "output.with_grad.c_last")])
def test_the_output_that_comes_with_gradients_is_judged_where_it_differs(name: str, quantity: str) -> None:
    plan = Plan((TargetName("numpy"),), formulas=(name,), dtypes=("float32",), level="quick")
    trained = start(TargetName("nnparity.tests.checks.faulty:Trained"), ("float32",))
    found = {verdict.quantity: verdict for verdict in Examiner(plan).examine(next(plan.groups()), [trained])}
    trained.observer.close()
    assert {quantity for quantity, verdict in found.items() if verdict.grade != "conforms"} == {
        one for one in found if one.startswith("output.with_grad")
    }
    assert found[quantity].grade == "diverges"


def test_a_note_says_how_a_verdict_was_come_by() -> None:
    plan = Plan((TargetName("numpy"),), formulas=("relu",), dtypes=("bfloat16",), level="quick")
    special = start(TargetName(f"{UNRULY}:Composed"), ("bfloat16",))
    found = {verdict.quantity: verdict.note for verdict in Examiner(plan).examine(next(plan.groups()), [special])}
    special.observer.close()
    wide = "conforms under the fused-wide model"
    assert found == {
        "output": f"composed; {wide}",
        "grad.x": f"composed; {wide}",
        "jvp": f"composed; by other means; {wide}",
        "hvp.x": f"composed; {wide}",
    }


@pytest.mark.parametrize("do", ["well", "print", "invent"])
def test_what_does_no_harm_conforms(target: Target, do: str) -> None:
    assert {verdict.grade for group in examined(target, do).values() for verdict in group} == {"conforms"}


def ask(*do: str) -> list[Request]:
    asked = request(CASES[0], frozenset(QUANTITIES))
    return [replace(asked, attributes={"do": one}) for one in do]


def collected(target: Target, *do: str) -> list[Observed]:
    target.observer.submit(ask(*do))
    return list(target.observer.collect())


def test_every_request_is_answered_however_many_die(target: Target) -> None:
    assert [o.fate for o in collected(target, "exit", "die", "well", "exit")] == ["crashed", "crashed", "", "crashed"]
    assert [o.fate for o in collected(target, "well")] == [""]


def test_what_nobody_catches_is_told_by_the_line_that_raised_it(target: Target) -> None:
    (observed,) = collected(target, "interrupt")
    assert re.fullmatch(
        r'the process died: exit status 1\nTraceback \(most recent call last\):\n  File ".*unruly\.py", line \d+, in '
        r'interrupts\n    raise KeyboardInterrupt\("enough"\)\nKeyboardInterrupt: enough',
        observed.message,
    )


def test_answers_that_nobody_read_are_not_taken_for_those_of_the_next_requests(target: Target) -> None:
    target.observer.submit(ask("refuse", "refuse"))
    next(target.observer.collect())
    (answer,) = collected(target, "well")
    assert not any(isinstance(seen, Failure) for seen in answer.observation.values())


def test_a_target_that_cannot_be_made_again_answers_so_from_then_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NNPARITY_FRAGILE", str(tmp_path / "marker"))
    observer = Observer(f"{UNRULY}:Fragile")
    observer.submit(ask("well", "well", "well"))
    first, *rest = observer.collect()
    observer.submit(ask("well"))
    rest += observer.collect()
    observer.close()
    assert first.message == "the process died: exit status 9"
    assert [o.fate for o in rest] == ["crashed"] * 3
    assert all(
        "it could not be started again: " in o.message and "RuntimeError: once was enough" in o.message for o in rest
    )


@pytest.mark.parametrize(
    ("backend", "device", "mode", "told"),
    [
        (
            f"{UNRULY}:Unborn",
            "cpu",
            "eager",
            r"RuntimeError: no licence\n  unruly.py:\d+ in __init__: raise RuntimeError",
        ),
        (
            f"{UNRULY}:Unmade",
            "cpu",
            "eager",
            r"TypeError: Unmade.__init__ does not call super\(\).__init__\(device, mode",
        ),
        (f"{UNRULY}:Stillborn", "cpu", "eager", "the process died: exit status 3"),
        (
            f"{UNRULY}:Nobody",
            "cpu",
            "eager",
            "no class 'Nobody' in nnparity.tests.execute.unruly; it has Unruly, Always",
        ),
        ("numpy", "cuda", "eager", "numpy has no cuda here, only cpu"),
        ("numpy", "cpu", "compiled", "numpy has no mode 'compiled', only eager"),
    ],
)
def test_a_target_that_cannot_be_had_says_why(backend: str, device: str, mode: str, told: str) -> None:
    with pytest.raises(TargetUnavailable, match=told):
        Observer(backend, device, mode)


def test_a_target_says_what_it_is(target: Target) -> None:
    info = target.observer.info
    assert (target.name, info.devices, set(info.versions)) == ("unruly:cpu:eager", ["cpu"], {"numpy"})
    assert set(info.kernels) == set(load())
    assert info.import_seconds > 0
    assert target.flushes == {"float32": False}
    told = {"second order": info.second_order, "subnormals float32": "kept", SCRIPTS: NO_SCRIPTS}
    assert target_line(target, TargetName("numpy")).properties == told
    assert target_line(target, TargetName(f"{UNRULY}:Unruly")).properties == told | {ADAPTER: f"{UNRULY}:Unruly"}


def test_the_process_ends_with_its_observer() -> None:
    observer = Observer("numpy")
    process = observer._process
    assert process.poll() is None
    observer.close()
    assert process.poll() is not None

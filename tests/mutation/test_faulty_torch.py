"""Faults planted in a framework's adapter: each is caught in float32, by grade and by name.

All run in one worker process; a group goes to it twice, with the fault and without, when it must conform.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import pytest

from nnparity.adapters.request import Request
from nnparity.execute.observer import Observer
from nnparity.execute.target import Target, TargetName, start
from nnparity.expect.budgets import expect
from nnparity.reports.records import Verdict
from nnparity.run.examiner import Examiner
from nnparity.run.plan import Plan
from nnparity.run.verdicts import failed
from nnparity.spec import DTYPES, Case, Formula, Signature, cases_of, load
from nnparity.spec.selection import CaseGroup

PLAN = Plan((TargetName("numpy"),), dtypes=("float32",))


class Planting(Observer):
    """The same observer, whose requests name a fault."""

    def __init__(self, observer: Observer, fault: str) -> None:
        self.__dict__ = observer.__dict__
        self.fault = fault

    def submit(self, requests: Sequence[Request]) -> None:
        super().submit([replace(one, attributes={**one.attributes, "fault": self.fault}) for one in requests])


@pytest.fixture(scope="module")
def faulty() -> Iterator[Target]:
    target = start(TargetName("nnparity.tests.mutation.faulty_torch:FaultyTorch"), PLAN.dtypes)
    # Under its own name the divergences of torch would not be on record: but for the fault it is torch.
    target.observer.info = replace(target.observer.info, target="torch:cpu:eager")
    yield target
    target.observer.close()


def groups(id: str) -> list[CaseGroup]:
    return [CaseGroup(tuple(cases)) for cases in cases_of(load()[id], "float32")]


def dense(i: int) -> list[CaseGroup]:
    """A dense layer that adds up i products, of every dataset."""
    formula: Formula = load()["dense"]
    signature = Signature(f"n3i{i}j4", {"n": 3, "i": i, "j": 4}, {}, "core", formula.datasets)
    return [CaseGroup(tuple(Case(formula, signature, name, DTYPES["float32"]) for name in formula.datasets))]


def verdicts(faulty: Target, fault: str, groups: list[CaseGroup]) -> list[Verdict]:
    target = Target(Planting(faulty.observer, fault), faulty.flushes)
    return [verdict for group in groups for verdict in Examiner(PLAN).examine(group, [target])]


def planted(faulty: Target, fault: str, groups: list[CaseGroup]) -> list[Verdict]:
    """The verdicts on a fault; the same cases conform without it."""
    assert [v for v in verdicts(faulty, "NoFault", groups) if failed(v)] == []
    return verdicts(faulty, fault, groups)


def says(id: str, variant: str) -> str:
    return load()[id].variants[variant].says


@pytest.mark.parametrize(
    ("fault", "id", "variant"),
    [
        ("NoBias", "dense", "no_bias"),
        ("KernelNotFlipped", "conv2d", "cross_correlation"),
        ("WrongAxis", "softmax", "wrong_axis"),
        ("Unscaled", "attention", "unscaled"),
        ("DPlusOne", "attention", "d_plus_one"),
        ("GatesSwapped", "lstm_step", "i_f_swapped"),
        ("GatesSwapped", "lstm", "i_f_swapped"),
        ("NoHalf", "mse", "no_half"),
        ("WrongDivisor", "avg_pool2d", "divisor_2"),
    ],
)
def test_a_wrong_formula_diverges_and_is_named(faulty: Target, fault: str, id: str, variant: str) -> None:
    """In the output of ordinary numbers without exception; 1/sqrt(d + 1) does not show on scores of 1e-6.

    A kernel of one pixel is the same when it is flipped.
    """
    one_pixel = {"p": 1, "q": 1}
    wrong = [v for v in planted(faulty, fault, groups(id)) if failed(v)]
    named = [v for v in wrong if says(id, variant) in (v.diagnosis or "")]
    assert {v.quantity for v in named} == {v.quantity for v in wrong}
    assert all(v in named or (v.diagnosis or "").startswith("unknown: ") for v in wrong)  # few elements, or much noise
    assert [v for v in named if not (v.diagnosis or "").startswith("likely: ")]
    seen = {(v.signature, v.grade) for v in wrong if v.quantity.startswith("output") and v.dataset == "normal"}
    ordinary = [case for group in groups(id) for case in group.cases if case.dataset == "normal"]
    shown = [case.signature for case in ordinary if not one_pixel.items() <= case.signature.dims.items()]
    assert seen == {(one.id, "diverges") for one in shown}


@pytest.mark.parametrize("k", [16, 512])
def test_inputs_rounded_to_tf32_are_seen_and_named(faulty: Target, k: int) -> None:
    outputs = [v for v in planted(faulty, "Tf32Bias", dense(k)) if v.quantity == "output"]
    assert {v.grade for v in outputs} == {"diverges"}
    assert all(float(v.sharp or 0) > 100 for v in outputs), [v.sharp for v in outputs]
    told = "float32 inputs rounded to 10-bit mantissas: TF32"
    both = f"{told}; or: float32 inputs rounded to float16"  # the same, as long as no number is small
    assert {v.diagnosis for v in outputs} <= {told, both}


@pytest.mark.parametrize("k", [16, 512])
def test_so_are_operands_rounded_to_tf32_beside_a_bias_that_is_not(faulty: Target, k: int) -> None:
    """Seen, at least: an exact bias fits no rounding of all inputs, and is taken for a narrow format's accuracy."""
    outputs = [v for v in planted(faulty, "Tf32", dense(k)) if v.quantity == "output"]
    assert {v.grade for v in outputs if v.dataset != "small"} == {"diverges"}
    assert {v.grade for v in outputs} <= {"diverges", "imprecise"}  # a bias in the sum of 512 may be rounded as often
    assert all(float(v.sharp or 0) > 100 for v in outputs if v.dataset != "small"), [v.sharp for v in outputs]
    told = {v.dataset: v.diagnosis or "" for v in outputs}
    del told["small"]  # beside the bias nearly nothing is wrong
    if k == 16:  # float16 overflows, and bfloat16 would be off by more in most of 12 numbers
        assert told.pop("wide").startswith("unknown: ")
    assert all("TF32" in one or "float16" in one for one in told.values()), told


@pytest.mark.parametrize("id", [formula.id for formula in load().values() if formula.wrt and not formula.composition])
def test_one_gradient_element_off_by_2_to_the_minus_8_is_seen(faulty: Target, id: str) -> None:
    cases = {case.id: case for group in groups(id) for case in group.cases}
    seen = 0
    for v in planted(faulty, "OneGradientElement", groups(id)):
        if not v.quantity.startswith("grad."):
            assert not failed(v), f"{v.case} {v.quantity}"
        elif v.dataset == "normal" and not vanishes(cases[v.case], v.quantity):
            assert v.grade in ("imprecise", "diverges"), f"{v.case} {v.quantity}: {v.grade}, hard {v.hard}"
            seen += v.grade == "diverges"
    assert seen


def vanishes(case: Case, gradient: str) -> bool:
    """A softmax over one key does not depend on it, nor any softmax on what is added to all keys."""
    return bool(np.abs(expect(case, frozenset({"grad"}))[gradient].value).max() < 1e-6)


@pytest.mark.parametrize("id", ["dense", "tanh"])
def test_an_output_computed_in_float16_is_seen_and_named(faulty: Target, id: str) -> None:
    found = [v for v in planted(faulty, "HalfOutput", groups(id)) if v.quantity == "output"]
    normal = [v for v in found if v.dataset == "normal"]
    assert {v.grade for v in normal} <= {"imprecise", "diverges"}
    told = {v.signature: v.diagnosis or "" for v in normal}
    told.pop("n2i1536j2", None)  # after so many narrow additions four numbers may be anything: that says nothing
    assert all("float16" in one for one in told.values()), told


def test_a_stopped_gradient_is_seen_in_the_second_derivative_alone(faulty: Target) -> None:
    found = planted(faulty, "StopGradient", groups("softmax"))
    wrong = {v.quantity for v in found if failed(v)}
    assert wrong == {"hvp.x"}
    curved = [v for v in found if v.quantity == "hvp.x" and v.signature != "n2k1"]
    assert {v.grade for v in curved if v.dataset != "peaks"} == {"diverges"}
    assert {v.grade for v in curved if v.dataset == "peaks"} == {"inconclusive"}  # 0 and 1: no second derivative


def test_an_accumulation_in_bfloat16_is_seen_and_named(faulty: Target) -> None:
    outputs = [v for v in planted(faulty, "Bfloat16Accumulation", dense(1024)) if v.quantity == "output"]
    assert {v.grade for v in outputs} == {"diverges"}
    told = {v.dataset: v.diagnosis for v in outputs}
    assert told["normal"] == told["wide"] == "likely: as accurate as a computation in bfloat16"
    assert all(told.values()), told


def test_effective_bits_tell_how_much_is_left(faulty: Target) -> None:
    """float32 has 24; TF32's inputs leave about 11 of a dot product, bfloat16's sums fewer than 8."""
    bits = {
        fault: max(
            float(v.bits or 0)
            for v in verdicts(faulty, fault, dense(512))
            if v.quantity == "output" and v.dataset == "normal"
        )
        for fault in ("NoFault", "Tf32Bias", "Bfloat16Accumulation")
    }
    assert bits["NoFault"] > 24
    assert 18 > bits["Tf32Bias"] > 10 > bits["Bfloat16Accumulation"]

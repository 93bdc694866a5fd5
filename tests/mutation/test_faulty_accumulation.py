"""Sums that lose their terms, planted in the dtype where it hurts: each is caught; the careful kernel conforms."""

from dataclasses import dataclass
from functools import partial

import numpy as np
import pytest

from nnparity.execute.requests import request
from nnparity.expect.budgets import expect
from nnparity.reports.records import Verdict
from nnparity.run.examiner import Examiner
from nnparity.spec.selection import CaseGroup, Selection
from nnparity.tests.checks.inside import plan, target
from nnparity.tests.mutation import faulty_accumulation as kernels


@dataclass(frozen=True)
class Fault:
    """A rule, and the cases in which it is far off: by more than so many parts of the result."""

    rule: kernels.Rule
    formula: str
    signature: str
    dataset: str
    dtype: str
    quantity: str
    off: float


FAULTS = {
    "a bias gradient that stops at 256": Fault(
        kernels.bias_gradient, "dense", "n4096i1j2", "one_sided", "bfloat16", "grad.b", 0.9
    ),
    "a bias gradient that stops at 2,048": Fault(
        kernels.bias_gradient, "dense", "n4096i1j2", "one_sided", "float16", "grad.b", 0.4
    ),
    "an embedding gradient that stops at 256": Fault(
        kernels.embedding_gradient, "embedding", "n2t1000v2d3", "one_sided", "bfloat16", "grad.table", 0.7
    ),
    "a softmax that drops the tail of its sum": Fault(
        kernels.softmax, "softmax", "n2k1200", "normal", "bfloat16", "output", 0.4
    ),
    "a softmax of four lanes, 17 % off": Fault(
        partial(kernels.softmax, lanes=4), "softmax", "n2k1200", "small", "bfloat16", "output", 0.165
    ),
    "a variance in one pass": Fault(kernels.layer_norm, "layer_norm", "n3d8", "offset", "float32", "output", 0.01),
}


def group(fault: Fault) -> CaseGroup:
    groups = Selection(formulas=(fault.formula,), dtypes=(fault.dtype,)).groups()
    return next(group for group in groups if group.cases[0].signature.id.startswith(fault.signature))


def verdicts(fault: Fault, *, careful: bool) -> list[Verdict]:
    planted = target(kernels.kernel(fault.formula, fault.rule, careful=careful))
    return list(Examiner(plan(fault.formula, dtypes=(fault.dtype,))).examine(group(fault), [planted]))


@pytest.mark.parametrize("name", FAULTS)
def test_a_careless_sum_is_caught_and_a_careful_one_conforms(name: str) -> None:
    fault = FAULTS[name]
    assert {v.grade for v in verdicts(fault, careful=True)} <= {"conforms", "inconclusive"}
    found = {(v.dataset, v.quantity): v for v in verdicts(fault, careful=False)}
    caught = found[fault.dataset, fault.quantity]
    assert caught.grade in ("imprecise", "diverges")
    if fault.dtype != "float32":
        assert (caught.diagnosis or "").removeprefix("likely: ") == f"accumulates in {fault.dtype}"
    others = [v for v in found.values() if v.quantity != fault.quantity]
    assert {v.grade for v in others} <= {"conforms", "inconclusive"}


@pytest.mark.parametrize("name", FAULTS)
def test_it_is_as_far_off_as_it_is_said_to_be(name: str) -> None:
    """Otherwise nothing was planted."""
    fault = FAULTS[name]
    case = next(case for case in group(fault).cases if case.dataset == fault.dataset)
    asked = frozenset({"output", "grad"})
    seen = kernels.kernel(fault.formula, fault.rule, careful=False)().observe(request(case, asked))[fault.quantity]
    truth = expect(case, asked)[fault.quantity].value
    assert isinstance(seen, np.ndarray)
    assert np.linalg.norm(seen.astype(np.float64) - truth) / np.linalg.norm(truth) > fault.off

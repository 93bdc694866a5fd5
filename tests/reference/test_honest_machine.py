"""A correct kernel conforms: every formula and derivative, computed step by step in each narrow format."""

import numpy as np
import pytest

from nnparity.expect.budgets import expect
from nnparity.expect.evaluation import evaluate
from nnparity.expect.precision_models import narrow
from nnparity.judge.grades import Judgement, judge
from nnparity.reference.readings.base import plain
from nnparity.reference.readings.rounded import Rounded, on
from nnparity.spec import DTYPES, Case, Dtype, cases_of, load
from nnparity.spec.precision import ACCUMULATE, FUSED, NARROW
from nnparity.spec.schema import QUANTITIES

ALL = frozenset(QUANTITIES)
#: Numbers that go into a case, by dtype. The machine adds one by one: longer sums take it too long, and
#: test_naive_sums has them. float32 has the models too.
LARGEST = {"float32": 5500, "float16": 1200, "bfloat16": 1200}


def small_cases(id: str, dtype: str) -> list[Case]:
    cases = [case for group in cases_of(load()[id], dtype) for case in group]
    return [case for case in cases if sum(x.size for x in case.inputs.values()) <= LARGEST[dtype] and adds_up(case)]


def adds_up(case: Case) -> bool:
    """Whether sums one by one get anywhere: beyond 1/u terms of one size they stand still, in hardware as well."""
    return max(case.signature.dims.values()) * case.dtype.unit < 1


#: (formula, dtype, whether subnormals are flushed)
MACHINES = [
    (id, dtype, flush)
    for id in load()
    for dtype, flush in (("float32", False), ("float16", False), ("float16", True), ("bfloat16", True))
    if small_cases(id, dtype)
]


def run(case: Case, model: str, flush: bool) -> dict[str, np.ndarray]:
    """What the machine returns: computed as the model says, stored in the case's dtype."""
    lift = on(
        "float32" if model == FUSED else case.dtype.name, flush, accumulator="float32" if model == ACCUMULATE else None
    )
    with np.errstate(all="ignore"):
        seen = evaluate(case, ALL, lift, lift, {})
        return {name: np.asarray(plain(y)).astype(case.dtype.numpy) for name, y in seen.items()}


def misjudged(case: Case, model: str, flush: bool) -> dict[str, Judgement]:
    truth = expect(case, ALL, flush=flush, model=model)
    judged = {name: judge(y, truth[name], case.dtype) for name, y in run(case, model, flush).items()}
    return {f"{case.id} {name}": j for name, j in judged.items() if j.grade != "conforms"}


@pytest.mark.parametrize(
    ("id", "dtype", "flush"), MACHINES, ids=lambda part: {True: "flushed", False: "kept"}.get(part, part)
)
def test_a_correct_kernel_conforms(id: str, dtype: str, flush: bool) -> None:
    """In half precision both: one that adds up in its own dtype by that model, one that does in float32 by its own."""
    models = (NARROW, ACCUMULATE) if narrow(dtype) else (NARROW,)
    cases = [(case, model) for case in small_cases(id, dtype) for model in models]
    assert {name: j for case, model in cases for name, j in misjudged(case, model, flush).items()} == {}


@pytest.mark.parametrize(("id", "dtype"), sorted({(id, dtype) for id, dtype, _ in MACHINES if dtype != "float32"}))
def test_float32_inside_and_rounded_once_conforms_to_the_wide_model(id: str, dtype: str) -> None:
    found = {name: j for case in small_cases(id, dtype) for name, j in misjudged(case, FUSED, False).items()}
    assert found == {}


@pytest.mark.parametrize("id", [id for id, dtype, _ in MACHINES if dtype == "float32"])
def test_a_machine_that_lost_five_bits_does_not_conform(id: str) -> None:
    """What the budgets leave to spare is less than that, in every formula."""
    blunt = Blunt(**vars(DTYPES["float32"]))
    for case in small_cases(id, "float32"):
        with np.errstate(all="ignore"):
            seen = evaluate(case, ALL, lambda x: Rounded(x, blunt), lambda x: Rounded(x, blunt), {})
        for name, truth in expect(case, ALL).items():
            if judge(np.asarray(plain(seen[name])).astype(np.float32), truth, case.dtype).grade != "conforms":
                return
    pytest.fail(f"{id}: 19 bits pass for 24")


class Blunt(Dtype):
    """float32 that keeps 19 of its 24 bits."""

    def round(self, values: np.ndarray) -> np.ndarray:
        mantissa, exponent = np.frexp(values)
        return np.ldexp(np.rint(mantissa * 2.0**19), exponent - 19)

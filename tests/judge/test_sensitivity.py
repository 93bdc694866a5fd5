"""No answer that anybody would call wrong conforms, in any case of the plan, or the verdict says that it told nothing.

Training runs, which take most of the time, and all of the pool are among the cases where ``NNPARITY_EVERY_CASE`` is
set; else a thirteenth of the pool is.
"""

import dataclasses
import os
from collections import Counter
from collections.abc import Iterator

import numpy as np
import pytest

from nnparity.expect.budgets import expect
from nnparity.expect.expected import Array, Expected
from nnparity.judge.grades import furthest, judge
from nnparity.judge.sensitivity import graded, missed, qualified, right, sensitivity
from nnparity.spec import DTYPES, Case, load
from nnparity.spec.loader import signatures
from nnparity.spec.schema import QUANTITIES
from nnparity.spec.selection import CaseGroup, Selection

ALL = frozenset(QUANTITIES)
#: The part of a dtype's verdicts that may tell nothing.
INCONCLUSIVE = {"float64": 0.01, "float32": 0.01, "float16": 0.05, "bfloat16": 0.10}
#: Where ordinary numbers overflow, and any answer may be right: 1/p^2 of small probabilities, BERT's hvp; or where
#: epsilon, of rows that are constant, is less than float16 holds: of who computes in float32 inside all is asked.
UNBOUNDED = {"float16": {"cross_entropy", "sparse_cross_entropy", "listing_bert", "mse", "layer_norm"}}
#: The resolution of a verdict that hardly tells the result from zeros.
HALF_BLIND = 0.5
#: Of the pool every so many cases: no multiple of the number of dtypes, which take turns.
SAMPLE = 13
Quantity = tuple[Case, str, Expected, Array | None]


def groups(dtype: str) -> Iterator[CaseGroup]:
    """Those of the plan, of the pool a sample, and no training runs unless all are asked for."""
    every = "NNPARITY_EVERY_CASE" in os.environ
    for group in Selection(dtypes=(dtype,), pool="all").groups():
        if every or (not group.cases[0].formula.trajectory and (group.place or 0) % SAMPLE == 0):
            yield group


def quantities(dtype: str) -> Iterator[Quantity]:
    """Every case and quantity of them, with what the case before, of other numbers, expected of the same shape."""
    for group in groups(dtype):
        before: dict[str, Expected] = {}
        for case in group.cases:
            found = expect(case, ALL)
            for quantity, truth in found.items():
                last = before.get(quantity)
                yield case, quantity, truth, last.value if last and last.value.shape == truth.value.shape else None
            before = found


def wrong_answers(value: Array, last: Array | None) -> dict[str, Array]:
    """Listed here once more: what is tried must not be what the code happens to try."""
    finite = value[np.isfinite(value)]
    answers = {
        "zeros": np.zeros_like(value),
        "negation": -value,
        "doubling": 2 * value,
        "NaN": np.full_like(value, np.nan),
        "constant": np.full_like(value, finite.mean() if finite.size else 0.0),
        "transposed": np.transpose(value).reshape(value.shape),
        "rolled": np.roll(value, 1),
    }
    return answers if last is None else answers | {"the previous case": last}


@pytest.mark.parametrize("dtype", DTYPES)
def test_what_is_wrong_does_not_conform_or_the_verdict_is_inconclusive(dtype: str) -> None:
    verdicts, told_nothing, unbounded = Counter[str](), Counter[str](), Counter[str]()
    for case, quantity, truth, last in quantities(dtype):
        verdicts[case.formula.id] += 1
        if not case.signature.classes:
            unbounded[case.formula.id] += int((~np.isfinite(truth.judged.hard)).sum())
        if missed(truth, case, quantity):
            told_nothing[case.formula.id] += 1
        else:
            assert conforming(case, quantity, truth, last) == [], f"{case.id} {quantity}"
    assert set(+unbounded) == UNBOUNDED.get(dtype, set()), unbounded
    shares = {id: f"{count} of {verdicts[id]}" for id, count in told_nothing.most_common()}
    assert told_nothing.total() <= INCONCLUSIVE[dtype] * verdicts.total(), f"of {verdicts.total()}: {shares}"


def conforming(case: Case, quantity: str, truth: Expected, last: Array | None) -> list[str]:
    """The wrong answers that conform."""
    with np.errstate(all="ignore"):
        return [
            name
            for name, value in wrong_answers(truth.value, last).items()
            if not excused(name, answer := value.astype(case.dtype.numpy), case, quantity, truth)
            and graded(answer, truth, case, quantity).grade == "conforms"
        ]


def excused(name: str, answer: Array, case: Case, quantity: str, truth: Expected) -> bool:
    """What is no wrong answer.

    One that is right to the dtype's rounding; any number where the result is 0 by theory and only rounding errors
    remain; and what the case before happens to have nearer to the result than the verdict says that it can see. That is
    said of errors in proportion to the result: of a verdict that sees no less than half of it, others may be larger.
    """
    if right(answer, truth.value, case.dtype) or (quantity in case.formula.vanishing and name != "NaN"):
        return True
    told = sensitivity(truth, case.dtype).resolution
    return name == "the previous case" and told is not None and (off(answer, truth) < told or told > HALF_BLIND)


def off(answer: Array, truth: Expected) -> float:
    """The relative error of the whole array."""
    return float(np.linalg.norm(answer.astype(np.float64) - truth.value) / np.linalg.norm(truth.value))


def small(hard: float, sharp: float, value: float = 1.0) -> tuple[Case, Expected]:
    """A dense layer's case with an expectation of that many parts of its result."""
    case = Case(load()["dense"], signatures(load()["dense"])[0], "normal", DTYPES["float32"])
    numbers = value * np.arange(1.0, 13.0).reshape(3, 4)
    size = np.maximum(np.abs(numbers), 1.0)
    return case, Expected(numbers, hard * size, sharp * size)


def test_resolution_is_the_smallest_relative_error_that_does_not_conform() -> None:
    case, truth = small(hard=0.1, sharp=0.01)
    found = sensitivity(truth, case.dtype)
    assert found.resolution is not None
    for factor, grade in ((0.99, "conforms"), (1.01, "imprecise")):
        off = (truth.value * (1 + factor * found.resolution)).astype(np.float32)
        assert judge(off, truth, case.dtype).grade == grade
    assert (found.blind, missed(truth, case, "output")) == (0.0, ())


def test_resolution_is_that_of_the_most_sensitive_element_too() -> None:
    """Of one element with a narrow budget among many with a wide one, in half precision."""
    _, truth = small(hard=0.5, sharp=0.1)
    wide = np.array(truth.sharp)
    wide[0, 0] = 1e-2
    truth, half = dataclasses.replace(truth, sharp=wide), DTYPES["float16"]
    found = sensitivity(truth, half)
    assert found.resolution == furthest(truth, half) * 1e-2
    for factor, grade in ((0.95, "conforms"), (1.05, "imprecise")):
        off = (truth.value * (1 + factor * found.resolution)).astype(np.float16)
        assert judge(off, truth, half).grade == grade


def test_what_has_no_bound_is_blind_whatever_is_expected_of_it() -> None:
    _, truth = small(hard=0.1, sharp=0.01)
    hard, value = truth.hard.copy(), truth.value.copy()
    hard[0], value[0] = np.inf, 0.0
    truth = dataclasses.replace(truth, value=value, hard=hard)
    assert sensitivity(truth, DTYPES["float32"]).blind == pytest.approx(1 / 3)


def test_a_budget_of_the_result_s_own_size_is_inconclusive_and_says_why() -> None:
    case, truth = small(hard=1.5, sharp=2.0)
    told = qualified(graded(truth.value.astype(np.float32), truth, case, "output"), truth, case, "output")
    assert (told.grade, told.blind) == ("inconclusive", 1.0)
    assert told.message == "would conform too: zeros, twice the result"


def test_a_result_of_zeros_must_be_told_from_ones() -> None:
    case, truth = small(hard=0.5, sharp=0.5, value=0.0)
    assert missed(truth, case, "output") == ()
    assert sensitivity(truth, case.dtype).resolution is None
    case, truth = small(hard=2.0, sharp=2.0, value=0.0)
    assert missed(truth, case, "output") == ("ones",)

"""What a verdict that conforms would have caught: how wrong an answer must be before it is graded otherwise.

`resolution` is the smallest relative error of the whole array, each element off in proportion to itself, that does not
conform; `blind` the part of the elements whose budget reaches their own size. Both follow from the budgets alone. An
answer that anybody would call wrong (zeros, the negative, twice the result, NaN, one constant, elements moved round)
must not conform; where one does, the verdict is `inconclusive`: neither for the target nor against it.
"""

import dataclasses
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from nnparity.expect.expected import Expected
from nnparity.expect.instead import AS_WRITTEN, Instead
from nnparity.judge.effective_sample_size import regrade_correlated
from nnparity.judge.elements import Array, distances, error_over_budget
from nnparity.judge.error_patterns import NONE_OUTWARD, towards_zero
from nnparity.judge.grades import Judgement, allowance, furthest, judge, root_mean_square
from nnparity.spec import Case, Dtype

#: Said of a result that is smaller, in every element, than what the dtype may lose by underflow.
BELOW = "anything as small as the smallest number of the dtype"
#: Expectations of one process whose sensitivity is kept for its other targets.
CACHE = 1024


@dataclass(frozen=True)
class Sensitivity:
    """See above. `resolution` is None where the exact result is 0."""

    resolution: float | None
    blind: float


def graded(seen: Array, truth: Expected, case: Case, quantity: str, instead: Instead = AS_WRITTEN) -> Judgement:
    """The judgement of an array, errors that go together taken into account; `truth` may be what is right `instead`.

    A result that was cut off where it should be rounded to nearest is `imprecise`, though its errors are small.
    """
    found = regrade_correlated(judge(seen, truth, case.dtype), seen, truth, case, quantity, instead)
    if found.grade == "conforms" and towards_zero(seen, truth, case.dtype) is not None:
        return dataclasses.replace(found, grade="imprecise", message=NONE_OUTWARD)
    return found


def qualified(judged: Judgement, truth: Expected, case: Case, quantity: str) -> Judgement:
    """The judgement with what it would have caught; one that conforms is `inconclusive` where that is too little."""
    if judged.hard is None:
        return judged
    found = sensitivity(truth, case.dtype, quantity in case.formula.vanishing)
    judged = dataclasses.replace(judged, resolution=found.resolution, blind=found.blind)
    return inconclusive(judged, missed(truth, case, quantity)) if judged.grade == "conforms" else judged


def inconclusive(judged: Judgement, missed: tuple[str, ...]) -> Judgement:
    """A judgement that conforms, `inconclusive` if so would those answers."""
    if not missed:
        return judged
    return dataclasses.replace(judged, grade="inconclusive", message=f"would conform too: {', '.join(missed)}")


@lru_cache(maxsize=CACHE)
def sensitivity(truth: Expected, dtype: Dtype, vanishing: bool = False) -> Sensitivity:
    """What the budgets of one quantity see; `vanishing` says that its result is 0 by theory, rounding errors apart."""
    with np.errstate(all="ignore"):
        return Sensitivity(None, 0.0) if vanishing else Sensitivity(resolution(truth, dtype), blind(truth))


@lru_cache(maxsize=CACHE)
def missed(truth: Expected, case: Case, quantity: str) -> tuple[str, ...]:
    """The wrong answers that conform; where the result is 0 by theory any number is right, and NaN is not.

    Not kept in the store: to look for it takes as long as to find it out.
    """
    asked = ("NaN",) if quantity in case.formula.vanishing else ()
    with np.errstate(all="ignore"):
        tried = [(name, answer) for name, answer in _answers(truth, case) if not asked or name in asked]
        if not asked and _nothing_to_tell(tried, truth, case):
            return (BELOW,)
        beyond = _beyond([answer for _, answer in tried], truth)
        wrong = _wrong((one for one, far in zip(tried, beyond, strict=True) if not far), truth, case)
        return tuple(name for name, answer in wrong if graded(answer, truth, case, quantity).grade == "conforms")


def _nothing_to_tell(tried: list[tuple[str, Array]], truth: Expected, case: Case) -> bool:
    """Whether all wrong answers but NaN are right to the dtype's rounding, though the result is not 0."""
    numbers = [answer for name, answer in tried if name != "NaN"]
    return bool(truth.value.any()) and all(right(one, truth.value, case.dtype) for one in numbers)


def _beyond(answers: list[Array], truth: Expected) -> list[bool]:
    """Whether an element is off by more than the worst case: nothing makes such an answer conform, and most are such.

    What it says of infinities is left to the judge.
    """
    judged = truth.judged
    seen = np.stack(answers).astype(np.float64)
    seen = seen[:, : truth.steps] if truth.steps else seen
    lost = np.isnan(seen) & ~np.isnan(judged.value) & np.isfinite(judged.hard)
    beyond = lost | (distances(seen, judged) > judged.hard)
    return [bool(one.any()) for one in beyond]


def resolution(truth: Expected, dtype: Dtype) -> float | None:
    """The smallest e for which e |y| does not conform; None where the result is 0 throughout, inf where all conform.

    As if the errors of elements were independent: see `effective_sample_size` for how much more those may be off
    that go together.
    """
    truth = truth.judged
    size = np.abs(truth.value)
    told = np.isfinite(size) & (size > 0)
    if not told.any():
        return None
    with np.errstate(all="ignore"):
        hard = float(np.min(truth.hard[told] / size[told]))
        ratio = error_over_budget(size, truth.sharp)
    margins = ((furthest(truth, dtype), float(ratio[told].max())), (allowance(truth), root_mean_square(ratio)))
    return min(hard, *(limit / off if off else math.inf for limit, off in margins))


def blind(truth: Expected) -> float:
    """The part of the elements other than 0, and of those without a bound, whose hard budget reaches their own size."""
    truth = truth.judged
    size = np.abs(truth.value)
    told = np.isfinite(size) & ((size > 0) | np.isinf(truth.hard))
    return float(np.mean(truth.hard[told] >= size[told])) if told.any() else 0.0


def wrong_answers(truth: Expected, case: Case) -> Iterator[tuple[str, Array]]:
    """Answers in the target's dtype, but for those that are right to the dtype's rounding, and named once."""
    yield from _wrong(_answers(truth, case), truth, case)


def _answers(truth: Expected, case: Case) -> Iterator[tuple[str, Array]]:
    return ((name, answer.astype(case.dtype.numpy)) for name, answer in _plain_answers(truth.value))


def _wrong(answers: Iterable[tuple[str, Array]], truth: Expected, case: Case) -> Iterator[tuple[str, Array]]:
    seen: set[bytes] = set()
    for name, wrong in answers:
        key = wrong.tobytes()
        if key not in seen and not right(wrong, truth.value, case.dtype):
            seen.add(key)
            yield name, wrong


def _plain_answers(right: Array) -> Iterator[tuple[str, Array]]:
    yield "zeros", np.zeros_like(right)
    yield "the negative", -right
    yield "twice the result", 2 * right
    yield "NaN", np.full_like(right, np.nan)
    if not right.any():
        yield "ones", np.ones_like(right)
    if right.size > 1:
        yield "a constant", np.full_like(right, _mean(right[np.isfinite(right)]))
        yield "elements rolled by one", np.roll(right.ravel(), 1).reshape(right.shape)
        yield "elements in reverse", right.ravel()[::-1].reshape(right.shape)
        yield "elements transposed", right.ravel(order="F").reshape(right.shape)


def right(answer: Array, exact: Array, dtype: Dtype) -> bool:
    """Whether an answer is the exact one, rounded either way."""
    x = answer.astype(np.float64)
    near = np.isfinite(exact) & (np.abs(x - exact) <= 2 * dtype.unit * np.abs(exact) + dtype.step)
    return bool(np.all(near | (x == exact) | (np.isnan(x) & np.isnan(exact))))


def _mean(numbers: Array) -> float:
    return float(np.mean(numbers)) if numbers.size else 0.0

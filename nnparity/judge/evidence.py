"""How much an observation says for a reading that it meets: in bits, as chances of answers that would meet it too.

An answer that is off by as much as the wrong reading, in any direction, would meet the reading's budget in an element
by a chance of budget over distance. The logarithms add up over the elements. A name needs more than a chance of one in
a hundred; it is certain where a grade would be, by the same chance of a false alarm.
"""

import math
from dataclasses import replace

import numpy as np

from nnparity.expect.expected import Expected
from nnparity.judge.elements import Array, element_ratios, error_over_budget, errors
from nnparity.judge.grades import FALSE_ALARM, allowance, judge, root_mean_square
from nnparity.judge.sensitivity import blind, wrong_answers
from nnparity.spec import Case, Dtype

#: Bits from which a name is certain, and from which it is told at all.
CERTAIN = -math.log2(FALSE_ALARM)
POSSIBLE = math.log2(100)
#: What may be left of an error, as a part of it, by a reading that is looked at more closely.
NEAR = 1 / 8
#: Rounding to a format leaves 1.3 bits more than it has digits, in the mean square; by luck a little more.
SPARE = 2.0


def bits(candidate: Expected, expected: Expected, dtype: Dtype) -> float:
    """Of a wrong reading, far from the right one."""
    steps = min((one.steps for one in (candidate, expected) if one.steps is not None), default=None)
    one, other = replace(candidate, steps=steps).judged, replace(expected, steps=steps).judged
    with np.errstate(all="ignore"):
        distance, budget = np.abs(one.value - other.value), one.sharp + other.sharp
        told = np.log2(np.where(budget > 0, distance / budget, np.inf))
    told = np.where(distance > 0, np.clip(np.nan_to_num(told, nan=0.0, posinf=dtype.digits), 0.0, dtype.digits), 0.0)
    told = np.where(np.isnan(one.value) != np.isnan(other.value), dtype.digits, told)
    return float(told.sum())


def nearer(seen: Array, numbers: Array, expected: Expected) -> bool:
    """Whether what was seen may be other numbers, of a reading whose own budgets nobody has computed yet.

    It may where it comes nearer to them than to the right ones, in the budgets of these: within them, as it does where
    the budgets are about the same, or much nearer, where they may be larger. Of a training run those steps are asked
    which a reading must foretell.
    """
    if numbers.shape != expected.value.shape:
        return False
    right = replace(expected, steps=expected.steps and (expected.steps + 1) // 2)
    most = allowance(right.judged)
    far, off = (_in_budgets(seen, one, right) / most for one in (replace(right, value=numbers, low=0.0), right))
    return bool(far <= NEAR * off or far <= min(off, 1.0))


def _in_budgets(seen: Array, one: Expected, right: Expected) -> float:
    """How far what was seen is from one of both in the mean, in budgets of the right one."""
    with np.errstate(divide="ignore"):
        return root_mean_square(error_over_budget(errors(seen, one)[1], right.judged.sharp))


def on_grid(seen: Array, digits: int, dtype: Dtype) -> float:
    """Of numbers that all have fewer digits than their dtype."""
    return float(np.count_nonzero(seen) * (dtype.digits - digits))


def placed(seen: Array, candidate: Expected, expected: Expected, dtype: Dtype) -> float:
    """Of another code of the formula, of the same value: all that is wrong lies where that code loses most.

    As many places are drawn as there are lines of wrong elements along the axis that has fewest: a whole line goes
    wrong together.
    """
    wrong = element_ratios(seen, expected, dtype) > 1
    if not (wrong.ndim and wrong.any()):  # one number alone has no other place
        return 0.0
    with np.errstate(all="ignore"):
        ratio = np.nan_to_num(candidate.judged.sharp / expected.judged.sharp)
    lines = [len(np.unique(places)) for places, size in zip(np.nonzero(wrong), wrong.shape, strict=True) if size > 1]
    return min(lines, default=0) * math.log2(wrong.size / np.count_nonzero(ratio >= ratio[wrong].min()))


def empty(candidate: Expected, case: Case, strict: bool) -> bool:
    """Whether zeros or the negative, and if `strict` any other plain wrong answer, would meet the candidate as well."""
    if not np.any(candidate.value):
        return False  # zeros is what it says
    tried = (answer for name, answer in wrong_answers(candidate, case) if strict or name in ("zeros", "the negative"))
    return any(judge(answer, candidate, case.dtype).grade == "conforms" for answer in tried)


def meets_most(candidate: Expected, case: Case) -> bool:
    """Whether the budget of most elements reaches their own size, so that nearly anything meets it.

    Of a long sum the worst case soon does, while norm 2 tells still; of a composition both go together.
    """
    budget = candidate.hard if case.formula.composition else candidate.sharp
    return 2 * blind(replace(candidate, hard=budget)) > 1


def as_accurate(seen: Array, expected: Expected, digits: int) -> bool:
    """Whether the results have no more bits than a format with so many digits holds: they are rounded to it at last.

    And most of them: where half are as right as the dtype lets them be, a few are wrong for another reason.
    """
    error, budget, size = sizes(seen, expected)
    if 2 * np.count_nonzero(error > budget) < error.size:
        return False
    return bool(error.size and root_mean_square(error / size) > 2.0 ** -(digits + SPARE))


def in_format(seen: Array, rounded: Array, expected: Expected, fewer: int) -> float:
    """Of a format with so many digits fewer, where all numbers that are off are its own, which `rounded` leaves as is.

    Each of them would be one by the chance of so many zeros behind its last digit; a number that stands there more than
    once counts once. The first may be a constant, which has few digits in any format, and makes a name possible alone.
    """
    numbers, error = errors(seen, expected)
    off = error > expected.judged.sharp
    kept = rounded[: len(numbers)] if expected.steps else rounded
    different = len(np.unique(np.abs(numbers[off & (numbers != 0)])))
    if not different or not np.array_equal(kept[off], numbers[off]):
        return 0.0
    return POSSIBLE + (different - 1) * fewer


def sizes(seen: Array, expected: Expected) -> tuple[Array, Array, Array]:
    """Error, sharp budget and expected size of each number that is finite and not expected to be 0."""
    numbers, error = errors(seen, expected)
    size = np.abs(expected.judged.value)
    there = np.isfinite(numbers) & np.isfinite(size) & (size > 0)
    return error[there], expected.judged.sharp[there], size[there]

"""The rules of special values, element by element: NaN where NaN, the right infinity, the sign of zero.

The reference is run in float64 on the same numbers. Nothing overflows there that does not overflow in the target,
except where the largest finite numbers go in; elsewhere an infinity or a NaN of the reference comes from one of the
inputs, is exact, and is required. In the gradient of an infinite input NaN may stand for an infinity, and an infinity
for NaN: there is no derivative at infinity, and inf - inf appears or not with the order of equal terms. In that of a
finite input an infinity may stand for NaN where the gradient tends to it. The other infinity is wrong.
"""

import dataclasses
import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from nnparity.expect.budgets import expect
from nnparity.expect.expected import Expected
from nnparity.expect.limits import tends_to
from nnparity.expect.precision_models import arithmetic, narrow, unlimited
from nnparity.judge.elements import Array, element_ratios, first_element
from nnparity.judge.grades import Judgement, judge
from nnparity.judge.sensitivity import graded, inconclusive, qualified, right, wrong_answers
from nnparity.reference.readings import Arithmetic
from nnparity.spec import DTYPES, Case
from nnparity.spec.cases.special_values import permitted, special
from nnparity.spec.precision import ACCUMULATE, NARROW, TF32
from nnparity.spec.schema import Permit

#: Datasets in which intermediate results may overflow: of large numbers, and of the reciprocals of tiny ones.
OVERFLOWING = ("largest", "subnormal")
#: Expectations kept for the other targets of the same process: those of one formula.
CACHE = 256


@dataclass(frozen=True)
class Settled:
    """The judgement of an array, what the target did of what is permitted, and what it was held against and how."""

    judgement: Judgement
    note: str | None = None
    truth: Expected | None = None
    #: The array, with what may be exchanged as the formula has it.
    seen: Array | None = None


@lru_cache(maxsize=CACHE)
def expected(
    case: Case, quantities: frozenset[str], flush: bool, permit: int | None, inner: str
) -> dict[str, Expected]:
    """What the reference gives, by quantity: with the keywords of a permit, or as exactly as `inner` says.

    That is a dtype, whose digits are meant, or a model: NARROW of half precision, TF32 of float32.
    """
    variant = dict(permitted(case.formula, case.dataset)[permit].set) if permit is not None else {}
    limited = _arithmetic(case.dtype.name, flush, inner)
    found = expect(case, quantities, flush=flush, variant=variant, numbers=unlimited(limited))
    if case.dataset not in OVERFLOWING:
        return {name: decided(one) for name, one in found.items()}
    within = expect(case, quantities, flush=flush, variant=variant, numbers=limited)
    return {name: _undecided(within[name], one) for name, one in found.items()}


def _arithmetic(dtype: str, flush: bool, inner: str) -> Arithmetic:
    if inner in (NARROW, TF32):
        return arithmetic(dtype, flush, inner)
    return dataclasses.replace(arithmetic(dtype, flush), unit=DTYPES[inner or dtype].unit)


def _coarser(dtype: str, model: str) -> str:
    """How a target of that model may compute with fewer digits than promised, "" where there is nothing between."""
    if dtype == "float64":
        return "float32"
    return NARROW if narrow(dtype) else TF32 if model == TF32 else ""


def decided(one: Expected) -> Expected:
    """No budget reaches from an infinity or a NaN to anything else. Where nothing is bounded, nothing is expected."""
    finite = np.isfinite(one.value)
    hard = np.where(finite, one.hard, 1.0)
    sharp = np.where(finite, np.where(np.isinf(hard), np.inf, one.sharp), 1.0)
    return dataclasses.replace(one, hard=hard, sharp=sharp)


def _undecided(within: Expected, without: Expected) -> Expected:
    """What overflows on the way in one order of equal terms does not in another: there anything is right."""
    lost = ~np.isfinite(without.value) | (within.hard != without.hard) | np.isinf(within.hard)
    value, low = np.where(lost, 0.0, within.value), np.where(lost, 0.0, within.low)
    hard, sharp = (np.where(lost, np.inf, error) for error in (within.hard, within.sharp))
    return Expected(value, hard, sharp, low)


def permits(case: Case, quantity: str) -> Iterator[tuple[int, Permit]]:
    """What the spec permits for a quantity of the case, with its place in the list."""
    for place, permit in enumerate(permitted(case.formula, case.dataset)):
        if permit.covers(quantity):
            yield place, permit


def settle(
    case: Case, quantity: str, seen: Array, flush: bool, asked: frozenset[str], model: str = ACCUMULATE
) -> Settled:
    """The judgement by the reference, or else by an answer that the spec permits; and that answer in words.

    The last resort is a mixture: each element is one of the permitted answers. That is said. Where what is asked
    would be met by a wrong answer too, by zeros or NaN where no element is judged, it is `inconclusive`.
    """
    answers: list[tuple[Expected, str | None]] = []
    failed: list[Settled] = []
    for truth, says in accepted(case, quantity, flush, asked, model):
        found = _judged(case, quantity, seen, truth)
        if found.judgement.grade == "conforms":
            told = "; ".join(filter(None, (says, found.note))) or None
            return Settled(_qualified(found.judgement, truth, case, quantity, flush), told, truth, seen)
        answers.append((truth, says))
        failed.append(found)
    nearest = min(failed, key=lambda one: _distance(one, case))
    return mixed(case, quantity, seen, answers) or _without_what_is_right(nearest, case, quantity, seen, answers)


def _without_what_is_right(
    nearest: Settled, case: Case, quantity: str, seen: Array, answers: list[tuple[Expected, str | None]]
) -> Settled:
    """The nearest answer, with another one's elements where those are right by it: a mixture is permitted too.

    What is wrong is wrong by all of them. A record is held against that alone.
    """
    if nearest.truth is None or nearest.seen is None:
        return nearest
    taken, truth = nearest.seen, nearest.truth
    for ratio, (other, _) in zip(_ratios(case, quantity, seen, answers), answers, strict=True):
        better = (ratio <= 1) & ~(element_ratios(taken, truth, case.dtype) <= 1)
        parts = ((one.value, one.hard, one.sharp, one.low) for one in (other, truth))
        truth = Expected(*(np.where(better, *pair) for pair in zip(*parts, strict=True)))
        taken = np.where(better, seen, taken)
    judged = judge(taken, truth, case.dtype)
    return nearest if judged.grade == "conforms" else Settled(judged, nearest.note, truth, taken)


def _distance(found: Settled, case: Case) -> tuple[float, int]:
    """By what the nearest answer is told from the others, how far and how much: the target is held against it."""
    hard = math.inf if found.judgement.hard is None else found.judgement.hard
    if found.truth is None or found.seen is None:
        return hard, 0
    return hard, int(np.count_nonzero(~(element_ratios(found.seen, found.truth, case.dtype) <= 1)))


def _qualified(judged: Judgement, truth: Expected, case: Case, quantity: str, flush: bool) -> Judgement:
    """With what it would have caught.

    Where subnormals are flushed zeros are right, and all that is as small; which, its own check says. NaN is not.
    """
    if flush and case.dataset == "subnormal":
        nan = np.full(truth.value.shape, np.nan, case.dtype.numpy)
        if graded(nan, truth, case, quantity).grade != judged.grade:
            return judged
    return qualified(judged, truth, case, quantity)


def accepted(
    case: Case, quantity: str, flush: bool, asked: frozenset[str], model: str = ACCUMULATE
) -> Iterator[tuple[Expected, str | None]]:
    """The reference's own, then each that is permitted; what it says of itself.

    Both once more for a float64 target that computes in float32, for one that adds up in half precision, and for one
    whose model is TF32: how exact
    the ordinary numbers are is judged by the ordinary cases, and said there; here it must not hide what becomes of the
    special ones.
    """
    permitted = list(permits(case, quantity))
    own = next((permit.says for _, permit in permitted if not (permit.set or permit.raises)), None)
    for inner in dict.fromkeys(("", _coarser(case.dtype.name, model))):
        yield expected(case, asked, flush, None, inner)[quantity], own
        for place, permit in permitted:
            if permit.set:
                yield expected(case, asked, flush, place, inner)[quantity], permit.says


def _judged(case: Case, quantity: str, seen: Array, truth: Expected) -> Settled:
    judged, note = judge(seen, truth, case.dtype), None
    if judged.hard is None:  # of a result in another dtype a record says which: its numbers are held against nothing
        return Settled(judged)
    if judged.grade != "conforms" and _of_infinities(case, quantity) and judged.worst:
        seen, told = _exchanged(case, quantity, seen, truth)
        judged = judge(seen, truth, case.dtype)
        note = told if judged.grade == "conforms" else None
    if judged.grade == "conforms" and (wrong := wrong_zeros(case, quantity, seen, truth)).any():
        return Settled(_wrong_sign(wrong, seen, truth))  # by their numbers they are right: see the worst alone
    return Settled(judged, note, truth, seen)


def _of_infinities(case: Case, quantity: str) -> bool:
    """Whether it is a gradient where an input has an infinity: the order of operations decides of nothing else."""
    return quantity.startswith("grad.") and "infinity" in case.dataset


def _exchanged(case: Case, quantity: str, seen: Array, truth: Expected) -> tuple[Array, str]:
    """What was observed, with what the formula gives where one of NaN and infinity may stand for the other; and which.

    In the gradient of an infinite input each may; in that of a finite one only the infinity that it tends to.
    """
    value, wide = truth.value, seen.astype(np.float64)
    if np.isinf(case.inputs[quantity.partition(".")[2]].astype(np.float64)).any():
        alike, told = np.isnan(value) & np.isinf(wide) | np.isinf(value) & np.isnan(wide), "NaN and infinity exchanged"
    else:
        alike, told = np.isnan(value) & np.isinf(wide), "an infinity where the formula's own order gives NaN"
        alike &= (wide == tends_to(case, quantity)) if alike.any() else alike
    with np.errstate(over="ignore"):
        return np.where(alike, value.astype(seen.dtype), seen), told


def wrong_zeros(case: Case, quantity: str, seen: Array, truth: Expected) -> Array:
    """Where a zero has not the sign that the formula gives it; said only where each output belongs to one input.

    What a subnormal number is flushed to may have any sign.
    """
    if not case.formula.elementwise or quantity != "output" or case.dataset == "subnormal":
        return np.zeros(truth.value.shape, bool)
    zero = (truth.value == 0) & (seen == 0) & np.isfinite(truth.hard)
    return np.asarray(zero & (np.signbit(truth.value) != np.signbit(seen)))


def _wrong_sign(wrong: Array, seen: Array, truth: Expected) -> Judgement:
    worst = first_element(wrong, seen, truth.value)
    message = f"{int(wrong.sum())} of {int((truth.value == 0).sum())} zeros have the wrong sign"
    return Judgement("diverges", math.inf, math.inf, worst=worst, message=message)


def mixed(case: Case, quantity: str, seen: Array, answers: list[tuple[Expected, str | None]]) -> Settled | None:
    """Each element one of several permitted answers, and no other; None when that does not explain it either.

    Of several NaN one thing is made: what is permitted of each alone is no reason for a body unlike its tail.
    """
    told = judge(seen, answers[0][0], case.dtype)
    if special(case.dataset).alike or len(answers) == 1 or told.hard is None:  # one answer, or a wrong shape, is none
        return None
    ratios = _ratios(case, quantity, seen, answers)
    hard = float(np.min(ratios, axis=0).max(initial=0.0))
    if not hard <= 1:
        return None
    judged = inconclusive(Judgement("conforms", hard), _missed_by_mixture(case, quantity, answers))
    used = dict.fromkeys(says for ratio, (_, says) in zip(ratios, answers, strict=True) if (ratio <= 1).any())
    if len(used) < 2:
        return Settled(judged, next(iter(used), None))
    return Settled(judged, f"from element to element: {', or '.join(says or 'as the formula says' for says in used)}")


def _missed_by_mixture(case: Case, quantity: str, answers: list[tuple[Expected, str | None]]) -> tuple[str, ...]:
    """The wrong answers, by all that is permitted, that are a mixture of it all the same."""
    with np.errstate(all="ignore"):
        wrong = {
            name: x
            for truth, _ in answers
            for name, x in wrong_answers(truth, case)
            if not any(right(x, other.value, case.dtype) for other, _ in answers)
        }
        best = {name: np.min(_ratios(case, quantity, x, answers), axis=0) for name, x in wrong.items()}
    return tuple(name for name, ratio in best.items() if ratio.max(initial=0.0) <= 1)


def _ratios(case: Case, quantity: str, seen: Array, answers: list[tuple[Expected, str | None]]) -> list[Array]:
    return [_ratio(case, quantity, seen, truth) for truth, _ in answers]


def _ratio(case: Case, quantity: str, seen: Array, truth: Expected) -> Array:
    """Error over budget of each element; infinite where a special value or a sign is wrong."""
    return np.where(wrong_zeros(case, quantity, seen, truth), np.inf, element_ratios(seen, truth, case.dtype))

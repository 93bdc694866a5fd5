"""Of a large array the elements that show what is wrong with it, so that a script need not hold all the others.

One that is off by more than the hard tolerance is wrong whatever the others are, and in half precision one that is
further off than chance explains of any of so many is imprecise by itself. What else is imprecise is so as a mean: of it
the first elements are taken, as many as are too far off by themselves, which is no choice by their errors.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnparity.judge.elements import error_over_budget
from nnparity.judge.grades import allowance, root_mean_square
from nnparity.reproduce.writing.answers import Answer
from nnparity.reproduce.writing.literals import READABLE

Array = NDArray[Any]
#: Elements of an array that are few, and elements shown of those that are wrong by themselves.
FEW, SHOWN = 16, 8


@dataclass(frozen=True, eq=False)
class Telling:
    """What is compared: all elements, or those at `places` of the array laid flat, with the answers for them."""

    answers: Sequence[Answer]
    places: Array | None = None
    #: Whether they are wrong one by one, and no mean is needed.
    alone: bool = False
    #: Whether they are so by their sharp tolerance, though not by the hard one.
    rare: bool = False
    #: Whether one of the answers must hold for all elements, and not for each one of them.
    whole: bool = False
    #: Whether each is nearer to the next number away from zero, so that they cannot all go the other way.
    outward: bool = False


def telling(answers: Sequence[Answer], seen: Array, signed: bool) -> Telling:
    """The elements that show it, where there are many and some do; `seen` is what was observed of those judged."""
    if not answers or seen.size <= FEW or seen.shape != answers[0].truth.value.shape:
        return Telling(answers)
    seen = seen.astype(np.float64)
    (first, *others) = answers
    if others or not first.plain or signed:
        wrong = ~np.any([_fits(answer, seen, signed) for answer in answers], axis=0)
        return _at(answers, np.flatnonzero(wrong)[:SHOWN]) if wrong.any() else Telling(answers)
    with np.errstate(divide="ignore", invalid="ignore"):  # a NaN may be one that signals
        error = np.abs(seen - first.truth.value - first.truth.low)
        hard, sharp = (error_over_budget(error, one).ravel() for one in (first.truth.hard, first.truth.sharp))
    if (worst := _largest(hard)).size:
        return _at(answers, worst)
    if math.isfinite(first.furthest) and (rare := _largest(sharp / first.furthest)).size:
        return replace(_at(answers, rare), rare=True)
    return _begun(first, error)


def _largest(margins: Array) -> Array:
    """The places of the largest of those above 1, a NaN among them, in their order."""
    margins = np.nan_to_num(margins, nan=np.inf, posinf=np.inf)
    largest = np.argsort(-margins, kind="stable")[:SHOWN]
    return np.sort(largest[margins[largest] > 1])


def cut_off(answers: Sequence[Answer], places: Array) -> Telling:
    """The results at these places, which rounding to nearest takes away from zero."""
    return replace(_at(answers, places), outward=True)


def _begun(answer: Answer, error: Array) -> Telling:
    """The first elements, if these few are too far off by themselves as a mean of independent errors."""
    whole = Telling([answer])
    if answer.chance != allowance(answer.truth):  # their errors go together: so would those of a part, nobody knows how
        return whole
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = error_over_budget(error, answer.truth.sharp).ravel()
    size = READABLE
    while size < ratio.size:
        part = _part(answer, np.arange(size))
        if root_mean_square(ratio[:size]) > allowance(part.truth):
            return Telling([replace(part, chance=allowance(part.truth))], np.arange(size))
        size *= 2
    return whole


def _at(answers: Sequence[Answer], places: Array) -> Telling:
    return Telling([_part(answer, places) for answer in answers], places, alone=True)


def _part(answer: Answer, places: Array) -> Answer:
    truth = answer.truth
    low = truth.low.ravel()[places] if isinstance(truth.low, np.ndarray) else truth.low
    value, hard, sharp = (array.ravel()[places] for array in (truth.value, truth.hard, truth.sharp))
    least, most, loose = (array.ravel()[places] for array in (answer.least, answer.most, answer.loose))
    return replace(
        answer,
        truth=replace(truth, value=value, hard=hard, sharp=sharp, low=low),
        least=least,
        most=most,
        loose=loose,
    )


def _fits(answer: Answer, seen: Array, signed: bool) -> Array:
    """As the script's own `fits`, see `comparison`."""
    with np.errstate(invalid="ignore"):
        right = (answer.least <= seen) & (seen <= answer.most)
    right |= np.isnan(seen) & (answer.loose % 2 == 1) | np.isinf(seen) & (answer.loose >= 2)
    expected = answer.truth.value
    zeros = (expected == 0) & (seen == 0) & (np.signbit(expected) != np.signbit(seen))
    return np.asarray(right & ~zeros if signed else right)

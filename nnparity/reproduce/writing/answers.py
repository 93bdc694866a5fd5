"""What is right, as numbers that a script can hold an answer against without knowing any rule.

An ordinary case has one answer with its two tolerances. Special values may have several that are permitted; of each it
is said, element by element, between which numbers a result may lie, and whether NaN or an infinity is right too.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnparity.expect.expected import Expected
from nnparity.judge.elements import error_over_budget, errors
from nnparity.judge.grades import Judgement, allowance, furthest, root_mean_square
from nnparity.judge.special_values.rules import accepted
from nnparity.spec import Case, Dtype
from nnparity.spec.cases.special_values import SpecialCase

Array = NDArray[Any]
NAN, INFINITE = 1, 2
#: What a few operations of float64 are off by, with much to spare.
ROUNDED = 2.0**-40


@dataclass(frozen=True, eq=False)
class Answer:
    """A right answer: its value and tolerances, and which numbers are right, element by element.

    `loose` is `NAN` where NaN is right, `INFINITE` where any infinity is, or both added up.
    """

    truth: Expected
    least: Array
    most: Array
    loose: Array
    #: What the root mean square over the elements may be by chance.
    chance: float
    #: What the error of one of them over its sharp tolerance may be by chance; infinite where there is no such limit.
    furthest: float
    says: str = ""

    @property
    def plain(self) -> bool:
        """Whether every element is a number with a tolerance, and nothing else is right."""
        width = self.truth.hard
        return bool(np.isfinite(self.truth.value).all() and np.isfinite(width).all() and not self.loose.any()) and bool(
            np.isfinite(self.least).all() and np.isfinite(self.most).all()
        )


def ordinary(truth: Expected, judged: Judgement, seen: Any, dtype: Dtype) -> Answer:
    """The answer that an ordinary case is held against; what explains its errors is in `chance` and `furthest`."""
    found = truth.judged
    answer = _answer(found, dtype)
    if not judged.sharp or judged.rms is None or not np.isfinite(judged.sharp):
        return answer
    ratio = error_over_budget(errors(seen, truth)[1], found.sharp)
    chance = _explained(answer.chance, root_mean_square(ratio) / judged.sharp)
    return replace(answer, chance=chance, furthest=_explained(answer.furthest, float(ratio.max()) / judged.sharp))


def _explained(usual: float, found: float) -> float:
    """What is allowed: as much as the judge found explained, if that is more, by more than float64 is off here."""
    return found if found > usual * (1 + ROUNDED) else usual


def element_by_element(truth: Expected, dtype: Dtype) -> Answer:
    """The answer of which each element is held against its budgets by itself, as in a sweep."""
    return _answer(truth.judged, dtype)


def special(case: Case, quantity: str, flush: bool, asked: frozenset[str]) -> list[Answer]:
    """All that is right for a case of special values."""
    found = []
    for truth, says in accepted(case, quantity, flush, asked):
        answer = permitted(truth, case.dtype, says or "")
        if quantity.startswith("grad") and "infinity" in case.dataset:  # NaN may stand for an infinity, and it for NaN
            answer.loose[np.isinf(truth.judged.value)] = NAN
            answer.loose[np.isnan(truth.judged.value)] = NAN + INFINITE
        found.append(answer)
    return found


def permitted(truth: Expected, dtype: Dtype, says: str = "") -> Answer:
    """One of several answers that are right."""
    return _answer(truth.judged, dtype, says)


def kept_or_flushed(kept: Expected, dtype: Dtype) -> list[Answer]:
    """Subnormal numbers as they are, or all of them as zeros."""
    own = permitted(kept, dtype, "subnormal numbers kept")
    subnormal = (own.truth.value != 0) & (np.abs(own.truth.value) < dtype.tiny)
    least, most = (np.where(subnormal, 0.0, bound) for bound in (own.least, own.most))
    return [own, replace(own, least=least, most=most, says="subnormal numbers flushed to zero")]


def signed(case: Case, quantity: str) -> bool:
    """Whether the sign of a zero counts."""
    special = isinstance(case, SpecialCase) and case.dataset != "subnormal"
    return special and case.formula.elementwise and quantity == "output"


def _answer(truth: Expected, dtype: Dtype, says: str = "") -> Answer:
    """As `judge.elements.special_mismatch` says it: where something may overflow the infinity of its sign is right."""
    value, hard = truth.value, truth.hard
    size = np.abs(value)
    with np.errstate(invalid="ignore", over="ignore"):
        unbounded = np.isinf(hard) & np.isfinite(value)
        may = unbounded | ((size + hard > dtype.largest) & ~np.isnan(value))
        must = (size - hard > dtype.largest) & ~unbounded
        least, most = value - hard, value + hard
    most = np.where(may & ((value > 0) | (hard > size) | unbounded), np.inf, np.minimum(most, dtype.largest))
    least = np.where(may & ((value < 0) | (hard > size) | unbounded), -np.inf, np.maximum(least, -dtype.largest))
    least, most = np.where(must & (value > 0), np.inf, least), np.where(must & (value < 0), -np.inf, most)
    loose = np.where(unbounded | np.isnan(value), NAN, 0)
    return Answer(truth, least, most, loose, allowance(truth), furthest(truth, dtype), says)

"""`arbitrate`: two results of one formula; who is farther from the truth, by how much, and why."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nnparity.api import given
from nnparity.api.comparison import Asked, Question, dtype_of_results
from nnparity.api.judging import Judged
from nnparity.api.own_formulas import Own
from nnparity.api.results import told
from nnparity.expect.expected import Array
from nnparity.judge.elements import errors
from nnparity.reports.formatting import badness, margin, significant
from nnparity.reports.records import GRADES, PASSING, Verdict
from nnparity.spec.usage import UsageError

ROUNDING, CONVENTION, BUG, UNTOLD = "rounding", "convention", "bug", "untold"
FACTOR = "the expected result times"


@dataclass(frozen=True)
class Side:
    """One of the two results."""

    name: str
    #: "rounding" (within the budget, or the right formula with bits missing), "convention" (a known other reading),
    #: "bug" (no known reading), or "untold", where wrong answers would be within the budget too.
    cause: str
    #: The root mean square of its errors, absolute, over all quantities.
    error: float
    verdicts: Sequence[Verdict]

    @property
    def worst(self) -> Verdict:
        """The verdict that is worst."""
        return max(self.verdicts, key=lambda v: (GRADES.index(v.grade), badness(v.hard), badness(v.sharp)))

    @property
    def diagnosis(self) -> str | None:
        """The known fault that explains it, where one does."""
        return self.worst.diagnosis

    def __str__(self) -> str:
        one = self.worst
        sharp, hard = margin(one.sharp), margin(one.hard)
        head = f"{self.name}: {self.cause}; error {self.error:.2g} (over budget: hard {hard}, sharp {sharp})"
        return head if one.grade == "conforms" else f"{head}\n  {told(one)}"


@dataclass(frozen=True)
class Arbitration:
    """Who is farther from the truth. True if neither is wrong: what lies between them is rounding."""

    a: Side
    b: Side

    def __bool__(self) -> bool:
        return all(v.grade in PASSING for side in (self.a, self.b) for v in side.verdicts) and not self._untold

    @property
    def _untold(self) -> bool:
        return UNTOLD in (self.a.cause, self.b.cause)

    @property
    def farther(self) -> str | None:
        """Which of them, "a" or "b"; None where both err alike."""
        if self.a.error == self.b.error:
            return None
        return "a" if not self.a.error < self.b.error else "b"

    @property
    def factor(self) -> float:
        """How many times as far."""
        low, high = sorted((self.a.error, self.b.error))
        return high / low if low else 1.0 if high == low else math.inf

    def __str__(self) -> str:
        farther = self.farther
        head = f"{farther} is {significant(self.factor)} times as far from the truth" if farther else "both err alike"
        both = "; both within their budget: rounding" if self else ""
        return "\n".join([head + both, str(self.a), str(self.b)])

    __repr__ = __str__


def arbitrate(
    a: Any,
    b: Any,
    formula: str | Own,
    /,
    *,
    inputs: Mapping[str, Any] | None = None,
    wrt: str | Sequence[str] | None = None,
    cotangent: Any = None,
    accumulate: Any = "float32",
    **arrays: Any,
) -> Arbitration:
    """Two results of one formula on the same inputs: who is farther from the truth, by how much, and why.

    Args:
        a: A result: an array of any framework, or several outputs as a tuple or a dict.
        b: The other, in the same dtype.
        formula: A formula's id, such as ``"attention"``, or what `formula` made.
        inputs: The inputs and attributes by the spec's names; they may also be given as keywords.
        wrt: The inputs by which both are gradients.
        cotangent: What these were propagated back from.
        accumulate: What sums in half precision are held to: float32, or the dtype itself.
        **arrays: Inputs and attributes.

    Raises:
        UsageError: For inputs that do not fit the formula, or results of two dtypes.
    """
    dtypes = [dtype_of_results(one) for one in (a, b)]
    if dtypes[0] != dtypes[1]:
        raise UsageError(
            f"a is {dtypes[0]} and b is {dtypes[1]}: each rounds to its own dtype; ask assert_close of each"
        )
    asked = Asked(formula, given.named(inputs) | arrays, wrt, cotangent, accumulate)
    with asked.question(dtypes[0]) as question:
        return Arbitration(_side("a", a, question), _side("b", b, question))


def _side(name: str, actual: Any, question: Question) -> Side:
    results = given.results_named(actual, tuple(question.truth), name)
    found = question.answered(results)
    return Side(name, cause(found, question), _error(found, results), [one.verdict for one in found])


def _error(found: Sequence[Judged], results: Mapping[str, Array]) -> float:
    """Infinite where a number is none, or the shape is wrong."""
    if any(one.judgement.hard in (None, math.inf) for one in found):
        return math.inf
    off = [errors(results[one.verdict.quantity], one.expected)[1].ravel() for one in found]
    together = np.concatenate(off)
    return float(np.sqrt(np.mean(together**2))) if together.size else 0.0


def cause(found: Sequence[Judged], question: Question) -> str:
    """What the worst of the verdicts comes from."""
    worst = max((one.verdict for one in found), key=lambda v: GRADES.index(v.grade))
    if worst.grade in PASSING:
        return UNTOLD if worst.grade == "inconclusive" else ROUNDING
    if worst.narrower:
        return ROUNDING
    known = {variant.says for variant in question.case.formula.variants.values()}
    named = [one in known or one.startswith(FACTOR) for one in worst.names]
    return CONVENTION if any(named) else BUG

"""An infinite cotangent, as where a scaled loss overflows: gradients that it comes back to must not be finite.

Who trains in half precision scales the loss, and looks for infinities and NaN among the gradients to learn that the
scale was too large: a kernel that makes numbers of them has the step taken, with wrong gradients. So one cotangent of
the first output is infinite. A gradient is linear in the cotangents, g = g0 + J c with J the derivative of that one
output: where J is not 0 by more than its budget, g is an infinity of J's sign, or NaN, since infinity - infinity and
infinity * 0 come and go with the order of operations and with what is rounded to 0. Where J is 0, as behind a ReLU that
lets nothing through, infinity * 0 is NaN or is never computed: either is right. But no other sample may have any of it,
nor of an elementwise formula any other element.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from nnparity.adapters.request import Request
from nnparity.checks.common import Finding, alike, answer, held, misshapen, named, of_samples
from nnparity.execute.observer import Observed
from nnparity.execute.requests import request
from nnparity.execute.target import Target
from nnparity.expect.expected import Expected
from nnparity.judge.elements import Array, fingerprint
from nnparity.judge.grades import Judgement, judge
from nnparity.judge.sensitivity import inconclusive, qualified
from nnparity.spec import Case
from nnparity.spec.given import Given
from nnparity.spec.schema import plain
from nnparity.spec.selection import Selection

INFINITE = "infinite cotangent"
#: What a kernel has done, as a diagnosis.
HIDDEN = "finite where an infinite cotangent comes back: a loss scaler sees no overflow"
SPREAD = "an infinite cotangent reaches numbers that do not depend on it"
OPPOSITE = "an infinity of the other sign than the derivative has"


@dataclass(frozen=True, eq=False)
class Overflow:
    """A case of which one cotangent is infinite, and how a target is asked for it."""

    target: Target
    given: Given
    wanted: Request
    #: The same with 1 in the place of the infinity, and 0 elsewhere.
    alone: Given
    #: That place, in the first output.
    index: tuple[int, ...]

    @cached_property
    def truth(self) -> dict[str, Expected]:
        """What the gradients are held to: an infinity where it must come back, and 0 where it is not asked for.

        Of those that are 0 by theory nothing is: what is left of them are rounding errors.
        """
        every = held(self.target, self.alone, frozenset({"grad"}))
        return {name: _marked(one) for name, one in every.items() if name not in self.given.formula.vanishing}

    def judged(self, seen: Observed) -> Iterator[Finding]:
        """What is found of each gradient."""
        took: tuple[Observed, ...] = (seen,)
        for quantity, truth in self.truth.items():
            found = answer(seen, quantity)
            judged, shown = misshapen(found, seen, truth, self.given.dtype), None
            if judged is None:
                shown = self._shown(found, truth, quantity)
                judged = self._graded(shown, truth, plain(quantity))
            told = _named(shown, truth) if shown is not None and judged.grade == "diverges" else None
            digest = fingerprint(found)
            yield Finding(self.given, quantity, judged, None, took, digest, shown, truth, diagnosis=told)
            took = ()

    def _graded(self, shown: Array, truth: Expected, quantity: str) -> Judgement:
        """What nothing must come back to, as budgets of half precision are too wide to say that, shows nothing."""
        judged = qualified(judge(shown, truth, self.given.dtype), truth, self.given, quantity)
        if judged.grade == "conforms" and not np.isinf(truth.value).any():
            return inconclusive(judged, ("any numbers",))
        return judged

    def _shown(self, found: Array, truth: Expected, quantity: str) -> Array:
        """What was observed, with what is expected wherever that is as right."""
        must, none = np.isinf(truth.value), ~np.isfinite(found.astype(np.float64))
        as_right = np.where(must, np.isnan(found), ~none | ~self._beyond(quantity, must))
        return np.asarray(np.where(as_right, truth.value.astype(found.dtype), found))

    def _beyond(self, quantity: str, must: Array) -> Array:
        """Where nothing of the infinity may be: in other samples, and of an elementwise formula in other elements."""
        formula, name = self.given.formula, quantity.partition(".")[2]
        beyond = np.full(must.shape, formula.elementwise)
        if formula.elementwise:
            beyond[self.index] = False
        elif name in of_samples(formula) and self.index:  # by the first axis of outputs, too, samples are counted
            others = np.arange(len(must)) != self.index[0]
            beyond[others & ~must.reshape(len(must), -1).any(axis=1)] = True
        return beyond


def overflows(target: Target, case: Case, selection: Selection) -> Iterator[Overflow]:
    """The case with an infinite cotangent in its first output; of empty outputs none.

    Where a target compiles for each set of quantities it is asked for all that the ordinary case is.
    """
    if not next(iter(case.cotangents.values())).size:
        return
    index = _place(case)
    given = _with(case, lambda cotangent: cotangent, index, np.inf)
    asked = frozenset({"grad"}) if target.traces_nothing else alike(case, selection) | {"grad"}
    yield Overflow(target, given, request(given, asked), _with(case, np.zeros_like, index, 1.0), index)


def _with(case: Case, others: Callable[[Array], Array], index: tuple[int, ...], value: float) -> Given:
    """The case with that value in one place of its first output's cotangent, and elsewhere what `others` gives."""
    against = {name: others(cotangent).copy() for name, cotangent in case.cotangents.items()}
    next(iter(against.values()))[index] = value
    return replace(named(case, INFINITE), against=against)


def _place(case: Case) -> tuple[int, ...]:
    """The middle of the first output; of an elementwise formula that of the least positive input, where it has a slope.

    A ReLU lets nothing of a negative number through, and what saturates nothing of a large one.
    """
    shape = next(iter(case.shapes.values()))
    place = math.prod(shape) // 2
    if case.formula.elementwise:
        x = case.inputs[case.formula.wrt[0]].astype(np.float64)
        place = int(np.argmin(np.where(x > 0, x, np.inf)))
    return tuple(int(at) for at in np.unravel_index(place, shape))


def _marked(one: Expected) -> Expected:
    """What comes of an infinite cotangent, by what comes of 1."""
    must = np.abs(one.value) > one.hard
    budget = must.astype(np.float64)
    return Expected(np.where(must, np.copysign(np.inf, one.value), 0.0), budget, budget)


def _named(shown: Array, truth: Expected) -> str:
    must, seen = np.isinf(truth.value), shown.astype(np.float64)
    if (must & np.isfinite(seen)).any():
        return HIDDEN
    return SPREAD if (~must & ~np.isfinite(seen)).any() else OPPOSITE

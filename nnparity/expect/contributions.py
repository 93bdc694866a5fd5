"""Of which roundings a tolerance is made up: the share of each line of the reference.

The reference is run once for each of its lines with the roundings of that line alone, and nothing else rounded: errors
of norm 1 add up by their sizes, those of norm 2 by their squares. What is left over comes from errors that meet.
"""

import linecache
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np

from nnparity import reference
from nnparity.expect.budgets import entered
from nnparity.expect.evaluation import evaluate
from nnparity.expect.expected import Array
from nnparity.reference.readings import Arithmetic, Budget
from nnparity.spec import Case, packs

#: Where the primer's formulas are written; those of a pack are in its folder.
FORMULAS = tuple(str(Path(reference.__file__).resolve().parent / name) for name in ("formulas", "models"))
#: A line that is switched off rounds so much less.
OFF = 2.0**-30
#: Of which place the roundings are left on: all where it is None.
Place = tuple[str, int]
#: Two places that are no line of a formula, and what is told of them.
GIVEN: Place = ("", 0)
OUTSIDE: Place = ("", -1)
SAYS = {GIVEN: "tangents, rounded as they enter", OUTSIDE: "outside of the formula's code"}


@dataclass
class Switch:
    """Which line rounds, and which lines were met."""

    only: Place | None = None
    met: set[Place] | None = None

    def factor(self) -> float:
        """By how much the unit of whoever asks is to be multiplied."""
        if self.met is None and self.only is None:
            return 1.0
        place = _asking()
        if self.met is not None:
            self.met.add(place)
        return 1.0 if self.only in (None, place) else OFF


SWITCH = Switch()


class Attributed(Arithmetic):
    """An arithmetic whose roundings depend on the line of the reference that asks for them."""

    def __getattribute__(self, name: str) -> Any:
        found = super().__getattribute__(name)
        return found * SWITCH.factor() if name == "unit" else found


@dataclass(frozen=True)
class Contribution:
    """The share of one line in the two tolerances, as means over the elements."""

    file: str
    line: int
    text: str
    hard: float
    sharp: float


def contributions(case: Case, quantity: str, numbers: Arithmetic) -> list[Contribution]:
    """Of every line that rounds, the largest share first; none where nothing is rounded."""
    found = partial(_budget, case, quantity, _attributed(numbers))
    places: set[Place] = set()
    with _switched(met=places):
        whole = found()
    if whole is None:
        return []
    with _switched(only=("nowhere", 0)):
        rest = found()
    parts = []
    for place in sorted(places):
        with _switched(only=place):
            parts.append((place, found()))
    shares = [_share(place, part, rest, whole) for place, part in parts]
    told = [one for one in shares if one.hard > 0 or one.sharp > 0]
    return sorted(told, key=lambda one: -max(one.hard, one.sharp))


@contextmanager
def _switched(only: Place | None = None, met: set[Place] | None = None) -> Iterator[None]:
    SWITCH.only, SWITCH.met = only, met
    try:
        yield
    finally:
        SWITCH.only, SWITCH.met = None, None


def _attributed(numbers: Arithmetic) -> Arithmetic:
    inner, operand = (one and _attributed(one) for one in (numbers.accumulator, numbers.operand))
    fields = numbers.unit, numbers.step, numbers.largest, numbers.holds, numbers.statistical
    return Attributed(*fields, inner, operand)


def _budget(case: Case, quantity: str, numbers: Arithmetic) -> tuple[Array, Array] | None:
    """Both norms of a quantity before its result is stored; None where it is exact."""
    lift: Callable[[Array], Budget] = lambda array: Budget(array.astype(np.float64), numbers)  # noqa: E731
    with np.errstate(all="ignore"):
        family = frozenset({quantity.partition(".")[0]})
        made = evaluate(case, family, lift, lambda array: entered(lift(array)), {})[quantity]
    return None if not isinstance(made, Budget) or made.exact else (made.hard, made.var)


def _share(place: Place, part: Any, rest: Any, whole: Any) -> Contribution:
    means = []
    for norm in range(2):
        nothing = np.zeros_like(whole[norm])
        alone, others = (nothing if one is None else one[norm] for one in (part, rest))
        with np.errstate(all="ignore"):
            ratio = (alone - others) / whole[norm]
        told = ratio[np.isfinite(ratio) & (whole[norm] > 0)]
        means.append(float(np.clip(np.mean(told), 0.0, 1.0)) if told.size else 0.0)
    file, line = place
    if place in SAYS:
        return Contribution("", 0, SAYS[place], *means)
    return Contribution(Path(file).name, line, linecache.getline(file, line).strip(), *means)


def _asking() -> Place:
    """The line of the reference's formulas that is being computed."""
    folders = tuple(pack.folder for pack in packs.taken())
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if frame.f_code is entered.__code__:  # what asks from within it is no line of a formula
            return GIVEN
        name = frame.f_code.co_filename
        if _of_a_formula(name, folders):
            return name, frame.f_lineno
        frame = frame.f_back
    return OUTSIDE


@cache
def _of_a_formula(name: str, folders: tuple[Path, ...]) -> bool:
    """Whether a file holds formulas, whatever symlink it was imported by.

    A pack's lie in its folder itself: under it may be an environment, and in that what computes for the formula.
    """
    path = Path(name).resolve()
    return str(path).startswith(FORMULAS) or path.parent in folders

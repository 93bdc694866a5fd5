"""Shrinking: the smallest sizes, the plainest layout and dataset in which a case still fails as it did."""

import math
from collections.abc import Callable, Iterator
from dataclasses import replace

from nnparity.hunt.draw import PLAIN, Prey
from nnparity.judge.grades import Judgement
from nnparity.reports.records import Verdict
from nnparity.spec.cases.layouts import CONTIGUOUS

#: Cases that are tried, at most, to make one smaller.
STEPS = 60
#: How the message of a wrong shape begins, see `judge.grades.form`.
SHAPE = "returned shape "


def kind_of(found: Judgement | Verdict) -> tuple[object, ...]:
    """What a failure is, whatever its numbers: a smaller case has to show that, and not another fault.

    The grade; of what the target raised the exception, of a wrong form whether it is the shape or the dtype, and of
    wrong numbers which of the worst and of what is expected there are numbers.
    """
    if found.worst is not None:
        return found.grade, *(math.isfinite(float(one)) for one in (found.worst.observed, found.worst.expected))
    if found.hard is not None or found.grade not in ("error", "diverges"):
        return (found.grade,)
    told = (found.message or "").partition("\n")[0].partition(":")[0]
    return found.grade, told.startswith(SHAPE) if found.grade == "diverges" else told


def shrink(prey: Prey, fails: Callable[[Prey], bool]) -> Prey:
    """The smallest that fails, of those that are met by making one thing simpler at a time."""
    left = STEPS
    while True:
        for smaller in simpler(prey):
            if not left:
                return prey
            left -= 1
            if fails(smaller):
                prey = smaller
                break
        else:
            return prey


def simpler(prey: Prey) -> Iterator[Prey]:
    """The same with one thing simpler, the largest steps first."""
    if prey.layout != CONTIGUOUS:
        yield replace(prey, layout=CONTIGUOUS)
    if prey.dataset != PLAIN and PLAIN in prey.formula.datasets:
        yield replace(prey, dataset=PLAIN)
    sizes = prey.formula.pool.sizes if prey.formula.pool else {}
    for name in sizes:
        size = int(prey.values[name])
        for smaller in dict.fromkeys((1, size // 2, size - 1)):
            changed = replace(prey, values={**prey.values, name: smaller})
            if 0 < smaller < size and changed.fits:
                yield changed

"""A plan, cut into units: a formula in one dtype, or one of the further checks."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from types import MappingProxyType

from nnparity import checks
from nnparity.execute.target import TargetName
from nnparity.run.plan import Plan
from nnparity.spec.selection import CaseGroup

#: Fewer units than this for each job are not worth another process that imports everything again.
WORTH = 12

#: Checks that need a further process of each target -> which. One job does them for all formulas, and early, as what is
#: left at the end any job may take: a second such process in another job costs an import.
THREADS, TWIN = "threads", "another process"
FURTHER = MappingProxyType({"threads": THREADS, "determinism": TWIN, "rejects": TWIN})

#: The targets of a job; none named are all of the plan.
Crew = tuple[TargetName, ...]


@dataclass(frozen=True)
class Unit:
    """What one job does in one go. `about` is its formula, or the dtype of a check of all formulas, or one of FURTHER."""

    title: str
    about: str
    parts: tuple[CaseGroup | checks.Item, ...]
    long: bool = False


def units(plan: Plan) -> list[Unit]:
    """The whole plan, or the share asked for. Compositions come first: they take longest, and none should come last."""
    found = []
    for (formula, dtype), groups in groupby(plan.groups(), lambda g: (g.cases[0].formula, g.cases[0].dtype.name)):
        found.append(Unit(f"{formula.id}/{dtype}", formula.id, tuple(groups), bool(formula.composition)))
    found += [Unit(item.id, _about(item), (item,)) for item in checks.items(plan)]
    found.sort(key=lambda unit: (not unit.long, unit.about not in FURTHER.values()))
    place, count = plan.shard  # dealt out in turn: each share gets its part of what takes long
    return found[place - 1 :: count]


def _about(item: checks.Item) -> str:
    return FURTHER.get(item.check, item.subject.partition("/")[0])


def of_crew(found: Sequence[Unit], crew: Crew) -> list[Unit]:
    """The units as a crew does them that has not all targets of the plan: what it ends it ends for its own."""
    own = f" on {', '.join(map(str, crew))}" if crew else ""
    return [replace(unit, title=unit.title + own, about=unit.about + own) for unit in found] if own else list(found)


def sensible(jobs: int, plan: Plan) -> int:
    """At most `jobs`, and not more than the plan keeps busy."""
    return max(1, min(jobs, len(units(plan)) // WORTH))

"""A plan, cut into units: a formula in one dtype, or one of the further checks."""

from collections.abc import Iterable, Sequence
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
THREADS, TWIN = checks.THREADS, "another process"
FURTHER = MappingProxyType({checks.THREADS: THREADS, checks.DETERMINISM: TWIN, checks.REJECTS: TWIN})

#: The targets of a job; none named are all of the plan.
Crew = tuple[TargetName, ...]
#: What stands in a unit's title before and between the targets of its crew.
ON, BETWEEN = " on ", ", "


@dataclass(frozen=True)
class Unit:
    """What one job does in one go. `about` is its formula, the dtype of a check of all formulas, or one of FURTHER."""

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
    found.sort(key=_early)
    place, count = plan.shard  # dealt out in turn: each share gets its part of what takes long
    return found[place - 1 :: count]


def _early(unit: Unit) -> tuple[bool, bool]:
    """What a unit is sorted by."""
    return not unit.long, unit.about.partition(ON)[0] not in FURTHER.values()


def _about(item: checks.Item) -> str:
    return FURTHER.get(item.check, item.subject.partition("/")[0])


def of_crew(found: Sequence[Unit], crew: Crew) -> list[Unit]:
    """The units as a crew does them that has not all targets of the plan: what it ends it ends for its own."""
    own = f"{ON}{BETWEEN.join(map(str, crew))}" if crew else ""
    return [replace(unit, title=unit.title + own, about=unit.about + own) for unit in found] if own else list(found)


def dealt(targets: Sequence[TargetName], count: int, begun: Iterable[str] = ()) -> list[Crew]:
    """The targets in so many crews, those of a backend together; fewer where there are not so many backends.

    One crew of all targets is none in particular. `begun` are titles of units of a run that was begun: its crews
    stay, and targets of none of them are one more.
    """
    suffixes = dict.fromkeys(title.partition(ON)[2] for title in begun)
    backends = list(dict.fromkeys(one.backend for one in targets))
    count = min(count, len(backends))
    if "" in suffixes or (not suffixes and count < 2):
        return [()]
    if not suffixes:
        return [tuple(one for one in targets if backends.index(one.backend) % count == at) for at in range(count)]
    crews = [_named(targets, suffix) for suffix in suffixes]
    left = tuple(one for one in targets if not any(one in crew for crew in crews))
    return [*crews, left] if left else crews


def _named(targets: Sequence[TargetName], suffix: str) -> Crew:
    """The targets that a title names."""
    return tuple(one for one in targets if f"{BETWEEN}{one}{BETWEEN}" in f"{BETWEEN}{suffix}{BETWEEN}")


def turned(found: Sequence[Unit], share: float) -> dict[int, Unit]:
    """Place -> unit, begun at that share of them: what crews compute of the same units they compute at other times.

    Then one finds it in the store that the other has left there. What comes early stays early.
    """
    order: dict[int, Unit] = {}
    for _, several in groupby(enumerate(found), lambda one: _early(one[1])):
        own = list(several)
        first = int(share * len(own))
        order |= dict(own[first:] + own[:first])
    return order


def sensible(jobs: int, plan: Plan) -> int:
    """At most `jobs`, and not more than the plan keeps busy."""
    return max(1, min(jobs, len(units(plan)) // WORTH))

"""Two runs held against each other: what appeared, vanished, got worse or better, or has other bits and is still right.

Verdicts are compared one by one and told by cause: those of a formula and a target that changed alike are one line.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from nnparity.reports.formatting import badness
from nnparity.reports.merge import MergedRun
from nnparity.reports.records import GRADES, PASSING, SHORT, WRONG, Verdict
from nnparity.reports.statistics import fails

#: What may become of a verdict, the worst first; a kind that others ask for by name.
DROPPED = "dropped support"
KINDS = ("worse", DROPPED, "vanished", "appeared", "new support", "better", "other numbers", "other bits")
#: What each means, as a heading.
SAYS = {
    "worse": "got worse",
    DROPPED: "no longer supported",
    "vanished": "asked before and not any more",
    "appeared": "asked for the first time",
    "new support": "newly supported",
    "better": "got better",
    "other numbers": "wrong as before, with other numbers",
    "other bits": "other numbers, still right",
}
#: The kinds that speak against the new run.
AGAINST = ("worse", DROPPED)
UNSUPPORTED = "unsupported"
#: Grades of what gave no answer.
REFUSED = ("error", "crashed", "timed out")
WITH_GRAD = "output.with_grad", "output"
#: What a verdict answers, see `Verdict.asked`; the formula, the target and the dtype of some.
Key = tuple[str, str, str, str, str]
Place = tuple[str, str, str]
#: Whether a run says that a target does the formula of a verdict in its dtype; None where it does not say.
Supported = Callable[[Verdict], bool | None]


@dataclass(frozen=True)
class Change:
    """What became of one verdict; `old` or `new` is None where the run has it not."""

    kind: str
    old: Verdict | None
    new: Verdict | None

    @property
    def verdict(self) -> Verdict:
        """The later one that there is."""
        found = self.new or self.old
        assert found is not None
        return found

    @property
    def grades(self) -> str:
        """As in ``conforms → diverges``; of a failure that left its record, that it did."""
        if self.old and self.new and _off_record(self.old, self.new):
            return f"{self.old.grade} on record → {self.new.grade} on none"
        told = [one.grade for one in (self.old, self.new) if one is not None]
        return " → ".join(dict.fromkeys(told))


@dataclass
class Group:
    """Verdicts of a formula and a target that changed alike."""

    kind: str
    formula: str
    target: str
    grades: str
    dtypes: tuple[str, ...]
    quantities: list[str] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)

    @property
    def worst(self) -> Change:
        """The one with the largest margin now."""
        return max(self.changes, key=lambda one: badness(one.verdict.hard))

    @property
    def datasets(self) -> list[str]:
        """Those of its cases."""
        return list(dict.fromkeys(one.verdict.dataset for one in self.changes))

    @property
    def records(self) -> list[str]:
        """The known divergences that its verdicts carry now."""
        return sorted({one.new.known for one in self.changes if one.new and one.new.known})


@dataclass(frozen=True)
class Differences:
    """All that differs, by cause; `same` verdicts are in both runs and tell no difference."""

    groups: list[Group]
    same: int
    versions: dict[str, str]
    cautions: list[str]

    @property
    def worse(self) -> bool:
        """Whether anything speaks against the new run."""
        return any(group.kind in AGAINST for group in self.groups)

    @property
    def news(self) -> list[Change]:
        """What got worse, is no longer supported, or fails and was not asked before; what is on record is no news."""
        return [one for group in self.groups for one in group.changes if _news(one)]

    def counts(self) -> dict[str, int]:
        """How many verdicts there are of each kind."""
        return {
            kind: sum(len(group.changes) for group in self.groups if group.kind == kind)
            for kind in KINDS
            if any(group.kind == kind for group in self.groups)
        }


def compare(old: MergedRun, new: MergedRun) -> Differences:
    """What differs between two runs."""
    before, after = by_key(old.verdicts), by_key(new.verdicts)
    drawn = [{(one.salt, one.seeds) for one in run.environments} for run in (old, new)]
    supported = _supported(old), _supported(new)
    found = dict(_changes(before, after, supported, numbers=drawn[0] == drawn[1]))
    same = len((before.keys() & after.keys()) - found.keys())
    return Differences(_grouped(found.values()), same, _versions(old, new), list(_cautions(old, new)))


def by_key(verdicts: Iterable[Verdict]) -> dict[Key, Verdict]:
    """Each by what it answers: a hunt draws a case by one name many times, and all of its verdicts count."""
    return {one.asked: one for one in verdicts}


def _changes(
    before: dict[Key, Verdict], after: dict[Key, Verdict], supported: tuple[Supported, Supported], numbers: bool
) -> Iterator[tuple[Key, Change]]:
    """What became of the verdicts, each by its own key: what it is held against may have another."""
    for key in dict.fromkeys((*before, *after)):
        old, new = verdict_at(before, key), verdict_at(after, key)
        told = old or new
        assert told is not None
        had, has = (asked(told) for asked in supported)
        if kind := _kind(old, new, had, has, numbers):
            yield key, Change(kind, old, new)


def verdict_at(verdicts: Mapping[Key, Verdict], key: Key) -> Verdict | None:
    """The verdict. An output that came with gradients has one only where its bits differ: else it is the plain one."""
    case, target, quantity, salt, layout = key
    return verdicts.get(key) or verdicts.get((case, target, quantity.replace(*WITH_GRAD), salt, layout))


def _place(verdict: Verdict) -> Place:
    return verdict.formula, verdict.target, verdict.dtype


def _supported(run: MergedRun) -> Supported:
    """Whether a target had anything to say of a formula in a dtype; one that was not available has nothing."""
    found: dict[Place, bool] = {}
    for one in run.verdicts:
        found[_place(one)] = found.get(_place(one), False) or one.grade != UNSUPPORTED
    absent = _asked(run) - _present(run)
    return lambda verdict: found.get(_place(verdict), False if verdict.target in absent else None)


def _asked(run: MergedRun) -> set[str]:
    """The targets that the plan names; a run tells of devices too that its backends could have had, and did not."""
    plans = [name for environment in run.environments for name in environment.plan.get("targets", ())]
    return {target for target in run.targets if any(target == name or target.startswith(f"{name}:") for name in plans)}


def _present(run: MergedRun) -> set[str]:
    """The targets that are available, or were when they were judged."""
    available = {line.target for line in run.targets.values() if line.available}
    return available | {verdict.target for verdict in run.verdicts}


def _kind(old: Verdict | None, new: Verdict | None, had: bool | None, has: bool | None, numbers: bool) -> str:
    """What became of a verdict, or nothing. `had` and `has` say whether its formula was supported at all."""
    if old is None or new is None:
        told, other, kinds = (
            (new, had, ("new support", "appeared")) if old is None else ((old, has, (DROPPED, "vanished")))
        )
        if told is None or told.grade == UNSUPPORTED:
            return ""
        return kinds[0] if other is False else kinds[1]
    if (old.grade == UNSUPPORTED) != (new.grade == UNSUPPORTED):
        return "new support" if old.grade == UNSUPPORTED else DROPPED
    if worse := _off_record(old, new) or _answered_wrongly(old, new) or _severity(new) - _severity(old):
        return "worse" if worse > 0 else "better"
    if not numbers or not _moved(old, new):
        return ""
    return "other numbers" if _severity(new) else "other bits"


def _off_record(old: Verdict, new: Verdict) -> bool:
    """Whether what failed as its record says fails otherwise now: it is no longer what was known."""
    return old.known is not None and new.known is None and fails(new)


def _answered_wrongly(old: Verdict, new: Verdict) -> bool:
    """Whether a refusal became a wrong number that nothing knows of, which its grade alone would call better."""
    return old.grade in REFUSED and new.grade in WRONG and new.known is None


def _news(change: Change) -> bool:
    if change.kind == DROPPED:
        return True
    new = change.new
    fails = new is not None and _severity(new) > 0 and not new.known
    return fails and change.kind in ("worse", "appeared", "new support")


def _severity(verdict: Verdict) -> int:
    """0 of what says nothing against its target; a grade that is further from it has more."""
    return 0 if verdict.grade in PASSING else GRADES.index(verdict.grade)


def _moved(old: Verdict, new: Verdict) -> bool:
    """Whether other numbers were observed: by their digests, or else by the margins that follow from them."""
    if old.digest is not None and new.digest is not None:
        return old.digest != new.digest
    return (old.hard, old.sharp, old.ulp) != (new.hard, new.sharp, new.ulp)


def _grouped(changes: Iterable[Change]) -> list[Group]:
    """By kind, formula, target and grades; quantities that changed in the same dtypes share a line."""
    cells: dict[tuple[str, str, str, str, str], list[Change]] = defaultdict(list)
    for one in changes:
        cells[one.kind, one.verdict.formula, one.verdict.target, one.grades, one.verdict.quantity].append(one)
    groups: dict[tuple[str, ...], Group] = {}
    for (*place, quantity), found in cells.items():
        kind, formula, target, grades = place
        met = {one.verdict.dtype for one in found}
        dtypes = tuple(dtype for dtype in SHORT if dtype in met)
        group = groups.setdefault((*place, *dtypes), Group(kind, formula, target, grades, dtypes))
        group.quantities.append(quantity)
        group.changes.extend(found)
    return sorted(groups.values(), key=lambda group: KINDS.index(group.kind))


def _versions(old: MergedRun, new: MergedRun) -> dict[str, str]:
    """Package -> old and new version, of the packages of all targets of either run where they differ."""
    before, after = _packages(old), _packages(new)
    packages = dict.fromkeys((*after, *before))
    return {name: _arrow(before[name], after[name]) for name in packages if before[name] != after[name]}


def _packages(run: MergedRun) -> dict[str, set[str]]:
    """Package -> its versions, of which there may be several where runs were merged."""
    found: dict[str, set[str]] = defaultdict(set)
    for line in run.targets.values():
        for package, version in line.versions.items():
            found[package].add(version)
    return found


def _arrow(before: set[str], after: set[str]) -> str:
    return " → ".join(", ".join(sorted(one)) or "none" for one in (before, after))


#: What else a run says of itself, and whether its inputs are others with another.
WORDS = {
    "spec_digest": ("spec", False),
    "salt": ("salt", True),
    "seeds": ("way of drawing numbers", True),
    "cpu": ("processor", False),
    "platform": ("system", False),
    "nnparity": ("nnparity", False),
}


def _cautions(old: MergedRun, new: MergedRun) -> Iterator[str]:
    """What else than the frameworks differs, and may be the cause."""
    there = _present(old), _present(new)
    if all(there) and not there[0] & there[1]:
        yield "no target is in both"
    for name, (word, inputs) in WORDS.items():
        before, after = ({str(getattr(one, name)) for one in run.environments} for run in (old, new))
        if before != after:
            yield f"another {word}: {_arrow(before, after)}{'; bits are not compared' if inputs else ''}"
    yield from _instructions(old, new)
    for name, run in (("old", old), ("new", new)):
        if run.cut_short:
            yield f"the {name} run was cut short"


def _instructions(old: MergedRun, new: MergedRun) -> Iterator[str]:
    """Vector instructions that only one of two runs had: processors of one name may be several, seen from a guest."""
    before, after = ({name for one in run.environments for name in one.instructions} for run in (old, new))
    if before and after and before != after:
        alone = (" ".join(sorted(mine - other)) for mine, other in ((before, after), (after, before)))
        yield f"other vector instructions, which decide what kernels run: {' → '.join(one or 'none' for one in alone)}"

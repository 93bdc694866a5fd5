"""A target as its own page shows it: scores, classes of what fails, properties, measured facts, what it has not."""

from collections import Counter
from dataclasses import dataclass, field
from operator import itemgetter

from nnparity.reports.aggregation import Aggregate, grouped
from nnparity.reports.causes.classes import CLASSES
from nnparity.reports.records import GRADES, Fact, TargetLine
from nnparity.reports.statistics import Statistics, joined
from nnparity.reports.targets.profiles import PROFILES, conforming_margins, scores
from nnparity.reports.unsupported import Unsupported, unsupported

#: Tables of facts that have a section of their own and say too much of each formula for a page of a target.
ELSEWHERE = ("the primer, entry by entry", "special values")
#: A table of which only what stands before the semicolon is told: behind it are counts that differ by formula.
COUNTED = "precision model"
#: A table of facts, and the dtype where its columns have one.
Table = tuple[str, str]


@dataclass(frozen=True)
class Score:
    """How a target did in a profile. `held` are its conforming verdicts alone."""

    profile: str
    about: str
    all: Statistics
    held: Statistics

    @property
    def recorded(self) -> int:
        """How many of those that fail are on record."""
        return self.all.known.total()


@dataclass(frozen=True)
class Portrait:
    """A target of a run. `place` is its number among all."""

    place: int
    line: TargetLine
    scores: list[Score]
    total: Statistics
    classes: dict[str, int] = field(default_factory=dict)
    new: int = 0
    facts: dict[Table, dict[str, list[str]]] = field(default_factory=dict)
    unsupported: list[Unsupported] = field(default_factory=list)

    @property
    def id(self) -> str:
        """The id of its section."""
        return f"target-{self.place}"

    @property
    def grades(self) -> dict[str, int]:
        """How many verdicts have which grade, best first."""
        return dict(
            sorted(
                self.total.grades.items(), key=lambda item: GRADES.index(item[0]) if item[0] in GRADES else len(GRADES)
            )
        )

    @property
    def left_out(self) -> dict[str, list[str]]:
        """Reason -> the formulas of which nothing was judged for it, whole or in part."""
        return grouped((one.reason, one.formula) for one in self.unsupported)

    @property
    def versions(self) -> str:
        """Of its packages."""
        return ", ".join(f"{name} {version}" for name, version in self.line.versions.items())


def portraits(aggregate: Aggregate) -> list[Portrait]:
    """All targets that were judged or are available, in the order of the plan."""
    found, held = scores(aggregate), conforming_margins(aggregate)
    left_out = unsupported(aggregate)
    failing = _failing(aggregate)
    totals = joined(found, itemgetter(0))
    return [
        Portrait(
            place,
            line,
            [
                Score(name, about, found[line.target, name], held.get((line.target, name), Statistics()))
                for name, about in PROFILES.items()
                if (line.target, name) in found
            ],
            totals.get(line.target, Statistics()),
            {kind: failing[line.target, kind] for kind in CLASSES if failing[line.target, kind]},
            failing[line.target, ""],
            facts_of(aggregate.run.facts, line.target),
            [one for one in left_out if line.target in one.targets],
        )
        for place, line in enumerate(aggregate.present)
    ]


def _failing(aggregate: Aggregate) -> Counter[tuple[str, str]]:
    """(target, class) -> how many verdicts fail; under no class how many of them are new."""
    counted: Counter[tuple[str, str]] = Counter()
    for cause in aggregate.causes:
        for verdict in cause.verdicts:
            counted[verdict.target, cause.kind] += 1
            counted[verdict.target, ""] += cause.new
    return counted


def facts_of(facts: list[Fact], target: str) -> dict[Table, dict[str, list[str]]]:
    """Table -> what is told -> the rows of which it is told."""
    tables: dict[Table, dict[str, list[str]]] = {}
    for fact in facts:
        name, _, rest = fact.column.partition(" ")
        if name != target or fact.table in ELSEWHERE:
            continue
        said = fact.text.partition(";")[0] if fact.table == COUNTED else fact.text
        tables.setdefault((fact.table, rest), {}).setdefault(said, []).append(fact.row)
    return tables

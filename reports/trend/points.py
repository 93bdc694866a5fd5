"""A run as one point of a trend: when, on which versions, how many causes and failing verdicts of each class."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from nnparity.reports.aggregation import Aggregate
from nnparity.reports.causes.answer import Answer
from nnparity.reports.causes.classes import rank
from nnparity.reports.merge import MergedRun


@dataclass(frozen=True)
class Point:
    """What one run counted. `asked` stands for what it was asked: of runs that differ there, counts do too."""

    name: str
    started: str
    versions: dict[str, str]
    answer: Answer
    #: class -> causes, known and new, and class -> verdicts that fail
    causes: Counter[str]
    verdicts: Counter[str]
    asked: tuple[str, ...]

    @property
    def date(self) -> str:
        """The day."""
        return self.started.partition("T")[0]


def points(runs: Sequence[tuple[str, MergedRun]]) -> list[Point]:
    """The runs, the oldest first."""
    return sorted((_point(name, run) for name, run in runs), key=lambda one: one.started)


def classes(found: Sequence[Point]) -> list[str]:
    """Those that any of the runs met, the worst first."""
    return sorted({name for one in found for name in one.causes}, key=lambda name: (rank(name), name))


def _point(name: str, run: MergedRun) -> Point:
    causes = Aggregate(run).causes
    verdicts: Counter[str] = Counter()
    for cause in causes:
        verdicts[cause.kind] += len(cause.verdicts)
    return Point(
        name=name,
        started=min((one.started for one in run.environments), default=""),
        versions={package: version for line in run.targets.values() for package, version in line.versions.items()},
        answer=Aggregate(run).answer,
        causes=Counter(cause.kind for cause in causes),
        verdicts=verdicts,
        asked=tuple(sorted({_asked(run, place) for place in range(len(run.environments))})),
    )


def _asked(run: MergedRun, place: int) -> str:
    one = run.environments[place]
    return f"spec {one.spec_digest}, salt {one.salt!r}, plan {sorted(one.plan.items())}"

"""What a run found, counted: by each process for its part, and in total."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Self

from nnparity.reports.records import Summary, Verdict
from nnparity.run.verdicts import failed
from nnparity.store.memory import Tally


@dataclass
class Counts:
    """Verdicts as they fall: by grade, by the record that explains them, those that fail, the largest margins."""

    grades: Counter[str] = field(default_factory=Counter)
    failures: list[Verdict] = field(default_factory=list)
    known: Counter[str] = field(default_factory=Counter)
    #: target -> how many verdicts judged it; 0 where all are unsupported
    judged: dict[str, int] = field(default_factory=dict)
    widest: dict[str, tuple[float, str]] = field(default_factory=dict)

    @classmethod
    def of(cls, verdicts: Iterable[Verdict]) -> Self:
        """Those of all verdicts of a run."""
        counts = cls()
        for verdict in verdicts:
            counts.add(verdict)
        return counts

    def add(self, verdict: Verdict) -> None:
        """Counts one verdict."""
        self.grades[verdict.grade] += 1
        self.judged[verdict.target] = self.judged.get(verdict.target, 0) + (verdict.grade != "unsupported")
        if verdict.known:
            self.known[verdict.known] += 1
        if failed(verdict):
            self.failures.append(verdict)
        if verdict.grade == "conforms":
            for margin in ("hard", "sharp"):
                value = getattr(verdict, margin)
                if isinstance(value, float) and value > self.widest.get(margin, (0.0, ""))[0]:
                    self.widest[margin] = (value, f"{verdict.target} {verdict.case} {verdict.quantity}")

    def join(self, other: "Counts") -> None:
        """Adds what another part of the run found."""
        self.grades += other.grades
        self.known += other.known
        self.failures += other.failures
        for target, count in other.judged.items():
            self.judged[target] = self.judged.get(target, 0) + count
        for margin, found in other.widest.items():
            self.widest[margin] = max(self.widest.get(margin, found), found)

    @property
    def unjudged(self) -> str | None:
        """Why a run of these verdicts says nothing, of all its targets or of one; None when each was judged."""
        if not self.judged:
            return "nothing was judged: no formula of the plan has these dtypes and quantities"
        idle = ", ".join(self.idle)
        return f"nothing was judged on {idle}: every formula of the plan is unsupported there" if idle else None

    @property
    def idle(self) -> list[str]:
        """The targets that have no verdict but of what is unsupported."""
        return [target for target, count in self.judged.items() if not count]


@dataclass
class PartCounts:
    """What one process counted: verdicts, CPU seconds by kind of work, the records whose scope was run or held.

    `programs` are those that each target compiled or read from its cache.
    """

    counts: Counts
    seconds: dict[str, float]
    ran: set[str]
    held: set[str]
    programs: dict[str, Counter[str]] = field(default_factory=dict)
    store: Tally = field(default_factory=Tally)


@dataclass
class TotalCounts:
    """All parts of a run together; whether what is run is a share of its plan alone."""

    counts: Counts = field(default_factory=Counts)
    seconds: dict[str, float] = field(default_factory=dict)
    ran: set[str] = field(default_factory=set)
    held: set[str] = field(default_factory=set)
    programs: dict[str, Counter[str]] = field(default_factory=dict)
    store: Tally = field(default_factory=Tally)
    share: bool = False

    def add(self, part: PartCounts) -> None:
        """Counts another part in."""
        self.counts.join(part.counts)
        for kind, seconds in part.seconds.items():
            self.seconds[kind] = self.seconds.get(kind, 0.0) + seconds
        for target, programs in part.programs.items():
            self.programs.setdefault(target, Counter()).update(programs)
        self.ran |= part.ran
        self.held |= part.held
        self.store.join(part.store)

    @property
    def stale(self) -> list[str]:
        """The records whose whole scope was run, and in which no process found that anything diverges."""
        return sorted(self.ran - self.held)

    @property
    def unjudged(self) -> str | None:
        """Why the run says nothing; None of a share: what is judged of the plan may all be in the others."""
        return None if self.share else self.counts.unjudged

    @property
    def status(self) -> int:
        """0 when everything conforms, is on record or unsupported, and no record is stale; else 1.

        2 when nothing failed because nothing was judged.
        """
        if self.counts.failures or self.stale:
            return 1
        return 2 if self.unjudged else 0

    def summary(self) -> Summary:
        """The last line of the run file. Of the seconds, `harness` is all but imports and the frameworks' calls."""
        seconds = {name: round(value, 3) for name, value in sorted(self.seconds.items())}
        programs = {target: dict(needed) for target, needed in self.programs.items() if needed}
        kept = {kind: dict(counted) for kind, counted in sorted(self.store.results.items())}
        troubles = sorted(self.store.troubles)
        known = self.counts.known.total()
        return Summary(dict(self.counts.grades), known, self.stale, seconds, programs, kept, troubles)

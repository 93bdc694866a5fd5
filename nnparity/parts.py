"""Parts of a run, counted in the processes that did them, and their total."""

from dataclasses import dataclass, field

from nnparity.reports.records import Summary
from nnparity.summary import Tally


@dataclass
class Part:
    """A tally, seconds of CPU by kind of work, the known divergences whose scope was run, and those that held."""

    tally: Tally
    seconds: dict[str, float]
    ran: set[str]
    held: set[str]


@dataclass
class Total:
    """All parts of a run together."""

    tally: Tally = field(default_factory=Tally)
    seconds: dict[str, float] = field(default_factory=dict)
    ran: set[str] = field(default_factory=set)
    held: set[str] = field(default_factory=set)

    def add(self, part: Part) -> None:
        """Counts another part in."""
        self.tally.join(part.tally)
        for kind, seconds in part.seconds.items():
            self.seconds[kind] = self.seconds.get(kind, 0.0) + seconds
        self.ran |= part.ran
        self.held |= part.held

    def end(self) -> Summary:
        """The last line of the run file. A record is stale when no job found that it holds."""
        seconds = {name: round(value, 3) for name, value in sorted(self.seconds.items())}
        counts, known = dict(self.tally.counts), self.tally.known.total()
        self.tally.close(Summary(counts, known, sorted(self.ran - self.held), seconds))
        assert self.tally.ended is not None
        return self.tally.ended

"""How long a run still takes: by what its units cost in the run of before, else by what units of their kind cost here.

Costs are CPU seconds, and their sum for what is done against the time it took says how fast they pass: that holds for
any number of processes, for another machine, and whether expectations were kept or have to be computed.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import fmean

from msgspec import DecodeError

from nnparity.command_line.running.previous import FOLDER, RUN
from nnparity.reports.records import Finished, decode
from nnparity.run.engines.units import Unit
from nnparity.spec.selection import CaseGroup

#: Of the seconds that a unit counted, those that together are all: see `reports.records.Summary`.
PARTS = ("harness", "imports", "frameworks")
_FINISHED = b'{"kind":"finished"'


def cost(seconds: Mapping[str, float]) -> float:
    """The CPU seconds of a unit, all processes together."""
    return sum(seconds.get(part, 0.0) for part in PARTS)


def measured(folder: Path) -> dict[str, float]:
    """Unit -> what it cost when it was last run in this folder, cut short or not."""
    return costs(folder / FOLDER / RUN) | costs(folder / RUN)


def costs(path: Path) -> dict[str, float]:
    """What each unit cost that is finished in a run file; nothing where there is none."""
    found: dict[str, float] = {}
    for text in path.read_bytes().split(b"\n") if path.is_file() else ():
        if text.startswith(_FINISHED) and (line := _decoded(text)):
            found[line.unit] = cost(line.seconds)
    return found


def _decoded(text: bytes) -> Finished | None:
    """The line; None of what was cut short or damaged, by which no time can be told."""
    try:
        line = decode(text)
    except DecodeError:
        return None
    return line if isinstance(line, Finished) else None


class Forecast:
    """The time left of a plan, told anew whenever a unit has ended."""

    def __init__(
        self, units: Sequence[Unit], before: Mapping[str, float], clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`units` are those that are to be run; `before` says what some of them cost in another run."""
        self._waiting = {unit.title: _kind(unit) for unit in units}
        self._before, self._clock = before, clock
        self._here: dict[str, list[float]] = defaultdict(list)
        self._done = self._foretold = self._told = 0.0
        self._begun = clock()
        #: When the run ends, on the clock; None until it can be told.
        self.end: float | None = None

    def ended(self, title: str, seconds: Mapping[str, float]) -> None:
        """One unit less, and what it cost; without a title the targets of a process are there, and it begins."""
        if not title:
            self._begun = self._clock()
            return
        kind, spent, foretold = self._waiting.pop(title), cost(seconds), self._before.get(title)
        self._here[kind].append(spent)
        self._done += spent
        if foretold:
            self._told += spent
            self._foretold += foretold
        if self._done > 0:
            now = self._clock()
            self.end = now + (now - self._begun) * self._rest() / self._done

    @property
    def left(self) -> float | None:
        """Seconds until the end, as far as they can be told."""
        return None if self.end is None else max(0.0, self.end - self._clock())

    def _rest(self) -> float:
        """What waits, in CPU seconds of this run."""
        usual = fmean(one for several in self._here.values() for one in several)
        means = {kind: fmean(several) for kind, several in self._here.items()}
        pace = self._told / self._foretold if self._foretold else 1.0
        return sum(
            self._before[title] * pace if title in self._before else means.get(kind, usual)
            for title, kind in self._waiting.items()
        )


def _kind(unit: Unit) -> str:
    """Units that cost alike, more or less: compositions, formulas, and each of the further checks."""
    (first, *_) = unit.parts
    if isinstance(first, CaseGroup):
        return "composition" if unit.long else "formula"
    return first.check

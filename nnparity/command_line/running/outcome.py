"""How a run ended: the exit status, the last line on the terminal, and the same as JSON for programs.

Plainly, whatever fails and is on no record fails the run. Held against a baseline it may fail on news alone.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from nnparity.command_line.running.interruption import INTERRUPTED
from nnparity.command_line.running.terminal_summary import in_one_line
from nnparity.reports import MergedRun
from nnparity.reports.aggregation import Aggregate
from nnparity.reports.export.answer import answered
from nnparity.reports.formatting import count
from nnparity.run.counts import TotalCounts
from nnparity.spec.usage import UsageError, require

#: The status of a run that judged nothing of a target.
UNJUDGED = 2
#: What fails a run: all that is on no record, or of that only what the baseline had not.
ANYTHING, NEWS = "anything", "news"


def strict(asked: str, baseline: Path | None) -> bool:
    """Whether anything fails a run. Raises UsageError for a word that there is not, and for news of nothing."""
    require("reason to fail", (asked,), (ANYTHING, NEWS))
    if asked == NEWS and baseline is None:
        raise UsageError("--fail-on news is what a baseline had not: name one by --baseline")
    return asked == ANYTHING


@dataclass(frozen=True)
class Outcome:
    """What a run counted and what its file says; `strict` where anything fails it, not news alone."""

    total: TotalCounts
    aggregate: Aggregate
    interrupted: bool = False
    strict: bool = True

    @classmethod
    def of(
        cls, total: TotalCounts, run: MergedRun, interrupted: bool, before: MergedRun | None = None, strict: bool = True
    ) -> "Outcome":
        """That of a run, held against the one of before."""
        return cls(total, Aggregate(run, before, not strict), interrupted, strict)

    @property
    def news(self) -> str:
        """What the baseline had not, in words; nothing where there is nothing."""
        return self.aggregate.news.told

    @property
    def unjudged(self) -> str | None:
        """Why nothing was judged, of all targets or of one."""
        return None if self.interrupted else self.total.unjudged

    @property
    def status(self) -> int:
        """The exit status."""
        if self.interrupted:
            return INTERRUPTED
        if self.strict:
            return self.total.status
        return 1 if self.news else UNJUDGED if self.unjudged else 0

    @property
    def told(self) -> str:
        """The last line on the terminal."""
        since = "" if self.strict else f"news since the baseline: {self.news or 'none'}. "
        idle = f"{self.unjudged}. " if self.status == UNJUDGED else ""
        why = "interrupted. " if self.interrupted else idle or since
        answer = self.aggregate.answer
        said = replace(answer, idle=()) if idle else answer  # which is told once
        return f"{'FAIL' if self.status else 'PASS'}: {why}{in_one_line(said.told)}"

    def as_json(self, files: Sequence[Path]) -> str:
        """All of it as one JSON object."""
        ended = {
            "status": self.status,
            "passed": self.status == 0,
            "fail_on": ANYTHING if self.strict else NEWS,
            "interrupted": self.interrupted,
        }
        return json.dumps(ended | answered(self.aggregate) | {"files": list(map(str, files))})


def soaked(outcomes: Mapping[str, Outcome], asked: int) -> tuple[int, str]:
    """The exit status of a soak and its last line: of all seeds that were run, whatever the last of them says.

    What fails goes before what judged nothing, as in a run.
    """
    statuses = {outcome.status for outcome in outcomes.values()}
    status = next((one for one in (INTERRUPTED, 1, UNJUDGED) if one in statuses), 0)
    wrong = [salt for salt, outcome in outcomes.items() if outcome.status not in (0, INTERRUPTED)]
    told = [f"interrupted at seed {len(outcomes)} of {asked}"] * (status == INTERRUPTED)
    told += [f"{count(len(wrong))} of {count(len(outcomes))} seeds, {', '.join(wrong)}"] * bool(wrong)
    return status, f"FAIL: {'; '.join(told)}." if told else f"PASS: all of {count(asked)} seeds."

"""What is news since a baseline: verdicts, each in its cell, and records that nothing confirms any more."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from nnparity.reports.causes.matrix import Key
from nnparity.reports.differences import Change, Differences
from nnparity.reports.formatting import count
from nnparity.reports.merge import MergedRun


@dataclass(frozen=True)
class News:
    """What fails a run that may fail on news alone: one place says it, for status, JSON, JUnit and badge."""

    changes: Sequence[Change] = ()
    stale: Sequence[str] = ()

    @classmethod
    def since(cls, before: MergedRun, run: MergedRun, found: Differences) -> "News":
        """Of what differs what is news; a record that was stale before is none."""
        stale = set(before.stale)
        return cls(found.news, [record for record in run.stale if record not in stale])

    @property
    def told(self) -> str:
        """In words; nothing where there is nothing."""
        verdicts = [f"{count(len(self.changes))} verdicts"] if self.changes else []
        stale = [f"stale records {', '.join(self.stale)}"] if self.stale else []
        return " and ".join(verdicts + stale)

    @cached_property
    def cells(self) -> dict[Key, list[Change]]:
        """(formula, target, dtype) -> what is news there; of what is no longer asked for too."""
        found: dict[Key, list[Change]] = {}
        for one in self.changes:
            told = one.verdict
            found.setdefault((told.formula, told.target, told.dtype), []).append(one)
        return found

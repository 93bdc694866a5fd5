"""One case put to one target in a layout, and its verdicts."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from nnparity.adapters.request import Request
from nnparity.execute.observer import Observed, Observer
from nnparity.execute.target import Target
from nnparity.hunt.draw import Prey
from nnparity.reports.records import Verdict
from nnparity.run.examiner import Examiner
from nnparity.spec.cases.layouts import CONTIGUOUS
from nnparity.spec.selection import CaseGroup


class Arranged:
    """What the examiner asks of an `Observer`, whose requests say a layout."""

    def __init__(self, observer: Observer, layout: str) -> None:
        self.info = observer.info
        self._observer, self._layout = observer, layout

    def submit(self, requests: Sequence[Request]) -> None:
        """See `Observer`."""
        self._observer.submit([replace(request, layout=self._layout) for request in requests])

    def collect(self) -> Iterator[Observed]:
        """See `Observer`."""
        return self._observer.collect()


@dataclass
class Trial:
    """Judges cases of one target; `examiner` is shared by all."""

    examiner: Examiner
    target: Target

    def verdicts(self, prey: Prey) -> list[Verdict]:
        """All of its quantities, with the salt and the layout that they were asked in."""
        layout = prey.layout if prey.layout in self.target.observer.info.layouts else CONTIGUOUS
        stand_in: Any = Arranged(self.target.observer, layout)
        found = self.examiner.examine(
            CaseGroup((prey.case,)), [Target(stand_in, self.target.flushes, self.target.asked, layout)]
        )
        return [_told(verdict, prey.salt) for verdict in found]


def _told(verdict: Verdict, salt: str) -> Verdict:
    lying = f"{verdict.layout} inputs" if verdict.layout else ""
    note = "; ".join(filter(None, (verdict.note, lying))) or None
    return msgspec.structs.replace(verdict, note=note, salt=salt)

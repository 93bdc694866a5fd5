"""An inquiry: what a check asks of a target, all of it beforehand, and what it makes of the answers.

So whoever runs a check has the answers before anything is judged, and knows whether they are those of an earlier run.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from nnparity.adapters.request import Request
from nnparity.checks.common import Finding
from nnparity.execute.observer import Observed, Observer, OnThreads
from nnparity.reports.records import Fact, Ulps
from nnparity.spec import Case

#: What a check finds: verdicts, and cells and curves of the report.
Found = Finding | Fact | Ulps


def _nothing() -> None:
    pass


@dataclass(frozen=True)
class Inquiry:
    """`judged` is given the answers to all requests, in their order, those of each process after another's.

    `cases` are what is asked about, and what else the findings depend on. `ahead` computes what the answers will be
    held against, while the target works on the first of them.
    """

    judged: Callable[[Sequence[Observed]], Iterable[Found]]
    cases: Sequence[Case] = ()
    requests: Sequence[tuple[Observer | OnThreads, Sequence[Request]]] = field(default=(), repr=False)
    ahead: Callable[[], object] = _nothing

    def answers(self, *, ahead: bool = True) -> list[Observed]:
        """What became of each request; what can be computed meanwhile is, unless it is not wanted.

        One process after the other: what all cores do is not to be seen while another takes one of them.
        """
        found: list[Observed] = []
        for place, (observer, requests) in enumerate(self.requests):
            observer.submit(requests)
            if ahead and not place:
                self.ahead()
            found += observer.collect()
        return found

    def found(self) -> Iterator[Found]:
        """What the check finds."""
        yield from self.judged(self.answers())


def saying(*found: Found) -> Inquiry:
    """An inquiry that asks nothing, and finds that."""
    return Inquiry(lambda _: found)

"""A target inside the test's own process, so that many faulty adapters cost nothing; its twin is a second instance."""

import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from nnparity import checks
from nnparity.adapters.base import Adapter
from nnparity.adapters.request import Request
from nnparity.adapters.shared.optional_methods import OPTIONAL
from nnparity.checks.common import Finding
from nnparity.execute.observer import Observed
from nnparity.execute.protocol import TargetInfo
from nnparity.execute.target import Target, TargetName
from nnparity.execute.worker import observe
from nnparity.reports.records import Fact, Line, Verdict
from nnparity.run.examiner import Examiner
from nnparity.run.plan import Plan
from nnparity.run.verdicts import verdict_line
from nnparity.spec.selection import NONE

ALL = ("float32", "float64", "float16", "bfloat16")


class Inside:
    """What the checks ask of an `Observer`."""

    def __init__(self, adapter: type[Adapter]) -> None:
        self._kind, self._adapter = adapter, adapter()
        self._twins: dict[int | None, Inside] = {}
        kernels = {name: (kernel.calls, False, "", "") for name, kernel in adapter.kernels().items()}
        self.info = TargetInfo(
            self._adapter.target,
            {},
            kernels,
            dict(adapter.unsupported),
            "",
            ["cpu"],
            0.0,
            dict(adapter.nondeterministic),
            tuple(adapter.layouts),
            gives=tuple(method for method in OPTIONAL if self._adapter.gives(method)),
        )

    def submit(self, requests: Sequence[Request]) -> None:
        self._answers = [self._answer(request) for request in requests]

    def _answer(self, request: Request) -> Observed:
        start = time.process_time()
        return Observed(observe(self._adapter, request), time.process_time() - start)

    def collect(self) -> Iterator[Observed]:
        return iter(self._answers)

    def twin(self, threads: int | None = None) -> "Inside":
        """Its adapter's `threads` are so many; one's own kernels may look at that."""
        if threads not in self._twins:
            self._twins[threads] = Inside(self._kind)
            self._twins[threads]._adapter.threads = threads  # type: ignore[attr-defined]
        return self._twins[threads]

    def on_threads(self, threads: int) -> "Inside":
        return self.twin(threads)

    def single_threaded(self) -> "Inside":
        """Itself."""
        return self

    def close(self) -> None:
        pass


def target(adapter: type[Adapter], flushes: bool = False) -> Target:
    return Target(Inside(adapter), dict.fromkeys(ALL, flushes))  # type: ignore[arg-type]


def plan(*formulas: str, dtypes: tuple[str, ...] = ("float32",), pool: str = NONE, **options: Any) -> Plan:
    return Plan((TargetName("numpy"),), formulas=formulas, dtypes=dtypes, pool=pool, **options)


def lines(adapter: type[Adapter], check: str, *formulas: str, flushes: bool = False, **options: Any) -> list[Line]:
    """What one kind of check says about a faulty adapter."""
    asked = plan(*formulas, **options)
    found = target(adapter, flushes)
    return [line for item in checks.items(asked) if item.check == check for line in told(item, found)]


def told(item: checks.Item, target: Target) -> list[Line]:
    """What a check says of a target, as lines of a run file."""
    return [verdict_line(target, one) if isinstance(one, Finding) else one for one in item.run(target)]


def examined(adapter: type[Adapter], check: str, *formulas: str, **options: Any) -> list[Verdict]:
    """The verdicts of a run on what one kind of check finds: with their diagnoses."""
    asked = plan(*formulas, **options)
    examiner, found = Examiner(asked), target(adapter)
    items = [item for item in checks.items(asked) if item.check == check]
    return verdicts([line for item in items for line in examiner.check(item, found)])


def verdicts(found: list[Line]) -> list[Verdict]:
    return [line for line in found if isinstance(line, Verdict)]


def wrong(found: list[Line]) -> dict[str, set[str]]:
    """dataset -> the quantities that do not conform."""
    told: dict[str, set[str]] = defaultdict(set)
    for verdict in verdicts(found):
        if verdict.grade != "conforms":
            told[verdict.dataset].add(verdict.quantity)
    return dict(told)


def cells(found: list[Line]) -> dict[str, str]:
    """row -> text of the further tables."""
    return {line.row: line.text for line in found if isinstance(line, Fact)}

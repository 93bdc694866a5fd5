"""What every part of the API does: a case asked of a function in this process, and what came back judged."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec
import numpy as np

from nnparity.adapters.base import Adapter
from nnparity.adapters.request import Request
from nnparity.checks.common import Finding, failure, judgeable, refused
from nnparity.execute.observer import Observed
from nnparity.execute.protocol import TargetInfo
from nnparity.execute.target import Target
from nnparity.execute.worker import observe
from nnparity.expect.expected import Expected
from nnparity.judge.answer_patterns import pattern
from nnparity.judge.diagnosis import diagnosed
from nnparity.judge.grades import Judgement
from nnparity.judge.sensitivity import graded, qualified
from nnparity.reports.records import WRONG, Verdict
from nnparity.run.verdicts import verdict_line
from nnparity.spec import DTYPES, Case
from nnparity.spec.precision import ACCUMULATE, NARROW
from nnparity.spec.schema import plain
from nnparity.spec.usage import UsageError

WIDE = "float32"
#: A plan has such arrays among its special values, where not to raise is what is asked. Here it would be a pass.
NO_ELEMENT = "nothing was judged: the result has no element"


@dataclass
class Here:
    """What the harness asks of an `Observer`, answered by an adapter in this process."""

    adapter: Adapter
    model: str = ACCUMULATE
    info: TargetInfo = field(init=False)
    _pending: Sequence[Request] = ()

    def __post_init__(self) -> None:
        held = {("*", "*", "*"): self.model}
        self.info = TargetInfo(self.adapter.target, {}, {}, {}, "", [self.adapter.device], 0.0, precision=held)

    def submit(self, requests: Sequence[Request]) -> None:
        """See `Observer`."""
        self._pending = requests

    def collect(self) -> Iterator[Observed]:
        """See `Observer`."""
        for request in self._pending:
            yield Observed(observe(self.adapter, request))


def target(name: str, adapter: Adapter | None, dtypes: Sequence[str] = (), model: str = ACCUMULATE) -> Target:
    """A target of this process, held to a model of half precision; without an adapter it only has a name."""
    observer: Any = Here(adapter, model) if adapter else Named(TargetInfo(name, {}, {}, {}, "", [], 0.0))
    return Target(observer, {dtype: adapter is not None and flushes(adapter, dtype) for dtype in dtypes})


@dataclass
class Named:
    """In the place of an observer, where results are the caller's."""

    info: TargetInfo


def flushes(adapter: Adapter, dtype: str) -> bool:
    """Whether a product of the framework that ends below the smallest normal number comes out as zero."""
    one = DTYPES[dtype]
    column, row = np.full((5, 1), one.tiny).astype(one.numpy), np.full((1, 9), 0.5).astype(one.numpy)
    try:
        with adapter.scope():
            return any(not adapter.get(y).all() for y in _products(adapter.put(column), adapter.put(row)))
    except Exception:  # noqa: BLE001  (no product of that dtype: then the function has its own)
        return False


def _products(column: Any, row: Any) -> tuple[Any, Any]:
    return column * row, column @ row


def model_of(accumulate: Any, dtype: str) -> str:
    """The model of half precision by the dtype that sums are held to. Raises UsageError for any other."""
    text = getattr(accumulate, "name", None) or str(accumulate).rpartition(".")[2]
    if text not in (WIDE, dtype):
        raise UsageError(f"accumulate={accumulate!r}: expected {WIDE!r}, or the dtype itself, {dtype!r}")
    return ACCUMULATE if text == WIDE else NARROW


@dataclass(frozen=True)
class Judged:
    """One quantity: the line of a run file, and the judgement that it tells."""

    verdict: Verdict
    judgement: Judgement
    expected: Expected
    #: What was returned.
    seen: Any = None


def judged(
    asked: Target, case: Case, observed: Observed, truth: Mapping[str, Expected], before: Case | None = None
) -> Iterator[Judged]:
    """Each quantity of an observation; `before` is the case that was asked before."""
    flush = asked.flushes.get(case.dtype.name, False)
    for quantity, expected in judgeable(truth, observed).items():
        seen, name = observed.observation.get(quantity), plain(quantity)
        judgement = refused(failure(seen, observed), seen, case) or _graded(_array(seen), expected, case, name)
        verdict = verdict_line(asked, Finding(case, quantity, judgement, took=(observed,)))
        if judgement.grade in WRONG and judgement.hard is not None:
            named = _named(case, name, _array(seen), expected, flush, before)
            verdict = msgspec.structs.replace(verdict, diagnosis=named)
        yield Judged(verdict, judgement, expected, seen)


def _named(case: Case, quantity: str, seen: Any, expected: Expected, flush: bool, before: Case | None) -> str | None:
    """What explains it, in the words of a run's verdict: likely, where too little speaks for it; or None."""
    if plainly := pattern(case, quantity, seen, expected, before):
        return plainly
    found = diagnosed(case, quantity, seen, expected, flush)
    return found.text if found.names else None


def _graded(seen: Any, expected: Expected, case: Case, quantity: str) -> Judgement:
    with np.errstate(all="ignore"):
        found = qualified(graded(seen, expected, case, quantity), expected, case, quantity)
    if found.grade == "conforms" and not expected.value.size:
        return replace(found, grade="inconclusive", message=NO_ELEMENT)
    return found


def _array(seen: Any) -> Any:
    """It is one: what is none was judged by `failure`."""
    return seen

"""Two observations of one case held against each other: within the budget of two computations, and if bit for bit.

And what a cell of the further tables says of it: once for all dtypes and quantities that agree.
"""

import dataclasses
from collections.abc import Iterable, Iterator

import numpy as np

from nnparity.checks.common import Finding, answer, judgeable, misshapen
from nnparity.execute.observer import Observed
from nnparity.expect.expected import Expected
from nnparity.judge.answer_patterns import moved, pattern, read_row_by_row
from nnparity.judge.diagnosis import Diagnosis
from nnparity.judge.effective_sample_size import against, regrade_correlated
from nnparity.judge.elements import Array, spacing
from nnparity.judge.grades import Judgement, judge
from nnparity.judge.sensitivity import graded, inconclusive, missed
from nnparity.reports.records import SHORT
from nnparity.spec import Case, Dtype
from nnparity.spec.given import Given
from nnparity.spec.schema import plain

#: What a cell says of a topic where nothing differs.
SAME = "the same bits"
#: What it says where the numbers are right and not the same.
OTHER = "other bits"
#: And where what it would be held against is wrong itself.
NOTHING = "nothing right to compare with"
#: What the verdict says then of what is worse than that.
WORSE = "unlike contiguous inputs on one thread, which are wrong too"


@dataclasses.dataclass
class CellText:
    """Sayings about topics (datasets), each with the dtypes that it holds for."""

    dtypes: tuple[str, ...]
    said: dict[str, dict[str, dict[str, None]]] = dataclasses.field(default_factory=dict)

    def add(self, topic: str, saying: str, dtype: str) -> None:
        """Notes that in `dtype` the topic goes like this."""
        self.said.setdefault(topic, {}).setdefault(saying, {})[dtype] = None

    def text(self, plain: str) -> str:
        """All of it in one line: the topics of which only `plain` is said, then the others with their own words."""
        usual = [topic for topic, sayings in self.said.items() if set(sayings) == {plain}]
        parts = [f"{', '.join(usual)}: {plain}"] if usual else []
        rest = [topic for topic in self.said if topic not in usual]
        return "; ".join(parts + [f"{topic}: {self._of(topic, plain)}" for topic in rest])

    def _of(self, topic: str, plain: str) -> str:
        """The sayings of a topic; `plain` is left out beside others of the same dtypes."""
        sayings = self.said[topic]
        told = {dtype for saying, dtypes in sayings.items() if saying != plain for dtype in dtypes}
        asked = {dtype for dtypes in sayings.values() for dtype in dtypes}
        shown = []
        for saying, dtypes in sayings.items():
            own = [dtype for dtype in dtypes if saying != plain or dtype not in told]
            if own:
                shown.append(saying if len(own) == len(asked) else f"{saying} ({short(own)})")
        return ", ".join(shown)


def short(dtypes: Iterable[str]) -> str:
    """Short names side by side."""
    return " ".join(SHORT.get(dtype, dtype) for dtype in dtypes)


def again(
    case: Case,
    truth: dict[str, Expected],
    plain_way: Observed,
    other_way: Observed,
    words: CellText,
    took: tuple[Observed, ...],
) -> Iterator[Finding]:
    """The observation of the same numbers come by in another way, which is the case's dataset; and its cell's words.

    The first verdict tells the time of what `took`. Where already the plain way does not conform, its own verdict says
    so, and there is nothing to hold another against; told is what is worse, see `_worse`.
    """
    for quantity, expected in judgeable(truth, other_way).items():
        own = by_itself(case, quantity, expected, plain_way)
        if own.hard is None:  # it is no answer of that form
            continue
        if own.grade != "conforms":
            words.add(case.dataset, NOTHING, case.dtype.name)
            if worse := _worse(own, by_itself(case, quantity, expected, other_way)):
                array = other_way.observation.get(quantity)
                yield Finding(case, quantity, worse, note=WORSE, took=took, seen=array, truth=expected)
                took = ()
            continue
        judged, note = compared(plain_way, other_way, quantity, expected, case)
        words.add(case.dataset, OTHER if note else SAME, case.dtype.name)
        named = _named(case, quantity, judged, expected, other_way)
        yield Finding(case, quantity, judged, note=note, took=took, diagnosis=named)
        took = ()


def _named(case: Case, quantity: str, judged: Judgement, expected: Expected, observed: Observed) -> str | None:
    """What a kernel has done that is right of the same numbers where they lie as usual, where that can be told."""
    seen = answer(observed, quantity)
    if judged.grade != "diverges" or judged.hard is None or not isinstance(seen, np.ndarray):
        return None
    if zeros := pattern(case, plain(quantity), seen, expected):
        return zeros
    found = read_row_by_row(case, plain(quantity), seen, expected) or moved(case, seen, expected)
    return Diagnosis.of(*found).text if found else None


def _worse(own: Judgement, other: Judgement) -> Judgement | None:
    """The judgement of another way that has no answer of that form, or diverges where the plain one is imprecise.

    How far it diverges where both do may well depend on the order of sums, and is not asked.
    """
    lost = other.hard is None and other.grade != "unsupported"
    return other if lost or (own.grade, other.grade) == ("imprecise", "diverges") else None


def by_itself(case: Case, quantity: str, expected: Expected, observed: Observed) -> Judgement:
    """The judgement of an observation that is held against nothing else; of what came with the gradients, the plain."""
    seen = answer(observed, quantity)
    wrong = misshapen(seen, observed, expected, case.dtype)
    return wrong or graded(seen, expected, case, plain(quantity))


def by_themselves(given: Given, truth: dict[str, Expected], seen: Observed) -> Iterator[Finding]:
    """What no other observation is like, judged as an ordinary case is."""
    took: tuple[Observed, ...] = (seen,)
    beside = seen.observation
    for quantity, expected in judgeable(truth, seen).items():
        judged, found = by_itself(given, quantity, expected, seen), beside.get(quantity)
        yield Finding(given, quantity, judged, took=took, seen=found, truth=expected, ordinary=True, beside=beside)
        took = ()


def compared(
    one: Observed, other: Observed, quantity: str, expected: Expected, case: Case
) -> tuple[Judgement, str | None]:
    """The second observation judged by the first, as far as there is one of both; how they differ, if they do.

    The budget is that of two computations of what is expected of the second's case, errors that go together taken into
    account. Of the same bits nothing is left to ask. Where others are within a budget that would let zeros through as
    well, by what is expected of the case, nothing is shown: `inconclusive`.
    """
    dtype = case.dtype
    a, b = (answer(seen, quantity) for seen in (one, other))
    if isinstance(a, np.ndarray) and a.ndim == expected.value.ndim > 0 and a.shape[1:] == expected.value.shape[1:]:
        a = a[: len(expected.value)]  # of a batch, the first sample
    wrong = misshapen(a, one, expected, dtype) or misshapen(b, other, expected, dtype)
    if wrong or not isinstance(a, np.ndarray) or not isinstance(b, np.ndarray):
        return wrong or Judgement("error"), "not observed"
    judged = judge(b, against(expected, a), dtype)
    judged = regrade_correlated(judged, b, expected, case, plain(quantity), other=a)
    differs = _difference(a, b, dtype)
    if differs and judged.grade == "conforms":
        judged = inconclusive(judged, missed(expected.twice, case, plain(quantity)))
    return judged, differs


def spread(judged: Judgement, differs: str, declared: str | None) -> tuple[Judgement, str]:
    """The judgement of other bits for the same case: how far apart, and whether the adapter says that they may be."""
    told = f"{differs}, {judged.hard:.3g} of what rounding may do"
    if judged.grade == "diverges":
        return dataclasses.replace(judged, message="; ".join(filter(None, (told, judged.message)))), differs
    if declared is not None:
        return judged, f"{told}; declared: {declared}"
    return dataclasses.replace(judged, grade="nondeterministic", message=told), differs


def _difference(a: Array, b: Array, dtype: Dtype) -> str | None:
    """How the bits of two arrays differ: in numbers, by how much, or in what is one number: zeros, or NaN."""
    if a.tobytes() == b.tobytes():
        return None
    x, y = a.astype(np.float64), b.astype(np.float64)
    apart = (x != y) & ~(np.isnan(x) & np.isnan(y))
    turned = int(((x == 0) & (y == 0) & (np.signbit(x) != np.signbit(y))).sum())
    with np.errstate(invalid="ignore"):
        ulps = np.abs(x - y) / spacing(np.maximum(np.abs(x), np.abs(y)), dtype)
    worst = float(np.nan_to_num(ulps, nan=np.inf)[apart].max(initial=0.0))
    told = [f"{int(apart.sum())} of {x.size} numbers differ, by up to {worst:.3g} ulp"] if apart.any() else []
    told += [f"{turned} {'zero has' if turned == 1 else 'zeros have'} the other sign"] if turned else []
    return "; ".join(told) or "a NaN has other bits"

"""How far the verdicts of a run could see, by formula and dtype: the median resolution, and how many say nothing."""

import statistics
from collections import defaultdict
from collections.abc import Iterable, Iterator

from nnparity.reports.records import Fact, Verdict

TABLE = "what the verdicts would have caught"


def sensitivities(verdicts: Iterable[Verdict]) -> Iterator[Fact]:
    """A row a formula, a column a dtype: the smallest relative error of a whole array that would not have conformed."""
    groups: dict[tuple[str, str], list[Verdict]] = defaultdict(list)
    for verdict in verdicts:
        if verdict.grade in ("conforms", "inconclusive"):
            groups[verdict.formula, verdict.dtype].append(verdict)
    for (formula, dtype), found in groups.items():
        yield Fact(TABLE, formula, dtype, _told(found))


def _told(verdicts: list[Verdict]) -> str:
    """The median, since a few are always blind, and the number of those."""
    resolutions = [float(v.resolution) for v in verdicts if v.resolution is not None]
    lost = sum(v.grade == "inconclusive" for v in verdicts)
    parts = [f"relative error {statistics.median(resolutions):.2g} in the median"] if resolutions else []
    return "; ".join([*parts, *([f"{lost} of {len(verdicts)} inconclusive"] if lost else [])]) or "results of 0 only"

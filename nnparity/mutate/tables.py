"""The mutation score and the sensitivity curve as tables of the report."""

from collections import defaultdict
from collections.abc import Iterable, Iterator

from nnparity.mutate.score import Planting
from nnparity.mutate.sensitivity_curve import Curve
from nnparity.reports.records import Fact

SCORE, SURVIVORS, SENSITIVITY = "mutation score", "faults that survived", "noise that is caught, in units of u"
BY_KIND = "mutation score by kind of fault"
ALL = "all"


def tables(plantings: Iterable[Planting], curves: Iterable[Curve]) -> Iterator[Fact]:
    """The score by formula and dtype, and by kind; each survivor with the case that came nearest; the noise."""
    found = list(plantings)
    yield from _scores(SCORE, found, "formula")
    yield from _scores(BY_KIND, found, "kind")
    for one in found:
        if one.outcome in ("survived", "not reached"):
            yield Fact(SURVIVORS, f"{one.formula}: {one.fault}", one.dtype, f"{one.outcome}: {one.told}")
    for curve in curves:
        text = f"half of runs at {curve.half:.2g}, 99 % at {curve.nearly_all:.2g}"
        yield Fact(SENSITIVITY, curve.formula, curve.dtype, text)


def _scores(table: str, found: list[Planting], row: str) -> Iterator[Fact]:
    groups: dict[tuple[str, str], list[Planting]] = defaultdict(list)
    for one in found:
        for name in (str(getattr(one, row)), ALL):
            groups[name, one.dtype].append(one)
    for (name, dtype), some in groups.items():
        yield Fact(table, name, dtype, told(some))


def told(plantings: list[Planting]) -> str:
    """How many were caught of those that are faults: an equivalent one is none."""
    caught = sum(one.outcome == "caught" for one in plantings)
    faults = sum(one.outcome != "equivalent" for one in plantings)
    return f"{caught} of {faults} caught" if faults else "no fault that shows"

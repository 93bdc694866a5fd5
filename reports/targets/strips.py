"""Margins as strips: for each target and dtype how many verdicts have which error over budget, drawn as small bars."""

import math
from collections import Counter, defaultdict
from dataclasses import dataclass, field

from nnparity.reports.aggregation import Aggregate, dtype_order
from nnparity.reports.formatting import real
from nnparity.reports.order import checked
from nnparity.reports.records import Number

#: Powers of ten from the left to the right of a strip, and bars in each.
LEAST, MOST, STEPS = -6, 6, 4
BARS = (MOST - LEAST) * STEPS
#: The first bar right of 1.
ONE = -LEAST * STEPS
#: Sizes in the drawing: a bar and a strip.
WIDE, HIGH = 6, 18
KINDS = ("hard", "sharp")


@dataclass
class Strip:
    """The margins of one kind of a target in a dtype: bar -> how many."""

    bars: Counter[int] = field(default_factory=Counter)

    def add(self, margin: Number) -> None:
        """One more margin; an error that is no number is the worst."""
        value = real(margin)
        self.bars[_bar(math.inf if value is None or math.isnan(value) else value)] += 1

    @property
    def beyond(self) -> int:
        """How many are above 1."""
        return sum(number for bar, number in self.bars.items() if bar >= ONE)

    def path(self, beyond: bool) -> str:
        """The bars right of 1, or the others, as the path of an SVG: their height is the logarithm of the number."""
        most = math.log1p(max(self.bars.values(), default=1))
        parts = []
        for bar, number in sorted(self.bars.items()):
            if (bar >= ONE) == beyond:
                high = max(1, round((HIGH - 4) * math.log1p(number) / most))
                parts.append(f"M{bar * WIDE} {HIGH - 1}v-{high}h{WIDE - 1}v{high}z")
        return "".join(parts)


def _bar(margin: float) -> int:
    """The bar of a margin: one that is just above 1 is never left of the line, nor one of 1 right of it."""
    if margin <= 0:
        return 0
    place = math.inf if math.isinf(margin) else (math.log10(margin) - LEAST) * STEPS
    bar = int(max(0, min(BARS - 1, math.floor(min(place, BARS)))))
    return min(bar, ONE - 1) if margin <= 1 else max(bar, ONE)


@dataclass(frozen=True)
class Row:
    """A target in a dtype, with a strip for each kind of margin."""

    target: str
    dtype: str
    strips: dict[str, Strip]


def rows(aggregate: Aggregate) -> list[Row]:
    """A row for each target and dtype in which anything has a margin."""
    found: defaultdict[tuple[str, str], dict[str, Strip]] = defaultdict(lambda: {kind: Strip() for kind in KINDS})
    for verdict in aggregate.run.verdicts:
        for kind, margin in zip(KINDS, (verdict.hard, verdict.sharp), strict=True):
            if margin is not None:
                found[verdict.target, verdict.dtype][kind].add(margin)
    places = sorted(found, key=lambda place: (aggregate.asked(place[0]), dtype_order(place[1])))
    return [Row(*place, found[place]) for place in places]


def precision(aggregate: Aggregate) -> dict[tuple[str, str], dict[str, Number]]:
    """(formula, target) -> dtype -> the fewest effective bits of its ordinary outputs and gradients."""
    found: dict[tuple[str, str], dict[str, Number]] = {}
    for verdict in aggregate.run.verdicts:
        if verdict.bits is None or checked(verdict.dataset) or not verdict.quantity.startswith(("output", "grad")):
            continue
        cell = found.setdefault((verdict.formula, verdict.target), {})
        before = cell.get(verdict.dtype)
        if before is None or _worth(verdict.bits) < _worth(before):
            cell[verdict.dtype] = verdict.bits
    return {place: {dtype: cell[dtype] for dtype in sorted(cell, key=dtype_order)} for place, cell in found.items()}


def _worth(bits: Number) -> float:
    value = real(bits)
    return -math.inf if value is None or math.isnan(value) else value

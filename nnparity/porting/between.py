"""What lies between layers: code of a model that is no layer, seen by what the next layer receives.

A sum, a reshape, an attention written out: no formula is known of it, so what reaches a layer is held against what came
before. Where the two models agreed before, up to some error, and do not behind it, something in between departs.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

from nnparity.porting.rows import UNMATCHED, Row
from nnparity.reference.readings.budget.core import COMPOSED
from nnparity.reports.formatting import significant

BETWEEN = "between layers"


def with_between(rows: Sequence[Row], unit: float, explain: Callable[[Row], list[str]]) -> list[Row]:
    """The rows, and one that says so before each that receives what nothing before explains; `explain` says why."""
    found: list[Row] = []
    agreed = unit
    for row in rows:
        if row.received is not None and row.received > (0.0 if row.exact else COMPOSED * agreed):
            found.append(_departure(row, agreed, found, explain(row)))
        elif row.received is not None and not any(one.departs for one in found):
            found = [_accounted(one) if one.behind in (row.a, row.b) else one for one in found]
        found.append(row)
        agreed = max([agreed, *_known(row)])
    return found


def _accounted(row: Row) -> Row:
    """A layer that one model alone has, before a layer that receives the same in both: the other's code does it."""
    if row.grade != UNMATCHED:
        return row
    letter = "a" if row.a else "b"
    says = f"only in {letter} as a layer: what {row.behind} receives behind it is the same in both models"
    return replace(row, grade="conforms", notes=[says, *row.notes[1:]])


def _known(row: Row) -> list[float]:
    """How far the models are apart behind a row; if it departs by nobody knows how much, anything is explained."""
    if row.departs and row.returned is None:
        return [math.inf]
    return [one for one in (row.received, row.returned) if one is not None]


def _departure(row: Row, agreed: float, before: Sequence[Row], explained: Sequence[str]) -> Row:
    last = next((one for one in reversed(before) if one.a and one.b), None)
    where = f"between {last.a} / {last.b} and it" if last else "before it"
    name = f" as {row.beside}" if row.beside else ""
    differs = f"what {row.a} receives{name} differs by {significant(row.received, 2)} of its size"
    allowed = (
        "whole numbers are the same or wrong" if row.exact else f"all before it by {significant(agreed, 2)} at most"
    )
    says = f"{differs}, {allowed}: code {where} that is no layer computes something else"
    return Row(BETWEEN, row.a, row.b, "diverges", received=row.received, why=[*explained, says])

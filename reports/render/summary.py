"""The report as a short text, `summary.md`: what a pull request's comment or a job's summary takes in full."""

from collections.abc import Iterator

from nnparity.reports.aggregation import Aggregate, grouped
from nnparity.reports.causes.causes import Cause
from nnparity.reports.causes.classes import CLASSES
from nnparity.reports.formatting import count, margin
from nnparity.reports.render.causes import again, answer, changed, heading, matrix, worst
from nnparity.reports.render.gfm import code, compact, text

#: Bytes that it has at most: GitHub takes 65,536 characters in a comment.
MOST = 60_000
#: How much is said of a cause, the most first: characters of its reason, and how many causes of a class.
DETAIL = ((400, 10_000), (240, 10_000), (160, 10_000), (120, 10_000), (80, 10_000), (80, 20), (40, 5), (20, 1))
#: Groups of changes that are shown, at most.
CHANGES = 25
COLUMNS = ("cause", "reason", "verdicts", "cells", "worst margin", "again")
#: What ends a summary that is too long even so: somebody's names are.
_CUT = "\n\n(cut here; `parity.md` has all of it)\n"


def summary(aggregate: Aggregate) -> str:
    """Answer, what changed, causes and matrix, in as much detail as there is room for."""
    written = ("\n\n".join(filter(None, _parts(aggregate, *detail))) + "\n" for detail in DETAIL)
    found = ""
    for found in written:
        if len(found.encode()) <= MOST:
            return found
    return found.encode()[: MOST - len(_CUT)].decode(errors="ignore") + _CUT


def _parts(aggregate: Aggregate, reason: int, most: int) -> Iterator[str]:
    yield "# nnparity"
    yield from answer(aggregate)
    yield from changed(aggregate, min(most, CHANGES), reason)
    new = [one for one in aggregate.causes if one.new]
    for cause in new[:most]:
        yield from _new(aggregate, cause, reason)
    if len(new) > most:
        yield f"And {count(len(new) - most)} more causes on no record."
    yield from _known(aggregate, [one for one in aggregate.causes if not one.new], reason, most)
    yield from matrix(aggregate)


def _new(aggregate: Aggregate, cause: Cause, reason: int) -> Iterator[str]:
    yield f"### {heading(cause)}"
    yield text(cause.reason, reason)
    yield f"{count(len(cause.verdicts))} verdicts; worst {worst(cause.worst)}"
    yield f"again: {again(aggregate, cause.worst)}"


def _known(aggregate: Aggregate, causes: list[Cause], reason: int, most: int) -> Iterator[str]:
    if causes:
        yield "## Known causes"
    for kind, several in grouped((one.kind, one) for one in causes).items():
        yield f"### {heading_of(kind, len(several))}"
        rows = [[code(one.title), text(one.reason, reason), *_figures(aggregate, one)] for one in several[:most]]
        yield compact(COLUMNS, rows)
        if len(several) > most:
            yield f"and {count(len(several) - most)} more"


def heading_of(kind: str, number: int) -> str:
    """A class, and how many causes are of it."""
    return f"{text(kind)} ({count(number)})"


def _figures(aggregate: Aggregate, cause: Cause) -> list[str]:
    shown = again(aggregate, cause.worst) if cause.kind == CLASSES[0] else ""
    return [count(len(cause.verdicts)), count(len(cause.cells)), margin(cause.worst.hard), shown]

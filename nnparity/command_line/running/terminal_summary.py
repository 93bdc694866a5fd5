"""What a run found, in a few lines on the terminal: the answer, what fails by cause with its reason, CPU time.

What a target says is shown as text: control characters as their escapes, never as markup.
"""

from collections.abc import Iterator

from rich.console import Console

from nnparity.command_line.application import tell
from nnparity.execute.program_cache import trouble
from nnparity.reports.aggregation import Aggregate
from nnparity.reports.causes.causes import Cause
from nnparity.reports.causes.commands import reproduction
from nnparity.reports.formatting import count, cut, margin, needed, pair
from nnparity.reports.merge import MergedRun
from nnparity.reports.records import GRADES, ONCE_MORE
from nnparity.run.counts import Counts, TotalCounts
from nnparity.store.memory import store_lines

#: Causes shown one by one, at most: new ones, and known ones.
SHOWN, KNOWN_SHOWN = 12, 20
#: Characters of a reason and of a name, at most.
REASON, NAME = 300, 200


def show(total: TotalCounts, run: MergedRun, console: Console) -> None:
    """Prints it: what was counted as verdicts fell, and why some of them fail as the run file tells."""
    _show_counts(total.counts, console)
    for told in failing(Aggregate(run)):
        tell(told, console)
    if total.stale:
        tell(f"stale records, nothing diverges there any more: {', '.join(total.stale)}", console)
    parts = total.seconds
    spent = sum(parts.get(part, 0.0) for part in ("harness", "imports", "frameworks")) or 1.0
    shares = ", ".join(f"{part} {parts.get(part, 0.0):.1f} s" for part in ("harness", "imports", "frameworks"))
    for told in store_lines(total.store.results, total.store.troubles):
        tell(told, console)
    console.print(f"CPU: {shares}; the harness is {parts.get('harness', 0.0) / spent:.0%} of it")
    for target, programs in total.programs.items():
        if programs:
            tell(f"programs of {target}: {needed(programs)}", console)
    if any(total.programs.values()) and (why := trouble()):
        tell(f"programs: {why}; none is kept for the next run", console)


def failing(aggregate: Aggregate) -> Iterator[str]:
    """What fails, by cause: what is new in full, what is known in a line each, the worst class first."""
    new = [cause for cause in aggregate.causes if cause.new]
    known = [cause for cause in aggregate.causes if not cause.new]
    if new:
        yield f"what does not conform, and is on no record: {count(len(new))} causes"
    for cause in new[:SHOWN]:
        yield from _whole(aggregate, cause)
    if len(new) > SHOWN:
        yield f"and {count(len(new) - SHOWN)} more new causes: see the report"
    for cause in known[:KNOWN_SHOWN]:
        name = f"{in_one_line(cause.title, NAME)} ({count(len(cause.verdicts))})"
        yield f"on record: {name} {cause.told_class}: {in_one_line(cause.reason)}"
    if len(known) > KNOWN_SHOWN:
        yield f"and {count(len(known) - KNOWN_SHOWN)} more on record, none of a worse class: see the report"


def _whole(aggregate: Aggregate, cause: Cause) -> Iterator[str]:
    grades = ", ".join(f"{count(number)} {grade}" for grade, number in cause.grades.items())
    yield f"  {cause.told_class}: {in_one_line(cause.title, NAME)} ({grades})"
    worst = cause.worst
    if cause.reason:
        yield f"    {in_one_line(cause.reason)}"
    if cause.once_more and ONCE_MORE not in in_one_line(cause.reason):
        yield f"    {ONCE_MORE}{in_one_line(cause.once_more)}"
    if worst.worst:
        observed, expected = pair(worst.worst.observed, worst.worst.expected)
        margins = f"hard {margin(worst.hard)}, sharp {margin(worst.sharp)}"
        yield f"    worst: observed {observed}, expected {expected}; {margins}"
    yield f"    {reproduction(aggregate.run, worst)}"
    if caution := aggregate.caution(worst):
        yield f"    {caution}"


def _show_counts(counts: Counts, console: Console) -> None:
    grades = ", ".join(f"{counts.grades[grade]} {grade}" for grade in GRADES if counts.grades[grade])
    console.print(f"{counts.grades.total()} verdicts: {grades or 'none'}; {counts.known.total()} on record")
    for name, (value, where) in counts.widest.items():
        tell(f"largest {name} margin that conforms: {value:.3g}  {where}", console)


def in_one_line(text: str, most: int = REASON) -> str:
    """A text as one line of so many characters."""
    return cut(" ".join(text.split()), most)

"""What a run found, in a few lines on the terminal: counts, the largest margins, what does not conform, CPU time."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from nnparity.reports.formatting import needed
from nnparity.reports.records import GRADES, Verdict
from nnparity.run.counts import Counts, TotalCounts
from nnparity.store.memory import store_lines

#: Failing verdicts shown one by one, at most.
SHOWN = 12


def show(total: TotalCounts, console: Console) -> None:
    """Prints it."""
    _show_counts(total.counts, console)
    if total.stale:
        console.print(f"stale records, nothing diverges there any more: {', '.join(total.stale)}")
    parts = total.seconds
    spent = sum(parts.get(part, 0.0) for part in ("harness", "imports", "frameworks")) or 1.0
    shares = ", ".join(f"{part} {parts.get(part, 0.0):.1f} s" for part in ("harness", "imports", "frameworks"))
    for told in store_lines(total.store.results, total.store.troubles):
        console.print(told, soft_wrap=True, highlight=False, markup=False)
    console.print(f"CPU: {shares}; the harness is {parts.get('harness', 0.0) / spent:.0%} of it")
    for target, programs in total.programs.items():
        if programs:
            console.print(f"programs of {target}: {needed(programs)}", soft_wrap=True, highlight=False)


def _show_counts(counts: Counts, console: Console) -> None:
    grades = ", ".join(f"{counts.grades[grade]} {grade}" for grade in GRADES if counts.grades[grade])
    console.print(f"{counts.grades.total()} verdicts: {grades or 'none'}; {counts.known.total()} on record")
    for margin, (value, where) in counts.widest.items():
        console.print(
            f"largest {margin} margin that conforms: {value:.3g}  {where}",
            soft_wrap=True,
            highlight=False,
            markup=False,
        )
    for id, count in sorted(counts.known.items()):
        console.print(f"on record: {id} ({count})", soft_wrap=True, highlight=False)
    if counts.failures:
        console.print(_table(counts.failures))


def _table(failures: list[Verdict]) -> Table:
    rest = len(failures) - SHOWN
    table = Table(title="what does not conform", caption=f"and {rest} more: see the report" if rest > 0 else None)
    for column in ("grade", "target", "case", "quantity", "hard", "sharp", "diagnosis"):
        table.add_column(column, overflow="fold")
    for v in sorted(failures, key=lambda v: -GRADES.index(v.grade))[:SHOWN]:
        told = v.diagnosis or (v.message or "").splitlines()[0:1] or ""
        text = told if isinstance(told, str) else told[0]
        cells = (v.grade, v.target, v.case, v.quantity, _short(v.hard), _short(v.sharp), text)
        table.add_row(*map(Text, cells))  # what a target says is no markup
    return table


def _short(value: float | str | None) -> str:
    return "" if value is None else f"{float(value):.3g}"

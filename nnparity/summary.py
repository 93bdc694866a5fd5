"""What a run found, in a few lines: counts per grade, the worst margins, the exit status."""

from collections import Counter
from dataclasses import dataclass, field

from rich.console import Console
from rich.table import Table

from nnparity.reports.records import GRADES, Summary, Verdict
from nnparity.run import failed

#: Failing verdicts shown one by one, at most.
SHOWN = 12


@dataclass
class Tally:
    """Verdicts as they fall."""

    counts: Counter[str] = field(default_factory=Counter)
    failures: list[Verdict] = field(default_factory=list)
    known: Counter[str] = field(default_factory=Counter)
    widest: dict[str, tuple[float, str]] = field(default_factory=dict)
    ended: Summary | None = None

    def add(self, verdict: Verdict) -> None:
        """Counts one verdict."""
        self.counts[verdict.grade] += 1
        if verdict.known:
            self.known[verdict.known] += 1
        if failed(verdict):
            self.failures.append(verdict)
        if verdict.grade == "conforms":
            for margin in ("hard", "sharp"):
                value = getattr(verdict, margin)
                if isinstance(value, float) and value > self.widest.get(margin, (0.0, ""))[0]:
                    self.widest[margin] = (value, f"{verdict.target} {verdict.case} {verdict.quantity}")

    def join(self, other: "Tally") -> None:
        """Adds what another part of the run found."""
        self.counts += other.counts
        self.known += other.known
        self.failures += other.failures
        for margin, found in other.widest.items():
            self.widest[margin] = max(self.widest.get(margin, found), found)

    def close(self, summary: Summary) -> None:
        """The end of the run."""
        self.ended = summary

    @property
    def status(self) -> int:
        """0 when everything conforms, is on record or unsupported, and no record is stale; else 1."""
        return int(bool(self.failures or (self.ended and self.ended.stale)))

    def show(self, console: Console) -> None:
        """Prints it."""
        total = sum(self.counts.values())
        grades = ", ".join(f"{self.counts[grade]} {grade}" for grade in GRADES if self.counts[grade])
        console.print(f"{total} verdicts: {grades or 'none'}; {sum(self.known.values())} on record")
        for margin, (value, where) in self.widest.items():
            console.print(
                f"largest {margin} margin that conforms: {value:.3g}  {where}", soft_wrap=True, highlight=False
            )
        for id, count in sorted(self.known.items()):
            console.print(f"on record: {id} ({count})", soft_wrap=True, highlight=False)
        if self.failures:
            console.print(_table(self.failures))
        if self.ended:
            self._show_end(console, self.ended)

    def _show_end(self, console: Console, ended: Summary) -> None:
        if ended.stale:
            console.print(f"stale records, nothing diverges there any more: {', '.join(ended.stale)}")
        parts = ended.seconds
        spent = sum(parts.get(part, 0.0) for part in ("harness", "imports", "frameworks")) or 1.0
        shares = ", ".join(f"{part} {parts.get(part, 0.0):.1f} s" for part in ("harness", "imports", "frameworks"))
        console.print(f"CPU: {shares}; the harness is {parts.get('harness', 0.0) / spent:.0%} of it")


def _table(failures: list[Verdict]) -> Table:
    rest = len(failures) - SHOWN
    table = Table(title="what does not conform", caption=f"and {rest} more: see the report" if rest > 0 else None)
    for column in ("grade", "target", "case", "quantity", "hard", "sharp", "diagnosis"):
        table.add_column(column, overflow="fold")
    for v in sorted(failures, key=lambda v: -GRADES.index(v.grade))[:SHOWN]:
        told = v.diagnosis or (v.message or "").splitlines()[0:1] or ""
        text = told if isinstance(told, str) else told[0]
        table.add_row(v.grade, v.target, v.case, v.quantity, _short(v.hard), _short(v.sharp), text)
    return table


def _short(value: float | str | None) -> str:
    return "" if value is None else f"{float(value):.3g}"

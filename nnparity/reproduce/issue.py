"""The script wrapped as text for an upstream tracker: versions, example, observed, expected, why it matters."""

import platform

from nnparity.checks.common import Finding
from nnparity.judge.known_divergences import Known, Ledger
from nnparity.judge.recorded_expectations import Evidence
from nnparity.reports.records import PASSING, Kernel, Verdict
from nnparity.reproduce.cell import Cell
from nnparity.reproduce.writing.sources import Unreproducible
from nnparity.reproduce.writing.words import spoken
from nnparity.run.examiner import on_record
from nnparity.run.recorder import cpu
from nnparity.run.verdicts import verdict_line

TEXT = """\
# {title}

{shown}

**Versions.** {versions}; Python {python} on {platform}; {cpu}; device {device}, mode {mode}.

**Observed.** {observed}

**Expected.** {expected}

**Why it matters.** {why}

**To reproduce** (the framework and NumPy are all it needs; exit status 1 while it disagrees):

```python
{script}```
"""


def issue(cell: Cell, script: str) -> str:
    """Text ready to paste. What is on record is told as its reason. Raises Unreproducible where nothing is wrong."""
    if cell.judged.grade in PASSING:
        raise Unreproducible(f"{cell.case.id} {cell.quantity} is graded {cell.judged.grade} here: nothing to report")
    info = cell.target.observer.info
    device, mode = cell.target.device, cell.target.mode
    known = _record(cell)
    kernel = Kernel(*info.kernels[cell.case.formula.id])
    shown = f"`{kernel.calls}`{f' ({kernel.convention})' if kernel.convention else ''}"
    return TEXT.format(
        title=f"{kernel.calls}: {_title(cell)} ({cell.case.dtype.name}, {device})",
        shown=f"What is computed: {cell.case.formula.title.en}, by {shown}.",
        versions=", ".join(f"{name} {version}" for name, version in info.versions.items()),
        python=platform.python_version(),
        platform=platform.platform(),
        cpu=cpu(),
        device=device,
        mode=mode,
        observed=_observed(cell),
        expected=_expected(cell),
        why=_why(cell, known),
        script=script,
    )


def verdict(cell: Cell) -> Verdict:
    """The verdict of the cell, with the id of the record that explains it."""
    evidence = Evidence(cell.case, cell.flush, cell.seen, None if cell.spoilt else cell.truth)
    line = verdict_line(cell.target, Finding(cell.case, cell.quantity, cell.judged))
    return Ledger(on_record()).match(line, cell.target.observer.info.versions, evidence)


def _record(cell: Cell) -> Known | None:
    found = verdict(cell).known
    return next((one for one in on_record() if one.id == found), None)


def _title(cell: Cell) -> str:
    if cell.spoilt:
        return f"invalid input is not rejected: {cell.case.dataset.partition(': ')[2]}"
    words = {"imprecise": "loses accuracy", "error": "raises", "nondeterministic": "changes from call to call"}
    return f"{spoken(cell.quantity)} {words.get(cell.judged.grade, 'is wrong')}"


def _observed(cell: Cell) -> str:
    judged = cell.judged
    if judged.worst is None:
        return judged.message or judged.grade.capitalize()
    margins = f"The error is {judged.hard:.4g} times the worst case of correct rounding" if judged.hard else ""
    usual = f", and {judged.sharp:.4g} times what roundings explain of so many elements" if judged.sharp else ""
    return f"At {judged.worst.index}: {judged.worst.observed!r}. {margins}{usual}.".replace(" .", "")


def _expected(cell: Cell) -> str:
    if cell.spoilt:
        return "An exception: the inputs do not fit the operation."
    if cell.cut:
        return "The numbers next to the exact results; those of the script are all nearer to the one away from zero."
    if cell.judged.worst is None:
        return "The value given in the script, within the tolerance derived there."
    return f"There: {cell.judged.worst.expected!r}, the exact result."


def _why(cell: Cell, known: Known | None) -> str:
    if known is not None:
        link = "" if known.upstream == "not reported" else f" See {known.upstream}."
        return f"{known.reason}{link}"
    if cell.spoilt:
        return "A mistake in the caller's shapes goes on as a wrong number instead of an error."
    if cell.cut:
        return (
            "IEEE 754 rounds to nearest unless it is told otherwise. What is cut off is off by twice as much, and "
            "always the same way, so that sums of such results drift."
        )
    return (
        "The tolerance is no choice: it is derived from the number format and the formula, and any order of summation "
        "and any fusing of operations stays within it. What exceeds it is not rounding."
    )

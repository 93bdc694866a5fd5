"""What does not conform, as a person reads it: grade, margins, resolution, worst element, diagnosis."""

from nnparity.reports.formatting import margin, pair, significant
from nnparity.reports.records import Verdict


def told(verdict: Verdict) -> str:
    """A verdict in a few lines."""
    return "\n".join([_headline(verdict), *(f"    {line}" for line in _details(verdict))])


def _headline(verdict: Verdict) -> str:
    margins = f", {_margins(verdict)}" if verdict.hard is not None else ""
    return f"{verdict.quantity} of {verdict.case}: {verdict.grade}{margins}"


def _margins(verdict: Verdict) -> str:
    return f"error over budget: hard {margin(verdict.hard)}, sharp {margin(verdict.sharp)}"


def _details(verdict: Verdict) -> list[str]:
    lines = [verdict.diagnosis or ""] if verdict.diagnosis else []
    lines += (verdict.message or "").splitlines()
    if verdict.worst:
        observed, expected = pair(verdict.worst.observed, verdict.worst.expected)
        lines.append(f"worst element {verdict.worst.index}: observed {observed}, expected {expected}")
    if verdict.resolution is not None:
        lines.append(f"a relative error of {significant(verdict.resolution, 2)} would have been seen")
    return lines

"""The report in one line, and the lines under it: what does not conform, worst first."""

from nnparity.reports.aggregation import Aggregate, Block, grouped
from nnparity.reports.formatting import count, percent

#: How the headline says that some verdicts have a grade: one of them, several of them.
_SAYS = {
    "inconclusive": ("is inconclusive", "are inconclusive"),
    "imprecise": ("is imprecise", "are imprecise"),
    "nondeterministic": ("is nondeterministic", "are nondeterministic"),
    "diverges": ("diverges", "diverge"),
    "error": ("ended in an error", "ended in an error"),
    "crashed": ("crashed", "crashed"),
    "timed out": ("timed out", "timed out"),
    "unsupported": ("is unsupported", "are unsupported"),
}


def headline(aggregate: Aggregate) -> str:
    """The report in one line: how many verdicts, how many conform, how many do not and whether that is known."""
    total = aggregate.total
    if not total.grades:
        return "No verdict was recorded."
    fine = total.grades["conforms"]
    head = f"{count(fine)} of {count(total.judged)} verdicts conform ({percent(fine, total.judged)})"
    head = head if total.judged else "Nothing could be judged"
    parts = [_says(grade, number) for grade, number in aggregate.counts.items() if grade != "conforms"]
    return "; ".join([head, ", ".join(parts) or "nothing diverges"]) + "." + _recorded(aggregate)


def _says(grade: str, number: int) -> str:
    one, many = _SAYS.get(grade, (f"is graded {grade!r}", f"are graded {grade!r}"))
    return f"{count(number)} {one if number == 1 else many}"


def _recorded(aggregate: Aggregate) -> str:
    failing, unrecorded = aggregate.total.failing, aggregate.total.unrecorded
    if not failing:
        return ""
    if not unrecorded:
        return " All that does not conform is a known record."
    if unrecorded == failing:
        return " None of what does not conform is a known record."
    return f" {count(failing - unrecorded)} of the {count(failing)} that do not conform are known records."


def headlines(aggregate: Aggregate) -> dict[str, list[Block]]:
    """Grade -> what has it at worst, for the lines under the headline; worst grade first."""
    blocks = grouped((block.grade, block) for block in aggregate.blocks)
    return {grade: blocks[grade] for grade in reversed(aggregate.counts) if grade in blocks}

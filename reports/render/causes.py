"""The answer, what changed, the causes and the matrix as Markdown, for `parity.md` and `summary.md` alike."""

from collections.abc import Iterator

from nnparity.reports.aggregation import Aggregate, grouped
from nnparity.reports.causes.causes import Cause
from nnparity.reports.causes.classes import CLASSES, FINE, MEANINGS, SIGNS
from nnparity.reports.causes.commands import reproduction
from nnparity.reports.causes.matrix import ALL, Cell
from nnparity.reports.causes.worst import element_ulp
from nnparity.reports.differences import SAYS
from nnparity.reports.differences_told import COLUMNS, cells, head
from nnparity.reports.formatting import count, margin, pair, significant
from nnparity.reports.records import Verdict
from nnparity.reports.render.answer import answer_table
from nnparity.reports.render.gfm import code, compact, text

#: Characters shown of a reason, unless told otherwise.
REASON = 2_000


def answer(aggregate: Aggregate) -> list[str]:
    """The answer, and what it is of."""
    rows = [[text(name), text(said, REASON)] for name, said in answer_table(aggregate).rows]
    return [f"**{text(aggregate.answer.told, REASON)}**", compact(["", ""], rows) if rows else ""]


def changed(aggregate: Aggregate, most: int | None = None, length: int = REASON) -> Iterator[str]:
    """What changed since the baseline, where one is given: so many of its groups at most, the worst kind first."""
    found = aggregate.changes
    if found is None:
        return
    yield "## Changed since the baseline"
    yield "\n".join(f"- {text(line, REASON)}" for line in head(found))
    rows = [[SAYS[group.kind], *(text(cell, length) for cell in cells(group))] for group in found.groups[:most]]
    if rows:
        yield compact(["what became of it", *COLUMNS], rows)
    if len(rows) < len(found.groups):
        yield f"and {count(len(found.groups) - len(rows))} more"


def causes(aggregate: Aggregate) -> Iterator[str]:
    """All causes, a card each, worst class first."""
    yield "## Causes"
    if not aggregate.causes:
        yield "Nothing failed." if aggregate.answer.judged else "Nothing was judged."
    for cause in aggregate.causes:
        yield from _card(aggregate, cause)


def heading(cause: Cause) -> str:
    """Class and name of a cause, and whether it is on no record: then its class is supposed."""
    new = "**on no record** " if cause.new else ""
    return f"{new}{text(cause.told_class)}: {code(cause.title)}"


def _card(aggregate: Aggregate, cause: Cause) -> Iterator[str]:
    yield f'<a id="{cause.anchor}"></a>'
    yield f"### {heading(cause)}"
    yield text(cause.reason, REASON)
    yield "\n".join(f"- {name}: {said}" for name, said in _facts(aggregate, cause) if said)


def _facts(aggregate: Aggregate, cause: Cause) -> Iterator[tuple[str, str]]:
    yield "versions", text(cause.versions)
    yield "upstream", text(cause.upstream)
    yield "verdicts", f"{count(len(cause.verdicts))} ({text(_named(cause.grades))})"
    yield "cells", text(places(cause))
    yield "dtypes, quantities", f"{text(', '.join(cause.dtypes))}; {text(', '.join(cause.quantities))}"
    yield "wrong answers that would be on record too", text(cause.also_met)
    yield "asked once more", text(cause.once_more)
    yield "worst", worst(cause.worst)
    yield "again", again(aggregate, cause.worst)


def again(aggregate: Aggregate, verdict: Verdict) -> str:
    """The command that shows a verdict again, and that one call may not, where that is so."""
    caution = aggregate.caution(verdict)
    return code(reproduction(aggregate.run, verdict)) + (f" ({text(caution)})" if caution else "")


def places(cause: Cause) -> str:
    """Where it is seen: `conv2d on torch:cpu:eager, jax:cpu:compiled; dense on ...`, formulas alike together."""
    targets = grouped(cause.cells)
    formulas = grouped((", ".join(names), formula) for formula, names in targets.items())
    return "; ".join(f"{', '.join(several)} on {names}" for names, several in formulas.items())


def worst(verdict: Verdict) -> str:
    """The worst element of a verdict: where, what, and its own margins."""
    where = f"{code(verdict.case)} {code(verdict.quantity)} on {code(verdict.target)}"
    if verdict.worst is None:
        return f"{where}: {text(verdict.message or verdict.diagnosis or verdict.grade, 300)}"
    observed, expected = pair(verdict.worst.observed, verdict.worst.expected)
    of_it = [f"error over hard budget {margin(verdict.hard)}"] if verdict.hard is not None else []
    ulp = element_ulp(verdict)
    of_it += [f"{significant(ulp)} ULP"] if ulp is not None else []
    place = text(verdict.worst.index)
    return f"{where}, element {place}: observed {text(observed)}, expected {text(expected)}; {', '.join(of_it)}"


def matrix(aggregate: Aggregate) -> Iterator[str]:
    """A row a formula, a column a target: the worst class, and its worst margin."""
    yield "## Matrix"
    rows = [
        [code(formula.id), *(_cell(aggregate.matrix.get((formula.id, target, ALL))) for target in aggregate.targets)]
        for formula in aggregate.formulas
    ]
    yield compact(["formula", *map(code, aggregate.targets)], rows) if rows else "No verdict was recorded."
    yield "; ".join(f"{SIGNS[name]} {name}: {MEANINGS[name]}" for name in (*CLASSES, *FINE)) + (
        ". The number is the worst margin of that class, or ×how many verdicts have none; "
        "**bold** is on no record, of a class that is supposed."
    )


def _cell(cell: Cell | None) -> str:
    if cell is None:
        return SIGNS["not run"]
    says = f"{SIGNS.get(cell.kind, '¿')} {cell.margin}".strip()
    return f"**{says}**" if cell.new else says


def _named(counts: dict[str, int]) -> str:
    return ", ".join(f"{count(number)} {name}" for name, number in counts.items())

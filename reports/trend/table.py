"""A trend as Markdown: a row a run, a column a class, and what must be known before rows are compared."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

from nnparity.reports.formatting import count
from nnparity.reports.render.gfm import code, table, text
from nnparity.reports.trend.points import Point, classes

LEGEND = (
    "Causes of each class, in brackets the verdicts that fail by them; the oldest run first. "
    "The class of a new cause is supposed. "
    "Versions: of the first run all, then those that changed."
)
HEAD = ("date", "run", "versions", "judged", "new causes")


def markdown(found: Sequence[Point], picture: str) -> str:
    """The whole of it; `picture` is the name of the drawing beside it."""
    parts = [
        "# Trend",
        LEGEND,
        f"![causes of each class, run by run]({picture})",
        table((*HEAD, *map(text, classes(found))), _rows(found)),
        "\n".join(_cautions(found)),
    ]
    return "\n\n".join(filter(None, parts)) + "\n"


def _rows(found: Sequence[Point]) -> Iterator[list[str]]:
    before: dict[str, str] = {}
    for one in found:
        changed = {package: version for package, version in one.versions.items() if before.get(package) != version}
        told = ", ".join(f"{package} {version}" for package, version in sorted(changed.items()))
        counts = [f"{count(one.causes[name])} ({count(one.verdicts[name])})" for name in classes(found)]
        head = [text(one.date or "unknown"), code(one.name), text(told or "as before"), count(one.answer.judged)]
        yield [*head, count(len(one.answer.new)), *counts]
        before |= one.versions


def _cautions(found: Sequence[Point]) -> Iterator[str]:
    """Why rows may differ for another reason than the frameworks."""
    for old, new in pairwise(found):
        if old.asked != new.asked:
            yield f"- {code(new.name)} was asked something else than {code(old.name)}: another spec, seed or plan."
    for one in found:
        if one.answer.cut_short:
            yield f"- {code(one.name)} was cut short."
        for missing in one.answer.missing:
            yield f"- {code(one.name)} is not a whole plan: {missing.told}."

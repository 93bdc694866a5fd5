"""The differences of two runs as text for a terminal, as Markdown, as a page, and as JSON."""

from collections import Counter
from collections.abc import Callable, Iterable
from html import escape

import msgspec

from nnparity.reports.differences import SAYS, Change, Differences, Group
from nnparity.reports.formatting import count, margin
from nnparity.reports.records import SHORT, number
from nnparity.reports.render.gfm import code, compact, text

#: So many names of datasets and of quantities are told, then how many more.
NAMED = 4
NEWLINE = "\n"
#: What `Verdict.asked` names.
ASKED = ("case", "target", "quantity", "salt", "layout")
COLUMNS = ("formula", "target", "quantities", "dtypes", "verdicts", "worst")
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>What changed</title>
<style>
body {{ font: 1rem/1.4 sans-serif }}
td, th {{ text-align: left; vertical-align: top; padding: 0.2rem 0.6rem }}
</style>
</head><body>
{}
</body></html>
"""


def terminal(found: Differences) -> str:
    """A line for each cause, under its kind."""
    lines = [*head(found)]
    for kind in found.counts():
        lines += ["", f"{SAYS[kind]}:"]
        lines += [f"  {_line(group)}" for group in found.groups if group.kind == kind]
    return "\n".join(lines) + "\n"


def markdown(found: Differences) -> str:
    """A table for each kind."""
    lines = ["# What changed", "", *(f"- {text(line)}" for line in head(found))]
    for kind in found.counts():
        rows = [cells(group, code, text) for group in found.groups if group.kind == kind]
        lines += ["", f"## {SAYS[kind].capitalize()}", "", compact(COLUMNS, rows)]
    return "\n".join(lines) + "\n"


def html(found: Differences) -> str:
    """The same as a page of its own."""
    parts = [f"<li>{escape(line)}</li>" for line in head(found)]
    body = [f"<h1>What changed</h1><ul>{''.join(parts)}</ul>"]
    for kind in found.counts():
        rows = [_row(cells(group), "td") for group in found.groups if group.kind == kind]
        body.append(f"<h2>{SAYS[kind].capitalize()}</h2><table>{_row(COLUMNS, 'th')}{''.join(rows)}</table>")
    return PAGE.format("\n".join(body))


def _row(cells: Iterable[str], tag: str) -> str:
    return "<tr>" + "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in cells) + "</tr>\n"


def json(found: Differences) -> str:
    """Everything, for programs."""
    groups = [
        {
            "kind": group.kind,
            "formula": group.formula,
            "target": group.target,
            "grades": group.grades,
            "dtypes": group.dtypes,
            "quantities": group.quantities,
            "records": group.records,
            "cases": [_asked(one) for one in group.changes],
            "worst": _asked(group.worst) | {side: _hard(group.worst, side) for side in ("old", "new")},
        }
        for group in found.groups
    ]
    told = {
        "worse": found.worse,
        "versions": found.versions,
        "cautions": found.cautions,
        "counts": found.counts() | {"same": found.same},
        "groups": groups,
    }
    return msgspec.json.format(msgspec.json.encode(told), indent=2).decode() + "\n"


FORMATS: dict[str, Callable[[Differences], str]] = {
    "terminal": terminal,
    "markdown": markdown,
    "html": html,
    "json": json,
}


def head(found: Differences) -> list[str]:
    """What differs as a whole: versions, what else may be the cause, how many verdicts are of which kind."""
    versions = ", ".join(f"{name} {told}" for name, told in found.versions.items()) or "the same versions"
    counted = [f"{count(number)} {SAYS[kind]}" for kind, number in found.counts().items()]
    return [versions, *found.cautions, "verdicts: " + ", ".join([*counted, f"{count(found.same)} the same"])]


def _line(group: Group) -> str:
    formula, target, quantities, dtypes, verdicts, worst = cells(group)
    return f"{formula} {target} {quantities} in {dtypes}: {verdicts}; {worst}"


def cells(group: Group, name: Callable[[str], str] = str, said: Callable[[str], str] = str) -> list[str]:
    """The row of a group, as `COLUMNS` names its cells; names and other texts as these functions write them."""
    worst = group.worst
    verdict = worst.verdict
    shown = verdict.message or "" if verdict.hard is None else f"hard {_margins(worst)}"
    records = f", on record as {', '.join(group.records)}" if group.records else ""
    return [
        said(group.formula),
        name(group.target),
        said(_quantities(group.quantities)),
        said(" ".join(SHORT[dtype] for dtype in group.dtypes)),
        said(f"{count(len(group.changes))} {group.grades}, {_datasets(group)}{records}"),
        f"{name(f'{verdict.case} {verdict.quantity}')} {said(shown.splitlines()[0] if shown else '')}".rstrip(),
    ]


def _quantities(names: list[str]) -> str:
    """All of them, or of many the families with how many each has."""
    if len(names) <= NAMED:
        return ", ".join(names)
    families = Counter(name.partition(".")[0] for name in names)
    return ", ".join(f"{family} ({number})" if number > 1 else family for family, number in families.items())


def _datasets(group: Group) -> str:
    names = group.datasets
    return ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")


def _margins(one: Change) -> str:
    told = [margin(verdict.hard) for verdict in (one.old, one.new) if verdict is not None]
    return " → ".join(dict.fromkeys(told))


def _asked(one: Change) -> dict[str, str]:
    """What the verdict answers; the salt and the layout are empty where they are those of its run."""
    return dict(zip(ASKED, one.verdict.asked, strict=True))


def _hard(one: Change, which: str) -> float | str | None:
    verdict = getattr(one, which)
    return None if verdict is None or verdict.hard is None else number(float(verdict.hard))

"""Texts, names and tables as GitHub Markdown: what stands in a cell stays in its cell, and is no markup."""

import re
from collections.abc import Iterable, Mapping, Sequence

from tabulate import tabulate

from nnparity.reports.formatting import cut, visible
from nnparity.reports.render.tables import Grid

#: Characters shown of a message in a cell.
MOST = 300
#: What would be markup: escapes, code, emphasis (an underscore inside of a word is none), columns, mathematics, links.
_SPECIAL = re.compile(r"[\\`*|$]|(?<![^\W_])_|_(?![^\W_])|(?<=~)~|(?<=\])\(")
#: What would begin something else than a paragraph: a list, a heading, a rule, a definition that is not shown at all.
_OPENING = re.compile(r"^(\d{1,9}(?=[.)](?:\s|$))|(?=#{1,6}(?:\s|$)|[-+](?:\s|$)|[-=]+$|\[[^]]*\]:))")
_ENTITY = re.compile(r"&(?=#?\w+;)")


def text(value: object, most: int = 2_000) -> str:
    """Any text as one line that Markdown shows literally: no markup, no HTML, no new column."""
    line = cut(visible(" ".join(str(value).split())), most)
    line = _ENTITY.sub("&amp;", line).replace("<", "&lt;").replace(">", "&gt;")
    return _OPENING.sub(r"\1\\", _SPECIAL.sub(r"\\\g<0>", line))


def code(value: str) -> str:
    """A name in code type; one that cannot stand there is written as text."""
    plain = value and visible(value) == value and not set("`|\n\r\t") & set(value)
    return f"`{value}`" if plain else text(value)


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A GitHub table of cells that are Markdown already."""
    return tabulate(rows, headers=list(columns), tablefmt="github", disable_numparse=True)


def compact(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """The same without blanks that line up columns: shorter where it is long, and not meant to be read as it is."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def grid(plain: Grid) -> str:
    """A GitHub table of plain texts."""
    return table([text(column) for column in plain.columns], [[text(cell) for cell in row] for row in plain.rows])


def tallied(counter: Mapping[str, int]) -> str:
    """Texts, each with how often it was said when more than once."""
    return "; ".join(text(said, MOST) + (f" (×{times})" if times > 1 else "") for said, times in counter.items())

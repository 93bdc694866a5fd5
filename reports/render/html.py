"""The report as one HTML page that needs nothing else: no network, no font, and no script to read the most of it."""

import json
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from itertools import groupby

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from nnparity.reports import differences_told, formatting
from nnparity.reports.aggregation import Aggregate, Row, anchor
from nnparity.reports.causes.classes import CLASSES, FINE, SIGNS
from nnparity.reports.causes.classes import MEANINGS as CLASS_MEANINGS
from nnparity.reports.causes.scripts import Carried, fitting, most_wanted, script_of
from nnparity.reports.causes.worst import element_ulp
from nnparity.reports.differences import SAYS
from nnparity.reports.failures import said, where
from nnparity.reports.formatting import visible
from nnparity.reports.records import SHORT, ScriptLine, Worst
from nnparity.reports.render import answer, cards, tables
from nnparity.reports.render.mathml import mathml
from nnparity.reports.render.packed import deflated, packed
from nnparity.reports.render.words import both, ending
from nnparity.reports.statistics import MEANINGS, symbol
from nnparity.reports.targets import modes, strips
from nnparity.reports.targets.portrait import portraits
from nnparity.reports.unsupported import unsupported

#: Characters shown of a message; the run file has all of it.
_MOST = 4_000
#: The parts that lie in the page compressed, in their order.
_DETAILS = ("changes", "margins", "modes", "figures", "formulas", "failures", "grades", "appendix")
#: Bytes of a page that scripts are carried up to.
FULL = 990_000
#: What stands between two paragraphs of a script.
PARAGRAPH = "\n\n"
#: Where what is made last stands in a page: no text of a run has such, `visible` shows control characters as escapes.
_DATA, _SCRIPTS = Markup("\0data\0"), Markup("\0scripts\0")


def page(aggregate: Aggregate, figures: Mapping[str, str]) -> str:
    """The page. `figures`: caption -> SVG element, trusted as it is."""
    drawings = {caption: Markup(svg) for caption, svg in figures.items()}  # noqa: S704 - drawn by us
    found = portraits(aggregate)
    known: dict[str, object] = {
        "aggregate": aggregate,
        "figures": drawings,
        "meanings": MEANINGS,
        "cells": cards.numbered(aggregate),
        "target_ids": {one.line.target: one.id for one in found},
    }
    details = [part for name in _DETAILS for part in packed(_part(name, **known))]
    shown = [(one, deflated(_part("target", portrait=one, **known))) for one in found]
    rows = deflated(_part("rows", **known))
    text = _part("page", details=details, portraits=shown, rows=rows, data=_DATA, scripts=_SCRIPTS, **known)
    return _filled(text, aggregate)


def _filled(text: str, aggregate: Aggregate) -> str:
    """The page with its scripts, as many as there is room for, and with its data, which say where they are."""
    found = {cause: script_of(aggregate.run, cause) for cause in aggregate.causes}
    whole = cards.data(aggregate) | cards.scripted(found, Carried([line for line in found.values() if line]))
    room = FULL - len(text.encode()) - len(deflated(_json(whole)))
    carried = fitting(most_wanted(found), lambda lines: len(_scripts(lines)), room)
    data = cards.data(aggregate) | cards.scripted(found, carried)
    return text.replace(_DATA, deflated(_json(data)), 1).replace(_SCRIPTS, _scripts(carried.lines), 1)


def _scripts(lines: list[ScriptLine]) -> Markup:
    """The scripts, each as the numbers of its paragraphs: most of these are those of others, too."""
    places: dict[str, int] = {}
    rows = [[places.setdefault(one, len(places)) for one in visible(line.text).split(PARAGRAPH)] for line in lines]
    return deflated(_json([list(places), rows])) if lines else Markup()


def _part(name: str, **known: object) -> str:
    return _environment().get_template(f"{name}.html.j2").render(**known)


def _json(told: object) -> str:
    return json.dumps(told, ensure_ascii=False, separators=(",", ":"))


@lru_cache(maxsize=1)
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("nnparity.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_seen,
    )
    environment.filters.update(_FILTERS)
    environment.globals.update(
        tables=tables,
        said=said,
        spans=spans,
        where=where,
        t=both,
        ending=ending,
        cards=cards,
        wording=answer,
        strips=strips,
        modes=modes,
        changing=differences_told,
        kinds_of_change=SAYS,
        unsupported=unsupported,
    )
    environment.globals.update(classes=(*CLASSES, *FINE), signs=SIGNS, class_meanings=CLASS_MEANINGS)
    return environment


def _seen(value: object) -> object:
    """Texts of a run with every character seen; what is markup already is ours."""
    return visible(value) if type(value) is str else value


def slug(grade: str) -> str:
    """A grade as the name of a CSS class."""
    return anchor(grade)


def breakable(name: str) -> Markup:
    """A name that may be broken after colons and underscores: `torch:cpu:eager` in a narrow column."""
    return Markup(re.sub("([:_])", r"\1<wbr>", str(escape(visible(name)))))  # noqa: S704 - escaped inside


def split(message: str) -> tuple[str, str]:
    """The first line of a message, and the rest of it."""
    head, _, rest = message.strip()[:_MOST].partition("\n")
    return head, rest.rstrip()


def values(worst: Worst) -> tuple[str, str]:
    """Observed and expected, with the digits that tell them apart."""
    return formatting.pair(worst.observed, worst.expected)


def spans(rows: list[Row]) -> list[tuple[str, str, list[Row]]]:
    """Rows of margins that share target and dtype, for cells that span them."""
    groups = groupby(rows, key=lambda row: (row.target, row.dtype))
    return [(target, dtype, list(group)) for (target, dtype), group in groups]


_FILTERS: dict[str, Callable[..., object]] = {
    "anchor": anchor,
    "bits": formatting.bits,
    "breakable": breakable,
    "count": formatting.count,
    "duration": formatting.duration,
    "element_ulp": element_ulp,
    "margin": formatting.margin,
    "mathml": lambda latex: mathml(visible(latex)),
    "short": lambda dtype: SHORT.get(dtype, dtype),
    "significant": formatting.significant,
    "slug": slug,
    "split": split,
    "symbol": symbol,
    "values": values,
}

"""The report as one HTML page that needs nothing else: no network, no font, no script to be read."""

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from itertools import groupby

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup, escape

from nnparity.reports import formatting, headline
from nnparity.reports.aggregation import Aggregate, Row, anchor
from nnparity.reports.failures import command, said, where
from nnparity.reports.records import SHORT, Worst
from nnparity.reports.render import tables
from nnparity.reports.render.mathml import mathml
from nnparity.reports.statistics import MEANINGS, symbol

#: Characters shown of a message; the run file has all of it.
_MOST = 4_000


def page(aggregate: Aggregate, figures: Mapping[str, str]) -> str:
    """The page. `figures`: caption -> SVG element, trusted as it is."""
    drawings = {caption: Markup(svg) for caption, svg in figures.items()}  # noqa: S704 - drawn by us
    return _template().render(aggregate=aggregate, figures=drawings, meanings=MEANINGS)


@lru_cache(maxsize=1)
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("nnparity.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(_FILTERS)
    environment.globals.update(headline=headline, tables=tables, said=said, spans=spans, where=where)
    return environment.get_template("page.html.j2")


def slug(grade: str) -> str:
    """A grade as the name of a CSS class."""
    return anchor(grade)


def breakable(name: str) -> Markup:
    """A name that may be broken after colons and underscores: `torch:cpu:eager` in a narrow column."""
    return Markup(re.sub("([:_])", r"\1<wbr>", str(escape(name))))  # noqa: S704 - escaped inside


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
    "command": command,
    "anchor": anchor,
    "bits": formatting.bits,
    "breakable": breakable,
    "count": formatting.count,
    "duration": formatting.duration,
    "margin": formatting.margin,
    "mathml": mathml,
    "short": lambda dtype: SHORT.get(dtype, dtype),
    "significant": formatting.significant,
    "slug": slug,
    "split": split,
    "symbol": symbol,
    "values": values,
}

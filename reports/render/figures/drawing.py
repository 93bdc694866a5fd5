"""What all figures share: a colour for each target, and a drawing as a small SVG element with the page's colours."""

import importlib.metadata
import io
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import msgspec

from nnparity.reports.formatting import visible
from nnparity.reports.merge import MergedRun
from nnparity.store import memory, questions
from nnparity.store.memory import Form

#: Colours that matplotlib goes through.
COLOURS = 10
FORM = Form("figures", str, str)
SETTINGS: Any = {
    "svg.hashsalt": "nnparity",
    "svg.fonttype": "none",
    "font.size": 8,
    "axes.facecolor": "none",
    "axes.titley": 1.0,  # where it goes by default in these figures, which is found out by measuring all labels
    "text.parse_math": False,  # a name is never taken for mathematics
}


def coloured(run: MergedRun) -> dict[str, str]:
    """Target -> its colour, the same in every figure of a run."""
    names = sorted({one.target for one in run.curves} | {one.target for one in run.ulps})
    return {name: f"C{place % COLOURS}" for place, name in enumerate(names)}


def drawn_once(asked: Any, draw: Callable[[], str]) -> str:
    """The figure that `draw` makes of what it is `asked`: where results are kept from run to run, the one of before."""
    store = memory.used()
    if store is None:
        return draw()
    told = [importlib.metadata.version("matplotlib"), msgspec.msgpack.encode(asked)]
    figure: str = store.recall(questions.key(("reports",), __name__, told), FORM, draw)
    return figure


@contextmanager
def drawing(wide: float, high: float) -> Iterator[Any]:
    """A figure of so many inches, which is drawn alike every time."""
    from matplotlib import rc_context, rcdefaults, rcParams  # noqa: PLC0415 - only runs that have something to draw need it
    from matplotlib.figure import Figure  # noqa: PLC0415 - the same

    with rc_context():  # whatever the user's own settings are
        rcdefaults()
        rcParams.update(SETTINGS)
        yield Figure(figsize=(wide, high), facecolor="none")


def svg(figure: Any) -> str:
    """The element, without the XML declaration."""
    text = io.StringIO()
    figure.savefig(text, format="svg", metadata={"Date": None})
    return "<svg" + _shortened(visible(text.getvalue()).partition("<svg")[2])


def _shortened(svg: str) -> str:
    """Coordinates to a tenth of a point: nobody sees more, and they are most of a drawing. Not of texts.

    What is black has the colour of the text around it, which may be light on a dark page.
    """
    svg = svg.replace("#000000", "currentColor")
    stepped = re.sub(r'd="(M [-\d.ML \n]*)"', lambda path: f'd="{_stepped(path[1])}"', svg)
    return re.sub("<[^>]*>", lambda tag: re.sub(r"(\d\.\d)\d+", r"\1", tag[0]), re.sub(r"\n\s*", "\n", stepped))


def _stepped(path: str) -> str:
    """A path of straight lines as steps from point to point, in tenths, each counted from where the last one ended."""
    parts, x, y = [], 0, 0
    for move, *point in re.findall(r"([ML]) (-?[\d.]+) (-?[\d.]+)", path):
        right, down = (round(float(one) * 10) for one in point)
        begins = move == "M"
        parts.append(f"M{right / 10:g} {down / 10:g}l" if begins else f"{(right - x) / 10:g} {(down - y) / 10:g} ")
        x, y = right, down
    return "".join(parts)

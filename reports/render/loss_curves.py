"""Training runs as figures: the loss of every target, and its distance from the reference beside the prediction."""

import io
import math
import re
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

from nnparity.reports.merge import MergedRun
from nnparity.reports.records import Curve

#: Below this part of the loss nothing is drawn: a difference of zero has no logarithm.
LEAST = 1e-17
#: Inches: a column, a figure, and the room for the labels beside an axis.
WIDTH, HEIGHT, LEFT, RIGHT = 3.2, 4.4, 0.6, 0.1
#: Colours that matplotlib goes through.
COLOURS = 10
#: Inches of a row of the legend.
ROW = 0.15
#: Labels of a logarithmic axis.
TICKS = 6


def figures(run: MergedRun) -> dict[str, str]:
    """Caption -> SVG, one figure for each training formula and dtype."""
    ordered = sorted(run.curves, key=lambda curve: (curve.formula, curve.dtype, curve.signature, curve.series))
    groups = groupby(ordered, key=lambda curve: (curve.formula, curve.dtype))
    colours = coloured(run.curves)
    return {caption(formula, dtype): draw(list(group), colours) for (formula, dtype), group in groups}


def coloured(curves: Iterable[Curve]) -> dict[str, str]:
    """Target -> its colour, the same in every figure of a run."""
    names = sorted({curve.target for curve in curves})
    return {name: f"C{place % COLOURS}" for place, name in enumerate(names)}


def caption(formula: str, dtype: str) -> str:
    """What a figure shows, in words."""
    return (
        f"{formula}, {dtype}. Above: the loss, step by step. Below: its distance from the reference, as a part of it; "
        "the grey band is the predicted error (norm 2), carried along; right of a dotted line nothing is judged."
    )


def draw(curves: list[Curve], colours: dict[str, str]) -> str:
    """One column a signature and series: losses above, distances below; one legend for all."""
    from matplotlib import rc_context  # noqa: PLC0415 - only runs that trained need it
    from matplotlib.figure import Figure  # noqa: PLC0415 - the same

    columns = list(_columns(curves))
    several = 2 * len(columns)
    high = HEIGHT + ROW * math.ceil((len({curve.target for curve in curves}) + 1) / several)
    with rc_context({"svg.hashsalt": "nnparity", "svg.fonttype": "none", "font.size": 8, "axes.facecolor": "none"}):
        figure = Figure(figsize=(WIDTH * len(columns), high), facecolor="none")
        axes = figure.subplots(2, len(columns), squeeze=False, sharex="col", gridspec_kw=_margins(len(columns), high))
        for place, (title, lines) in enumerate(columns):
            _losses(axes[0][place], title, lines, colours)
            _distances(axes[1][place], lines, colours)
        told = {str(line.get_label()): line for above in axes[0] for line in above.get_lines()}
        figure.legend(list(told.values()), list(told), loc="upper left", ncols=several, fontsize=6, frameon=False)
        text = io.StringIO()
        figure.savefig(text, format="svg", metadata={"Date": None})
    return "<svg" + _shortened(text.getvalue().partition("<svg")[2])  # without the XML declaration


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


def _margins(columns: int, high: float) -> dict[str, float]:
    """Room for labels, as parts of the figure. A layout that measures all texts would take half of the drawing."""
    width = WIDTH * columns
    inner = (width - LEFT * columns) / columns
    return {
        "left": LEFT / width,
        "right": 1 - RIGHT / width,
        "top": 1 - (high - HEIGHT + 0.35) / high,
        "bottom": 0.45 / high,
        "wspace": LEFT / inner,
        "hspace": 0.08,
    }


def _columns(curves: Iterable[Curve]) -> Iterator[tuple[str, list[Curve]]]:
    for (signature, series), group in groupby(curves, key=lambda curve: (curve.signature, curve.series)):
        yield f"{signature.partition('-optimizer')[2] or signature}, {series}", list(group)


def _losses(axes: Any, title: str, lines: list[Curve], colours: dict[str, str]) -> None:
    axes.set_title(title)
    axes.plot(_floats(lines[0].expected), color="black", linewidth=3, alpha=0.25, label="reference")
    for line in lines:
        axes.plot(_floats(line.observed), linewidth=0.8, label=line.target, color=colours[line.target])


def _distances(axes: Any, lines: list[Curve], colours: dict[str, str]) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator  # noqa: PLC0415 - the same

    expected, sharp = _floats(lines[0].expected), _floats(lines[0].sharp)
    predicted = [max(s / abs(y), LEAST) if y else LEAST for s, y in zip(sharp, expected, strict=True)]
    axes.fill_between(range(len(predicted)), LEAST, predicted, color="black", alpha=0.12, linewidth=0)
    for line in lines:
        distances = [abs(a - b) for a, b in zip(_floats(line.observed), expected, strict=True)]
        pairs = zip(distances, expected, strict=True)
        axes.plot([max(d / abs(y), LEAST) if y else LEAST for d, y in pairs], linewidth=0.8, color=colours[line.target])
    if lines[0].judged < len(expected):
        axes.axvline(lines[0].judged - 0.5, linestyle=":", color="black")
    axes.axhline(lines[0].foreseen, linestyle="--", color="black", linewidth=0.5)
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(numticks=TICKS))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{y:.0e}"))  # powers of 10 are typeset, slowly
    axes.yaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("step")


def _floats(numbers: list[Any]) -> list[float]:
    return [float(x) for x in numbers]

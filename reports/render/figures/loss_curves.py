"""Training runs as figures: the loss of every target, and its distance from the reference beside the prediction."""

import math
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

from nnparity.reports.merge import MergedRun
from nnparity.reports.records import Curve
from nnparity.reports.render.figures.drawing import coloured, drawing, drawn_once, svg

#: Below this part of the loss nothing is drawn: a difference of zero has no logarithm.
LEAST = 1e-17
#: Inches: a column, a figure, and the room for the labels beside an axis.
WIDTH, HEIGHT, LEFT, RIGHT = 3.2, 4.4, 0.6, 0.1
#: Inches of a row of the legend.
ROW = 0.15
SHOWN = (
    "Above: the loss, step by step. Below: its distance from the reference, as a part of it; the grey band is the "
    "predicted error (norm 2), carried along; right of a dotted line nothing is judged."
)
#: Labels of a logarithmic axis.
TICKS = 6


def figures(run: MergedRun) -> dict[str, str]:
    """Caption -> SVG, one figure for each training formula and dtype."""
    ordered = sorted(run.curves, key=lambda curve: (curve.formula, curve.dtype, curve.signature, curve.series))
    groups = groupby(ordered, key=lambda curve: (curve.formula, curve.dtype))
    colours = coloured(run)
    return {caption(formula, dtype): _figure(list(group), colours) for (formula, dtype), group in groups}


def _figure(curves: list[Curve], colours: dict[str, str]) -> str:
    own = {curve.target: colours[curve.target] for curve in curves}
    return drawn_once(["losses", curves, own], lambda: draw(curves, own))


def caption(formula: str, dtype: str) -> str:
    """What a figure shows, in words."""
    return f"{formula}, {dtype}. {SHOWN}"


def draw(curves: list[Curve], colours: dict[str, str]) -> str:
    """One column a signature and series: losses above, distances below; one legend for all."""
    columns = list(_columns(curves))
    several = 2 * len(columns)
    high = HEIGHT + ROW * math.ceil((len({curve.target for curve in curves}) + 1) / several)
    with drawing(WIDTH * len(columns), high) as figure:
        axes = figure.subplots(2, len(columns), squeeze=False, sharex="col", gridspec_kw=_margins(len(columns), high))
        for place, (title, lines) in enumerate(columns):
            _losses(axes[0][place], title, lines, colours)
            _distances(axes[1][place], lines, colours)
        told = {str(line.get_label()): line for above in axes[0] for line in above.get_lines()}
        figure.legend(list(told.values()), list(told), loc="upper left", ncols=several, fontsize=6, frameon=False)
        return svg(figure)


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

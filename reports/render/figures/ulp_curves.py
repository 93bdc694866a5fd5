"""Elementary functions as figures: the largest error in units in the last place, octave by octave of the input."""

import math
from itertools import groupby
from typing import Any

from nnparity.reports.aggregation import dtype_order
from nnparity.reports.formatting import real
from nnparity.reports.merge import MergedRun
from nnparity.reports.records import OCTAVES, Ulps
from nnparity.reports.render.figures.drawing import coloured, drawing, drawn_once, svg

#: Inches of a panel, and of the legend above all.
WIDTH, HEIGHT, LEGEND = 2.6, 2.1, 0.45
#: Units in the last place below which nothing is told apart, and that every panel reaches to; what is rounded correctly
#: is off by half of one at most.
LEAST, MOST, ROUNDED = 0.1, 10.0, 0.5
OVER = (
    "the largest error of its output in units in the last place (ULP), over the input. Each point is an octave, inputs "
    "below 2^-12 are one point in the middle, the ends have what is larger; the dashed line is 0.5 ULP, correct "
    "rounding."
)


def figures(run: MergedRun) -> dict[str, str]:
    """Caption -> SVG, one figure for each function."""
    ordered = sorted(run.ulps, key=lambda one: (one.formula, dtype_order(one.dtype), one.target))
    colours = coloured(run)
    groups = groupby(ordered, key=lambda one: one.formula)
    return {caption(formula): _figure(list(several), colours) for formula, several in groups}


def _figure(lines: list[Ulps], colours: dict[str, str]) -> str:
    own = {one.target: colours[one.target] for one in lines}
    return drawn_once(["ulps", lines, own], lambda: draw(lines, own))


def caption(formula: str) -> str:
    """What a figure shows, in words."""
    return f"{formula}: {OVER}"


def draw(lines: list[Ulps], colours: dict[str, str]) -> str:
    """A panel for each dtype, one legend for all."""
    dtypes = list(dict.fromkeys(one.dtype for one in lines))
    with drawing(WIDTH * len(dtypes), HEIGHT + LEGEND) as figure:
        panels = figure.subplots(1, len(dtypes), squeeze=False)[0]
        figure.subplots_adjust(0.2 / len(dtypes), 0.2, 0.99, HEIGHT / (HEIGHT + LEGEND) - 0.06, 0.32)
        for axes, dtype in zip(panels, dtypes, strict=True):
            _panel(axes, dtype, [one for one in lines if one.dtype == dtype], colours)
        told = {str(line.get_label()): line for axes in panels for line in axes.get_lines()[1:]}
        figure.legend(list(told.values()), list(told), loc="upper left", ncols=4, fontsize=6, frameon=False)
        return svg(figure)


def _panel(axes: Any, dtype: str, lines: list[Ulps], colours: dict[str, str]) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator  # noqa: PLC0415 - as in `drawing`

    axes.set_title(dtype)
    axes.axhline(ROUNDED, linestyle="--", color="black", linewidth=0.5)
    for one in lines:
        points = [
            (place, max(seen, LEAST)) for place, value in enumerate(one.largest) if (seen := real(value)) is not None
        ]
        axes.plot(
            *zip(*points, strict=True) if points else ((), ()),
            linewidth=0.8,
            label=one.target,
            color=colours[one.target],
        )
    axes.set_yscale("log")
    axes.set_ylim(LEAST, max(axes.get_ylim()[1], MOST))
    axes.yaxis.set_major_locator(LogLocator(numticks=6))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{y:g}" if y < 1e4 else f"1e{math.log10(y):.0f}"))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.set_xticks(*_ticks())


def _ticks() -> tuple[list[int], list[str]]:
    """The ends, 1 and the middle."""
    least, most = OCTAVES
    side, one = most - least, -least
    places = [0, side - one, side, side + 1 + one, 2 * side]
    large = f"{2.0**most:.0f}" if most < math.log2(10_000) else f"2^{most}"
    return places, [f"-{large}", "-1", "0", "1", large]

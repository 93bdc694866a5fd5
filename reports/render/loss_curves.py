"""Training runs as figures: the loss of every target, and its distance from the reference beside the prediction."""

import io
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
#: Labels of a logarithmic axis.
TICKS = 6


def figures(run: MergedRun) -> dict[str, str]:
    """Caption -> SVG, one figure for each training formula and dtype."""
    ordered = sorted(run.curves, key=lambda curve: (curve.formula, curve.dtype, curve.signature, curve.series))
    groups = groupby(ordered, key=lambda curve: (curve.formula, curve.dtype))
    return {caption(formula, dtype): draw(list(group)) for (formula, dtype), group in groups}


def caption(formula: str, dtype: str) -> str:
    """What a figure shows, in words."""
    return (
        f"{formula}, {dtype}. Above: the loss, step by step. Below: its distance from the reference, as a part of it; "
        "the grey band is the predicted error (norm 2), carried along; right of a dotted line nothing is judged."
    )


def draw(curves: list[Curve]) -> str:
    """One column a signature and series: losses above, distances below."""
    from matplotlib import rc_context  # noqa: PLC0415 - only runs that trained need it
    from matplotlib.figure import Figure  # noqa: PLC0415 - the same

    columns = list(_columns(curves))
    with rc_context({"svg.hashsalt": "nnparity", "svg.fonttype": "none", "font.size": 8}):
        figure = Figure(figsize=(WIDTH * len(columns), HEIGHT))
        axes = figure.subplots(2, len(columns), squeeze=False, sharex="col", gridspec_kw=_margins(len(columns)))
        for place, (title, lines) in enumerate(columns):
            _losses(axes[0][place], title, lines)
            _distances(axes[1][place], lines)
        axes[0][0].legend(fontsize=6)
        text = io.StringIO()
        figure.savefig(text, format="svg", metadata={"Date": None})
    return "<svg" + _shortened(text.getvalue().partition("<svg")[2])  # without the XML declaration


def _shortened(svg: str) -> str:
    """Coordinates to a hundredth of a point: nobody sees more, and they are most of a drawing."""
    return re.sub(r"(\d\.\d\d)\d+", r"\1", svg)


def _margins(columns: int) -> dict[str, float]:
    """Room for labels, as parts of the figure. A layout that measures all texts would take half of the drawing."""
    width = WIDTH * columns
    inner = (width - LEFT * columns) / columns
    return {
        "left": LEFT / width,
        "right": 1 - RIGHT / width,
        "top": 1 - 0.3 / HEIGHT,
        "bottom": 0.45 / HEIGHT,
        "wspace": LEFT / inner,
        "hspace": 0.08,
    }


def _columns(curves: Iterable[Curve]) -> Iterator[tuple[str, list[Curve]]]:
    for (signature, series), group in groupby(curves, key=lambda curve: (curve.signature, curve.series)):
        yield f"{signature.partition('-optimizer')[2] or signature}, {series}", list(group)


def _losses(axes: Any, title: str, lines: list[Curve]) -> None:
    axes.set_title(title)
    axes.plot(_floats(lines[0].expected), color="black", linewidth=3, alpha=0.25, label="reference")
    for line in lines:
        axes.plot(_floats(line.observed), linewidth=0.8, label=line.target)


def _distances(axes: Any, lines: list[Curve]) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator  # noqa: PLC0415 - only runs that trained need it

    expected, sharp = _floats(lines[0].expected), _floats(lines[0].sharp)
    predicted = [max(s / abs(y), LEAST) if y else LEAST for s, y in zip(sharp, expected, strict=True)]
    axes.fill_between(range(len(predicted)), LEAST, predicted, color="black", alpha=0.12, linewidth=0)
    for line in lines:
        distances = [abs(a - b) for a, b in zip(_floats(line.observed), expected, strict=True)]
        pairs = zip(distances, expected, strict=True)
        axes.plot([max(d / abs(y), LEAST) if y else LEAST for d, y in pairs], linewidth=0.8)
    if lines[0].judged < len(expected):
        axes.axvline(lines[0].judged - 0.5, linestyle=":", color="black")
    axes.axhline(lines[0].foreseen, linestyle="--", color="black", linewidth=0.5)
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(numticks=TICKS))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{y:.0e}"))  # powers of 10 are typeset, slowly
    axes.yaxis.set_minor_locator(NullLocator())
    axes.set_xlabel("step")


def _floats(numbers: list[Any]) -> list[float]:
    return [float(x) for x in numbers]

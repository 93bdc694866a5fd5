"""A trend as SVG: a line a class, a mark a run; no class is told by its colour alone."""

import io
from collections.abc import Sequence

from nnparity.reports.formatting import visible
from nnparity.reports.trend.points import Point, classes

#: Inches of the whole, of a run, and the least of it.
HEIGHT, STEP, LEAST = 3.4, 0.9, 5.0
MARKS = "osD^vPX*"


def drawn(found: Sequence[Point]) -> str:
    """The drawing."""
    from matplotlib import rc_context  # noqa: PLC0415 - only who asks for a trend needs it
    from matplotlib.figure import Figure  # noqa: PLC0415 - the same
    from matplotlib.ticker import MaxNLocator  # noqa: PLC0415 - the same

    # equal runs make equal bytes, text stays text, and a name is never taken for mathematics
    with rc_context({"svg.hashsalt": "nnparity", "svg.fonttype": "none", "font.size": 8, "text.parse_math": False}):
        figure = Figure(figsize=(max(LEAST, 2.5 + STEP * len(found)), HEIGHT), layout="constrained")
        axes = figure.subplots()
        for place, name in enumerate(classes(found)):
            heights = [one.causes[name] for one in found]
            axes.plot(
                heights, marker=MARKS[place % len(MARKS)], linewidth=1, label=visible(name), color=f"C{place % 10}"
            )
        axes.set_xticks(range(len(found)), [visible(one.date) for one in found], rotation=30, ha="right")
        axes.yaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_ylim(bottom=0)
        axes.set_ylabel("causes")
        if classes(found):
            figure.legend(loc="outside right upper", frameon=False)
        text = io.StringIO()
        figure.savefig(text, format="svg", metadata={"Date": None, "Title": "Causes of each class, run by run"})
    return text.getvalue()

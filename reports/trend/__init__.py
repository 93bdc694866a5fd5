"""Dated runs of several versions, one after the other: how many causes there were of each class.

`points` counts, `table` tells it as Markdown, `drawing` as SVG. Runs are not merged here, nor held against each
other verdict by verdict: the former is `nnparity.reports.merge`, the latter `nnparity.reports.differences`.
"""

from collections.abc import Sequence
from pathlib import Path

from nnparity.reports.merge import MergedRun
from nnparity.reports.trend.drawing import drawn
from nnparity.reports.trend.points import points
from nnparity.reports.trend.table import markdown

__all__ = ["trend"]


def trend(runs: Sequence[tuple[str, MergedRun]], folder: Path) -> list[Path]:
    """Writes `trend.md` and `trend.svg` of named runs into `folder`, the oldest first, and returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    ordered = points(runs)
    texts = {folder / "trend.md": markdown(ordered, "trend.svg"), folder / "trend.svg": drawn(ordered)}
    for path, text in texts.items():
        path.write_text(text, encoding="utf-8")
    return list(texts)

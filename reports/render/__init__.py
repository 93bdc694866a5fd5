"""A run as a report: `parity.md` and `parity.html` in one folder.

`markdown` and `html` are the two forms, `tables` what both show, `gfm` and `mathml` how texts and formulas are written
in them, `loss_curves` the figures of training runs. Nothing is added up or judged here: the former is done by
`nnparity.reports.aggregation`, the latter before a run file is written.
"""

from collections.abc import Mapping
from pathlib import Path

from nnparity.reports.aggregation import Aggregate
from nnparity.reports.merge import MergedRun
from nnparity.reports.render import loss_curves
from nnparity.reports.render.html import page
from nnparity.reports.render.markdown import markdown

_NO_FIGURES: Mapping[str, str] = {}


def render(run: MergedRun, folder: Path | str, figures: Mapping[str, str] = _NO_FIGURES) -> tuple[Path, Path]:
    """Write both files into `folder`, which is made when it is not there, and return their paths.

    `figures` maps a caption to an SVG element, which the page shows as it is: it must be our own. Those of the training
    runs are drawn here.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    aggregate = Aggregate(run)
    texts = {
        folder / "parity.md": markdown(aggregate),
        folder / "parity.html": page(aggregate, loss_curves.figures(run) | dict(figures)),
    }
    for path, text in texts.items():
        path.write_text(text, encoding="utf-8")
    first, second = texts
    return first, second

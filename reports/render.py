"""A run as a report: `parity.md` and `parity.html` in one folder."""

from collections.abc import Mapping
from pathlib import Path

from nnparity.reports import curves
from nnparity.reports.markdown import markdown
from nnparity.reports.merge import Run
from nnparity.reports.page import page
from nnparity.reports.survey import Survey

_NO_FIGURES: Mapping[str, str] = {}


def render(run: Run, folder: Path | str, figures: Mapping[str, str] = _NO_FIGURES) -> tuple[Path, Path]:
    """Write both files into `folder`, which is made when it is not there, and return their paths.

    `figures` maps a caption to an SVG element, which the page shows as it is: it must be our own. Those of the training
    runs are drawn here.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    survey = Survey(run)
    texts = {
        folder / "parity.md": markdown(survey),
        folder / "parity.html": page(survey, curves.figures(run) | dict(figures)),
    }
    for path, text in texts.items():
        path.write_text(text, encoding="utf-8")
    first, second = texts
    return first, second

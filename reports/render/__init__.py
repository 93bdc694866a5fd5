"""A run as a report: `parity.md`, `parity.html` and `summary.md` in one folder, and beside them what programs read.

`markdown`, `html` and `summary` are forms for people; `causes`, `cards` and `tables` what they show, `gfm`, `mathml`
and `words` how texts, formulas and languages are written in them, `packed` what of the page is unpacked on demand,
`figures` draws training runs and elementary functions. What programs read is made by `nnparity.reports.export`.
Nothing is added up or judged here: the former is done by `nnparity.reports.aggregation`, the latter before a run file
is written.
"""

from collections.abc import Mapping
from pathlib import Path

from nnparity.reports.aggregation import Aggregate
from nnparity.reports.export.badge import badge, shields
from nnparity.reports.export.junit import junit
from nnparity.reports.export.parquet import parquet
from nnparity.reports.merge import MergedRun
from nnparity.reports.render.figures import loss_curves, ulp_curves
from nnparity.reports.render.html import page
from nnparity.reports.render.markdown import markdown
from nnparity.reports.render.summary import summary

_NO_FIGURES: Mapping[str, str] = {}
#: All that a report consists of; the last one is there where pyarrow is.
FILES = (
    *("parity.md", "parity.html", "summary.md", "junit.xml", "badge.svg", "badge.json"),
    "verdicts.parquet",
)


def render(
    run: MergedRun,
    folder: Path | str,
    figures: Mapping[str, str] = _NO_FIGURES,
    baseline: MergedRun | None = None,
    only_news: bool = False,
) -> list[Path]:
    """Write all files into `folder`, which is made when it is not there, and return their paths: for people first.

    `figures` maps a caption to an SVG element, which the page shows as it is: it must be our own. Those of the run
    itself are drawn here. The table of verdicts is written where pyarrow is installed. With a `baseline` the report
    says what changed since; with `only_news` too JUnit XML and badge fail on what is news, as the run does.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    aggregate = Aggregate(run, baseline, only_news)
    texts = {
        folder / "parity.md": markdown(aggregate),
        folder / "parity.html": page(aggregate, ulp_curves.figures(run) | loss_curves.figures(run) | dict(figures)),
        folder / "summary.md": summary(aggregate),
        folder / "junit.xml": junit(aggregate),
        folder / "badge.svg": badge(aggregate),
        folder / "badge.json": shields(aggregate),
    }
    for path, text in texts.items():
        path.write_text(text, encoding="utf-8")
    table = folder / "verdicts.parquet"
    return [*texts, *([table] if parquet(aggregate, table) else [])]

"""Reports: the format of a run, runs merged or counted over time, and a run rendered as Markdown and as a page.

Knows the records and nothing else of this project. `python -m nnparity.reports RUN... --out DIR` renders files.
"""

from nnparity.reports.merge import MergedRun, merge, write_merged
from nnparity.reports.render import render

__all__ = ["MergedRun", "merge", "render", "write_merged"]

"""Render run files from the command line: `python -m nnparity.reports RUN... --out DIR`.

As `nnparity report`, without what only the records of an installation tell, and without the care that it takes of
what lies in the folder: a run file that is there is not written over.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from nnparity.reports.export.unread import outlived
from nnparity.reports.merge import merge, write_merged
from nnparity.reports.render import render


def main(arguments: Sequence[str] | None = None) -> int:
    """Merge and render; 2 for a file that is missing, damaged or no run, 1 for one that is incomplete, with a line.

    2 also for runs that are not alike, and where the folder has a run file: it may be of a run that is going on, or one
    of those that are merged.
    """
    parser = argparse.ArgumentParser(prog="python -m nnparity.reports", description="Render runs as a parity report.")
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="run files, JSON Lines; later ones win")
    parser.add_argument("--out", type=Path, default=Path("reports/out"), help="folder of the report (%(default)s)")
    options = parser.parse_args(arguments)
    merged = options.out / "parity.jsonl"
    if merged.exists():
        print(f"{merged} is there already: name another folder by --out", file=sys.stderr)
        return 2
    try:
        run = merge(options.runs)
    except (OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    if run.unlike:
        print(run.unlike, file=sys.stderr)
        return 2
    write_merged(run, merged)
    for path in render(run, options.out):
        print(path)
    if run.incomplete:
        print(f"incomplete: {run.incomplete}", file=sys.stderr)
    return int(bool(run.incomplete))


if __name__ == "__main__":
    outlived()
    raise SystemExit(main())

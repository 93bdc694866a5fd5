"""Render run files from the command line: `python -m nnparity.reports RUN... --out DIR`."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from nnparity.reports.merge import merge, write_merged
from nnparity.reports.render import render


def main(arguments: Sequence[str] | None = None) -> int:
    """Merge and render; 2 for a file that is missing or is no run, with a line on what is wrong."""
    parser = argparse.ArgumentParser(prog="python -m nnparity.reports", description="Render runs as a parity report.")
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="run files, JSON Lines; later ones win")
    parser.add_argument("--out", type=Path, default=Path("reports/out"), help="folder of the report (%(default)s)")
    options = parser.parse_args(arguments)
    try:
        run = merge(options.runs)
    except (OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    write_merged(run, options.out / "parity.jsonl")
    for path in render(run, options.out):
        print(path)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

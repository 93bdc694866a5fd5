"""The report of before: a run moves it out of its way instead of writing over it. One generation is kept."""

from pathlib import Path

from nnparity.reports.records import Summary, encode
from nnparity.reports.render import FILES

#: The folder beside the run file where it lies then.
FOLDER = "previous"
RUN = "parity.jsonl"
#: How the line begins that only a run which came to its end has written.
_SUMMARY = encode(Summary({}, 0, [], {})).partition(b",")[0] + b","


def moved(folder: Path) -> Path | None:
    """Moves what a finished run left in `folder`, its report and its run file, and says where it is now.

    What a run left that was cut short stays and is written over: it must not take the place of a whole one.
    """
    if not _finished(folder / RUN):
        return None
    there = folder / FOLDER
    there.mkdir(exist_ok=True)
    for name in (*FILES, RUN):
        (there / name).unlink(missing_ok=True)
        if (folder / name).exists():
            (folder / name).replace(there / name)
    return there


def _finished(run: Path) -> bool:
    """Whether a run file has a summary, which is not near its end: facts and scripts follow it."""
    if not run.is_file():
        return False
    with run.open("rb") as lines:
        return any(line.startswith(_SUMMARY) for line in lines)

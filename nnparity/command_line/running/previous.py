"""What lies in the folder of a report before: it is moved out of the way instead of being written over.

One generation is kept. A report never takes the place of a run that it is made of, or that can be gone on with.
"""

from collections.abc import Sequence
from pathlib import Path

from nnparity.reports.records import Summary, encode
from nnparity.reports.render import FILES
from nnparity.spec.usage import UsageError

#: The folder beside the run file where it lies then.
FOLDER = "previous"
RUN = "parity.jsonl"
#: How the line begins that only a run which came to its end has written, that which ends a unit, and a verdict.
_SUMMARY = encode(Summary({}, 0, [], {})).partition(b",")[0] + b","
_FINISHED, _VERDICT = b'{"kind":"finished",', b'{"kind":"verdict",'


def moved(folder: Path) -> Path | None:
    """Moves what a finished run left in `folder`, its report and its run file, and says where it is now.

    What a run left that was cut short stays and is written over: it must not take the place of a whole one.
    """
    if not _has(folder / RUN, _SUMMARY):
        return None
    there = folder / FOLDER
    there.mkdir(exist_ok=True)
    for name in (*FILES, RUN):
        (there / name).unlink(missing_ok=True)
        if (folder / name).exists():
            (folder / name).replace(there / name)
    return there


def again(runs: Sequence[Path], folder: Path) -> bool:
    """Whether a report of `runs` in `folder` is that of the run file there once more, which then stays as it is.

    Raises UsageError where the report would take the place of one of several runs that it is made of, or of what a run
    has finished that can be gone on with: that is in no other file.
    """
    there = folder / RUN
    others = [one for one in runs if not _same(one, there)]
    if len(others) < len(runs):
        if any(_has(one, _VERDICT) for one in others):
            raise _elsewhere(f"the report would take the place of {there}, one of the runs that it is made of")
        return True
    if not _has(there, _SUMMARY):
        if _has(there, _FINISHED):
            raise _elsewhere(f"{there} is a run that was cut short, and nnparity run --resume goes on with it")
    elif kept := next((one for one in runs if _same(one, folder / FOLDER / RUN)), None):
        raise _elsewhere(f"{there} would take the place of {kept}, one of the runs that the report is made of")
    return False


def _elsewhere(why: str) -> UsageError:
    return UsageError(f"{why}: name another folder by --out")


def _same(one: Path, other: Path) -> bool:
    return one.exists() and other.exists() and one.samefile(other)


def _has(run: Path, begin: bytes) -> bool:
    """Whether a line of a run file begins so. A summary is not near the end: facts and scripts follow it."""
    if not run.is_file():
        return False
    with run.open("rb") as lines:
        return any(line.startswith(begin) for line in lines)

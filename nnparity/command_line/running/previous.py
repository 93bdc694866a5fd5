"""What lies in the folder of a report or a run before: it is moved out of the way instead of being written over.

One generation is kept. A report never takes the place of a run that it is made of, or that can be gone on with, and a
run that of no other before it has something to put there: until then the run file of before lies aside.
"""

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from nnparity.command_line.application import tell
from nnparity.execute.observer import TargetUnavailable
from nnparity.reports.records import Seal, Summary, encode
from nnparity.reports.render import FILES
from nnparity.spec.usage import UsageError

#: The folder beside the run file where it lies then.
FOLDER = "previous"
RUN = "parity.jsonl"
#: Behind the name of the run file of before until a run has its first verdict.
BEFORE = ".before"
ASIDE = f"{RUN}{BEFORE}"
#: How the line begins that only a run which came to its end has written, and the last one, behind which its report is
#: made; that which ends a unit, and a verdict.
_SUMMARY, _SEAL = (encode(one).partition(b",")[0] + b"," for one in (Summary({}, 0, [], {}), Seal({})))
_FINISHED, _VERDICT = b'{"kind":"finished",', b'{"kind":"verdict",'


def moved(folder: Path, run: str = RUN, lies: str = "") -> Path | None:
    """Moves what a finished run left in `folder`, its run file and its report, and says where it is now.

    What a run left that was cut short stays and is written over: it must not take the place of a whole one. `run` is
    how its run file is called, `lies` how as long as it lies aside. Only the file that it usually is has a report.
    """
    lying = folder / (lies or run)
    if not _has(lying, _SUMMARY):
        return None
    there = folder / FOLDER
    there.mkdir(exist_ok=True)
    for name in FILES if run == RUN else ():
        (there / name).unlink(missing_ok=True)
        if (folder / name).exists():
            (folder / name).replace(there / name)
    lying.replace(there / run)
    return there


def gave_way(path: Path, lies: str = "") -> str:
    """Moves what a finished run or hunt left out of the way of another, see `moved`; what is said of it, "" of none."""
    there = moved(path.parent, path.name, lies)
    return f"{'the report' if path.name == RUN else path.name} of before is kept in {there}" if there else ""


def kept(path: Path, lies: str = "") -> None:
    """The same, and says it."""
    if told := gave_way(path, lies):
        tell(told)


class Aside:
    """The run file of before, out of the way of a run of which nobody knows yet whether it will do anything."""

    def __init__(self, folder: Path, keep: bool, run: str = RUN, going_on: bool = False) -> None:
        """With `keep` what a finished run left is moved to `previous` in the end, and otherwise written over.

        A run that is `going_on` keeps its file, and what was there before it lies aside already, if it still does.
        """
        self._folder, self._keep, self._open, self._going_on = folder, keep, True, going_on
        self._run, self._aside = folder / run, folder / f"{run}{BEFORE}"
        if going_on:
            return
        if self._aside.exists():  # a run was killed while it lay there
            self._found()
        if keep and _has(self._run, _SUMMARY):
            (folder / FOLDER).mkdir(exist_ok=True)  # where that cannot be made it is told now, and not in the middle
        if self._run.is_file():
            self._run.replace(self._aside)

    @property
    def holds(self) -> bool:
        """Whether there is something that has not given way yet."""
        return self._open and self._aside.exists()

    def settle(self) -> None:
        """The run has something to put in its place: what was there before gives way, which is said, once."""
        if self._open:
            self._open = False
            self._give_way()

    def put_back(self) -> None:
        """The run came to nothing: all is as it was, unless it has settled; one that goes on can be gone on with."""
        open_yet, self._open = self._open, False
        if open_yet and not self._going_on:
            self._run.unlink(missing_ok=True)
            if self._aside.exists():
                self._aside.replace(self._run)
            with contextlib.suppress(OSError):  # one that holds something stays
                (self._folder / FOLDER).rmdir()

    def _found(self) -> None:
        """What lay aside as a run was killed: it gives way to that, or else has its place again."""
        if not _has(self._run, _VERDICT):
            self._aside.replace(self._run)
        elif _has(self._run, _SEAL):  # its report is that of the run which took its place
            self._aside.unlink()
        else:
            self._give_way()

    def _give_way(self) -> None:
        if self._keep:
            kept(self._run, self._aside.name)
        self._aside.unlink(missing_ok=True)


@contextlib.contextmanager
def aside(folder: Path, keep: bool, run: str = RUN, going_on: bool = False) -> Iterator[Aside]:
    """Puts the run file of before aside for a run, and back where that is refused before it has a verdict."""
    before = Aside(folder, keep, run, going_on)
    try:
        yield before
    except (TargetUnavailable, UsageError):
        before.put_back()
        raise
    finally:
        before.settle()


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

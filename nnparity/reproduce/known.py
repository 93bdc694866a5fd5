"""Every known divergence that a run met, shown once more by a script of its own, without the judge of the suite."""

import hashlib
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from nnparity.execute.observer import TargetUnavailable
from nnparity.execute.target import Target
from nnparity.reports.merge import MergedRun
from nnparity.reports.records import Verdict
from nnparity.reproduce.cell import Cell, drawn
from nnparity.reproduce.command import reproduction
from nnparity.reproduce.recorded import begun
from nnparity.reproduce.writing.sources import Unreproducible
from nnparity.spec.usage import UsageError

#: Cells that are tried for a record until one has a script.
TRIES = 4
SHOWN = "shown"
#: The ids of records that a script is named by. A run file may be anybody's, and so may be what it calls a record.
PLAIN = re.compile(r"\w[\w .+-]{0,100}")


@dataclass(frozen=True)
class Check:
    """What became of a record: `shown`, not shown, or why there is no script."""

    record: str
    outcome: str
    cell: str = ""

    @property
    def fine(self) -> bool:
        """Whether its script says that the framework differs."""
        return self.outcome == SHOWN

    @property
    def wrong(self) -> bool:
        """Whether its script says that the framework does not differ."""
        return bool(self.cell) and not self.fine


def checked(run: MergedRun, folder: Path, timeout: float = 120.0) -> Iterator[Check]:
    """Each record that a verdict of the run carries; scripts are left in the folder, under the records' names."""
    folder.mkdir(parents=True, exist_ok=True)
    salt = next((one.salt for one in run.environments), "")
    by_record: dict[str, list[Verdict]] = defaultdict(list)
    for one in run.verdicts:
        if one.known:
            by_record[one.known].append(one)
    with ExitStack() as stack:
        targets: dict[str, Target] = {}
        for record, verdicts in by_record.items():
            try:
                yield _checked(record, verdicts, targets, stack, folder, salt, timeout)
            except TargetUnavailable as error:
                yield Check(record, str(error))


def _checked(
    record: str,
    verdicts: list[Verdict],
    targets: dict[str, Target],
    stack: ExitStack,
    folder: Path,
    salt: str,
    timeout: float,
) -> Check:
    why = "it has no verdict"
    for one in islice(_smallest_first(verdicts), TRIES):
        if one.target not in targets:
            started = begun(one.target, timeout)
            stack.callback(started.observer.close)
            targets[one.target] = started
        try:
            text = reproduction(Cell(drawn(one, salt), targets[one.target], one.quantity), _backend(one.target))
        except (Unreproducible, UsageError) as error:
            why = f"no script: {error}"
            continue
        file = folder / file_of(record)
        file.write_text(text, encoding="utf-8")
        return Check(record, _run(file, one.grade), f"{one.case} {one.quantity} on {one.target}")
    return Check(record, why)


def file_of(record: str) -> str:
    """The name of a record's script: its id, or a digest of one that could lead out of the folder."""
    if PLAIN.fullmatch(record):
        return f"{record}.py"
    return f"record-{hashlib.blake2b(record.encode(), digest_size=8).hexdigest()}.py"


def _smallest_first(verdicts: Sequence[Verdict]) -> Iterator[Verdict]:
    """Those with the shortest names of sizes first: they have the fewest numbers, as a rule."""
    yield from sorted(verdicts, key=lambda one: (len(one.signature), one.signature))


def _backend(target: str) -> str:
    return target.rsplit(":", 2)[0]


def _run(file: Path, grade: str) -> str:
    command = [sys.executable, "-P", "-I", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    said = (done.stdout + done.stderr).strip().splitlines()
    told = next((line for line in said if line.startswith("disagrees")), "")
    # Who raises where the run had numbers shows nothing but that the script is wrong.
    if done.returncode == 1 and told and (not told.startswith("disagrees: raises") or grade == "error"):
        return SHOWN
    return f"not shown, its script ends with {done.returncode}: {told or (said[-1] if said else '')}"

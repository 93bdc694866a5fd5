"""The run file as a journal: which units of a plan are finished, so that a run that was cut short goes on where it was.

A job's lines of a unit end with a `Finished` line. What a job wrote behind its last one belongs to a unit that was not
finished; it is taken out before the run goes on, and so is what only the end of a run knows, and a line cut short.
"""

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from msgspec import DecodeError

from nnparity.reports.chain import rows, state, writer
from nnparity.reports.formatting import cut
from nnparity.reports.records import Environment, Finished, FormulaLine, Line, Seal, Summary, TargetLine, Verdict
from nnparity.reports.records import decode as read
from nnparity.run.counts import Counts, PartCounts, TotalCounts
from nnparity.run.plan import Plan
from nnparity.run.recorder import environment
from nnparity.spec.usage import UsageError
from nnparity.store.memory import Tally

#: What may differ between the two parts of a run.
PASSING = ("started",)
#: What stands among the versions of a target for the code of an adapter of one's own.
SOURCE = "the source of its adapter"
#: Characters of a value that differs, at most.
TOLD = 400


@dataclass
class Journal:
    """What a run file holds of a plan: the units that are finished, what they counted, and what targets are made of."""

    done: set[str] = field(default_factory=set)
    total: TotalCounts = field(default_factory=TotalCounts)
    versions: dict[str, dict[str, str]] = field(default_factory=dict)


def made_of(versions: dict[str, str], source: str) -> dict[str, str]:
    """What decides the numbers of a target: the versions of its packages, and its adapter's own code."""
    return versions | ({SOURCE: source} if source else {})


def finished(unit: str, part: PartCounts) -> Finished:
    """The line that ends a unit. Verdicts are not counted in it: they are in the file."""
    return Finished(
        unit=unit,
        seconds=part.seconds,
        ran=sorted(part.ran),
        held=sorted(part.held),
        programs={target: dict(needed) for target, needed in part.programs.items()},
        kept={kind: dict(counted) for kind, counted in part.store.results.items()},
        troubles=sorted(part.store.troubles),
    )


def entered(path: Path, lines: bytes) -> None:
    """Appends lines that were written elsewhere; they survive the machine."""
    with path.open("ab") as file:
        file.write(lines)
        file.flush()
        os.fsync(file.fileno())


def taken_up(path: Path, plan: Plan) -> Journal:
    """Makes a run file ready to be gone on with.

    Raises UsageError for one that is not of this plan and code, and for one that is not as it was written.
    """
    try:
        _whole(path, path)
        lines = [(text, read(text)) for text in rows(path)[:-1] if text.strip()]
    except (OSError, DecodeError) as error:
        raise UsageError(f"{path} cannot be gone on with: {error}") from error
    if not lines or not isinstance(lines[0][1], Environment):
        raise UsageError(f"{path} cannot be gone on with: it does not begin with an environment")
    _same(path, lines[0][1], environment(plan))
    kept = list(_kept(lines))
    beside = path.with_name(f"{path.name}.resumed")
    beside.write_bytes(b"".join(text + b"\n" for text, _ in kept))
    try:
        _whole(path, beside)
    except UsageError:
        beside.unlink()
        raise
    beside.replace(path)
    return _read(line for _, line in kept)


def _whole(path: Path, now: Path) -> None:
    """Raises UsageError unless all lines are as they were written and follow each other: `now` of the file `path`."""
    if faults := state(now).faults:
        raise UsageError(f"{path} cannot be gone on with: {faults[0]}")


def _same(path: Path, before: Environment, now: Environment) -> None:
    for name in Environment.__struct_fields__:
        was, here = getattr(before, name), getattr(now, name)
        if name not in PASSING and was != here:
            told = f"its {name} is {cut(repr(was), TOLD)}, that of this run {cut(repr(here), TOLD)}"
            raise UsageError(f"{path} cannot be gone on with: {told}")


def _kept(lines: list[tuple[bytes, Line]]) -> Iterator[tuple[bytes, Line]]:
    """Heads, and what belongs to finished units; in the order of the file."""
    last = {writer(text): row for row, (text, line) in enumerate(lines) if isinstance(line, Finished)}
    for row, (text, line) in enumerate(lines):
        head = isinstance(line, Environment | FormulaLine | TargetLine)
        if head or (not isinstance(line, Summary | Seal) and row <= last.get(writer(text), -1)):
            yield text, line


def _read(lines: Iterator[Line]) -> Journal:
    found, counts = Journal(), Counts()
    for line in lines:
        match line:
            case Verdict():
                counts.add(line)
            case TargetLine():
                found.versions[line.target] = made_of(line.versions, line.source)
            case Finished():
                found.done.add(line.unit)
                found.total.add(_part(line))
    found.total.counts.join(counts)
    return found


def _part(line: Finished) -> PartCounts:
    programs = {target: Counter(needed) for target, needed in line.programs.items()}
    store = Tally({kind: Counter(counted) for kind, counted in line.kept.items()}, set(line.troubles))
    return PartCounts(Counts(), line.seconds, set(line.ran), set(line.held), programs, store)

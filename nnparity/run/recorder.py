"""The recorder: lines appended to a run file as they fall, so that a killed run keeps what it finished."""

import datetime
import errno
import importlib.metadata
import os
import platform
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Self

import msgspec

from nnparity.judge.applicability import instructions
from nnparity.judge.known_divergences import SCOPE, Known, Patterns
from nnparity.reports import records
from nnparity.reports.chain import Chain
from nnparity.run.plan import Plan
from nnparity.spec import Formula, digest, packs
from nnparity.spec.cases.datasets import SCHEME
from nnparity.spec.loader import FOLDER
from nnparity.store import sources

#: Distributions whose versions decide what the harness itself computes.
OURS = ("numpy", "scipy", "ml_dtypes", "python-flint", "msgspec", "pytest")
#: The rooms that decide what a verdict is.
ROOMS = ("spec", "reference", "adapters", "expect", "execute", "judge", "checks", "run")


#: Of a file that is a run of its plan and nothing else.
NO_MARKS: Mapping[str, list[str]] = MappingProxyType({})
#: Behind the name of a run file as long as its head is not whole.
BEGUN = ".begun"


class Recorder:
    """Appends lines to a run file; several processes may append to one file."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        # one write a line, to the end of the file: lines of several processes never mix
        self._chain = Chain()
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)

    @classmethod
    def anew(cls, path: Path, plan: Plan, marks: Mapping[str, list[str]] = NO_MARKS) -> Self:
        """A run file that begins here: it takes the place of an earlier one with its whole head, or not at all.

        `marks` say what else than a run of the plan it is.
        """
        beside = path.with_name(f"{path.name}{BEGUN}")
        beside.unlink(missing_ok=True)
        recorder = cls(beside)
        recorder.begin(plan, marks)
        beside.replace(path)
        recorder.path = path
        return recorder

    def write(self, *lines: records.Line) -> None:
        """Appends the lines."""
        for line in lines:
            before = replace(self._chain)
            try:
                self._append(self._chain.linked(records.encode(line)))
            except OSError:
                self._chain = before  # it is not in the file: what is written later follows the one before it
                raise

    def _append(self, line: bytes) -> None:
        """Appends a whole line, or none of it. Raises OSError where only a part has room.

        That part stays where another process has appended to it.
        """
        written = os.write(self._file, line)
        if written < len(line):
            end = os.lseek(self._file, 0, os.SEEK_CUR)
            if os.fstat(self._file).st_size == end:
                os.ftruncate(self._file, end - written)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def begin(self, plan: Plan, marks: Mapping[str, list[str]] = NO_MARKS) -> None:
        """The head of a run file: the environment and the formulas."""
        self.write(environment(plan, marks), *map(formula_line, plan.chosen()))

    def flush(self) -> None:
        """What is written survives the machine."""
        os.fsync(self._file)

    def take(self) -> bytes:
        """The lines that are in no file yet: none."""
        return b""

    def close(self) -> None:
        """Closes the file."""
        os.close(self._file)


class Keeper(Recorder):
    """Keeps lines for whoever has the run file, on another machine perhaps."""

    def __init__(self) -> None:
        self._chain = Chain()
        self._kept: list[bytes] = []

    def write(self, *lines: records.Line) -> None:
        """Keeps the lines."""
        self._kept += [self._chain.linked(records.encode(line)) for line in lines]

    def flush(self) -> None:
        """Nothing: whoever takes the lines sees to that."""

    def take(self) -> bytes:
        """The lines since this was last asked."""
        taken, self._kept = b"".join(self._kept), []
        return taken

    def close(self) -> None:
        """Nothing: there is no file."""


def environment(plan: Plan, marks: Mapping[str, list[str]] = NO_MARKS) -> records.Environment:
    """The first line of a run: where it is made, and of what."""
    return records.Environment(
        started=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        nnparity=importlib.metadata.version("nnparity"),
        python=platform.python_version(),
        platform=platform.platform(),
        cpu=cpu(),
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        packages={name: importlib.metadata.version(name) for name in OURS},
        spec_digest=digest(FOLDER, *(pack.folder for pack in packs.taken())),
        seeds=SCHEME,
        salt=plan.salt,
        plan=plan.described() | dict(marks),
        code=code(),
        instructions=instructions(),
    )


def code() -> str:
    """A hash of what computes and judges; packs are part of it."""
    return "-".join((sources.digest(*ROOMS).hex(), *(pack.digest for pack in packs.taken())))


def cpu() -> str:
    """The processor's name, as the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def formula_line(formula: Formula) -> records.FormulaLine:
    """The formula as the report shows it."""
    return records.FormulaLine(
        id=formula.id,
        section=formula.section,
        title={"en": formula.title.en, "zh": formula.title.zh},
        latex=formula.latex,
        inputs=formula.inputs,
        outputs=formula.results,
        conventions=formula.conventions,
        errata=[{"says": e.says, "why": e.why, "means": e.means} for e in formula.errata],
        variants={name: variant.says for name, variant in formula.variants.items()},
        chapter=formula.chapter,
        pack=formula.pack,
    )


def known_line(known: Known) -> records.KnownLine:
    """A known divergence as the report shows it."""
    expects = msgspec.to_builtins(known.expects)
    return records.KnownLine(
        id=known.id,
        class_=known.kind,
        reason=known.reason,
        upstream=known.upstream,
        versions=known.versions,
        expects={name: ", ".join(_several(said)) for name, said in expects.items() if said not in (None, "", ())},
        scope={name: _several(getattr(known, name)) for name in (*SCOPE, "dtype") if getattr(known, name) != "*"},
        unbounded=known.unbounded,
    )


def _several(patterns: Patterns | float) -> list[str]:
    return list(patterns) if isinstance(patterns, tuple | list) else [str(patterns)]

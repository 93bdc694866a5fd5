"""A run that is killed at a random moment, once or twice, and gone on with: held against one that nobody disturbed.

All processes of a run carry a mark in their environment, by which they are found whatever session they have made for
themselves; and they have a folder for temporary files of their own, so that what is left there is theirs.
"""

import contextlib
import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from nnparity.command_line.running.exclusion import LOCK
from nnparity.reports import MergedRun, merge, render

MARK = "NNPARITY_KILLED_RUN"
#: Seconds on a machine that does other things too: for a whole run, and until processes of a killed one have ended.
RUN, ENDED = 1800.0, 60.0
#: The part of kills that comes at any time, units done or not; seconds behind the last unit in the others.
EARLY, LATER = 0.3, 0.5
#: What of a line is time, and what says from where results came: a run that goes on finds what its first part has kept.
TIMES = ("seconds", "import_seconds", "started", "link", "programs", "kept")
#: Lines of a rendered report that tell times.
TIMED = re.compile(
    r"\d s\b|\d min\b|\d h\b|seconds|\d{4}-\d\d-\d\dT|from the store|computed|compiled|cache|digest of its"
)


@dataclass
class Killed:
    """What became of a run: when and how it was killed, how much was finished then, and what is wrong."""

    told: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Runs:
    """One plan, run in folders of its own."""

    folder: Path
    plan: tuple[str, ...]

    def begin(self, name: str, *more: str) -> subprocess.Popen[bytes]:
        """Starts it, in a folder of that name."""
        out, temporary = self.folder / name, self.folder / f"{name}.tmp"
        temporary.mkdir(exist_ok=True)
        log = (self.folder / f"{name}.log").open("wb")
        command = [sys.executable, "-m", "nnparity", "run", *self.plan, "--out", str(out), *more]
        environment = os.environ | {MARK: str(out), "TMPDIR": str(temporary)}
        return subprocess.Popen(command, stdout=log, stderr=log, env=environment, start_new_session=True)

    def undisturbed(self, name: str = "undisturbed") -> float:
        """Runs it to its end; how long that took."""
        begun = time.monotonic()
        self.begin(name).wait(RUN)
        return time.monotonic() - begun

    def killed(self, name: str, chance: random.Random, usual: float, kills: int, whole: bool) -> Killed:
        """Kills it at random moments of a run that takes `usual` seconds, all of its processes or the first alone."""
        found, out = Killed(), self.folder / name
        most, more = _units(self.folder / "undisturbed" / FILE), ()
        for _ in range(kills):
            run = self.begin(name, *more)
            if _await(run, out / FILE, chance, usual, most):
                _kill(run, str(out), whole)
                left, begun = _ended(str(out)), (out / FILE).exists()
                units = f"{_units(out / FILE)} of {most} units done" if begun else "no run file yet"
                found.told.append(f"killed, {'all' if whole else 'the parent'}, {units}")
                found.wrong += [f"alive after the kill: {one}" for one in left]
            else:
                found.told.append("ended before it was killed")
            more = ("--resume",)
        last = self.begin(name, "--resume")
        status = last.wait(RUN)
        found.wrong += [f"alive at the end: {one}" for one in _ended(str(out))]
        found.wrong += self.differences(name, status)
        return found

    def differences(self, name: str, status: int, other: str = "undisturbed") -> list[str]:
        """What of a run is not as in the one that nobody disturbed."""
        return list(self._differences(name, status, other))

    def _differences(self, name: str, status: int, other: str) -> Iterator[str]:
        here, there = self.folder / name, self.folder / other
        told, said = (_last(self.folder / f"{one}.log") for one in (name, other))
        if (status, told) != (_status(said), said):
            yield f"ends with {status}, {told!r}, and not as {said!r}"
            if status not in (0, 1):
                return
        yield from _unlike(_lines(here / FILE), _lines(there / FILE))
        yield from _rendered_unlike(here, there)
        if (names := _names(here)) != _names(there):
            yield f"files {sorted(names ^ _names(there))} are left or missing"
        if left := _names(self.folder / f"{name}.tmp"):
            yield f"temporary files are left: {sorted(left)[:5]}"
        check = [sys.executable, "-m", "nnparity", "verify", str(here / FILE), "--sample", "0"]
        verified = subprocess.run(check, capture_output=True, check=False)
        if verified.returncode:
            yield f"verify ends with {verified.returncode}"


FILE = "parity.jsonl"


def _units(path: Path) -> int:
    """How many units a run file says are finished."""
    return path.read_bytes().count(b'{"kind":"finished"') if path.exists() else 0


def _await(run: subprocess.Popen[bytes], path: Path, chance: random.Random, usual: float, most: int) -> bool:
    """Waits for a random moment: of the time that a run takes, or some time after so many units; whether it is there.

    Both, since a machine that has other things to do spends the first of all that time on imports.
    """
    units = 0 if chance.random() < EARLY else chance.randint(1, most)
    moment = chance.uniform(0, usual / 2 if not units else LATER)
    while _units(path) < units and run.poll() is None:
        time.sleep(0.02)
    with contextlib.suppress(subprocess.TimeoutExpired):
        run.wait(moment)
    return run.poll() is None


def processes(mark: str) -> dict[int, str]:
    """Those that carry the mark, and what they are."""
    found, asked = {}, f"{MARK}={mark}".encode()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if (
                asked in (folder / "environ").read_bytes().split(b"\0")
                and b") Z " not in (folder / "stat").read_bytes()
            ):
                found[int(folder.name)] = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()[:120]
        except OSError:
            continue
    return found


def _kill(run: subprocess.Popen[bytes], mark: str, whole: bool) -> None:
    run.kill()
    for one in processes(mark) if whole else ():
        with contextlib.suppress(ProcessLookupError):
            os.kill(one, signal.SIGKILL)
    run.wait()


def _ended(mark: str) -> list[str]:
    """The processes that have not ended by themselves after a while."""
    end = time.monotonic() + ENDED
    while (left := processes(mark)) and time.monotonic() < end:
        time.sleep(0.1)
    return [f"{number} {told}" for number, told in left.items()]


def _last(log: Path) -> str:
    """The last line that says how a run ended."""
    lines = [
        line
        for line in log.read_text("utf-8", "replace").splitlines()
        if line.startswith(("PASS", "FAIL", "nnparity:"))
    ]
    return lines[-1] if lines else ""


def _status(said: str) -> int:
    return 0 if said.startswith("PASS") else 1


def _lines(path: Path) -> list[str]:
    """All lines but for their times, in whatever order they fell; what only one part of a run knows is left out."""
    rows = [json.loads(line) for line in path.read_bytes().splitlines()]
    kept = [row for row in rows if row["kind"] not in ("seal", "finished")] + [
        {"unit": row["unit"], "ran": row["ran"], "held": row["held"]} for row in rows if row["kind"] == "finished"
    ]
    plain = [{name: value for name, value in row.items() if name not in TIMES} for row in kept]
    heads = {json.dumps(row, sort_keys=True) for row in plain if row.get("kind") == "target"}  # each job tells its own
    return sorted([*heads, *(json.dumps(row, sort_keys=True) for row in plain if row.get("kind") != "target")])


def _unlike(here: list[str], there: list[str]) -> Iterator[str]:
    if here != there:
        more, less = sorted(set(here) - set(there)), sorted(set(there) - set(here))
        yield f"{len(here)} lines for {len(there)}; only here: {more[:2]}; only there: {less[:2]}"[:1500]


def _rendered_unlike(here: Path, there: Path) -> Iterator[str]:
    """The reports as they lie there, but for lines that tell times; and those of both without any, to the byte."""
    for name in ("parity.md", "summary.md", "junit.xml", "badge.svg", "badge.json"):
        told, said = (_untimed((one / name).read_text("utf-8")) for one in (here, there))
        if told != said:
            yield f"{name} differs: {[line for line in told if line not in said][:3]}"
    with tempfile.TemporaryDirectory() as folder:
        pages = []
        for place, one in enumerate((here, there)):
            files = render(timeless(merge([one / FILE])), Path(folder) / str(place))
            pages.append({file.name: file.read_bytes() for file in files if file.suffix != ".parquet"})
        yield from (f"{name}, without times, differs" for name in pages[0] if pages[0][name] != pages[1].get(name))


def _untimed(text: str) -> list[str]:
    """Its lines but for those that tell times; columns are as wide as the times in them."""
    return [re.sub(r" +|-{3,}", " ", line) for line in text.splitlines() if not TIMED.search(line)]


def timeless(run: MergedRun) -> MergedRun:
    """A run without its times."""

    def without(line: Any) -> Any:
        empty = {
            "seconds": 0.0 if not hasattr(line, "counts") else {},
            "import_seconds": 0.0,
            "started": "",
            "programs": {},
            "kept": {},
        }
        return msgspec.structs.replace(line, **{name: value for name, value in empty.items() if hasattr(line, name)})

    run.environments, run.verdicts, run.summaries = (
        [*map(without, one)] for one in (run.environments, run.verdicts, run.summaries)
    )
    run.targets = {name: without(line) for name, line in run.targets.items()}
    run.seals = {}
    return run


def _names(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.name != LOCK}

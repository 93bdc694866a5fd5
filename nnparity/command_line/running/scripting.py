"""The scripts that a report carries, made at the end of a run: one of each of its causes, with a bar."""

import contextlib
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import as_completed
from itertools import chain
from pathlib import Path
from typing import Annotated

import typer

from nnparity.api.packs import load_pack
from nnparity.command_line.application import progress
from nnparity.command_line.running.reading import read
from nnparity.reports import MergedRun
from nnparity.reports.aggregation import Aggregate
from nnparity.reports.records import ScriptLine, Verdict
from nnparity.reproduce.kept_scripts import known
from nnparity.reproduce.scripts import by_target, scripts, tried, undrawn
from nnparity.run.engines.processes import sharing
from nnparity.spec.packs import taken
from nnparity.store import memory

Scripts = Annotated[
    bool, typer.Option("--scripts/--no-scripts", help="a script of each cause, for the report to carry")
]
Baseline = Annotated[Path | None, typer.Option(help="the run file of before: the report says what changed since")]
#: Causes, each as its verdicts with the one first that shows it best.
Causes = list[Sequence[Verdict]]


def earlier(path: Path | None) -> MergedRun | None:
    """The run that another is held against. Raises UsageError."""
    return read([path]) if path else None


def scripted(
    timeout: float, store: Path | None, scratch: Path | None = None, jobs: int = 1
) -> Callable[[MergedRun], Iterator[ScriptLine]]:
    """What makes the scripts of a run, of so many targets at a time.

    `scratch` is the folder in which a killed run may leave something.
    """

    def made(run: MergedRun) -> Iterator[ScriptLine]:
        causes = Aggregate(run).causes
        shown: Causes = [
            [one.worst, *(verdict for verdict in one.verdicts if verdict is not one.worst)] for one in causes
        ]
        salt = next((one.salt for one in run.environments), "")
        asked = (salt, timeout, str(scratch or ""))
        if scratch:
            scratch.mkdir(parents=True, exist_ok=True)
        try:
            with (
                progress() as bar,
                memory.using(store),
                contextlib.suppress(KeyboardInterrupt),  # the report has those made until then
            ):
                task = bar.add_task("scripts of the causes", total=len(shown))
                kept, left = _kept(shown, run, salt)
                shares = by_target(left)
                together = min(jobs, len(shares))
                made_now = _at_once(shares, asked, store, together) if together > 1 else scripts(left, *asked)
                for line in chain(kept, made_now):
                    yield line
                    bar.update(task, advance=1)
        finally:
            if scratch:
                shutil.rmtree(scratch, ignore_errors=True)

    return made


def _kept(shown: Causes, run: MergedRun, salt: str) -> tuple[list[ScriptLine], Causes]:
    """What is known of such causes without a target, and the causes of which nothing is: only theirs are started."""
    kept, left = [], []
    for verdicts in shown:
        line, asked = run.targets.get(verdicts[0].target), tried(verdicts)
        found = known(asked, salt, line.versions) if line and not line.source else None
        found = found or undrawn(asked, salt)  # to draw a case takes longer than to find a script
        kept += [found] if found else []
        left += [] if found else [verdicts]
    return kept, left


def _at_once(
    shares: list[Causes], asked: tuple[str, float, str], store: Path | None, jobs: int
) -> Iterator[ScriptLine]:
    """Each share in one of so many processes; what one that dies has not done is told as missing, cause by cause."""
    packs = [pack.given for pack in taken()]
    with sharing(jobs, _begin, store, packs) as processes:
        waiting = {processes.submit(_all_of, causes, asked): causes for causes in shares}
        for one in as_completed(waiting):
            if died := one.exception():
                yield from _missing(waiting[one], f"{type(died).__name__}: {died}")
            else:
                made, counted = one.result()
                memory.join(counted)
                yield from made


def _begin(store: Path | None, packs: Sequence[str]) -> None:
    for pack in packs:
        load_pack(pack)
    memory.use(store)


def _all_of(causes: Causes, asked: tuple[str, float, str]) -> tuple[list[ScriptLine], memory.Tally]:
    return list(scripts(causes, *asked)), memory.taken()


def _missing(causes: Causes, why: str) -> Iterator[ScriptLine]:
    for first, *_ in causes:
        yield ScriptLine(first.case, first.target, first.quantity, "", why)

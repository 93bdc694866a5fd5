"""The scripts that a report carries, made at the end of a run: one of each of its causes, with a bar."""

import contextlib
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated

import typer

from nnparity.command_line.application import progress
from nnparity.command_line.running.reading import read
from nnparity.reports import MergedRun
from nnparity.reports.aggregation import Aggregate
from nnparity.reports.records import ScriptLine
from nnparity.reproduce.scripts import scripts
from nnparity.store import memory

Scripts = Annotated[
    bool, typer.Option("--scripts/--no-scripts", help="a script of each cause, for the report to carry")
]
Baseline = Annotated[Path | None, typer.Option(help="the run file of before: the report says what changed since")]


def earlier(path: Path | None) -> MergedRun | None:
    """The run that another is held against. Raises UsageError."""
    return read([path]) if path else None


def scripted(
    timeout: float, store: Path | None, scratch: Path | None = None
) -> Callable[[MergedRun], Iterator[ScriptLine]]:
    """What makes the scripts of a run; `scratch` is the folder in which a killed run may leave something."""

    def made(run: MergedRun) -> Iterator[ScriptLine]:
        causes = Aggregate(run).causes
        shown = [[one.worst, *(verdict for verdict in one.verdicts if verdict is not one.worst)] for one in causes]
        salt = next((one.salt for one in run.environments), "")
        memory.use(store)
        if scratch:
            scratch.mkdir(parents=True, exist_ok=True)
        try:
            with progress() as bar, contextlib.suppress(KeyboardInterrupt):  # the report has those made until then
                task = bar.add_task("scripts of the causes", total=len(shown))
                for line in scripts(shown, salt, timeout, str(scratch or "")):
                    yield line
                    bar.update(task, advance=1)
        finally:
            memory.leave()
            if scratch:
                shutil.rmtree(scratch, ignore_errors=True)

    return made

"""The scripts that a report carries, made at the end of a run: one of each of its causes, with a bar."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated

import typer

from nnparity.command_line.application import progress
from nnparity.reports import MergedRun, merge
from nnparity.reports.aggregation import Aggregate
from nnparity.reports.records import ScriptLine
from nnparity.reproduce.scripts import scripts
from nnparity.spec.usage import UsageError
from nnparity.store import memory

Scripts = Annotated[
    bool, typer.Option("--scripts/--no-scripts", help="a script of each cause, for the report to carry")
]
Baseline = Annotated[Path | None, typer.Option(help="the run file of before: the report says what changed since")]


def earlier(path: Path | None) -> MergedRun | None:
    """The run that another is held against. Raises UsageError."""
    try:
        return merge([path]) if path else None
    except (OSError, ValueError) as error:
        raise UsageError(str(error)) from error


def scripted(timeout: float, store: Path | None) -> Callable[[MergedRun], Iterator[ScriptLine]]:
    """What makes the scripts of a run."""

    def made(run: MergedRun) -> Iterator[ScriptLine]:
        causes = Aggregate(run).causes
        shown = [[one.worst, *(verdict for verdict in one.verdicts if verdict is not one.worst)] for one in causes]
        salt = next((one.salt for one in run.environments), "")
        memory.use(store)
        try:
            with progress() as bar, contextlib.suppress(KeyboardInterrupt):  # the report has those made until then
                task = bar.add_task("scripts of the causes", total=len(shown))
                for line in scripts(shown, salt, timeout):
                    yield line
                    bar.update(task, advance=1)
        finally:
            memory.leave()

    return made

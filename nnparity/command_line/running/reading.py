"""Run files as commands read them: what is damaged is refused, what is not whole is told, and the status says so."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import typer

from nnparity.reports import MergedRun, merge
from nnparity.spec.usage import UsageError


def run_files(paths: Iterable[Path]) -> list[Path]:
    """Files as they are named; of a folder the run files that lie in it, in the order of their names.

    Raises UsageError for a folder that has none.
    """
    found: list[Path] = []
    for path in paths:
        within = sorted(path.glob("*.jsonl")) if path.is_dir() else [path]
        if not within:
            raise UsageError(f"{path}: no run file lies in it")
        found += within
    return found


def read(paths: Iterable[Path]) -> MergedRun:
    """The run that files make together.

    Raises UsageError for what is no run file, not as it was written, or without a head, which says where it was run.
    """
    paths = list(paths)
    try:
        run = merge(paths)
    except (OSError, ValueError) as error:
        raise UsageError(str(error)) from error
    if not run.environments:
        raise UsageError(
            f"{', '.join(map(str, paths))}: no line says where it was run: no run file, or its head is gone"
        )
    return run


def doubts(run: MergedRun) -> Iterator[str]:
    """What speaks against taking a run for whole, as words; only the first is a reason for another status."""
    if run.incomplete:
        yield f"incomplete: {run.incomplete}"
    for path in run.unchained:
        yield f"{path}: its lines are not chained: nothing tells whether they are as they were written"


def told(*runs: MergedRun, parts: bool = False) -> bool:
    """Tells what speaks against taking runs for whole; whether one of them is incomplete.

    Where `parts` will do, as where runs are compared verdict by verdict, a share alone is not.
    """
    for run in runs:
        for doubt in doubts(run):
            typer.echo(f"nnparity: {doubt}", err=True)
    return any(run.cut_short or (run.missing and not parts) for run in runs)

"""The scripts that a report carries, made at the end of a run: one of each of its causes, with a bar."""

import contextlib
import multiprocessing
import os
import shutil
import signal
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Annotated

import typer

from nnparity.api.packs import load_pack
from nnparity.command_line.application import progress
from nnparity.command_line.running.reading import read
from nnparity.execute.lifetime import end_with
from nnparity.reports import MergedRun
from nnparity.reports.aggregation import Aggregate
from nnparity.reports.records import ScriptLine, Verdict
from nnparity.reproduce.scripts import scripts
from nnparity.spec.packs import taken
from nnparity.store import memory

Scripts = Annotated[
    bool, typer.Option("--scripts/--no-scripts", help="a script of each cause, for the report to carry")
]
Baseline = Annotated[Path | None, typer.Option(help="the run file of before: the report says what changed since")]
#: The causes of a target, each as its verdicts with the one first that shows it best.
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
        shares = _by_target(run)
        salt = next((one.salt for one in run.environments), "")
        asked = (salt, timeout, str(scratch or ""))
        if scratch:
            scratch.mkdir(parents=True, exist_ok=True)
        try:
            with progress() as bar, contextlib.suppress(KeyboardInterrupt):  # the report has those made until then
                task = bar.add_task("scripts of the causes", total=sum(map(len, shares)))
                together = min(jobs, len(shares))
                found = _at_once(shares, asked, store, together) if together > 1 else _in_turn(shares, asked, store)
                for line in found:
                    yield line
                    bar.update(task, advance=1)
        finally:
            if scratch:
                shutil.rmtree(scratch, ignore_errors=True)

    return made


def _by_target(run: MergedRun) -> list[Causes]:
    """The causes of each target, those of the one first that has most."""
    shares: dict[str, Causes] = defaultdict(list)
    for cause in Aggregate(run).causes:
        others = (verdict for verdict in cause.verdicts if verdict is not cause.worst)
        shares[cause.worst.target].append([cause.worst, *others])
    return sorted(shares.values(), key=len, reverse=True)


def _in_turn(shares: list[Causes], asked: tuple[str, float, str], store: Path | None) -> Iterator[ScriptLine]:
    memory.use(store)
    try:
        for causes in shares:
            yield from scripts(causes, *asked)
    finally:
        memory.leave()


def _at_once(
    shares: list[Causes], asked: tuple[str, float, str], store: Path | None, jobs: int
) -> Iterator[ScriptLine]:
    """Each share in one of so many processes; what one that dies has not done is told as missing, cause by cause."""
    known = [pack.given for pack in taken()]
    # spawned: a fork would carry along the threads and locks of this process
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, context, _begin, (store, known, os.getpid())) as pool:
        waiting = {pool.submit(_all_of, causes, asked): causes for causes in shares}
        try:
            for one in as_completed(waiting):
                died = one.exception()
                yield from _missing(waiting[one], f"{type(died).__name__}: {died}") if died else one.result()
        except BaseException:  # nobody waits for the others; their targets end with them
            for process in multiprocessing.active_children():
                process.kill()
            raise


def _begin(store: Path | None, known: Sequence[str], parent: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever is asked to stop is the parent
    end_with(parent)
    for pack in known:
        load_pack(pack)
    memory.use(store)


def _all_of(causes: Causes, asked: tuple[str, float, str]) -> list[ScriptLine]:
    return list(scripts(causes, *asked))


def _missing(causes: Causes, why: str) -> Iterator[ScriptLine]:
    for first, *_ in causes:
        yield ScriptLine(first.case, first.target, first.quantity, "", why)

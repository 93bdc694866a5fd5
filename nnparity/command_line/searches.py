"""``nnparity mutate``, ``hunt`` and ``order``: what no plan asks, planted faults, random cases, orders of summation."""

import contextlib
from pathlib import Path
from typing import Annotated

import typer

from nnparity.command_line.application import application, progress, tell
from nnparity.command_line.options import (
    JOBS,
    Choice,
    KeepPrevious,
    NoStore,
    Out,
    Processes,
    Timeout,
    choosing,
    store_folder,
)
from nnparity.command_line.running.exclusion import alone
from nnparity.command_line.running.interruption import stopping
from nnparity.command_line.running.outcome import UNJUDGED
from nnparity.command_line.running.previous import kept
from nnparity.execute.target import TargetName, start
from nnparity.hunt.command import Hunt
from nnparity.mutate import command as planting
from nnparity.mutate.tables import told as mutation_score
from nnparity.spec import DTYPES
from nnparity.spec.usage import require
from nnparity.store.memory import store_lines
from nnparity.summation.of_targets import DOT, SUM, revealed
from nnparity.summation.tree import ordered, text

#: Numbers of terms below, at and past the usual widths of registers and blocks.
ORDERED = (8, 33, 128, 300)


@application.command()
@choosing("quantity", "case", "signature", "dataset")
def mutate(
    choice: Choice,
    out: Out = Path("reports/out"),
    timeout: Timeout = 120.0,
    jobs: Processes = JOBS,
    no_store: NoStore = False,
) -> None:
    """Plants faults in a target, one at a time, and says how many of them the plan catches.

    The tables go to mutation.jsonl in the folder; `nnparity report` puts them into the report of a run.
    An interrupt ends it at once, with nothing written.
    """
    plan = choice.plan()
    path, store = out / "mutation.jsonl", store_folder(no_store)
    with alone(out, "mutation"), stopping(), progress() as bar:
        task = bar.add_task(f"faults planted in {choice.backends}", total=len(plan.chosen()))
        found, troubles = planting.mutate(
            plan, path, timeout, jobs, lambda id: bar.update(task, description=id, advance=1), store
        )
    for name in plan.dtypes:
        told = mutation_score([one for one in found if one.dtype == name])
        tell(f"{name}: {told}")
    for trouble in store_lines({}, troubles):
        tell(trouble)
    tell(f"score and survivors: {path}")


@application.command()
@choosing("level", "pool", "case", "signature", "dataset")
def hunt(
    choice: Choice,
    minutes: Annotated[float, typer.Option(help="how long", min=0)] = 10.0,
    seed: Annotated[str, typer.Option(help="the same seed draws the same cases")] = "1",
    out: Out = Path("reports/out"),
    timeout: Timeout = 120.0,
    keep_previous: KeepPrevious = True,
) -> None:
    """Tries random sizes, datasets and layouts until the time is over, and makes small what fails.

    Verdicts go to hunt.jsonl in the folder; that of before is kept in `previous`. The status is 1 where something was
    found that is not on record, and else 2 where nothing was judged of a target.
    """
    giving_way = kept if keep_previous else lambda path: None
    with (
        alone(out, "hunt"),
        contextlib.closing(Hunt(choice.plan(), out / "hunt.jsonl", timeout, seed, giving_way)) as started,
        progress() as bar,
    ):
        task = bar.add_task(f"hunting {choice.backends}", total=None)
        bag = started.run(60 * minutes, lambda bag: bar.update(task, completed=bag.cases.total()))
    for line in bag.told:
        tell(line)
    if bag.unjudged:
        typer.echo(f"nnparity: {bag.unjudged}", err=True)
    raise typer.Exit(1 if bag.found else UNJUDGED * bool(bag.unjudged))


@application.command()
def order(
    target: Annotated[str, typer.Argument(help="torch, jax:cpu:compiled ...")],
    dtype: Annotated[str, typer.Option(help="of what is added up")] = "float32",
    terms: Annotated[list[int] | None, typer.Option(help="how many are added up; repeat", min=2, max=2048)] = None,
    trees: Annotated[bool, typer.Option("--trees", help="print each tree too")] = False,
    timeout: Timeout = 120.0,
) -> None:
    """Reveals in which order a target adds up: the dot products of its dense layer, and the sums over rows.

    Each order is held against random numbers, to the bit. The status is 1 where one was not revealed or not kept.
    """
    require("dtype", [dtype], list(DTYPES))
    found = []
    with contextlib.closing(start(TargetName.of(target), [dtype], timeout).observer) as observer:
        for what in (DOT, SUM):
            for so_many in dict.fromkeys(terms or ORDERED):
                found.append(revealed(observer, dtype, what, so_many))
                typer.echo(f"{what}, {so_many} terms: {found[-1].told}")
                if trees and (one := found[-1].order):
                    typer.echo(f"    {text(ordered(one.tree))}")
    raise typer.Exit(0 if all(one.kept for one in found) else 1)

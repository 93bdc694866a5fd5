"""``nnparity mutate`` and ``hunt``: what no plan asks, planted faults and random cases."""

import contextlib
from pathlib import Path
from typing import Annotated

import typer

from nnparity.command_line.application import application, console, progress
from nnparity.command_line.options import JOBS, Choice, Out, Processes, Timeout, choosing
from nnparity.hunt.command import Hunt
from nnparity.mutate import command as planting
from nnparity.mutate.tables import told as mutation_score


@application.command()
@choosing("quantity", "case", "signature", "dataset")
def mutate(
    choice: Choice,
    out: Out = Path("reports/out"),
    timeout: Timeout = 120.0,
    jobs: Processes = JOBS,
) -> None:
    """Plants faults in a target, one at a time, and says how many of them the plan catches.

    The tables go to mutation.jsonl in the folder; `nnparity report` puts them into the report of a run.
    """
    plan = choice.plan()
    path = out / "mutation.jsonl"
    with progress() as bar:
        task = bar.add_task(f"faults planted in {choice.backends}", total=len(plan.chosen()))
        found = planting.mutate(plan, path, timeout, jobs, lambda id: bar.update(task, description=id, advance=1))
    for name in plan.dtypes:
        told = mutation_score([one for one in found if one.dtype == name])
        console.print(f"{name}: {told}", soft_wrap=True, highlight=False)
    console.print(f"score and survivors: {path}", soft_wrap=True)


@application.command()
@choosing("level", "pool", "case", "signature", "dataset")
def hunt(
    choice: Choice,
    minutes: Annotated[float, typer.Option(help="how long", min=0)] = 10.0,
    seed: Annotated[str, typer.Option(help="the same seed draws the same cases")] = "1",
    out: Out = Path("reports/out"),
    timeout: Timeout = 120.0,
) -> None:
    """Tries random sizes, datasets and layouts until the time is over, and makes small what fails.

    Verdicts go to hunt.jsonl in the folder. The status is 1 where something was found that is not on record.
    """
    with (
        contextlib.closing(Hunt(choice.plan(), out / "hunt.jsonl", timeout)) as started,
        progress() as bar,
    ):
        task = bar.add_task(f"hunting {choice.backends}", total=None)
        bag = started.run(60 * minutes, seed, lambda bag: bar.update(task, completed=bag.cases.total()))
    for line in bag.told:
        console.print(line, soft_wrap=True, highlight=False, markup=False)
    raise typer.Exit(1 if bag.found else 0)

"""``nnparity run`` and ``soak``: a plan, or a plan on other numbers, shared out over processes."""

from pathlib import Path
from typing import Annotated

import typer

from nnparity.command_line.application import application, console, progress
from nnparity.command_line.options import JOBS, Choice, NoStore, Out, Processes, Timeout, choosing, store_folder
from nnparity.reports.chain import sealed
from nnparity.run.counts import TotalCounts
from nnparity.run.finalization import finalize
from nnparity.run.plan import Plan
from nnparity.run.recorder import Recorder
from nnparity.run.scheduler import Jobs, sensible, units
from nnparity.run.terminal_summary import show


@application.command()
@choosing()
def run(
    choice: Choice,
    salt: Annotated[str, typer.Option(help="varies the inputs; a plain run has none")] = "",
    out: Out = Path("reports/out"),
    timeout: Timeout = 120.0,
    jobs: Processes = JOBS,
    no_store: NoStore = False,
) -> None:
    """Runs the plan, and renders its report."""
    plan = choice.plan(salt)
    path = out / "parity.jsonl"
    with Jobs(sensible(jobs, plan), timeout, store_folder(no_store)) as shared:
        total = _drive(shared, plan, path, f"parity of {choice.backends}")
    _, files = finalize(path, out)
    show(total, console)
    console.print("report: " + "  ".join(map(str, files)), soft_wrap=True)
    raise typer.Exit(_ended(total))


@application.command()
@choosing()
def soak(
    choice: Choice,
    salts: Annotated[int, typer.Option(help="how many other seeds", min=1)] = 20,
    out: Out = Path("reports/out"),
    timeout: Timeout = 120.0,
    jobs: Processes = JOBS,
    no_store: NoStore = False,
) -> None:
    """Runs the plan on other numbers, seed after seed: a correct kernel must conform on all of them."""
    plans = [choice.plan(f"soak-{number}") for number in range(1, salts + 1)]
    status = 0
    count, kept = sensible(jobs, plans[0]), store_folder(no_store)
    with Jobs(count, timeout, kept) as shared:  # targets stay up: their compiled code serves all seeds
        for number, plan in enumerate(plans, start=1):
            path = out / "soak" / f"{number}.jsonl"
            total = _drive(shared, plan, path, f"seed {number} of {salts}")
            sealed(path)
            show(total, console)
            status = max(status, _ended(total))
    raise typer.Exit(status)


def _drive(jobs: Jobs, plan: Plan, path: Path, title: str) -> TotalCounts:
    """The whole plan, with a bar; what was found. The run file begins with the environment, and ends with a summary."""
    recorder = Recorder.anew(path, plan)
    total = TotalCounts()
    with progress() as bar:
        task = bar.add_task(f"{title}: starting the targets", total=len(units(plan)))
        for unit, part in jobs.drive(plan, path):
            total.add(part)
            bar.update(task, description=f"{title}: {unit}", advance=bool(unit))
    recorder.write(total.summary())
    recorder.close()
    return total


def _ended(total: TotalCounts) -> int:
    """The exit status of a run; of one that judged nothing, with the reason."""
    if reason := total.counts.unjudged:
        typer.echo(f"nnparity: {reason}", err=True)
    return total.status

"""``nnparity run`` and ``soak``: a plan, or a plan on other numbers, shared out over processes."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Annotated

import typer

from nnparity.command_line.application import application, console, progress, tell
from nnparity.command_line.options import AsJson, Choice, KeepPrevious, NoStore, Out, Timeout, choosing, store_folder
from nnparity.command_line.running.exclusion import alone
from nnparity.command_line.running.forecast import Forecast, costs, measured
from nnparity.command_line.running.interruption import gentle
from nnparity.command_line.running.outcome import ANYTHING, Outcome, soaked, strict
from nnparity.command_line.running.placement import PROCESSES, On, Pip, Share, at_once, placed
from nnparity.command_line.running.previous import RUN, Aside, aside
from nnparity.command_line.running.scripting import Baseline, Scripts, earlier, scripted
from nnparity.command_line.running.terminal_summary import show
from nnparity.reports import merge
from nnparity.reports.chain import sealed
from nnparity.run.counts import TotalCounts
from nnparity.run.finalization import finalize, idle, records_met, unchanged
from nnparity.run.journal import Journal, taken_up
from nnparity.run.plan import WHOLE, Plan
from nnparity.run.recorder import Recorder
from nnparity.run.scheduler import Jobs
from nnparity.spec.usage import UsageError
from nnparity.store import memory

#: The folder beside the run file for what lasts no longer than the run.
SCRATCH = ".scratch"


@application.command()
@choosing()
def run(
    choice: Choice,
    salt: Annotated[str, typer.Option(help="varies the inputs; a plain run has none")] = "",
    out: Out = Path("reports/out"),
    timeout: Timeout = 120.0,
    jobs: Share = None,
    on: On = PROCESSES,
    pip: Pip = None,
    no_store: NoStore = False,
    shard: Annotated[
        str, typer.Option(help="i/n: of n shares of the plan the i-th; `report` makes one of them all")
    ] = "",
    resume: Annotated[bool, typer.Option("--resume", help="go on with the run that was cut short in --out")] = False,
    scripts: Scripts = True,
    baseline: Baseline = None,
    fail_on: Annotated[str, typer.Option(help="anything that is on no record, or news since the baseline")] = ANYTHING,
    keep_previous: KeepPrevious = True,
    as_json: AsJson = False,
) -> None:
    """Runs the plan, and renders its report. An interrupt lets what is at hand be finished, a second one does not."""
    plan, of_anything = replace(choice.plan(salt), shard=share(shard)), strict(fail_on, baseline)
    path, before, store = out / RUN, earlier(baseline), store_folder(no_store)
    with alone(out):
        before_this, begun = measured(out), costs(path) if resume else ()
        # what is wrong is told, and nothing moved
        engine = placed(on, plan, jobs, timeout, store, out / SCRATCH, pip, begun)
        going_on = resume and path.exists()
        with (
            Jobs(engine) as shared,  # they end whatever stands in the way from here on
            gentle(shared.stop),
            aside(out, keep_previous, going_on=going_on) as giving_way,
        ):
            journal = taken_up(path, plan) if going_on else None
            if resume and journal is None:
                tell(f"{path} is not there: nothing was done yet, and the run begins")
            total = _drive(shared, plan, path, f"parity of {choice.backends}", journal, before_this, giving_way)
        unchanged(path, total.counts.grades.total())
        make = scripts and not shared.stopping
        making = scripted(timeout, store, out / SCRATCH, at_once(on, jobs)) if make else None
        with memory.using(store) as kept:
            found, files = finalize(path, out, making, before, plan.known, not of_anything)
        total.store.troubles |= kept.troubles
    show(total, found, console)
    for told in idle(found, plan.known):
        tell(told)
    tell("report: " + "  ".join(map(str, files)))
    outcome = Outcome.of(total, found, _interrupted(shared, plan, path), before, of_anything)
    if as_json:
        typer.echo(outcome.as_json(files))
    raise typer.Exit(_ended(outcome))


@application.command()
@choosing()
def soak(
    choice: Choice,
    salts: Annotated[int, typer.Option(help="how many other seeds", min=1)] = 20,
    first: Annotated[int, typer.Option(help="the number of the first of them", min=1)] = 1,
    out: Out = Path("reports/out"),
    timeout: Timeout = 120.0,
    jobs: Share = None,
    on: On = PROCESSES,
    pip: Pip = None,
    no_store: NoStore = False,
    keep_previous: KeepPrevious = True,
) -> None:
    """Runs the plan on other numbers, seed after seed: a correct kernel must conform on all of them.

    Each seed has a run file in the folder soak, whose report is made by itself; that of before is kept in `previous`.
    The last line is of all seeds.
    """
    plans = {number: choice.plan(f"soak-{number}") for number in range(first, first + salts)}
    outcomes: dict[str, Outcome] = {}
    where, kept = out / "soak", store_folder(no_store)
    # targets stay up: their compiled code serves all seeds
    with (
        alone(where),
        Jobs(placed(on, plans[first], jobs, timeout, kept, where / SCRATCH, pip)) as shared,
        gentle(shared.stop),
    ):
        for place, (number, plan) in enumerate(plans.items(), start=1):
            path = where / f"{number}.jsonl"
            with aside(where, keep_previous, run=path.name) as before:
                total = _drive(shared, plan, path, f"{plan.salt}, {place} of {salts}", before=before)
            unchanged(path, total.counts.grades.total())
            sealed(path)
            found = merge([path])
            found.known |= records_met(found.verdicts, plan.known)
            show(total, found, console)
            outcomes[plan.salt] = Outcome.of(total, found, _interrupted(shared, plan))
            _ended(outcomes[plan.salt])
            if outcomes[plan.salt].interrupted:
                break
    status, told = soaked(outcomes, salts)
    tell(told)
    raise typer.Exit(status)


def share(text: str) -> tuple[int, int]:
    """`i/n` as numbers. Raises UsageError."""
    place, _, count = (text or "1/1").partition("/")
    if not (place.isdecimal() and count.isdecimal()):
        raise UsageError(f"--shard {text} is none: it is i/n, such as 2/8")
    return int(place), int(count)


def _drive(
    jobs: Jobs,
    plan: Plan,
    path: Path,
    title: str,
    journal: Journal | None = None,
    costs: Mapping[str, float] = MappingProxyType({}),
    before: Aside | None = None,
) -> TotalCounts:
    """The whole plan, with a bar; what was found. The run file begins with the environment, and ends with a summary.

    With a `journal` the run file is there already, and only the rest of the plan is run. `costs` are those of before.
    What was there `before` gives way to the first verdict, or to the first unit of a share, which may have none at all.
    Raises UsageError where it would give way to nothing.
    """
    recorder, journal = (Recorder.anew(path, plan), Journal()) if journal is None else (Recorder(path), journal)
    total, every = journal.total, jobs.units(plan)
    total.share = plan.shard != WHOLE
    forecast = Forecast([unit for unit in every if unit.title not in journal.done], costs)
    with progress() as bar:
        task = bar.add_task(
            f"{title}: starting the targets", total=len(every), completed=len(journal.done), left=lambda: forecast.left
        )
        for unit, part in jobs.drive(plan, path, journal.done, journal.versions):
            total.add(part)
            forecast.ended(unit, part.seconds)
            bar.update(task, description=f"{title}: {unit}", advance=bool(unit))
            if before and unit and (part.counts.grades or total.share):  # until then a target may fail to start
                before.settle()
    for loss in jobs.lost:
        typer.echo(f"nnparity: a job was lost and replaced, what it had at hand was done again: {loss}", err=True)
    jobs.lost.clear()
    if not jobs.stopping:
        recorder.write(total.summary())
    recorder.close()
    if before and before.holds and not (jobs.stopping or total.share or total.counts.grades):
        raise UsageError(f"{total.unjudged}; {path} stays as it was")
    return total


def _interrupted(jobs: Jobs, plan: Plan, resumable: Path | None = None) -> bool:
    """Whether the run was asked to stop before its end; then says so, and how to go on where that can be done."""
    if jobs.stopping:
        told = f"interrupted: what was at hand is finished, the rest of {len(jobs.units(plan))} units is not"
        typer.echo(f"nnparity: {told}" + (f"; go on with --resume ({resumable})" if resumable else ""), err=True)
    return jobs.stopping


def _ended(outcome: Outcome) -> int:
    """The exit status of a run; the last line says PASS or FAIL, before it that nothing was judged."""
    if reason := outcome.unjudged:
        typer.echo(f"nnparity: {reason}", err=True)
    tell(outcome.told)
    return outcome.status

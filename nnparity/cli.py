"""The command line: ``nnparity run``, ``soak``, ``mutate``, ``hunt``, ``report``, ``store`` and ``list``.

Exit status: 0 all conforms or is on record, 1 something else was found, 2 usage, or nothing was judged; 70 a fault of
nnparity itself.
"""

import contextlib
import importlib.metadata
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from nnparity import reports
from nnparity.adapters.registry import names
from nnparity.execute.observer import TargetUnavailable
from nnparity.execute.target import TargetName
from nnparity.hunt.command import Hunt
from nnparity.judge.known_divergences import KnownError
from nnparity.mutate import command as planting
from nnparity.mutate.tables import told as mutation_score
from nnparity.run.counts import TotalCounts
from nnparity.run.finalization import finalize
from nnparity.run.plan import Plan
from nnparity.run.recorder import Recorder
from nnparity.run.scheduler import JobDied, Jobs, sensible, units
from nnparity.run.terminal_summary import show
from nnparity.spec import DTYPES, SpecError, load
from nnparity.spec.cases.listing import listed
from nnparity.spec.loader import signatures as written
from nnparity.spec.schema import QUANTITIES
from nnparity.spec.selection import NONE, UsageError
from nnparity.store import location, transfer
from nnparity.store.location import StoreError

COLUMNS = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
INTERNAL = 70  # EX_SOFTWARE of sysexits.h: not to be taken for a divergence
application = typer.Typer(add_completion=False, no_args_is_help=True, help=__doc__)
console = Console(stderr=True, width=None if sys.stderr.isatty() else 160)

Backends = Annotated[
    list[str], typer.Option("--backend", help="torch, jax:cpu:compiled ... (see list), module:Class, file.py:Class")
]
Formulas = Annotated[list[str] | None, typer.Option("--formula", help="only these; all by default")]
Dtypes = Annotated[list[str] | None, typer.Option("--dtype", help=f"of {', '.join(DTYPES)}")]
Quantities = Annotated[list[str] | None, typer.Option("--quantity", help=f"of {', '.join(QUANTITIES)}")]
Device = Annotated[str, typer.Option(help="cpu or cuda, where --backend does not say")]
Mode = Annotated[
    str, typer.Option(help="a mode of the backend, where --backend does not say; its usual one by default")
]
Level = Annotated[str, typer.Option(help="quick, core or full")]
Pool = Annotated[str, typer.Option(help="all, none, or so many signatures of each formula's pool")]
Out = Annotated[Path, typer.Option(help="folder of the run file and the report")]
JOBS = min(os.cpu_count() or 1, 4)  # each imports every framework of the plan
Processes = Annotated[int, typer.Option("--jobs", help="processes that share the plan, one a core, at most 4", min=1)]
Timeout = Annotated[float, typer.Option(help="seconds for one case, before its target is killed")]
NoStore = Annotated[bool, typer.Option("--no-store", help="compute all expectations, and keep none")]


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"nnparity {importlib.metadata.version('nnparity')}")
        raise typer.Exit


@application.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """What the command takes before the name of a subcommand; its help is that of the application."""


def _plan(
    backends: list[str],
    formulas: list[str] | None,
    dtypes: list[str] | None,
    quantities: list[str] | None,
    device: str,
    mode: str,
    level: str,
    pool: str,
    salt: str = "",
) -> Plan:
    return Plan(
        targets=tuple(TargetName.of(backend, device, mode) for backend in backends),
        formulas=tuple(formulas or ()),
        dtypes=tuple(dtypes or Plan.dtypes),
        quantities=tuple(quantities or Plan.quantities),
        level=level,
        salt=salt,
        pool=pool,
    )


@application.command()
def run(
    backend: Backends,
    formula: Formulas = None,
    dtype: Dtypes = None,
    quantity: Quantities = None,
    device: Device = "cpu",
    mode: Mode = "",
    level: Level = "core",
    pool: Pool = NONE,
    salt: Annotated[str, typer.Option(help="varies the inputs; a plain run has none")] = "",
    out: Out = Path("reports/out"),
    timeout: Timeout = 120.0,
    jobs: Processes = JOBS,
    no_store: NoStore = False,
) -> None:
    """Runs the plan, and renders its report."""
    plan = _plan(backend, formula, dtype, quantity, device, mode, level, pool, salt)
    path = out / "parity.jsonl"
    with Jobs(sensible(jobs, plan), timeout, _store(no_store)) as shared:
        total = _drive(shared, plan, path, f"parity of {', '.join(backend)}")
    _, files = finalize(path, out)
    show(total, console)
    console.print("report: " + "  ".join(map(str, files)), soft_wrap=True)
    raise typer.Exit(_ended(total))


@application.command()
def soak(
    backend: Backends,
    salts: Annotated[int, typer.Option(help="how many other seeds", min=1)] = 20,
    formula: Formulas = None,
    dtype: Dtypes = None,
    quantity: Quantities = None,
    device: Device = "cpu",
    mode: Mode = "",
    level: Level = "core",
    pool: Pool = NONE,
    out: Out = Path("reports/out"),
    timeout: Timeout = 120.0,
    jobs: Processes = JOBS,
    no_store: NoStore = False,
) -> None:
    """Runs the plan on other numbers, seed after seed: a correct kernel must conform on all of them."""
    plans = [
        _plan(backend, formula, dtype, quantity, device, mode, level, pool, f"soak-{number}")
        for number in range(1, salts + 1)
    ]
    status = 0
    count, kept = sensible(jobs, plans[0]), _store(no_store)
    with Jobs(count, timeout, kept) as shared:  # targets stay up: their compiled code serves all seeds
        for number, plan in enumerate(plans, start=1):
            total = _drive(shared, plan, out / "soak" / f"{number}.jsonl", f"seed {number} of {salts}")
            show(total, console)
            status = max(status, _ended(total))
    raise typer.Exit(status)


def _store(without: bool) -> Path | None:
    location.bound()  # what is wrong with it is told before anything is started
    return None if without else location.folder()


def _drive(jobs: Jobs, plan: Plan, path: Path, title: str) -> TotalCounts:
    """The whole plan, with a bar; what was found. The run file begins with the environment, and ends with a summary."""
    recorder = Recorder.anew(path, plan)
    total = TotalCounts()
    with Progress(*COLUMNS, console=console, transient=not console.is_terminal) as progress:
        task = progress.add_task(f"{title}: starting the targets", total=len(units(plan)))
        for unit, part in jobs.drive(plan, path):
            total.add(part)
            progress.update(task, description=f"{title}: {unit}", advance=bool(unit))
    recorder.write(total.summary())
    recorder.close()
    return total


def _ended(total: TotalCounts) -> int:
    """The exit status of a run; of one that judged nothing, with the reason."""
    if reason := total.counts.unjudged:
        typer.echo(f"nnparity: {reason}", err=True)
    return total.status


@application.command()
def mutate(
    backend: Backends,
    formula: Formulas = None,
    dtype: Dtypes = None,
    device: Device = "cpu",
    mode: Mode = "",
    level: Level = "core",
    pool: Pool = NONE,
    out: Out = Path("reports/out"),
    timeout: Timeout = 120.0,
    jobs: Processes = JOBS,
) -> None:
    """Plants faults in a target, one at a time, and says how many of them the plan catches.

    The tables go to mutation.jsonl in the folder; `nnparity report` puts them into the report of a run.
    """
    plan = _plan(backend, formula, dtype, None, device, mode, level, pool)
    path = out / "mutation.jsonl"
    with Progress(*COLUMNS, console=console, transient=not console.is_terminal) as progress:
        task = progress.add_task(f"faults planted in {', '.join(backend)}", total=len(plan.chosen()))
        found = planting.mutate(plan, path, timeout, jobs, lambda id: progress.update(task, description=id, advance=1))
    for name in plan.dtypes:
        told = mutation_score([one for one in found if one.dtype == name])
        console.print(f"{name}: {told}", soft_wrap=True, highlight=False)
    console.print(f"score and survivors: {path}", soft_wrap=True)


@application.command()
def hunt(
    backend: Backends,
    minutes: Annotated[float, typer.Option(help="how long", min=0)] = 10.0,
    seed: Annotated[str, typer.Option(help="the same seed draws the same cases")] = "1",
    formula: Formulas = None,
    dtype: Dtypes = None,
    quantity: Quantities = None,
    device: Device = "cpu",
    mode: Mode = "",
    out: Out = Path("reports/out"),
    timeout: Timeout = 120.0,
) -> None:
    """Tries random sizes, datasets and layouts until the time is over, and makes small what fails.

    Verdicts go to hunt.jsonl in the folder. The status is 1 where something was found that is not on record.
    """
    plan = _plan(backend, formula, dtype, quantity, device, mode, "core", NONE)
    with (
        contextlib.closing(Hunt(plan, out / "hunt.jsonl", timeout)) as started,
        Progress(*COLUMNS, console=console, transient=not console.is_terminal) as progress,
    ):
        task = progress.add_task(f"hunting {', '.join(backend)}", total=None)
        bag = started.run(60 * minutes, seed, lambda bag: progress.update(task, completed=bag.cases.total()))
    for line in bag.told:
        console.print(line, soft_wrap=True, highlight=False, markup=False)
    raise typer.Exit(1 if bag.found else 0)


@application.command()
def report(
    runs: Annotated[list[Path], typer.Argument(help="run files; of equal verdicts the later one counts")],
    out: Out = Path("reports/out"),
) -> None:
    """Merges run files into one report."""
    try:
        merged = reports.merge(runs)
    except (OSError, ValueError) as error:
        raise UsageError(str(error)) from error
    reports.write_merged(merged, out / "parity.jsonl")
    for page in reports.render(merged, out):
        console.print(str(page), soft_wrap=True)


@application.command()
def store(
    info: Annotated[bool, typer.Option("--info", help="say where it lies and what it holds")] = False,
    clear: Annotated[bool, typer.Option("--clear", help="remove all that is kept")] = False,
    export: Annotated[Path | None, typer.Option("--export", help="write it into one file")] = None,
    import_: Annotated[Path | None, typer.Option("--import", help="keep what such a file holds, too")] = None,
) -> None:
    """Looks at the store of expectations, empties it, or carries it elsewhere."""
    folder = location.folder()
    if folder is None:
        raise UsageError(f"{location.VARIABLE}={location.OFF}: there is no store")
    if import_ is not None:
        typer.echo(transfer.read_from(folder, import_))
    if export is not None:
        typer.echo(f"{export}: {transfer.write_to(folder, export):,} entries")
    if clear:
        transfer.clear(folder)
    if info or not (clear or export or import_):
        typer.echo("\n".join(f"{name}: {told}" for name, told in transfer.info(folder).items()))


@application.command(name="list")
def list_(
    signatures: Annotated[bool, typer.Option("--signatures", help="every signature, those of the pool too")] = False,
) -> None:
    """Lists backends, dtypes, and formulas with their signatures."""
    if signatures:
        for line in listed(load().values()):
            typer.echo(line)
        return
    typer.echo(f"backends: {', '.join(names())}\ndtypes:   {', '.join(DTYPES)}\nformulas:")
    for formula in load().values():
        typer.echo(f"  {formula.id:24} {formula.section:6} {' '.join(s.id for s in written(formula))}")


def app() -> None:
    """The console script: nothing that goes wrong here may pass for a divergence."""
    raise SystemExit(guarded(lambda: application(standalone_mode=True)))


def guarded(call: Callable[[], object]) -> int | str | None:
    """Runs the command; usage errors become one line and status 2, faults of nnparity status 70."""
    try:
        call()
    except SystemExit as end:
        return end.code
    except (UsageError, SpecError, KnownError, StoreError, TargetUnavailable) as error:
        typer.echo(f"nnparity: {error}", err=True)
        return 2
    except JobDied as error:
        typer.echo(f"nnparity: {error}", err=True)
        return INTERNAL
    except Exception:  # noqa: BLE001  (the last line of defence: anything else is our own fault)
        traceback.print_exc(file=sys.stderr)
        return INTERNAL
    return 0

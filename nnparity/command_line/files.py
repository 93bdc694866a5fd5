"""``nnparity report``, ``diff``, ``store`` and ``list``: what lies on disk, and what there is to ask for."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from nnparity import reports
from nnparity.adapters.registry import names
from nnparity.command_line.application import application, tell
from nnparity.command_line.options import JOBS, AsJson, KeepPrevious, Out, Timeout, store_folder
from nnparity.command_line.packs import Packs
from nnparity.command_line.running.attribution import Passes, attributed
from nnparity.command_line.running.exclusion import alone
from nnparity.command_line.running.exclusion import written as folder_written
from nnparity.command_line.running.outcome import UNJUDGED
from nnparity.command_line.running.previous import ASIDE, RUN, again, kept
from nnparity.command_line.running.reading import read, run_files, told
from nnparity.command_line.running.scripting import Baseline, Scripts, earlier, scripted
from nnparity.reports.aggregation import Aggregate
from nnparity.reports.differences import compare
from nnparity.reports.differences_told import FORMATS
from nnparity.reports.export.answer import answered
from nnparity.reports.formatting import visible
from nnparity.reports.order import facts_in_order
from nnparity.reports.targets.modes import PASSES
from nnparity.reports.trend import trend
from nnparity.run.counts import Counts
from nnparity.run.finalization import derived, records_met
from nnparity.spec import DTYPES, load
from nnparity.spec.cases.naming import listed
from nnparity.spec.loader import signatures as written
from nnparity.spec.packs import installed
from nnparity.spec.usage import UsageError, require
from nnparity.store import location, memory, transfer
from nnparity.store.memory import store_lines


@application.command()
def report(
    runs: Annotated[
        list[Path], typer.Argument(help="run files, or folders of them; of equal verdicts the later one counts")
    ],
    out: Out = Path("reports/out"),
    baseline: Baseline = None,
    scripts: Scripts = False,
    passes: Passes = False,
    timeout: Timeout = 120.0,
    as_json: AsJson = False,
    as_trend: Annotated[
        bool, typer.Option("--trend", help="each file a dated run: trend.md and trend.svg of them, and no report")
    ] = False,
    keep_previous: KeepPrevious = True,
) -> None:
    """Merges run files into one report.

    What a file does not say of the records that its verdicts carry is told by the records here. A file that is not as
    it was written is refused, with status 2. Where one was cut short, or a share of a plan is missing, the report says
    so, and the status is 1; it is 2 where all shares together judged nothing on a target. The report that --out holds
    is moved to its folder `previous`. A run file in --out is rendered again and left as it is.
    """
    runs = run_files(runs)
    if as_trend:
        if baseline or scripts or passes or as_json:
            raise UsageError("--trend makes no report: it goes with no other option than --out")
        dated = list(_dated(runs))
        with folder_written(out):
            pages = trend(dated, out)
        for page in pages:
            tell(str(page))
        raise typer.Exit(int(told(*(run for _, run in dated))))
    with alone(out):
        as_it_is = again(runs, out)
        merged, before = together(runs), earlier(baseline)
        merged.known = records_met(merged.verdicts) | merged.known
        _completed(merged, scripts, passes, timeout)
        if keep_previous:
            kept(out / RUN, ASIDE)  # the report that lies here is of that, where a run was killed before a verdict
        if not as_it_is:
            _written(merged, out, keep_previous)
        elif scripts or passes:
            tell(f"{out / RUN} stays as it is: what was added is in its report")
        files = reports.render(merged, out, baseline=before)
    for page in files:
        tell(str(page))
    if as_json:
        answer = answered(Aggregate(merged, before)) | {"files": [str(page) for page in files]}
        typer.echo(json.dumps(answer))
    raise typer.Exit(int(told(merged)) or unjudged(merged))


def _completed(merged: reports.MergedRun, scripts: bool, passes: bool, timeout: float) -> None:
    """Adds to a run what is asked for and takes targets: scripts of its causes, and what of a compiler does it."""
    if scripts:
        store = store_folder(without=False)
        with memory.using(store) as counted:
            for line in scripted(timeout, store, jobs=JOBS)(merged):
                merged.add_script(line)
        for trouble in store_lines({}, counted.troubles):
            tell(trouble)
    if passes:
        kept = [fact for fact in merged.facts if fact.table != PASSES]
        merged.facts = facts_in_order([*kept, *attributed(merged, timeout)], merged.formulas)


def _written(merged: reports.MergedRun, out: Path, keep: bool) -> None:
    """Writes the run file of a report; what another run has left there is moved out of its way, where it is kept."""
    if keep:
        kept(out / RUN)
    reports.write_merged(merged, out / RUN)


def _dated(paths: list[Path]) -> Iterator[tuple[str, reports.MergedRun]]:
    """Each file as a run of its own, with what the records here say where it does not."""
    for path in paths:
        run = read([path])
        run.known = records_met(run.verdicts) | run.known
        yield str(path), run


def together(paths: list[Path]) -> reports.MergedRun:
    """The run that several files make. Raises UsageError where their specs or their numbers differ.

    What only all verdicts together tell is told anew: each share of a plan knew its own part.
    """
    merged = read(paths)
    if merged.unlike:
        raise UsageError(merged.unlike)
    if len(paths) > 1:
        again = derived(merged.verdicts)
        tables = {fact.table for fact in again}
        kept = (fact for fact in merged.facts if fact.table not in tables)
        merged.facts = facts_in_order([*kept, *again], merged.formulas)
    return merged


def unjudged(merged: reports.MergedRun) -> int:
    """The status of what judged nothing on a target, where shares make a plan: only all of them together tell that.

    What is no share has told it at its own end.
    """
    shared = any("shard" in one.plan for one in merged.environments)
    if reason := Counts.of(merged.verdicts).unjudged if shared else None:
        typer.echo(f"nnparity: {reason}", err=True)
        return UNJUDGED
    return 0


@application.command()
def diff(
    old: Annotated[Path, typer.Argument(help="the run file of before")],
    new: Annotated[Path, typer.Argument(help="that of now")],
    form: Annotated[str, typer.Option("--format", help=f"of {', '.join(FORMATS)}")] = "terminal",
) -> None:
    """Says what changed between two runs, by cause.

    The status is 1 where something got worse or is no longer supported, or where one of the runs was cut short.
    """
    require("format", (form,), tuple(FORMATS))
    before, now = read([old]), read([new])
    found = compare(before, now)
    typer.echo(visible(FORMATS[form](found)), nl=False)
    raise typer.Exit(int(told(before, now, parts=True) or found.worse))


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
    pack: Packs = None,
) -> None:
    """Lists backends, dtypes, and formulas with their signatures."""
    if signatures:
        for line in listed(load().values()):
            typer.echo(line)
        return
    typer.echo(f"backends: {', '.join(names())}\ndtypes:   {', '.join(DTYPES)}")
    if there := installed():
        typer.echo(f"packs:    {', '.join(there)}")
    typer.echo("formulas:")
    for formula in load().values():
        section = f"{formula.pack} {formula.section}".strip()
        typer.echo(f"  {formula.id:24} {section:6} {' '.join(s.id for s in written(formula))}")

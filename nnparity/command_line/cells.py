"""``nnparity reproduce``, ``shrink``, ``bisect``, ``explain``, ``verify``: what concerns single cells of a report."""

import contextlib
import json
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer

from nnparity import reports
from nnparity.command_line.application import application
from nnparity.command_line.completion import backends
from nnparity.command_line.options import Timeout, store_folder
from nnparity.command_line.packs import Packs
from nnparity.command_line.running.exclusion import written
from nnparity.command_line.running.reading import read, told
from nnparity.execute.target import TargetName
from nnparity.hunt.smallest import shown, smallest
from nnparity.reports.causes.commands import of_all_cases
from nnparity.reports.chain import Link, broken, links
from nnparity.reports.formatting import visible
from nnparity.reports.records import PASSING
from nnparity.reproduce.again import judged_again
from nnparity.reproduce.bisection import bisect as searched
from nnparity.reproduce.bisection import releases, teller
from nnparity.reproduce.bisection import shown as shown_versions
from nnparity.reproduce.cell import Cell
from nnparity.reproduce.cell import cell as found
from nnparity.reproduce.command import reproduction
from nnparity.reproduce.explanation import explained, recorded
from nnparity.reproduce.issue import issue as wrapped
from nnparity.reproduce.known import checked
from nnparity.reproduce.passes.search import search
from nnparity.reproduce.passes.words import data
from nnparity.reproduce.passes.words import shown as shown_passes
from nnparity.spec.precision import ACCUMULATE, FUSED, NARROW, TF32
from nnparity.spec.usage import UsageError, require
from nnparity.store import memory

MODELS = (ACCUMULATE, FUSED, NARROW, TF32)
known = typer.Typer(no_args_is_help=True, help="Known divergences.")
application.add_typer(known, name="known")
#: The status where a file may be as it was written, and none of what it says could be asked again.
UNSAID = 2
#: Characters of a line, at most: names in a run file may have any length.
LONGEST = 2_000
CaseId = Annotated[str, typer.Argument(help="the case's id, as verdicts tell it")]
TargetId = Annotated[str, typer.Argument(help="torch, jax:cpu:compiled ...", autocompletion=backends)]
Quantity = Annotated[str, typer.Argument(help="output, grad.x, jvp, hvp.x ...")]
Salt = Annotated[str, typer.Option(help="that of the run, where it had one")]


@contextlib.contextmanager
def cell(case: str, target: str, quantity: str, salt: str, timeout: float) -> Iterator[Cell]:
    """The cell, on a target that ends with the block."""
    memory.use(store_folder(without=False))
    one = found(case, target, quantity, salt, timeout)
    try:
        yield one
    finally:
        one.target.observer.close()
        memory.leave()


@application.command()
def reproduce(
    case: CaseId,
    target: TargetId,
    quantity: Quantity,
    issue: Annotated[bool, typer.Option("--issue", help="as text for the framework's tracker")] = False,
    salt: Salt = "",
    pack: Packs = None,
    timeout: Timeout = 120.0,
) -> None:
    """Prints a script that shows one verdict with the framework and NumPy alone; status 1 says that it disagrees."""
    with cell(case, target, quantity, salt, timeout) as one:
        script = reproduction(one, TargetName.of(target).backend)
        typer.echo(wrapped(one, script) if issue else script, nl=False)
        typer.echo(f"nnparity: here and now this cell {_told(one)}", err=True)
        if one.judged.grade in PASSING:
            typer.echo(
                f"nnparity: what follows from the calls before shows in a run alone: {_with_others(one, pack or ())}",
                err=True,
            )


@application.command()
def shrink(
    case: CaseId,
    target: TargetId,
    quantity: Quantity,
    seconds: Annotated[float, typer.Option(help="how long, at most", min=0)] = 60.0,
    script: Annotated[bool, typer.Option("--script", help="print the script that shows it")] = False,
    salt: Salt = "",
    pack: Packs = None,
    timeout: Timeout = 120.0,
) -> None:
    """Makes a case that fails small: its sizes, then its numbers, fewest and simplest that still show it."""
    with cell(case, target, quantity, salt, timeout) as one:
        memory.leave()  # what is expected of thousands of cases that nobody will ask for again
        least, search = smallest(one, seconds)
        if script:
            typer.echo(reproduction(least, TargetName.of(target).backend), nl=False)
        for line in shown(least, search):
            typer.echo(line, err=script)


@application.command()
def bisect(
    case: CaseId,
    target: TargetId,
    quantity: Quantity,
    package: Annotated[list[str], typer.Option("--package", help="keras, or jax and jaxlib, which share versions")],
    versions: Annotated[str, typer.Option(help="from the first to the last, as 3.11..3.15")],
    out: Annotated[Path, typer.Option(help="folder of the versions that are installed, kept for the next time")] = Path(
        "reports/out/versions"
    ),
    complete: Annotated[
        bool, typer.Option("--with-dependencies", help="bring what each needs too, gigabytes for torch; none is kept")
    ] = False,
    salt: Salt = "",
    pack: Packs = None,
    timeout: Timeout = 120.0,
) -> None:
    """Finds the release of a package in which a verdict changed, by the cell's script; status 1 if there is one."""
    span = releases(package[0], versions)
    with cell(case, target, quantity, salt, timeout) as one:
        # What is refused here may be answered by other releases, and where that began is what is asked.
        script = reproduction(one, TargetName.of(target).backend, refused=True)
    found = searched(span, teller(script, package, out, complete))
    for line in shown_versions(package[0], found):
        typer.echo(line)
    raise typer.Exit(int(found.between is not None))


@application.command()
def passes(
    case: CaseId,
    target: Annotated[str, typer.Argument(help="torch:cpu:compiled, jax ...", autocompletion=backends)],
    quantity: Quantity,
    only: Annotated[str, typer.Option(help="only switches with that in their names")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="print what was found as one JSON object")] = False,
    salt: Salt = "",
    pack: Packs = None,
    timeout: Timeout = 600.0,
) -> None:
    """Names the switches of a compiler without which its bits are those of eager code; status 1 if none is found."""
    found = search(case, target, quantity, salt, timeout, only)
    for line in [json.dumps(data(found))] if as_json else shown_passes(found):
        typer.echo(visible(line))
    raise typer.Exit(int(not (found.removed or found.named)))


@known.command(name="check")
def check(
    run: Annotated[Path, typer.Argument(help="a run file in which the records were met")],
    out: Annotated[Path, typer.Option(help="folder of the scripts")] = Path("reports/out/known"),
    pack: Packs = None,
    timeout: Timeout = 120.0,
) -> None:
    """Shows each known divergence that a run met by a script of its own.

    The status is 1 where one is not shown any more, 2 where there is a script of none of them.
    """
    merged = read([run])
    memory.use(store_folder(without=False))
    found = []
    with written(out):
        for one in checked(merged, out, timeout):
            found.append(one)
            typer.echo(visible(f"{one.record}: {one.outcome}{f', {one.cell}' if one.cell else ''}"))
    memory.leave()
    typer.echo(f"{sum(one.fine for one in found)} of {len(found)} records are shown by their scripts, in {out}")
    unsaid = bool(found) and not any(one.cell for one in found)
    if unsaid:
        typer.echo("nnparity: no record could be asked again: nothing is said of them", err=True)
    raise typer.Exit(1 if told(merged, parts=True) or any(one.wrong for one in found) else UNSAID * unsaid)


@application.command()
def explain(
    case: Annotated[str, typer.Argument(help="the case's id, or that of a known divergence")],
    quantity: Annotated[str, typer.Argument(help="output, grad.x, jvp, hvp.x ...")] = "output",
    model: Annotated[
        str, typer.Option(help=f"how half precision and TF32 are computed: {', '.join(MODELS)}")
    ] = ACCUMULATE,
    salt: Salt = "",
    pack: Packs = None,
) -> None:
    """Says what a case is, what is expected, and which roundings make up its tolerance; or tells a record."""
    require("model", (model,), MODELS)
    for line in explained(case, quantity, model, salt) if "/" in case else recorded(case):
        typer.echo(line)


@application.command()
def verify(
    run: Annotated[Path, typer.Argument(help="a run file")],
    sample: Annotated[int, typer.Option(help="how many verdicts, drawn at random, are judged again", min=0)] = 5,
    seed: Annotated[str, typer.Option(help="another seed draws others")] = "1",
    backend: Annotated[
        list[str] | None, typer.Option("--backend", help="an adapter of your own that the run was made on: started too")
    ] = None,
    pack: Packs = None,
    timeout: Timeout = 120.0,
) -> None:
    """Looks whether a run file is as it was written: a line that was edited, removed or doubled is named.

    A random sample is judged again here. The status is 1 where something is otherwise, 2 where nothing can be said, or
    none of the sample could be judged. An adapter that does not come with nnparity is started where --backend names it.
    """
    found, wrong, merged = _as_written(run)
    if merged is None:
        _say(*wrong, f"{len(found):,} lines: not as written; none was judged again, since some cannot be read")
        raise typer.Exit(1)
    memory.use(store_folder(without=False))
    again = judged_again(merged, sample, seed, timeout, [TargetName.of(one).backend for one in backend or ()])
    memory.leave()
    _say(*wrong, *again.wrong, *again.remarks)
    lines = f"{len(found):,} lines, the last {found[-1].told}: {'as written' if not wrong else 'not as written'}"
    typer.echo(f"{lines}; {again.alike} of {again.judged} verdicts judged again are alike")
    unsaid = bool(sample and not again.judged)
    if unsaid:
        told = "no verdict could be judged again: nothing is said of the numbers; --sample 0 asks for the links alone"
        typer.echo(f"nnparity: {told}", err=True)
    raise typer.Exit(1 if wrong or again.wrong else UNSAID * unsaid)


def _as_written(run: Path) -> tuple[list[Link], list[str], reports.MergedRun | None]:
    """The lines, what is wrong with their links, and the run; None of one that is damaged so that it cannot be read.

    Raises UsageError where nothing vouches for the lines.
    """
    try:
        found = links(run)
    except OSError as error:
        raise UsageError(str(error)) from error
    chained = any(one.writer for one in found)
    wrong = list(broken(found)) if chained else []
    try:
        merged = reports.merge([run], damaged=True)
    except (OSError, ValueError) as error:
        if wrong:
            return found, wrong, None
        raise UsageError(str(error)) from error
    if not chained:
        older = "its lines are not chained: it is from an older nnparity, or made of such files"
        none = "no line says where it was run: no run file, or its head is gone"
        raise UsageError(f"{run}: {older if merged.environments else none}")
    return found, wrong, merged


def _say(*lines: str) -> None:
    """Lines that may quote a run file, which may hold anything."""
    for line in lines:
        typer.echo(visible(line[:LONGEST]))


def _told(one: Cell) -> str:
    judged = one.judged
    margins = "" if judged.hard is None else f", hard {judged.hard:.4g}, sharp {judged.sharp:.4g}"
    return f"is graded {judged.grade}{margins}"


def _with_others(one: Cell, packs: Sequence[str]) -> str:
    """The command that asks a target of the same formula, sizes and dtype, case after case in one process."""
    case = one.case
    packed = [word for pack in packs for word in ("--pack", pack)]
    salted = ["--salt", case.salt] if case.salt else []
    cases = of_all_cases(case.formula.id, case.signature.id, case.dtype.name)
    return shlex.join(["nnparity", "run", *packed, "--backend", one.target.name, *salted, *cases])

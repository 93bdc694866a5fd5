"""``nnparity reproduce``: one cell of the report, by its case, its target and its quantity."""

import contextlib
from collections.abc import Iterator
from typing import Annotated

import typer

from nnparity.command_line.application import application
from nnparity.command_line.options import Timeout, store_folder
from nnparity.execute.target import TargetName
from nnparity.reproduce.cell import Cell
from nnparity.reproduce.cell import cell as found
from nnparity.reproduce.command import reproduction
from nnparity.reproduce.issue import issue as wrapped
from nnparity.store import memory

CaseId = Annotated[str, typer.Argument(help="the case's id, as verdicts tell it")]
TargetId = Annotated[str, typer.Argument(help="torch, jax:cpu:compiled ...")]
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
    timeout: Timeout = 120.0,
) -> None:
    """Prints a script that shows one verdict with the framework and NumPy alone; status 1 says that it disagrees."""
    with cell(case, target, quantity, salt, timeout) as one:
        script = reproduction(one, TargetName.of(target).backend)
        typer.echo(wrapped(one, script) if issue else script, nl=False)
        typer.echo(f"nnparity: here and now this cell {_told(one)}", err=True)


def _told(one: Cell) -> str:
    judged = one.judged
    margins = "" if judged.hard is None else f", hard {judged.hard:.4g}, sharp {judged.sharp:.4g}"
    return f"is graded {judged.grade}{margins}"

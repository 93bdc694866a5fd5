"""``nnparity new-adapter`` and ``show``: what somebody needs who writes an adapter."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from nnparity.adapters.registry import builtin_names
from nnparity.authoring.formula import described
from nnparity.authoring.skeleton import written
from nnparity.command_line.application import application
from nnparity.command_line.packs import Packs
from nnparity.spec import load
from nnparity.spec.usage import UsageError, require


@application.command(name="new-adapter")
def new_adapter(
    name: Annotated[str, typer.Argument(help="of the backend, as the report shall call it")],
    file: Annotated[Path | None, typer.Option("--file", help="where to; NAME_adapter.py by default")] = None,
) -> None:
    """Writes an adapter to begin with, which runs as it is, and says with which command."""
    if name in builtin_names():
        raise UsageError(f"{name} comes with nnparity: take another name")
    path, kind = written(name, file)
    typer.echo(f"written: {path}, with one formula, softmax")
    typer.echo(f"a verdict: nnparity run --backend {shlex.quote(f'{path}:{kind}')} --formula softmax --level quick")
    typer.echo("what a method gets and has to return: nnparity show softmax; all formulas: nnparity list")


@application.command()
def show(
    formula: Annotated[str, typer.Argument(help="its id, as nnparity list tells it")],
    pack: Packs = None,
) -> None:
    """Shows a formula: inputs with layout and order, attributes, the method that an adapter needs, an example."""
    require("formula", (formula,), tuple(load()))
    for line in described(load()[formula]):
        typer.echo(line)

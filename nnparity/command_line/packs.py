"""The option ``--pack``, and ``nnparity prove``: formulas from outside, taken in for one command, and their proofs."""

import contextlib
from typing import Annotated

import typer

from nnparity.adapters.registry import unknown_backends
from nnparity.api.packs import Pack, load_pack
from nnparity.api.proofs import cases, proofs
from nnparity.command_line.application import application
from nnparity.spec import packs


def taking(context: typer.Context, given: list[str] | None) -> list[str] | None:
    """Takes the packs in until the command has ended; one that is named twice cannot be taken in twice."""
    for one in dict.fromkeys(given or ()):
        context.call_on_close(load_pack(one).close)
    return given


Packs = Annotated[
    list[str] | None,
    typer.Option(
        "--pack", callback=taking, is_eager=True, help="a folder of formulas from outside, or an installed pack"
    ),
]


def ids(given: list[str] | None) -> tuple[str, ...]:
    """The formulas of these packs."""
    return tuple(id for pack in packs.taken() if pack.given in (given or ()) for id in pack.formulas)


@application.command()
def prove(
    pack: Annotated[list[str], typer.Argument(help="folders of formulas from outside, or installed packs")],
) -> None:
    """Proves the formulas of packs, in enclosures of 200 bits: each VJP is the adjoint of the forward derivative.

    Also: the Hessian is symmetric, the reference in float64 meets its enclosure. The status is 1 where one does not.
    """
    wrong = 0
    for given in dict.fromkeys(pack):
        with contextlib.closing(load_pack(given)) as one:
            for told in unknown_backends(one.taken):
                typer.echo(f"nnparity: {told}", err=True)
            wrong += _unproven(one)
    raise typer.Exit(int(wrong > 0))


def _unproven(pack: Pack) -> int:
    """Tells of each formula whether it is proven; how many are not."""
    wrong = 0
    for formula in pack.formulas.values():
        found = list(proofs(formula))
        wrong += bool(found)
        typer.echo(f"{formula.id}: {'not proven' if found else f'proven, {len(cases(formula))} cases'}")
        for told in found:
            typer.echo(f"  {told}")
    return wrong

"""The application that every command belongs to, the terminal it speaks to, ``nnparity --version`` and completion."""

import importlib.metadata
import sys
from datetime import timedelta
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeElapsedColumn
from rich.table import Column
from rich.text import Text

from nnparity.reports.formatting import visible

HELP = """Conformance of neural-network formulas: is a disagreement rounding, a convention, or a bug?

Exit status: 0 all conforms or is on record, 1 something else was found, 2 usage, or nothing was judged; 70 a fault of
nnparity itself.
"""
application = typer.Typer(no_args_is_help=True, help=HELP, context_settings={"help_option_names": ["-h", "--help"]})
console = Console(stderr=True, width=None if sys.stderr and sys.stderr.isatty() else 160)


def tell(line: str, console: Console = console) -> None:
    """Shows a line in full, as it is: what it quotes, such as the name of a folder, is no markup."""
    console.print(Text(visible(line)), soft_wrap=True, highlight=False)


class TimeLeft(ProgressColumn):
    """How long a task still takes, if it has a field `left` that tells."""

    def render(self, task: Task) -> Text:
        """Nothing where nothing can be told."""
        left = task.fields["left"]() if "left" in task.fields else None
        return Text("" if left is None or task.finished else f"{timedelta(seconds=round(left))} left")


COLUMNS = (
    TextColumn("{task.description}", markup=False),
    BarColumn(),
    MofNCompleteColumn(),
    TimeElapsedColumn(),
    TimeLeft(Column(no_wrap=True)),
)


def progress() -> Progress:
    """A bar on the terminal, gone when it has ended."""
    return Progress(*COLUMNS, console=console, transient=not console.is_terminal)


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

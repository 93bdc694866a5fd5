"""A command of nnparity as its users give it, in the process of the test; `commands` are in processes of their own."""

from collections.abc import Callable

from nnparity.command_line import main as cli

Run = Callable[..., int | str | None]


def invoked(*arguments: str) -> int | str | None:
    """Runs it, and gives the status that it would end with."""
    return cli.guarded(lambda: cli.application(list(arguments)))

"""``nnparity port``: two implementations of one model, side by side, layer by layer, each in a process of its own."""

import zipfile
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from nnparity.command_line.application import application
from nnparity.command_line.options import Timeout
from nnparity.porting.port import input_of
from nnparity.porting.processes import ported
from nnparity.reports.formatting import visible
from nnparity.spec.usage import UsageError

#: What NumPy raises at a file that is not its own, is empty, or is damaged.
UNREADABLE = (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error)
FACTORY = "module:function or file.py:function that makes the {}"


@application.command()
def port(
    a: Annotated[str, typer.Argument(help=FACTORY.format("model that is ported"))],
    b: Annotated[str, typer.Argument(help=FACTORY.format("port"))],
    inputs: Annotated[Path, typer.Option(help="what both are called with: .npy, or .npz with the keywords' names")],
    b_inputs: Annotated[Path | None, typer.Option("--b-inputs", help="what b is called with, if not that")] = None,
    match: Annotated[
        list[str] | None, typer.Option(help="NAME_IN_A=NAME_IN_B, two layers that are one; repeat")
    ] = None,
    match_file: Annotated[Path | None, typer.Option("--match-file", help="the same, a line for each pair")] = None,
    timeout: Timeout = 120.0,
) -> None:
    """Judges two implementations of one model layer by layer, and names the first layer that departs, and why.

    The status is 0 where all layers conform, 1 where one does not, is inconclusive or has no counterpart, and 2 where
    no two layers are a pair.
    """
    pairs = [*(match or []), *(_lines(match_file) if match_file else [])]
    second = _arrays(b_inputs) if b_inputs else None
    found = ported(a, b, _arrays(inputs), second, _paired(pairs), timeout)
    typer.echo(visible(str(found)))
    raise typer.Exit(0 if found else 1 if found.pairs else 2)


def _paired(texts: Iterable[str]) -> dict[str, str]:
    """Name in a -> name in b. Raises UsageError for a layer of a that has two names in b."""
    found: dict[str, str] = {}
    for a, b in map(_pair, texts):
        if found.setdefault(a, b) != b:
            raise UsageError(f"the layer {a!r} is matched with {found[a]!r} and with {b!r}: it is one of them")
    return found


def _pair(text: str) -> tuple[str, str]:
    a, equals, b = text.partition("=")
    if not (a.strip() and equals and b.strip()):
        raise UsageError(f"{text!r} is no pair of layers: expected NAME_IN_A=NAME_IN_B")
    return a.strip(), b.strip()


def _lines(path: Path) -> list[str]:
    """Lines with a pair each; empty ones and those that begin with # are left out."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is no text in UTF-8: {error}") from error
    return [line for line in lines if line.strip() and not line.lstrip().startswith("#")]


def _arrays(path: Path) -> dict[str, Any] | Sequence[Any]:
    """Keywords and their arrays, or the array alone. Raises UsageError."""
    try:
        found = np.load(path, allow_pickle=False)
        arrays = {"": found} if isinstance(found, np.ndarray) else {name: found[name] for name in found.files}
    except UNREADABLE as error:
        raise UsageError(f"{path} holds no arrays of NumPy: {error}") from error
    if not arrays:
        raise UsageError(f"{path} holds no array")
    checked = {name: input_of(f"{path} {name}".rstrip(), array) for name, array in arrays.items()}
    return list(checked.values()) if len(checked) == 1 else checked

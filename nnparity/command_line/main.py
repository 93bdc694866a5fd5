"""The console script: every command, and what goes wrong told by the exit status.

A fault of nnparity itself must not be taken for a divergence.
"""

import gc
import sys
import traceback
from collections.abc import Callable

import typer

# Each adds its commands.
from nnparity.command_line import authoring, cells, files, models, packs, questions, runs, searches  # noqa: F401
from nnparity.command_line.application import application
from nnparity.command_line.running.exclusion import FULL
from nnparity.execute.observer import TargetUnavailable
from nnparity.judge.known_divergences import KnownError
from nnparity.reports.export.unread import outlived
from nnparity.reports.formatting import cut, visible
from nnparity.run.engines.engine import JobDied
from nnparity.run.finalization import RunFileChanged
from nnparity.spec import SpecError
from nnparity.spec.usage import UsageError
from nnparity.store.location import StoreError

INTERNAL = 70  # EX_SOFTWARE of sysexits.h: not to be taken for a divergence
#: Characters of an error, at most.
LONGEST = 10_000


def app() -> None:
    """The console script: nothing that goes wrong here may pass for a divergence, no reader's end either."""
    outlived()
    gc.freeze()  # what is imported stays, see `execute.worker`
    raise SystemExit(guarded(lambda: application(standalone_mode=True)))


def guarded(call: Callable[[], object]) -> int | str | None:
    """Runs the command; usage errors become one line and status 2, faults of nnparity status 70."""
    try:
        call()
    except SystemExit as end:
        return end.code
    except (UsageError, SpecError, KnownError, StoreError, TargetUnavailable) as error:
        typer.echo(_told(error), err=True)
        return 2
    except (JobDied, RunFileChanged) as error:
        typer.echo(_told(error), err=True)
        return INTERNAL
    except Exception as error:  # noqa: BLE001  (the last line of defence: anything else is our own fault)
        return _unforeseen(error)
    return 0


def _unforeseen(error: Exception) -> int:
    """What no command knows: our own fault, told by a traceback, unless nothing more can be written."""
    if isinstance(error, OSError) and error.errno in FULL:
        typer.echo(_told(error), err=True)
        return 2
    traceback.print_exception(error, file=sys.stderr)
    return INTERNAL


def _told(error: Exception) -> str:
    """An error as text; it may quote a file, which may hold anything, and as much as it likes."""
    return f"nnparity: {cut(visible(str(error)), LONGEST)}"

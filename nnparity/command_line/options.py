"""Options that several commands take, each said once: what a plan is chosen by, and how it is run."""

import functools
import inspect
import os
from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

from nnparity.command_line import completion
from nnparity.command_line.packs import Packs, ids
from nnparity.execute.limits import time_limit
from nnparity.execute.target import named
from nnparity.run.examiner import on_record
from nnparity.run.plan import Plan
from nnparity.spec import DTYPES
from nnparity.spec.schema import QUANTITIES
from nnparity.spec.selection import NONE
from nnparity.spec.usage import UsageError
from nnparity.store import location

Names = list[str] | None
Out = Annotated[Path, typer.Option(help="folder of the run file and the report")]
JOBS = min(os.cpu_count() or 1, 4)  # each imports every framework of the plan
Processes = Annotated[int, typer.Option("--jobs", help="processes that share the plan, one a core, at most 4", min=1)]
Timeout = Annotated[float, typer.Option(help="seconds for one case, before its target is killed", callback=time_limit)]
KeepPrevious = Annotated[
    bool, typer.Option(help="move what --out holds of before to its folder `previous`, or write over it")
]
NoStore = Annotated[bool, typer.Option("--no-store", help="compute all expectations, and keep none")]


AsJson = Annotated[
    bool, typer.Option("--json", help="the answer and its counts as a JSON object, all there is on standard output")
]


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What a plan is made of, as the command line tells it: each field is an option of what is `choosing`."""

    backend: Annotated[
        list[str],
        typer.Option(
            "--backend",
            help="torch, jax:cpu:compiled ... (see list), module:Class, file.py:Class:npu0:fast",
            autocompletion=completion.backends,
        ),
    ]
    formula: Annotated[
        Names,
        typer.Option(
            "--formula", help="only these; all by default, of packs theirs", autocompletion=completion.formulas
        ),
    ] = None
    dtype: Annotated[
        Names, typer.Option("--dtype", help=f"of {', '.join(DTYPES)}", autocompletion=completion.dtypes)
    ] = None
    quantity: Annotated[
        Names, typer.Option("--quantity", help=f"of {', '.join(QUANTITIES)}", autocompletion=completion.quantities)
    ] = None
    case: Annotated[Names, typer.Option("--case", help="only this case, by its id as verdicts tell it")] = None
    signature: Annotated[
        Names, typer.Option("--signature", help="only these sizes, at whatever level; checks that --dataset names")
    ] = None
    dataset: Annotated[Names, typer.Option("--dataset", help="only these, or pattern; see list --signatures")] = None
    pack: Packs = None
    device: Annotated[str, typer.Option(help="cpu, cuda, npu0 ..., where --backend does not say")] = ""
    mode: Annotated[
        str, typer.Option(help="a mode of the backend, where --backend does not say; its usual one by default")
    ] = ""
    level: Annotated[str, typer.Option(help="quick, core or full", autocompletion=completion.levels)] = "core"
    known: Annotated[
        list[Path] | None, typer.Option("--known", help="a file of known divergences of your own; may be repeated")
    ] = None
    pool: Annotated[
        str,
        typer.Option(
            help="all, none, so many signatures of each formula's pool, or what 10s of CPU time of each target buy"
        ),
    ] = NONE

    def plan(self, salt: str = "") -> Plan:
        """The plan. Raises UsageError for what is not there, KnownError for a record that cannot be read."""
        plan = Plan(
            targets=named(self.backend, self.device, self.mode),
            formulas=tuple(self.formula or (() if self.case else ids(self.pack))),
            dtypes=tuple(self.dtype or Plan.dtypes),
            quantities=tuple(self.quantity or Plan.quantities),
            level=self.level,
            salt=salt,
            pool=self.pool,
            cases=tuple(self.case or ()),
            signatures=tuple(self.signature or ()),
            datasets=tuple(self.dataset or ()),
            packs=tuple(self.pack or ()),
            known=tuple(self.known or ()),
        )
        on_record(plan.known)  # before anything is started, and the report of before moved
        if clash := plan.clash:
            raise UsageError(clash)
        return plan

    @property
    def backends(self) -> str:
        """The backends, as a title names them: each once, as in the plan."""
        return ", ".join(dict.fromkeys(self.backend))


def choosing(*without: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Gives a command the options of a `Choice`, which is its first argument, but for some."""

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        chosen = [one for one in _parameters() if one.name not in without]
        own = list(inspect.signature(command, eval_str=True).parameters.values())[1:]

        @functools.wraps(command)
        def called(**given: Any) -> None:
            command(Choice(**{one.name: given.pop(one.name) for one in chosen}), **given)

        parameters = [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in (*chosen, *own)]
        called.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        called.__annotations__ = {one.name: one.annotation for one in parameters}
        return called

    return decorate


def _parameters() -> list[inspect.Parameter]:
    """The fields of a `Choice` as parameters of a function."""
    hints = get_type_hints(Choice, include_extras=True)
    kind = inspect.Parameter.KEYWORD_ONLY
    empty = inspect.Parameter.empty
    return [
        inspect.Parameter(
            one.name, kind, default=empty if one.default is MISSING else one.default, annotation=hints[one.name]
        )
        for one in fields(Choice)
    ]


def store_folder(without: bool) -> Path | None:
    """Where expectations are kept; what is wrong with it is told before anything is started."""
    location.bound()
    return None if without else location.folder()

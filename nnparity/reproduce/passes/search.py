"""The search: a cell on eager and on compiled code, then on compiled code with each switch of its compiler.

Each program is compiled in a process of its own, which keeps none: a compiler's switches are read once, and a program
that was kept would hide them.
"""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from nnparity.adapters.request import Array, Request
from nnparity.adapters.switches import COMPILERS
from nnparity.adapters.switches.switch import Compiler, Switch, environment
from nnparity.execute.observer import Observer, TargetUnavailable
from nnparity.execute.requests import request
from nnparity.execute.target import TargetName
from nnparity.reproduce.cell import find
from nnparity.reproduce.passes.distance import Distance, distance
from nnparity.spec.usage import UsageError

EAGER = "eager"
#: What a switch does to the difference between the modes.
REMOVES, ROUNDING, CHANGES, NOTHING, REFUSED = (
    "removes it",
    "leaves a rounding",
    "changes it",
    "nothing",
    "cannot be had",
)
#: Characters shown of what a process said.
MOST = 200
#: What a target answers with some switches set, or why it does not.
Ask = Callable[[TargetName, Sequence[Switch]], Array | str]


@dataclass(frozen=True)
class Tried:
    """What became of a switch: one of the words above; how far it is from eager code then."""

    switch: str
    outcome: str
    left: Distance | None = None
    message: str = ""
    stage: bool = False


@dataclass(frozen=True)
class Search:
    """A cell in two modes: how far they are apart, and what each switch does to that."""

    case: str
    quantity: str
    eager: str
    compiled: str
    compiler: str
    apart: Distance
    tried: list[Tried] = field(default_factory=list)
    together: Tried | None = None

    @property
    def named(self) -> list[Tried]:
        """The switches that remove the difference; where none does, those that leave a rounding of a larger one."""
        single = [one for one in self.tried if not one.stage]
        removing = [one for one in single if one.outcome == REMOVES]
        return removing or [one for one in single if one.outcome == ROUNDING]

    @property
    def stage(self) -> Tried | None:
        """The first stage of the compiler behind which there is a difference; None where there is one behind none."""
        return next((one for one in self.tried if one.stage and one.outcome not in (REMOVES, REFUSED)), None)


def search(id: str, target: str, quantity: str, salt: str = "", timeout: float = 120.0, only: str = "") -> Search:
    """The search for a case by its id. `only` tries the switches that have that in their names.

    Raises UsageError for a case that is none, a target that no compiler known here makes, and a quantity that the
    target does not give in both modes.
    """
    case = find(id, salt)
    compiled = _whole(TargetName.of(target))
    compiler = COMPILERS.get((compiled.backend, compiled.mode))
    if compiler is None:
        known = ", ".join(f"{backend}:cpu:{mode}" for backend, mode in COMPILERS)
        raise UsageError(f"{compiled} is not made by a compiler whose switches are known; those of {known} are")
    asked = request(case, frozenset({quantity.partition(".")[0]}))

    def ask(name: TargetName, switches: Sequence[Switch]) -> Array | str:
        told = {**compiler.sharing, **environment(switches)}
        return _observed(name, asked, quantity, told, timeout, folder if compiler.sharing else "")

    blank = Search(case.id, quantity, EAGER, str(compiled), compiler.name, Distance(0, 0, 0))
    with tempfile.TemporaryDirectory(prefix="nnparity-") as folder:
        return searched(blank, compiler, ask, only)


def searched(blank: Search, compiler: Compiler, ask: Ask, only: str = "") -> Search:
    """The search itself, on whatever answers."""
    compiled = TargetName.of(blank.compiled)
    eager = replace(compiled, mode=EAGER)
    before, after = (_there(name, ask(name, ())) for name in (eager, compiled))
    found = replace(blank, eager=str(eager), apart=distance(after, before))
    if found.apart.none:
        return found
    switches = [one for one in _switches(compiler, compiled, ask, after) if only in one.name]
    answers = [(one, _asked(one, ask, found, compiler.both, before, after)) for one in switches]
    tried = [done for _, done in answers]
    found = replace(found, tried=tried)
    partly = [one for one, done in answers if done.outcome in (CHANGES, ROUNDING) and not one.stage]
    if found.named or len(partly) < 2:
        return found
    name = " and ".join(one.name for one in partly)
    return replace(found, together=_tried(Switch(name), ask(compiled, partly), before, after))


def _switches(compiler: Compiler, compiled: TargetName, ask: Ask, after: Array) -> Iterator[Switch]:
    """Those that are written down, and those of the passes that the program itself went through."""
    yield from compiler.switches
    if compiler.tracing is not None:
        with tempfile.TemporaryDirectory(prefix="nnparity-") as folder:
            seen = ask(compiled, [compiler.tracing(Path(folder))])
            if not isinstance(seen, str) and distance(seen, after).none:  # else it is another program that is traced
                yield from compiler.traced(Path(folder))


def _asked(one: Switch, ask: Ask, found: Search, both: bool, before: Array, after: Array) -> Tried:
    """A switch on compiled code; where that does not do, and it makes eager code too, on both."""
    seen = ask(TargetName.of(found.compiled), [one])
    tried = _tried(one, seen, before, after)
    if both and not isinstance(seen, str) and tried.outcome != REMOVES:
        eager = ask(TargetName.of(found.eager), [one])
        if not isinstance(eager, str) and distance(seen, eager).none:
            return Tried(f"{one.name} in both modes", REMOVES, distance(seen, eager))
    return tried


def _tried(switch: Switch, seen: Array | str, before: Array, after: Array) -> Tried:
    if isinstance(seen, str):
        return Tried(switch.name, REFUSED, message=seen, stage=switch.stage)
    left = distance(seen, before)
    if left.none:
        outcome = REMOVES
    elif distance(seen, after).none:
        outcome = NOTHING
    else:
        outcome = ROUNDING if left.rounding and not distance(after, before).rounding else CHANGES
    return Tried(switch.name, outcome, left, stage=switch.stage)


def _there(name: TargetName, seen: Array | str) -> Array:
    if isinstance(seen, str):
        raise UsageError(f"{name} gives nothing to compare: {seen}")
    return seen


def _whole(name: TargetName) -> TargetName:
    """The target with the mode it has where none is said."""
    if name.mode:
        return name
    observer = Observer(name.backend, name.device)
    observer.close()
    return TargetName.of(observer.info.target)


def _observed(
    name: TargetName, asked: Request, quantity: str, variables: dict[str, str], timeout: float, scratch: str
) -> Array | str:
    try:
        observer = Observer(name.backend, name.device, name.mode, timeout, scratch, environment=variables)
    except TargetUnavailable as error:
        return _shortly(str(error))
    try:
        observer.submit([asked])
        (found,) = observer.collect()
    finally:
        observer.close()
    seen = found.observation.get(quantity)
    if isinstance(seen, np.ndarray):
        return seen
    there = ", ".join(found.observation)
    return _shortly(found.message or (seen.message if seen else f"there is no {quantity}, but {there}"))


def _shortly(said: str) -> str:
    """The line that says why: of a flag that XLA does not know the one that names it, else the first."""
    lines = [line.strip() for line in said.splitlines() if line.strip()] or ["it said nothing"]
    return next((line for line in lines if "nknown flag" in line), lines[0])[-MOST:]

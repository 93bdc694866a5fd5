"""The search: cells on eager and on compiled code, then on compiled code with each switch of its compiler.

For each set of switches there is a process of its own, which keeps no program: a compiler's switches are read once, and
a program that was kept would hide them. Cells of one target share it.
"""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from nnparity.adapters.request import Array, Request
from nnparity.adapters.switches import COMPILERS
from nnparity.adapters.switches.switch import Compiler, Switch, environment
from nnparity.execute.observer import Observed, Observer, TargetUnavailable
from nnparity.execute.requests import request
from nnparity.execute.target import TargetName
from nnparity.reproduce.cell import find
from nnparity.reproduce.passes.distance import Distance
from nnparity.reproduce.passes.found import Search
from nnparity.reproduce.passes.trials import EAGER, searches
from nnparity.spec.usage import UsageError

#: Characters shown of what a process said.
MOST = 600
#: A cell to be asked for: the id of its case, and the quantity.
Cell = tuple[str, str]


def search(id: str, target: str, quantity: str, salt: str = "", timeout: float = 120.0, only: str = "") -> Search:
    """The search for one cell, with every switch. `only` tries those that have that in their names.

    Raises UsageError for a case that is none, a target that no compiler known here makes, and a quantity that the
    target does not give in both modes.
    """
    (found,) = search_all([(id, quantity)], target, salt, timeout, only)
    if found.problem:
        raise UsageError(found.problem)
    return found


def search_all(
    cells: Sequence[Cell],
    target: str,
    salt: str = "",
    timeout: float = 120.0,
    only: str = "",
    *,
    first: bool = False,
    watch: Callable[[str], None] = lambda _: None,
) -> list[Search]:
    """The search for many cells of one target; with `first` a cell is done once a switch removes its difference.

    `watch` is told what is asked next. A cell that cannot be asked has a `problem`. Raises UsageError as `search` does,
    but for what the target says.
    """
    compiled = _whole(TargetName.of(target))
    compiler = compiler_of(compiled)
    asked = [request(find(id, salt), frozenset({quantity.partition(".")[0]})) for id, quantity in cells]
    eager = replace(compiled, mode=EAGER)
    blanks = [
        Search(id, quantity, str(eager), str(compiled), compiler.name, Distance(0, 0, 0)) for id, quantity in cells
    ]
    with tempfile.TemporaryDirectory(prefix="nnparity-") as folder:
        scratch = folder if compiler.sharing else ""

        def ask(name: TargetName, switches: Sequence[Switch], places: Sequence[int]) -> list[Array | str]:
            watch(f"{name}, {' and '.join(one.name for one in switches) or 'as it is'}, {len(places)} cells")
            told = {**compiler.sharing, **environment(switches)}
            seen = _observed(name, [asked[place] for place in places], told, timeout, scratch)
            return [_seen(found, cells[place][1]) for place, found in zip(places, seen, strict=True)]

        return searches(blanks, compiler, ask, only, first=first)


def has_switches(target: str) -> bool:
    """Whether a compiler that is known here makes the code of a target."""
    name = TargetName.of(target)
    return (name.backend, name.mode) in COMPILERS


def compiler_of(target: TargetName) -> Compiler:
    """What makes the code of a target. Raises UsageError where no compiler known here does."""
    compiler = COMPILERS.get((target.backend, target.mode))
    if compiler is None:
        known = ", ".join(f"{backend}:cpu:{mode}" for backend, mode in COMPILERS)
        raise UsageError(f"{target} is not made by a compiler whose switches are known; those of {known} are")
    return compiler


def _whole(name: TargetName) -> TargetName:
    """The target with the mode it has where none is said."""
    if name.mode:
        return name
    observer = Observer(name.backend, name.device)
    observer.close()
    return TargetName.of(observer.info.target)


def _observed(
    name: TargetName, requests: Sequence[Request], told: dict[str, str], timeout: float, scratch: str
) -> list[Observed]:
    """What became of the requests in a process with that environment."""
    try:
        observer = Observer(name.backend, name.device, name.mode, timeout, scratch, environment=told)
    except TargetUnavailable as error:
        return [Observed({}, message=str(error))] * len(requests)
    try:
        observer.submit(requests)
        return list(observer.collect())
    finally:
        observer.close()


def _seen(found: Observed, quantity: str) -> Array | str:
    seen = found.observation.get(quantity)
    if isinstance(seen, np.ndarray):
        return seen
    there = ", ".join(found.observation)
    return _shortly(found.message or (seen.message if seen else f"there is no {quantity}, but {there}"))


def _shortly(said: str) -> str:
    """The line that says why: of a flag that XLA does not know the one that names it, else the first."""
    lines = [line.strip() for line in said.splitlines() if line.strip()] or ["it said nothing"]
    return next((line for line in lines if "nknown flag" in line), lines[0])[-MOST:]

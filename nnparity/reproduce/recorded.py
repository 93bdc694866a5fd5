"""Targets that a run file names, started again.

A run file may be anybody's. What it names is started where it comes with nnparity or an installed package offers it;
any other adapter is code in some file, and runs only where the user names it.
"""

from collections.abc import Sequence

from nnparity.adapters.registry import builtin_names, names
from nnparity.execute.observer import TargetUnavailable
from nnparity.execute.target import Target, TargetName, start
from nnparity.reports.records import ADAPTER, TargetLine
from nnparity.spec.dtypes import DTYPES

#: Characters of a target's name, at most: it is handed to a process.
LONGEST = 1_000


class Unnamed(TargetUnavailable):
    """A target on an adapter that a run file alone names: `adapter`, as it stands there."""

    def __init__(self, target: str, adapter: str) -> None:
        super().__init__(f"{target}: its adapter, {adapter}, is no code of nnparity, and a run file alone names it")
        self.adapter = adapter


def begun(
    name: str, timeout: float = 120.0, scratch: str = "", line: TargetLine | None = None, named: Sequence[str] = ()
) -> Target:
    """The target of that name, such as ``torch:cpu:eager``. Raises TargetUnavailable, and `Unnamed`.

    `line` is what the run file says of it, and `named` are the adapters of their own that the user has named.
    """
    if not name.isprintable() or len(name) > LONGEST:
        raise TargetUnavailable(f"no target is called {name!r}")
    backend, device, mode = (*name.rsplit(":", 2), "", "")[:3]
    if backend not in builtin_names() and line is not None:
        backend = line.properties.get(ADAPTER, backend)
    asked = [backend] if backend in names() else sorted(named, key=lambda one: one != backend)
    if not asked:
        raise Unnamed(name, backend)
    told = []
    for one in asked:
        try:
            return _of_that_name(name, TargetName(one, device, mode), timeout, scratch)
        except TargetUnavailable as error:
            told.append(str(error))
    raise TargetUnavailable("; ".join(told))


def _of_that_name(name: str, asked: TargetName, timeout: float, scratch: str) -> Target:
    """The target, if it calls itself so."""
    target = start(asked, tuple(DTYPES), timeout, scratch)
    if target.name != name:
        target.observer.close()
        raise TargetUnavailable(f"{asked} is {target.name} here, and not {name}")
    return target

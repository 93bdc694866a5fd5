"""A fault: one wrong thing that a target does from now on, told as what it answers to a call."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from nnparity.adapters.request import Array, Observation, Request
from nnparity.spec import Case

#: Changes one array of an answer, or of a request; the request says what it belongs to.
Change = Callable[[Array, Request], Array]
#: All families of quantities with numbers of their own; an output that comes with gradients is an output.
OUTPUTS, GRADIENTS, FORWARD, SECOND = "output", "grad", "jvp", "hvp"


@dataclass(frozen=True)
class Call:
    """One request to a target with a fault; `observe` is the target without it."""

    request: Request
    case: Case
    observe: Callable[[Request], Observation]
    #: what the call before of the same formula was answered
    before: Observation
    #: how often this request has been answered
    times: int
    threads: int | None
    flush: bool

    @property
    def right(self) -> Observation:
        """What the target answers without the fault."""
        return self.observe(self.request)


@dataclass(frozen=True)
class Fault:
    """What is wrong, in words; its kind, by which the score is told; what it makes of a call."""

    name: str
    kind: str
    answer: Callable[[Call], Observation]
    #: Why it may change nothing at all, and then be no fault: told where no case shows a difference.
    equivalent: str = ""
    #: Whether that is said of numbers which a plan may not have: then only one with all cases of the core level,
    #: special values and other checks too, can tell.
    sought: bool = False
    #: Why the spec takes such an answer for right, if it does: told where nothing speaks against it.
    permitted: str = ""
    #: Whether it is a fault though no element is off by more than a rounding: all are, and the same way.
    one_way: bool = False
    #: The layout that it shows in, if in one only: planted in targets that have it.
    layout: str = ""
    #: What it shows in, if in that alone, and is planted in targets that give it: an adapter's optional method.
    needs: str = ""


def of_answers(change: Change, *families: str) -> Callable[[Call], Observation]:
    """The answer with the arrays of these families changed."""

    def answer(call: Call) -> Observation:
        return {name: _changed(name, seen, call.request, change, families) for name, seen in call.right.items()}

    return answer


def _changed(name: str, seen: Any, request: Request, change: Change, families: tuple[str, ...]) -> Any:
    if not isinstance(seen, np.ndarray) or not any(name == f or name.startswith(f"{f}.") for f in families):
        return seen
    return _altered(seen, request, change)


def of_inputs(change: Change, of: str | None = None) -> Callable[[Call], Observation]:
    """The answer to another input: to that one, or to the first of those that hold real numbers."""
    return lambda call: call.observe(replace(call.request, inputs=_inputs(call.request, change, of)))


def _inputs(request: Request, change: Change, of: str | None) -> dict[str, Array]:
    one = of or next((name for name, x in request.inputs.items() if x.dtype.kind not in "iub"), None)
    return {name: _altered(x, request, change) if name == one else x for name, x in request.inputs.items()}


def _altered(x: Array, request: Request, change: Change) -> Array:
    with np.errstate(all="ignore"):
        return np.asarray(change(x.copy(), request)).astype(x.dtype)


def with_tangents(tangents: Mapping[str, Array], call: Call, family: str) -> Observation:
    """The answer whose quantities of one family are those along other tangents."""
    return of_another(replace(call.request, tangents=dict(tangents)), call, family)


def of_another(request: Request, call: Call, family: str) -> Observation:
    """The answer whose quantities of one family are those of another request."""
    theirs = {name: seen for name, seen in call.observe(request).items() if name.partition(".")[0] == family}
    return call.right | theirs

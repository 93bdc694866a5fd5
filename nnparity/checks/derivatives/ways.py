"""Derivatives come by in other ways: each is code of its own, and what is right by one may be wrong by another.

They are the forward derivative as the derivative of a VJP by its cotangents, as reverse mode gives it; the forward
derivative of some inputs alone, where the others are constants, and of a target that traces nothing their second
derivative; the gradients of one of several outputs, where nothing comes back through the others; and second derivatives
by each way to nest forward and reverse mode. Forward over forward gives the second derivative of each output along the
tangents, and is held to that: its quantity is called jvp, since it is shaped like one. Each has tangents of its own, as
each dataset, and is judged as an ordinary case. Of each dtype where a new one costs next to nothing; of a target that
compiles or traces each operation of one, and of several outputs the first.

Second derivatives are not asked for in half precision: what one mode hands to the other is rounded to the dtype and may
leave its range, on each way elsewhere, and what that may do was derived for one of the ways.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from nnparity.adapters.request import NESTED, Request, keys
from nnparity.checks.common import PARAMETERS, held, in_part, least_narrow, named, representative
from nnparity.checks.comparison import by_themselves
from nnparity.checks.derivatives.overflow import Overflow, overflows
from nnparity.checks.inquiry import Found, Inquiry, saying
from nnparity.execute.observer import Observed
from nnparity.execute.requests import request
from nnparity.execute.target import Target
from nnparity.expect.expected import Expected
from nnparity.expect.precision_models import narrow
from nnparity.spec import DTYPES, Case, Formula
from nnparity.spec.given import Curved, Given, Moving
from nnparity.spec.selection import Selection

#: The derivative of a VJP by its cotangents, which is the forward derivative.
DOUBLED = "forward derivative by a double VJP"
#: The forward derivative where an input that is differentiated moves alone, and where all but one do.
ONE_TANGENT, OTHER_TANGENTS = "tangent of {} alone", "tangents without {}"
#: Where all that holds samples is a constant.
OWN_TANGENTS = f"tangents of {PARAMETERS} alone"
#: The gradients of one output, which alone has a cotangent.
ONE_OUTPUT = "cotangent of {} alone"
#: A dataset of those, and the inputs that move.
Part = tuple[str, tuple[str, ...]]
#: The ways to nest the two modes, as an adapter's methods are called, and as datasets.
NESTINGS = {method: method.replace("_", " ") for method in NESTED}
TWICE_FORWARD = NESTINGS["forward_over_forward"]
FORWARD, SECOND, GRADIENTS = frozenset({"jvp"}), frozenset({"hvp"}), frozenset({"grad"})


def derivatives(target: Target, formula: Formula, selection: Selection) -> Inquiry:
    """Finds verdicts on derivatives that the target is asked for in other ways than usual."""
    if target.refuses(formula):
        return saying()
    dtypes = selection.dtypes if target.traces_nothing else (representative(selection),)
    signature = least_narrow(formula)
    cases = [Case(formula, signature, "normal", DTYPES[dtype], selection.salt) for dtype in dtypes]
    families = formula.families(selection.quantities)
    gives = target.observer.info.asked(selection.level)
    parts = list(in_part(target, formula, ONE_TANGENT, OTHER_TANGENTS, OWN_TANGENTS))
    moving = families & (FORWARD | SECOND if target.traces_nothing else FORWARD)
    ways: list[_Way | Overflow] = [
        _Way(target, *one)
        for case in cases
        for one in (
            *_asked(case, families, gives),
            *_moving_in_part(case, parts, moving),
            *(_of_one_output(case, each=target.traces_nothing) if families & GRADIENTS else ()),
        )
    ]
    if families & GRADIENTS:
        ways += [one for case in cases for one in overflows(target, case, selection)]
    return Inquiry(
        lambda answers: _judged(ways, answers),
        [one.given for one in ways],
        [(target.observer, [one.wanted for one in ways])],
        lambda: [one.truth for one in ways],
    )


@dataclass(frozen=True, eq=False)
class _Way:
    """A case, and how a target is asked for it."""

    target: Target
    given: Given
    wanted: Request

    @cached_property
    def truth(self) -> dict[str, Expected]:
        """What it is held to, of what is asked for."""
        asked = {key for family in self.wanted.quantities for key in keys(family, self.wanted)}
        every = held(self.target, self.given, self.wanted.quantities)
        return {quantity: truth for quantity, truth in every.items() if quantity in asked}

    def judged(self, seen: Observed) -> Iterator[Found]:
        """What is found of it, as of an ordinary case."""
        return by_themselves(self.given, self.truth, seen)


def _asked(case: Case, families: frozenset[str], gives: Sequence[str]) -> Iterator[tuple[Given, Request]]:
    """The case by other ways, and how they are asked for: what a usual run asks for, and the adapter gives."""
    if families & FORWARD and "double_vjp" in gives:
        given = named(case, DOUBLED)
        yield given, replace(_of_both(given, FORWARD), doubled=True)
    for method, dataset in NESTINGS.items() if not narrow(case.dtype.name) else ():
        twice_forward = dataset == TWICE_FORWARD
        if method in gives and families & (family := FORWARD if twice_forward else SECOND):
            given = named(case, dataset, Curved if twice_forward else Given)
            yield given, replace(_of_both(given, family), nested=method)


def _of_both(given: Given, family: frozenset[str]) -> Request:
    """With cotangents and tangents: one mode's derivative by the other takes both."""
    return replace(request(given, family), cotangents=dict(given.cotangents))


def _moving_in_part(case: Case, parts: Sequence[Part], families: frozenset[str]) -> Iterator[tuple[Given, Request]]:
    """Derivatives of some inputs alone, each family by itself: the tangents of the others are 0, and not given."""
    for called, moving in parts:
        drawn = named(case, called).tangents
        fixed = {name: np.zeros_like(tangent) for name, tangent in drawn.items() if name not in moving}
        given = named(case, called, Moving, along=drawn | fixed)
        along = {name: drawn[name] for name in moving}
        for family in sorted(families - SECOND if narrow(case.dtype.name) else families, reverse=True):
            yield given, replace(request(given, frozenset({family})), wrt=moving, tangents=along)


def _of_one_output(case: Case, each: bool) -> Iterator[tuple[Given, Request]]:
    """The gradients of `each` of several outputs alone, or of the first: the cotangents of the others are not given."""
    outputs = list(case.cotangents)
    if len(outputs) < 2 or case.formula.composition:
        return
    names = (case.formula, case.signature)
    for place, name in enumerate(outputs if each else outputs[:1]):
        against = {other: g if other == name else np.zeros_like(g) for other, g in case.cotangents.items()}
        given = Given(*names, ONE_OUTPUT.format(name), case.dtype, case.salt, case.inputs, against)
        asked = replace(request(given, GRADIENTS), outputs=(name,), output_at=(place,))
        yield given, replace(asked, cotangents={name: against[name]})


def _judged(ways: Sequence[_Way | Overflow], answers: Sequence[Observed]) -> Iterator[Found]:
    for one, seen in zip(ways, answers, strict=True):
        yield from one.judged(seen)

"""Checks beside the ordinary cases: special values, inputs to reject, determinism, derivatives, layouts, threads ...

Each says what it asks of a started target, and makes verdicts of the answers, and facts that become further tables of
the report. `items` cuts them into pieces for a progress bar or for pytest. The level "quick" has none.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import partial

from nnparity.checks.derivatives.overflow import INFINITE
from nnparity.checks.derivatives.ways import (
    DOUBLED,
    NESTINGS,
    ONE_OUTPUT,
    ONE_TANGENT,
    OTHER_TANGENTS,
    OWN_TANGENTS,
    derivatives,
)
from nnparity.checks.determinism import (
    AFTER,
    AFTER_LARGER,
    AFTER_NAN,
    AGAIN,
    ALONE,
    COTANGENTS,
    ELSEWHERE,
    LAST_WEIGHT,
    MAPPED,
    MEMBERS,
    NARROWER,
    ONE_GRADIENT,
    OTHER_ATTRIBUTES,
    OTHER_GRADIENTS,
    OVERWRITTEN,
    OWN_GRADIENTS,
    PULLED_AGAIN,
    PULLED_LATE,
    SAME_TENSORS,
    TWO_CALLERS,
    determinism,
)
from nnparity.checks.inquiry import Found, Inquiry
from nnparity.checks.invalid_inputs import AFTER_REFUSED, rejects
from nnparity.checks.layouts import layouts
from nnparity.checks.special_values import special_values
from nnparity.checks.subnormals import DATASET as SUBNORMAL
from nnparity.checks.subnormals import subnormals
from nnparity.checks.sweep import DATASET as SWEPT
from nnparity.checks.sweep import sweep
from nnparity.checks.threads import ALL_CORES, ONE_SAMPLE, SEVERAL, threads
from nnparity.execute.target import Target
from nnparity.spec import Formula
from nnparity.spec.cases.degenerate import PATTERNS as DEGENERATE
from nnparity.spec.cases.layouts import LAYOUTS as ARRANGED
from nnparity.spec.cases.special_values import SPECIALS as SPECIAL
from nnparity.spec.selection import Selection

__all__ = [
    "DATASETS",
    "DERIVATIVES",
    "DETERMINISM",
    "LAYOUTS",
    "REJECTS",
    "SPECIALS",
    "SUBNORMALS",
    "SWEEP",
    "THREADS",
    "Inquiry",
    "Item",
    "items",
    "making",
]

#: The checks by their names, which stand here alone.
SPECIALS, REJECTS, DETERMINISM, LAYOUTS = "specials", "rejects", "determinism", "layouts"
THREADS, SWEEP, SUBNORMALS, DERIVATIVES = "threads", "sweep", "subnormals", "derivatives"
#: Check -> how the datasets of its cases are called, as patterns.
DATASETS = {
    SPECIALS: (*(name for name in SPECIAL if name != SUBNORMAL), *DEGENERATE),
    REJECTS: ("rejects: *", AFTER_REFUSED),
    DETERMINISM: (
        AGAIN,
        SAME_TENSORS,
        AFTER_NAN,
        AFTER_LARGER,
        AFTER,
        ELSEWHERE,
        ALONE,
        OVERWRITTEN,
        MAPPED,
        NARROWER,
        ONE_GRADIENT.format("*"),
        OTHER_GRADIENTS.format("*"),
        OWN_GRADIENTS,
        OTHER_ATTRIBUTES,
        PULLED_AGAIN,
        PULLED_LATE,
        MEMBERS,
        LAST_WEIGHT,
        COTANGENTS,
        TWO_CALLERS,
    ),
    DERIVATIVES: (
        DOUBLED,
        ONE_TANGENT.format("*"),
        OTHER_TANGENTS.format("*"),
        OWN_TANGENTS,
        ONE_OUTPUT.format("*"),
        *NESTINGS.values(),
        INFINITE,
    ),
    LAYOUTS: ARRANGED,
    THREADS: (ALL_CORES, SEVERAL, ONE_SAMPLE),
    SWEEP: (SWEPT,),
    SUBNORMALS: (SUBNORMAL,),
}


def making(dataset: str) -> list[str]:
    """The checks that make cases of such a dataset, or of some whose names fit it where it is a pattern itself."""
    return [
        check
        for check, patterns in DATASETS.items()
        if any(fnmatchcase(dataset, one) or fnmatchcase(one, dataset) for one in patterns)
    ]


@dataclass(frozen=True)
class Item:
    """One check of one subject, a formula or a dtype: `inquire` says what it asks of a target."""

    check: str
    subject: str
    inquire: Callable[[Target], Inquiry]

    @property
    def id(self) -> str:
        """As in ``specials/relu`` or ``sweep/tanh/float16``."""
        return f"{self.check}/{self.subject}"

    def run(self, target: Target) -> Iterator[Found]:
        """What it finds of a target."""
        return self.inquire(target).found()


def items(selection: Selection) -> list[Item]:
    """What a selection asks for beside its groups.

    Of a composition nothing, since what its parts do is asked of them; but of a training run how its parameters may
    lie, which an optimiser changes in place. With a salt nothing: it varies ordinary numbers.
    Of one narrowed down to some cases the checks that make them.
    """
    found = _all(selection)
    if not selection.narrowed:
        return found
    wanted = {check for dataset in selection.asked_datasets for check in making(dataset)}
    return [item for item in found if item.check in wanted]


def _all(selection: Selection) -> list[Item]:
    if selection.level == "quick" or selection.salt:
        return []
    chosen = selection.chosen()
    formulas = [formula for formula in chosen if not formula.composition]
    found = [item for formula in chosen for item in _of(formula, selection)] + [
        Item(SUBNORMALS, dtype, partial(subnormals, formulas=formulas, dtype=dtype, selection=selection))
        for dtype in selection.dtypes
    ]
    usual = {"output", "grad"} & set(selection.quantities)  # no other check knows of second derivatives
    return [item for item in found if usual or item.check == DERIVATIVES]


def _of(formula: Formula, selection: Selection) -> Iterator[Item]:
    """Those of a formula, in the dtypes that it has."""
    if dtypes := tuple(dtype for dtype in selection.dtypes if dtype in formula.dtypes):
        yield from _having(formula, selection if dtypes == selection.dtypes else replace(selection, dtypes=dtypes))


def _having(formula: Formula, selection: Selection) -> Iterator[Item]:
    laid_out = Item(LAYOUTS, formula.id, partial(layouts, formula=formula, selection=selection))
    if formula.composition:
        yield from [laid_out] if formula.trajectory else []
        return
    yield Item(SPECIALS, formula.id, partial(special_values, formula=formula, selection=selection))
    if formula.rejects and "output" in selection.quantities:  # it asks for no gradient of what must be refused
        yield Item(REJECTS, formula.id, partial(rejects, formula=formula, selection=selection))
    yield Item(DETERMINISM, formula.id, partial(determinism, formula=formula, selection=selection))
    if {"jvp", "hvp"} & formula.families(selection.quantities):
        yield Item(DERIVATIVES, formula.id, partial(derivatives, formula=formula, selection=selection))
    yield laid_out
    yield Item(THREADS, formula.id, partial(threads, formula=formula, selection=selection))
    for dtype in selection.dtypes if formula.elementwise else ():
        yield Item(SWEEP, f"{formula.id}/{dtype}", partial(sweep, formula=formula, dtype=dtype, selection=selection))

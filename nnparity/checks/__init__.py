"""Checks beside the ordinary cases: special values, inputs to reject, determinism, sweeps, flush to zero.

Each takes a started target and yields verdicts, and facts that become further tables of the report. `items` cuts them
into pieces for a progress bar or for pytest; `run` is all of them in a row. The level "quick" has none.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from nnparity.checks.determinism import determinism
from nnparity.checks.rejects import rejects
from nnparity.checks.specials import special_values
from nnparity.checks.subnormals import subnormals
from nnparity.checks.sweep import sweep
from nnparity.plan import Plan
from nnparity.reports.records import Line
from nnparity.run import Target
from nnparity.spec import Formula

__all__ = ["Item", "items", "run"]


@dataclass(frozen=True)
class Item:
    """One check of one subject, a formula or a dtype; `run` yields its lines for a target."""

    check: str
    subject: str
    run: Callable[[Target], Iterator[Line]]

    @property
    def id(self) -> str:
        """As in ``specials/relu`` or ``sweep/tanh/float16``."""
        return f"{self.check}/{self.subject}"


def items(plan: Plan) -> list[Item]:
    """What the plan asks for beside its groups.

    Of a composition nothing: what its parts do is asked of them. With a salt nothing: it varies ordinary numbers.
    """
    if plan.level == "quick" or plan.salt or not {"output", "grad"} & set(plan.quantities):
        return []
    formulas = [formula for formula in plan.chosen() if not formula.composition]
    return [item for formula in formulas for item in _of(formula, plan)] + [
        Item("subnormals", dtype, partial(subnormals, formulas=formulas, dtype=dtype, plan=plan))
        for dtype in plan.dtypes
    ]


def _of(formula: Formula, plan: Plan) -> Iterator[Item]:
    yield Item("specials", formula.id, partial(special_values, formula=formula, plan=plan))
    if formula.rejects:
        yield Item("rejects", formula.id, partial(rejects, formula=formula, plan=plan))
    yield Item("determinism", formula.id, partial(determinism, formula=formula, plan=plan))
    for dtype in plan.dtypes if formula.elementwise else ():
        yield Item("sweep", f"{formula.id}/{dtype}", partial(sweep, formula=formula, dtype=dtype, plan=plan))


def run(target: Target, plan: Plan) -> Iterator[Line]:
    """Every line of every check for one target."""
    for item in items(plan):
        yield from item.run(target)

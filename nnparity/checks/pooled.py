"""The cases of the pool of sizes that a check asks once more: of a signature and a dtype one."""

from collections.abc import Collection, Iterator

from nnparity.checks.common import first_order, held
from nnparity.execute.target import Target
from nnparity.expect.expected import Expected
from nnparity.spec import DTYPES, Case, Formula
from nnparity.spec.cases import naming
from nnparity.spec.cases.pool import Drawn, pool
from nnparity.spec.selection import Selection


def pooled(target: Target, formula: Formula, selection: Selection, datasets: Collection[str]) -> Iterator[Case]:
    """Those that the target gets; of a plan of some cases those named, as one of the check's `datasets`."""
    asked: set[tuple[str, str]] = set()
    for one in _named(formula, selection, datasets) if selection.cases else _drawn(target, formula, selection):
        if one.dtype in selection.dtypes and (key := (one.signature.id, one.dtype)) not in asked:
            asked.add(key)
            yield Case(formula, one.signature, one.dataset, DTYPES[one.dtype], selection.salt)


def truth_of(target: Target, case: Case, selection: Selection, *, simulated: bool = True) -> dict[str, Expected]:
    """What of a case of the spec's own is expected at once that its ordinary case is asked for: it is kept then."""
    asked = first_order(case.formula, selection.quantities)
    found = held(target, case, case.formula.families(selection.quantities), simulated=simulated)
    return {name: truth for name, truth in found.items() if name.partition(".")[0] in asked}


def _drawn(target: Target, formula: Formula, selection: Selection) -> Iterator[Drawn]:
    reach = selection.reach(target.named.backend, target.named.mode)  # as far as its ordinary cases go
    for one in pool(formula)[:reach] if reach else ():  # the pool of a formula takes time to draw
        if not selection.signatures or one.signature.id in selection.signatures:
            yield one


def _named(formula: Formula, selection: Selection, datasets: Collection[str]) -> Iterator[Drawn]:
    for id in selection.cases:
        name, signed, dataset, dtype = naming.parts(id)
        if name == formula.id and dataset in datasets:
            yield from (one for one in pool(formula) if (one.signature.id, one.dtype) == (signed, dtype))

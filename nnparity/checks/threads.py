"""Threads: a case large enough to be shared out, on one thread and on all cores.

The result on all cores is judged like any other; the table says whether one thread gives it bit for bit. What is
larger than a block, or not a whole number of them, is cut up there and nowhere else.
"""

import os
from collections.abc import Iterator
from itertools import count

from nnparity.checks.cell_text import CellText
from nnparity.checks.common import Finding, Given, failure, first_order, held, judgeable, observe, representative
from nnparity.checks.comparison import OTHER, SAME, compared
from nnparity.execute.requests import request
from nnparity.execute.target import Target
from nnparity.judge.sensitivity import graded
from nnparity.reports.records import Fact
from nnparity.spec import DTYPES, Case, Formula, shapes
from nnparity.spec.cases.special_values import batch, resized
from nnparity.spec.loader import signatures
from nnparity.spec.schema import Signature, plain
from nnparity.spec.selection import Selection

TABLE = "threads, all cores against one"
ALL_CORES = "all cores"
#: Numbers that go in and come out, at least: torch shares out what has more than 32,768.
ELEMENTS = 2**17


def threads(target: Target, formula: Formula, selection: Selection) -> Iterator[Finding | Fact]:
    """Verdicts on what all cores give, and a cell that says whether a single thread gives it bit for bit."""
    if target.refuses(formula):
        return  # the ordinary cases have said so
    case = large(formula, representative(selection), selection.salt)
    quantities = first_order(formula, selection.quantities)
    truth = held(target, case, quantities)
    asked = request(case, quantities)
    (one,), (all_cores,) = observe(target.observer, [asked]), observe(target.observer.twin(cores()), [asked])
    words = CellText((case.dtype.name,))
    seconds = one.seconds + all_cores.seconds
    for quantity, expected in judgeable(truth, all_cores).items():
        seen = all_cores.observation.get(quantity)
        judged = failure(seen, all_cores) or graded(seen, expected, case, plain(quantity))  # type: ignore[arg-type]
        _, note = compared(one, all_cores, quantity, expected.twice, case.dtype)
        if judged.hard is not None:
            words.add(ALL_CORES, OTHER if note else SAME, case.dtype.name)
        yield Finding(case, quantity, judged, note=note, seconds=seconds)
        seconds = 0.0  # the time they took belongs to the first verdict
    if words.said:
        yield Fact(TABLE, formula.id, target.name, words.text(SAME))


def large(formula: Formula, dtype: str, salt: str = "") -> Given:
    """The case, with normal numbers."""
    own = drawn(formula, dtype, salt)
    return Given(formula, own.signature, ALL_CORES, own.dtype, salt, own.inputs, own.cotangents)


def drawn(formula: Formula, dtype: str, salt: str = "") -> Case:
    """The ordinary case that it has its numbers from."""
    return Case(formula, signature(formula), "normal", DTYPES[dtype], salt)


def cores() -> int:
    """Those that this process may use, and at least two: on a machine with one, its threads take turns."""
    return max(2, len(os.sched_getaffinity(0)))


def signature(formula: Formula) -> Signature:
    """The last signature, its samples (or else its first dimension) as many as are shared out, and odd."""
    last = signatures(formula)[-1]
    axis = batch(formula) or next(iter(last.dims))
    return next(
        large for n in count(1) if _elements(formula, large := resized(formula, last, {axis: 2**n + 1})) >= ELEMENTS
    )


def _elements(formula: Formula, large: Signature) -> int:
    return shapes.elements((*formula.inputs.values(), *formula.results.values()), large.sizes)

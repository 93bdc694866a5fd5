"""Threads: a case large enough to be shared out, on one thread, on all cores, and there several times more.

The result on all cores is judged like any other. One that conforms is held against that of those calls which is least
like it, as in `checks.determinism`: threads that are in each other's way are not each time. And against that of one
thread, within the budget of two computations; the table says whether it is the same bit for bit. What is larger than a
block, or not a whole number of them, is cut up there and nowhere else.

What a target whose threads are set in its own process gets of the pool of sizes is asked on all cores as well, and held
against one thread: who shares out rows, columns or channels may lose the last, and of which sizes depends on the cores.
So it is on an odd number of threads, one more than cores that are even: what halves again and again is wrong of those.
And one sample of wide rows is: there is nothing but the rows themselves to share out.
"""

import dataclasses
import os
from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from itertools import chain, count, dropwhile, takewhile
from typing import Any

import numpy as np

from nnparity.checks.common import Finding, failure, first_order, held, judgeable, named, representative
from nnparity.checks.comparison import OTHER, SAME, CellText, again, by_itself, compared, spread
from nnparity.checks.inquiry import Found, Inquiry, saying
from nnparity.checks.layouts import largest
from nnparity.checks.pooled import pooled, truth_of
from nnparity.execute.observer import Observed, OnThreads
from nnparity.execute.requests import request
from nnparity.execute.target import Target
from nnparity.expect.expected import Expected
from nnparity.judge.grades import Judgement
from nnparity.judge.sensitivity import graded, qualified
from nnparity.reports.records import WRONG, Fact
from nnparity.spec import DTYPES, Case, Formula, shapes
from nnparity.spec.cases.pool import MANY_ELEMENTS
from nnparity.spec.cases.special_values import batch, resized
from nnparity.spec.given import Given
from nnparity.spec.loader import ordinary
from nnparity.spec.schema import Signature, plain
from nnparity.spec.selection import Selection

TABLE = "threads, all cores against one"
ALL_CORES = "all cores"
#: Of the sizes of the pool, on all cores and on an odd number of threads.
SEVERAL = "several threads"
#: Of the largest ordinary sizes a single sample.
ONE_SAMPLE = "all cores, one sample"
#: What the table says where the same call gives other bits.
RESTLESS = "other bits at each call"
#: The diagnosis of what is wrong there alone, and of what is right there alone.
ALONE = "right on one thread, wrong on {}"
ONE = "wrong on one thread, right on {}"
#: And of what calls do not agree on.
VARIES = "right at one call on all cores, wrong at another"
#: Numbers that go in and come out, at least: torch shares out what has more than 32,768.
ELEMENTS = 2**17
#: So many numbers a result has and more, which 16 bits do not count, where in all there are no more than ENOUGH then.
RESULT, ENOUGH = 2**16, MANY_ELEMENTS
Expectations = dict[str, Expected]


def threads(target: Target, formula: Formula, selection: Selection) -> Inquiry:
    """Finds verdicts on what all cores give, and a cell that says whether a single thread gives it bit for bit."""
    if target.refuses(formula):
        return saying()  # the ordinary cases have said so
    case = large(formula, representative(selection), selection.salt)
    quantities = first_order(formula, selection.quantities)
    asked = request(case, quantities)
    truth = cache(lambda: held(target, case, quantities))
    one, all_cores = target.observer.single_threaded(), target.observer.on_threads(cores())
    more = _more(target, formula, selection, quantities) if isinstance(all_cores, OnThreads) else []
    once = [request(given, quantities) for given, _ in more]

    def judged(answers: Sequence[Observed]) -> Iterator[Found]:
        (first, *alone), answers = answers[: 1 + len(once)], answers[1 + len(once) :]
        yield from _found(target, case, truth(), Seen(first, *answers[:2]))
        runs = [answers[start : start + len(once)] for start in range(2, len(answers), max(1, len(once)))]
        for (given, expected), single, several in zip(more, alone, zip(*runs, strict=True), strict=True):
            yield from _on_several(given, expected(), single, several)

    once_more = dataclasses.replace(asked, several_calls=True)
    each = [(one, [asked, *once]), (all_cores, [asked, once_more, *once])]
    each += [(target.observer.on_threads(odd), once) for odd in {cores() | 1} - {cores()} if once]
    return Inquiry(judged, [case, *(given for given, _ in more)], each, truth)


def _more(
    target: Target, formula: Formula, selection: Selection, quantities: frozenset[str]
) -> list[tuple[Given, Callable[[], Expectations]]]:
    """What is asked on several threads beside the large case, and what computes what is expected of it."""
    pool = pooled(target, formula, selection, (SEVERAL,))
    found: list[tuple[Given, Callable[[], Expectations]]] = [
        (named(own, SEVERAL), partial(truth_of, target, own, selection)) for own in pool
    ]
    if axis := batch(formula):
        narrow = resized(formula, largest(formula), {axis: 1})
        own = Case(formula, narrow, "normal", DTYPES[representative(selection)], selection.salt)
        given = named(own, ONE_SAMPLE)
        found.append((given, partial(held, target, given, quantities)))
    return found


def _on_several(
    given: Given, truth: dict[str, Expected], single: Observed, several: Sequence[Observed]
) -> Iterator[Finding]:
    """What all cores give, and an odd number of threads if theirs is not, held against one: of a quantity the worse."""
    all_cores, *others = several
    found = {one.quantity: one for one in _against(given, truth, single, all_cores)}
    for odd in others:
        for one in () if _same(all_cores, odd) else _against(given, truth, single, odd):
            usual = found.get(one.quantity)
            if usual is None or (usual.judgement.grade == "conforms" != one.judgement.grade):
                found[one.quantity] = one
    yield from found.values()


def _against(given: Given, truth: dict[str, Expected], single: Observed, several: Observed) -> Iterator[Finding]:
    words = CellText((given.dtype.name,))  # the table is of the large case
    expected = judgeable(truth, several)
    for one in again(given, truth, single, several, words, (single, several)):
        yield dataclasses.replace(one, diagnosis=_alone(one, expected[one.quantity], single, several))


def _same(one: Observed, other: Observed) -> bool:
    """Whether both have the same quantities, bit for bit."""
    pairs = [(x, other.observation.get(name)) for name, x in one.observation.items()]
    arrays = all(isinstance(x, np.ndarray) and isinstance(y, np.ndarray) for x, y in pairs)
    return arrays and len(other.observation) == len(pairs) and all(x.tobytes() == y.tobytes() for x, y in pairs)  # type: ignore[union-attr]


def _found(target: Target, case: Case, truth: dict[str, Expected], seen: "Seen") -> Iterator[Found]:
    words = CellText((case.dtype.name,))
    declared = target.observer.info.nondeterministic.get(case.formula.id)
    took = seen.all
    for quantity, expected in judgeable(truth, seen.all_cores).items():
        judged, note, says = _judged(case, quantity, expected, seen, declared)
        if says:
            words.add(ALL_CORES, says, case.dtype.name)
        found = Finding(case, quantity, judged, note=note, took=took, **_evidence(quantity, expected, seen, judged))
        yield dataclasses.replace(found, diagnosis=_cause(found, expected, seen))
        took = ()  # the time they took belongs to the first verdict
    if words.said:
        yield Fact(TABLE, case.formula.id, target.name, words.text(SAME))


@dataclasses.dataclass(frozen=True)
class Seen:
    """What became of the case on one thread, on all cores, and there in several calls more."""

    one: Observed
    all_cores: Observed
    again: Observed

    @property
    def all(self) -> tuple[Observed, ...]:
        """All three."""
        return self.one, self.all_cores, self.again


def _judged(
    case: Case, quantity: str, expected: Expected, seen: Seen, declared: str | None
) -> tuple[Judgement, str | None, str | None]:
    """The judgement of what all cores give, how it differs from what one thread gives, and what the table says."""
    array, asked = seen.all_cores.observation.get(quantity), plain(quantity)
    if failed := failure(array, seen.all_cores):
        return failed, None, None
    judged = qualified(graded(array, expected, case, asked), expected, case, asked)  # type: ignore[arg-type]
    alone, note = compared(seen.one, seen.all_cores, quantity, expected, case)
    if judged.hard is None:
        return judged, note, None
    repeated, restless = compared(seen.all_cores, seen.again, quantity, expected, case)
    saying = RESTLESS if restless else OTHER if note else SAME
    if judged.grade != "conforms":
        return judged, note, saying
    if restless and repeated.hard is not None:
        return *spread(repeated, f"from call to call {restless}", declared), saying
    if (other := repeated if restless else alone).grade not in ("conforms", "inconclusive"):
        told = "; ".join(filter(None, ("at the second call" if restless else "on one thread", other.message, note)))
        return dataclasses.replace(other, message=told), None, None
    return judged, note, saying


def _evidence(quantity: str, expected: Expected, seen: Seen, judged: Judgement) -> dict[str, Any]:
    """What was judged and by what, where that is what is expected and not another observation."""
    if judged.blind is None:
        return {}
    return {"seen": seen.all_cores.observation[quantity], "truth": expected, "ordinary": True}


def _cause(found: Finding, expected: Expected, seen: Seen) -> str | None:
    """That calls on all cores do not agree, where only some are wrong, or what can be said of the number of threads."""
    if found.judgement.grade not in WRONG:
        return None
    calls = {by_itself(found.case, found.quantity, expected, one).grade for one in (seen.all_cores, seen.again)}
    varies = "conforms" in calls and calls & {*WRONG}
    return VARIES if varies else _alone(found, expected, seen.one, seen.all_cores)


def _alone(found: Finding, expected: Expected, one: Observed, several: Observed) -> str | None:
    """That the number of threads alone is at fault, where it is; what is wrong on any is diagnosed as usual."""
    if found.judgement.grade not in WRONG:
        return None
    grades = [by_itself(found.case, found.quantity, expected, seen).grade for seen in (one, several)]
    told = ((ALONE, *grades), (ONE, *reversed(grades)))
    says = (says for says, right, wrong in told if right == "conforms" and wrong in WRONG)
    return next((one.format(found.case.dataset) for one in says), None)


def large(formula: Formula, dtype: str, salt: str = "") -> Given:
    """The case, with normal numbers."""
    return named(drawn(formula, dtype, salt), ALL_CORES)


def drawn(formula: Formula, dtype: str, salt: str = "") -> Case:
    """The ordinary case that it has its numbers from."""
    return Case(formula, signature(formula), "normal", DTYPES[dtype], salt)


def cores() -> int:
    """Those that this process may use, and at least two: on a machine with one, its threads take turns."""
    return max(2, len(os.sched_getaffinity(0)))


def signature(formula: Formula) -> Signature:
    """The ordinary signature that is least narrow, its samples (or else its first dimension) as many as are shared out.

    They are odd. A formula whose result is one number adds up whole arrays: there all dimensions are odd, so that two
    threads leave something over.
    """
    usual = ordinary(formula)
    axis = batch(formula) or next(iter(usual[0].dims))
    wide = max(
        reversed(usual), key=lambda one: min((size for name, size in one.dims.items() if name != axis), default=1)
    )
    if not any(shapes.evaluate(text, wide.sizes) for text in formula.results.values()):
        wide = resized(formula, wide, {name: size | 1 for name, size in wide.dims.items()})
    longer = (resized(formula, wide, {axis: 2**n + 1}) for n in count(1))
    shared = dropwhile(lambda one: _elements(formula, one) < ELEMENTS, longer)
    first = next(shared)
    more = takewhile(lambda one: _elements(formula, one) <= ENOUGH, chain([first], shared))
    return next((one for one in more if _result(formula, one) > RESULT), first)


def _elements(formula: Formula, large: Signature) -> int:
    return shapes.elements((*formula.inputs.values(), *formula.results.values()), large.sizes)


def _result(formula: Formula, large: Signature) -> int:
    return max(shapes.elements((text,), large.sizes) for text in formula.results.values())

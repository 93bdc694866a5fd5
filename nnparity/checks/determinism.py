"""Determinism: the same case again, in the same process and in another, and asked for in other ways.

Again means twice: right away, and read only after another call with other numbers, which must not change a result.
The other ways are its first sample alone; a second call with the very tensors of the first; a call after one with
nothing but NaN, which is left wherever memory is not cleared, and is NaN even times 0, and small sizes after such a
call of larger ones, which leaves it where they are padded; its whole numbers as int32; its inputs in memory that held
others in a call before, as an optimiser leaves weights; code for one sample and its gradients that the framework maps
over all (vmap): each operation has another kernel for that; the gradients of some inputs, as where layers are frozen,
or of the parameters alone, as in training: kernels choose by what is to be computed; a second backward pass through one
graph, whose kept arrays the first may have written to; a backward pass after another forward call, which may overwrite
a workspace; code mapped over three sets of weights, over three of the last weight, or three cotangents, each by a
batching rule of its own; the same program in two threads at the same time; and other attributes at the same sizes, as
who keeps a plan by sizes mixes up. Each dtype has kernels of its own, and is asked where a new one costs next to
nothing; of a target that compiles or traces each operation one is asked.

Other bits for the same case are `nondeterministic`, with how far apart they are, unless the adapter declares the
formula so; a difference beyond the budget of two computations `diverges` in any case. Asked for in another way, it is
held to that budget alone.
"""

import dataclasses
from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import islice

import numpy as np

from nnparity.adapters.request import Request, keys
from nnparity.checks.common import (
    PARAMETERS,
    Finding,
    alike,
    first_line,
    first_order,
    held,
    in_part,
    judgeable,
    least_narrow,
    named,
    of_samples,
    raised,
    representative,
    unsupported,
)
from nnparity.checks.comparison import SAME, CellText, again, by_themselves, compared, spread
from nnparity.checks.inquiry import Found, Inquiry, saying
from nnparity.execute.observer import Observed
from nnparity.execute.requests import request
from nnparity.execute.target import Target
from nnparity.expect.budgets import expect
from nnparity.expect.expected import Expected
from nnparity.expect.precision_models import narrow
from nnparity.judge.grades import Judgement
from nnparity.reports.records import Fact
from nnparity.spec import DTYPES, Case, Formula, shapes
from nnparity.spec.cases.special_values import batch, resized
from nnparity.spec.given import Given
from nnparity.spec.loader import ordinary, signature, signatures
from nnparity.spec.precision import NARROW
from nnparity.spec.selection import Selection

TABLE = "determinism"
#: What is compared with the first observation, as datasets.
AGAIN, ELSEWHERE, ALONE = "again", "in another process", "first sample alone"
AFTER = "read after another call"
SAME_TENSORS, AFTER_NAN = "same tensors again", "after a call with NaN"
#: Whole numbers as int32, which mean what they mean as int64; who wants int64 may refuse them.
NARROWER = "integers of 32 bits"
#: Small sizes that are no multiples of a block, before and right after the largest.
AFTER_LARGER = "after a larger call with NaN"
#: Numbers of that call, at most.
LARGER = 2**16
#: What a row is filled up to a multiple of.
PADDED = 4
OVERWRITTEN, MAPPED = "inputs overwritten in place", "mapped over samples"
#: Gradients of an input alone (weights are frozen), and of all but one (it is the network's own input, or is frozen).
ONE_GRADIENT, OTHER_GRADIENTS = "gradient of {} alone", "gradients without {}"
#: Those of a training step: what holds samples is no parameter, and all of it a constant.
OWN_GRADIENTS = f"gradients of {PARAMETERS} alone"
#: Gradients of a graph that was gone back through before: nothing that was kept for them may have been written to.
PULLED_AGAIN = "second backward pass"
#: The same after another forward call of the same sizes: what the first left for it in a workspace is overwritten.
PULLED_LATE = "pulled back after another call"
#: An ensemble: code for one member, with the data that all share, mapped over the weights of three.
MEMBERS = "mapped over three sets of weights"
#: The same of the last weight by itself, which is often a bias and added in code of its own.
LAST_WEIGHT = "mapped over three of the last weight"
#: A Jacobian, or several losses: what pulls back, mapped over three cotangents of one forward call.
COTANGENTS = "mapped over three cotangents"
#: The same program in two threads at the same time, each with its own numbers.
TWO_CALLERS = "two callers at once"
#: The same sizes with other attributes, in one process: what is kept for some sizes is not what others need.
OTHER_ATTRIBUTES = "other attributes"
OUTPUT = frozenset({"output"})


def determinism(target: Target, formula: Formula, selection: Selection) -> Inquiry:
    """Finds verdicts on the differences between observations of one case, and a cell with what was the same."""
    usual = representative(selection)
    if reason := target.refuses(formula):
        case = Case(formula, least_narrow(formula), AGAIN, DTYPES[usual], selection.salt)
        return saying(unsupported(case, reason))
    dtypes = selection.dtypes if target.traces_nothing else (usual,)
    asked = [_Asked(target, formula, dtype, selection) for dtype in dtypes]
    return Inquiry(
        lambda answers: _judged(target, asked, iter(answers)),
        [case for one in asked for case in one.cases],
        [
            (target.observer, [each for one in asked for each in one.here]),
            # in reverse: what is kept of a call in one dtype for calls in another is of another dtype there
            (target.observer.twin(), [one.asked for one in reversed(asked)]),
        ],
        lambda: [one.truth for one in asked],
    )


def _of_two_callers(selection: Selection) -> tuple[str, ...]:
    """The usual dtype, and one in half precision: kernels may widen halves into memory of their own."""
    return representative(selection), *[dtype for dtype in selection.dtypes if narrow(dtype)][:1]


class _Asked:
    """What is asked about a case, of one dtype."""

    def __init__(self, target: Target, formula: Formula, dtype: str, selection: Selection) -> None:
        self._target = target
        self.case = Case(formula, least_narrow(formula), "normal", DTYPES[dtype], selection.salt)
        self._quantities = first_order(formula, selection.quantities)
        self.asked = request(self.case, self._quantities, alike(self.case, selection))
        self.single = _single(self.case) if "output" in self._quantities else None
        self.ways = [
            *_other_ways(target, self.case, self.asked, dtype in _of_two_callers(selection)),
            *(_over_three(target, self.case, self.asked) if dtype == representative(selection) else ()),
            *_with_other_attributes(self.case, self.asked),
        ]
        self.small = _after_larger(self.case, self._quantities, selection)

    @property
    def cases(self) -> list[Case]:
        """The case, its first sample alone, and what is asked after larger sizes."""
        return [self.case, *filter(None, (self.single, self.small and self.small[0]))]

    @cached_property
    def here(self) -> list[Request]:
        """What is asked of the target's own process: twice, to be read late, in other ways, and of a sample alone."""
        alone = [request(self.single, OUTPUT)] if self.single else []
        late = dataclasses.replace(self.asked, read_late=True)
        small = self.small[1] if self.small else []
        return [self.asked, self.asked, late, *(one for _, one in self.ways), *alone, *small]

    @cached_property
    def truth(self) -> dict[str, Expected]:
        """What the case is held to."""
        return held(self._target, self.case, self._quantities)

    def mapped(self, samples: Sequence[str]) -> dict[str, Expected]:
        """What mapped code is held to. Each sample's own gradient by what all share was rounded before it was added.

        So the terms of that sum are: it is held to the model that has none in a wider dtype.
        """
        shared = {f"grad.{name}" for name in self.asked.wrt if name not in samples}
        if not (narrow(self.case.dtype.name) and shared & set(self.truth)):
            return self.truth
        flush = self._target.flushes[self.case.dtype.name]
        rounded = expect(self.case, self._quantities, flush=flush, model=NARROW)
        return {name: rounded[name] if name in shared else one for name, one in self.truth.items()}


def _other_ways(target: Target, case: Case, asked: Request, beside: bool) -> Iterator[tuple[Given, Request]]:
    """The case asked for in ways that may change bits, and nothing beyond rounding.

    Of compositions no gradients are left out: that is asked of their layers. `beside` says that two callers are asked.
    """
    yield named(case, SAME_TENSORS), dataclasses.replace(asked, repeats=True)
    if any(array.dtype.kind not in "iub" for array in asked.inputs.values()):
        yield named(case, AFTER_NAN), dataclasses.replace(asked, after_nan=True)
    if any(map(case.formula.integer, asked.inputs)):
        yield named(case, NARROWER), dataclasses.replace(asked.of_int32, together=frozenset())
    if beside:
        yield named(case, TWO_CALLERS), dataclasses.replace(asked, concurrent=True)
    gives = target.observer.info.gives
    if "write" in gives:
        yield named(case, OVERWRITTEN), dataclasses.replace(asked, overwrites=True)
    if "vmap" in gives and (samples := with_samples(case.formula)):
        yield named(case, MAPPED), dataclasses.replace(asked, mapped=samples, together=frozenset())
    if "grad" in asked.quantities:
        yield from _other_gradients(target, case, asked)


def _other_gradients(target: Target, case: Case, asked: Request) -> Iterator[tuple[Given, Request]]:
    """Those of the ways that are of gradients alone."""
    gives = target.observer.info.gives
    gradients = dataclasses.replace(asked, quantities=frozenset({"grad"}), together=frozenset())
    if "vjp_again" in gives:
        yield named(case, PULLED_AGAIN), dataclasses.replace(gradients, second_pass=True)
    if "vjp_late" in gives:
        yield named(case, PULLED_LATE), dataclasses.replace(gradients, pulled_late=True)
    if not case.formula.composition:
        for dataset, wrt in in_part(target, case.formula, ONE_GRADIENT, OTHER_GRADIENTS, OWN_GRADIENTS):
            yield named(case, dataset), dataclasses.replace(gradients, wrt=wrt)


def _over_three(target: Target, case: Case, asked: Request) -> Iterator[tuple[Given, Request]]:
    """The case as one of three that the framework maps code over: which array varies decides of the rule it takes.

    Of the usual dtype: no kernel of a batch is new, and a program is compiled for each. Where none is, the last weight
    also varies by itself.
    """
    if "vmap" not in target.observer.info.gives or case.formula.composition:
        return
    alone = dataclasses.replace(asked, together=frozenset())
    samples = with_samples(case.formula)
    weights = tuple(name for name in asked.wrt if name not in samples) if samples else ()
    if weights:
        yield named(case, MEMBERS), dataclasses.replace(alone, members=weights)
    if len(weights) > 1 and target.traces_nothing:
        yield named(case, LAST_WEIGHT), dataclasses.replace(alone, members=weights[-1:])
    if "grad" in asked.quantities:
        yield named(case, COTANGENTS), dataclasses.replace(alone, jacobian=True, quantities=frozenset({"grad"}))


def _after_larger(
    case: Case, quantities: frozenset[str], selection: Selection
) -> tuple[Given, tuple[Request, Request, Request]] | None:
    """The ordinary sizes of which most are padded, asked before and right after a call with NaN in the largest.

    None where these are the largest. Both are compiled for ordinary cases anyway.
    """
    formula, usual = case.formula, ordinary(case.formula)
    sizes = {one.id: shapes.elements(tuple(formula.inputs.values()), one.sizes) for one in usual}
    small = min(usual, key=lambda one: (sum(size % PADDED == 0 for size in one.dims.values()), sizes[one.id]))
    large = max(usual, key=lambda one: sizes[one.id] if sizes[one.id] <= LARGER else 0)
    if sizes[large.id] <= sizes[small.id] or all(map(formula.integer, formula.inputs)):
        return None
    larger, own = (Case(formula, one, "normal", case.dtype, case.salt) for one in (large, small))
    before, asked = (request(one, quantities, alike(one, selection)) for one in (larger, own))
    return named(own, AFTER_LARGER), (asked, before.of_nan, asked)


def _with_other_attributes(case: Case, asked: Request) -> Iterator[tuple[Given, Request]]:
    """What is right of its own and like no other observation."""
    if other := _other_attributes(case):
        yield other, dataclasses.replace(asked, attributes=dict(other.signature.attributes))


def _other_attributes(case: Case) -> Given | None:
    """The case with the first other value of each attribute that the formula's pool varies.

    None where it varies none, or the formula's own signatures do so at one size.
    """
    own = signatures(case.formula)
    if len({tuple(one.dims.values()) for one in own}) < len(own):
        return None
    now, values = case.signature.attributes, case.formula.pool.values if case.formula.pool else {}
    others = {name: next((one for one in several if one != now[name]), None) for name, several in values.items()}
    changed = {name: value for name, value in others.items() if value is not None}
    if not changed:
        return None
    other = signature(case.formula, {**case.signature.dims, **now, **changed}, (), {})
    return Given(case.formula, other, OTHER_ATTRIBUTES, case.dtype, case.salt, case.inputs, case.cotangents)


def _judged(target: Target, asked: Sequence[_Asked], answers: Iterator[Observed]) -> Iterator[Found]:
    """Of all dtypes; what is asked of the other process is answered after all of this one."""
    words = CellText(tuple(one.case.dtype.name for one in asked))
    here = [list(islice(answers, len(one.here))) for one in asked]
    for one, own, elsewhere in zip(asked, here, reversed(list(answers)), strict=True):
        yield from _of_one_dtype(target, one, own, elsewhere, words)
    yield Fact(TABLE, asked[0].case.formula.id, target.name, words.text(SAME))


def _of_one_dtype(
    target: Target, asked: _Asked, answers: Sequence[Observed], elsewhere: Observed, words: CellText
) -> Iterator[Finding]:
    case, truth, single = asked.case, asked.truth, asked.single
    first, second, late, *rest = answers
    others, alone = rest[: len(asked.ways)], rest[len(asked.ways) :]
    told: dict[str, str] = {}
    for found in (
        *_repeated(target, case, AGAIN, truth, (first, second), (first, second)),
        *_repeated(target, case, AFTER, truth, (first, late), (late,)),
        *_repeated(target, case, ELSEWHERE, truth, (first, elsewhere), (elsewhere,)),
        *(_alone(target, single, (first, alone[0]), truth) if single else ()),
    ):
        if told.get(found.case.dataset, SAME) == SAME:  # of several quantities that differ the first is told
            told[found.case.dataset] = found.note or SAME
        yield found
    for dataset, difference in told.items():
        words.add(dataset, difference, case.dtype.name)
    for (given, wanted), seen in zip(asked.ways, others, strict=True):
        if given.dataset == OTHER_ATTRIBUTES:
            yield from by_themselves(given, held(target, given, wanted.quantities), seen)
        else:
            expected = asked.mapped(wanted.mapped) if wanted.mapped else truth
            yield from _in_another_way(given, wanted, expected, (first, seen), words)
    if asked.small:
        given, (wanted, *_) = asked.small
        before, _, after = alone[-3:]
        yield from _in_another_way(given, wanted, held(target, given, wanted.quantities), (before, after), words)


def _in_another_way(
    given: Given, asked: Request, truth: dict[str, Expected], both: Sequence[Observed], words: CellText
) -> Iterator[Finding]:
    """What was asked for otherwise, held against the first observation; with what a diagnosis needs."""
    first, seen = both
    wanted = {key for family in asked.quantities for key in keys(family, asked)}
    answers = seen.observation
    asked_for = sorted(wanted & truth.keys()) if given.dataset == NARROWER else ()
    refused = {one: answer.message for one in asked_for if raised(answer := answers.get(one))}
    for quantity, message in refused.items():
        yield Finding(given, quantity, Judgement("unsupported", message=f"refuses them: {first_line(message)}"))
    expected = {quantity: truth[quantity] for quantity in truth if quantity in wanted and quantity not in refused}
    for found in again(given, expected, first, seen, words, (seen,)):
        own = judgeable(expected, seen)[found.quantity]
        yield dataclasses.replace(found, seen=answers.get(found.quantity), truth=own, ordinary=True)


def _repeated(
    target: Target,
    case: Case,
    dataset: str,
    truth: dict[str, Expected],
    both: Sequence[Observed],
    took: tuple[Observed, ...],
) -> Iterator[Finding]:
    """Two observations of all that was asked; the time that it took belongs to the first verdict.

    `dataset` is what the comparison is called. It is judged as the case, which has numbers.
    """
    one, other = both
    repeated = dataclasses.replace(case, dataset=dataset)
    for place, (quantity, expected) in enumerate(judgeable(truth, other).items()):
        judged, note = compared(one, other, quantity, expected, case)
        if judged.hard is not None and note:
            judged, note = spread(judged, note, target.observer.info.nondeterministic.get(case.formula.id))
        yield Finding(repeated, quantity, judged, note=note, took=() if place else took)


def with_samples(formula: Formula) -> tuple[str, ...]:
    """As `of_samples`; none where a result has no such axis, or a formula many parts."""
    axis = batch(formula)
    if formula.composition or not all(shape.split()[:1] == [axis] for shape in formula.results.values()):
        return ()
    return of_samples(formula)


def _alone(target: Target, single: Given, both: Sequence[Observed], truth: dict[str, Expected]) -> Iterator[Finding]:
    """The outputs of the first sample by itself, against the first sample's in the batch."""
    whole, observed = both
    expected = held(target, single, OUTPUT)
    for place, (quantity, own) in enumerate(expected.items()):
        if _belongs(own, truth[quantity]):
            judged, note = compared(whole, observed, quantity, own, single)
            yield Finding(single, quantity, judged, note=note, took=() if place else (observed,))


def _single(case: Case) -> Given | None:
    """The case cut down to its first sample; None when it has no axis of samples, or a single one."""
    axis = batch(case.formula)
    if axis is None or case.signature.dims[axis] < 2:
        return None
    inputs = {}
    for name, array in case.inputs.items():
        where = [place for place, word in enumerate(case.formula.inputs[name].split()) if word == axis]
        inputs[name] = np.take(array, [0], axis=where[0]) if where else array
    signature = resized(case.formula, case.signature, {axis: 1})
    return Given(case.formula, signature, ALONE, case.dtype, case.salt, inputs)


def _belongs(alone: Expected, whole: Expected) -> bool:
    """Whether the formula gives each sample an output of its own, by the reference: a mean over the batch does not.

    The reference computes in float64. What it has alike but for a rounding of float32 is the same number, whatever
    the budget of the dtype.
    """
    if not whole.value.ndim or whole.value.shape[1:] != alone.value.shape[1:] or alone.value.shape[0] != 1:
        return False
    return bool((np.abs(whole.value[:1] - alone.value) <= DTYPES["float32"].unit * np.abs(alone.value)).all())

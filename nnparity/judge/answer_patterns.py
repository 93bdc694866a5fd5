"""Patterns by which a wrong answer tells what it is without any other reading of the formula.

Zeros, the answer to the call before, a tail that is not written; and the right answer to inputs whose tail is missing,
as a loop over whole blocks gives it. Each is exact, or an expectation with budgets of its own: no name is a guess.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

import msgspec
import numpy as np

from nnparity.expect.budgets import expect
from nnparity.expect.expected import Expected
from nnparity.judge.elements import Array, element_ratios
from nnparity.judge.grades import judge
from nnparity.spec import Case, shapes
from nnparity.spec.cases.case import Arrays

#: Lengths of the blocks that loops are cut into; what is left over is a tail.
BLOCKS = tuple(2**power for power in range(1, 13))


def pattern(quantity: str, seen: Array, expected: Expected, before: Case | None = None) -> str | None:
    """The pattern of an answer that does not conform, or None. `before` is the case that was asked before this one."""
    if seen.shape != expected.value.shape:
        return None
    if not np.count_nonzero(seen) and np.any(expected.value):
        return _zeros(quantity)
    if before is not None and seen.size > 1 and _answers(before, quantity, seen):
        return "the answer to the call before"
    return None


def _answers(case: Case, quantity: str, seen: Array) -> bool:
    """Whether it is what is expected of that case, and zeros would not be."""
    truth = expect(case, frozenset({quantity.partition(".")[0]})).get(quantity)
    if truth is None or seen.shape != truth.value.shape or not np.isfinite(truth.hard).all():
        return False
    with np.errstate(all="ignore"):
        return [judge(answer, truth, case.dtype).grade == "conforms" for answer in (seen, 0 * seen)] == [True, False]


def tail(case: Case, quantity: str, seen: Array, expected: Expected) -> str | None:
    """Of an answer that no other reading of the formula explains: that its tail is missing, or None."""
    if seen.shape != expected.value.shape:
        return None
    return _unwritten(case, seen, expected) or _shortened(case, quantity, seen)


def _zeros(quantity: str) -> str:
    family, _, name = quantity.partition(".")
    if family == "grad":
        return f"the gradient of {name} is missing: all of it is zeros"
    return "zeros: nothing of the result is written"


def _unwritten(case: Case, seen: Array, expected: Expected) -> str | None:
    """Right up to some index of an axis, and zeros from there on."""
    with np.errstate(all="ignore"):
        wrong = element_ratios(seen, expected, case.dtype) > 1
    for axis in range(wrong.ndim):
        others = tuple(other for other in range(wrong.ndim) if other != axis)
        first = int(np.argmax(wrong.any(axis=others)))
        rest = np.take(seen, range(first, seen.shape[axis]), axis=axis)
        if first > 0 and not np.count_nonzero(rest):
            return f"the tail is missing: all is 0 from {first} on of axis {axis}, which is {seen.shape[axis]} long"
    return None


def _shortened(case: Case, quantity: str, seen: Array) -> str | None:
    """The right answer to inputs without the last of some dimension, and zeros where there is nothing then."""
    if case.formula.composition:
        return None
    family = frozenset({quantity.partition(".")[0]})
    if not family <= {"output", "grad"}:
        return None
    for symbol, less in _tails(case):
        short = _cut(case, symbol, less)
        if short is None:
            continue
        truth = expect(short, family).get(quantity)
        if truth is not None and _meets(seen, truth, case):
            size = case.signature.dims[symbol]
            return f"the tail is missing: as if {symbol} were {size - less} instead of {size}"
    return None


def _tails(case: Case) -> Iterator[tuple[str, int]]:
    for symbol, size in case.signature.dims.items():
        yield from ((symbol, less) for less in sorted({size % block for block in BLOCKS if block < size} - {0}))


def _cut(case: Case, symbol: str, less: int) -> "Shortened | None":
    """The case without the last of a dimension; None where another size depends on it."""
    dims = case.signature.dims | {symbol: case.signature.dims[symbol] - less}
    sizes = dims | {name: value for name, value in case.signature.attributes.items() if type(value) is int}
    try:
        inputs = {name: _fitted(x, shapes.evaluate(case.formula.inputs[name], dims)) for name, x in case.inputs.items()}
        results = {name: shapes.evaluate(text, sizes) for name, text in case.formula.results.items()}
    except shapes.ShapeError:
        return None
    against = {name: _fitted(g, results[name]) for name, g in case.cotangents.items()}
    if any(g.shape != results[name] for name, g in against.items()):
        return None  # a smaller kernel has a larger result, of which nobody said what it is weighed with
    signature = msgspec.structs.replace(case.signature, id=f"{case.signature.id}-{symbol}{dims[symbol]}", dims=dims)
    return Shortened(case.formula, signature, case.dataset, case.dtype, f"{case.salt}-{less}", inputs, against)


def _fitted(array: Array, shape: tuple[int, ...]) -> Array:
    return array[tuple(map(slice, shape))]


def _meets(seen: Array, truth: Expected, case: Case) -> bool:
    """Whether the part that the shorter case has is right, and nothing stands behind it."""
    there = tuple(map(slice, truth.value.shape))
    behind = seen.copy()
    behind[there] = 0
    if np.count_nonzero(behind) or not truth.value.size or not np.isfinite(truth.hard).all():
        return False
    return judge(np.ascontiguousarray(seen[there]), truth, case.dtype).grade == "conforms"


@dataclass(frozen=True, eq=False)
class Shortened(Case):
    """A case whose arrays are those of another, without the last of some dimension."""

    numbers: Arrays = field(default_factory=dict)
    against: Arrays = field(default_factory=dict)

    @cached_property
    def inputs(self) -> Arrays:
        """As given."""
        return self.numbers

    @cached_property
    def cotangents(self) -> Arrays:
        """As given."""
        return self.against

"""Patterns by which a wrong answer tells what it is without any other reading of the formula.

Zeros, the answer to the call before, a tail that is not written, the right numbers in other places; and the right
answer to inputs whose tail is missing, as a loop over whole blocks gives it. Each is exact, or an expectation with
budgets of its own: no name is a guess.

An input that is still that of an earlier case is one of a kernel that keeps a copy of it, packed or turned, and finds
that by an address, a shape or an object that is used anew. Each input alone and all of them are tried, of each case
that was asked before; what the reference makes of them says quickly whether it comes near: only then is more asked for.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import combinations, product
from operator import itemgetter

import msgspec
import numpy as np

from nnparity.expect.alternatives import alternatives, numbers, wide
from nnparity.expect.budgets import expect
from nnparity.expect.expected import Expected
from nnparity.judge import evidence
from nnparity.judge.elements import Array, element_ratios, errors
from nnparity.judge.grades import judge
from nnparity.reports.records import OR
from nnparity.spec import DTYPES, Case, shapes
from nnparity.spec.cases.case import Arrays
from nnparity.spec.cases.layouts import CHANNELS_LAST, MIXTURES, SLICES, TRANSPOSED, laid_otherwise, strided
from nnparity.spec.given import Given, Moving
from nnparity.spec.schema import Signature

#: Lengths of the blocks that loops are cut into; what is left over is a tail.
BLOCKS = tuple(2**power for power in range(1, 13))
#: Bits of integers that may be too narrow for a label or an id: the wider first, of one that both cut to the same.
NARROW_INTEGERS = (16, 8)


def pattern(case: Case, quantity: str, seen: Array, expected: Expected, before: Case | None = None) -> str | None:
    """The pattern of an answer that does not conform, or None. `before` is the case that was asked before this one."""
    if seen.shape != expected.value.shape:
        return None
    if not np.count_nonzero(seen) and np.any(expected.value):
        return _zeros(quantity) + _uncounted(case)
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


def stale(
    case: Case, quantity: str, seen: Array, expected: Expected, before: Sequence[Case], flush: bool
) -> tuple[str, float] | None:
    """Which inputs are still those of an earlier case, nearest first, and the bits that speak for it; or None."""
    return _of_other_arrays(case, quantity, seen, expected, list(_mixed(case, before)), flush)


def misread(case: Case, quantity: str, seen: Array, expected: Expected, flush: bool) -> tuple[str, float] | None:
    """Which whole numbers or attributes that go in were taken for others, and the bits that speak for it; or None.

    Labels, ids and masks rolled along an axis, cut to a few bits, read as if narrower, or one sample's for all; a mask
    inverted, or with all its ones in front, as who has lengths instead of it reads it; attributes rounded to a dtype,
    as who keeps his constants in it has them, or counted in it.
    """
    return _of_other_arrays(case, quantity, seen, expected, [*_misread(case), *_rounded_attributes(case)], flush)


def read_row_by_row(case: Case, quantity: str, seen: Array, expected: Expected) -> tuple[str, float] | None:
    """Of a case whose arrays lie in another layout: which of them was read as if in the usual one, with the bits."""
    return _of_other_arrays(case, quantity, seen, expected, list(_row_by_row(case)))


def _of_other_arrays(
    case: Case,
    quantity: str,
    seen: Array,
    expected: Expected,
    tried: Sequence[tuple[str, Case]],
    flush: bool = False,
) -> tuple[str, float] | None:
    """Which of the cases that are tried has what was seen for its result."""
    family = _family(case, quantity)
    if family is None:
        return None
    for says, other in tried:
        value = alternatives.once(case, (family, says, wide), partial(numbers, other, family, wide, {}))[quantity]
        if not evidence.nearer(seen, value, expected):
            continue
        truth = alternatives.once(case, (family, says), partial(expect, other, family, flush=flush))[quantity]
        bits = evidence.bits(truth, expected, case.dtype) - math.log2(len(tried))
        met = judge(seen, truth, case.dtype).grade == "conforms" and bits >= evidence.POSSIBLE
        if met and not (evidence.empty(truth, other, strict=True) or evidence.meets_most(truth, other)):
            return says, bits
    return None


def _family(case: Case, quantity: str) -> frozenset[str] | None:
    """That of the quantity, where what the formula makes of other inputs is asked for; None where it is not."""
    family = frozenset({quantity.partition(".")[0]})
    return None if case.formula.trajectory or not family <= {"output", "grad"} else family


def _mixed(case: Case, before: Sequence[Case]) -> Iterator[tuple[str, Case]]:
    """The case with inputs of earlier ones; where it has only one input, that alone."""
    if case.formula.composition:
        return
    names = [name for name in case.inputs if not case.formula.integer(name)]
    for number, earlier in enumerate(reversed(before)):
        of = f"the case before, {earlier.dataset}" if not number else f"an earlier case, {earlier.dataset}"
        for name in names:
            yield f"{name} is still that of {of}", _with(case, earlier, [name])
        if len(case.inputs) > 1:
            yield f"the answer to {of}", _with(case, earlier, list(case.inputs))


def _with(case: Case, earlier: Case, names: Sequence[str]) -> Case:
    inputs = {name: (earlier if name in names else case).inputs[name] for name in case.inputs}
    return _given(case, [earlier.dataset, *names], inputs, case.cotangents)


def _given(
    case: Case, names: Sequence[str], inputs: Arrays, cotangents: Arrays, signature: Signature | None = None
) -> Case:
    """The case with other arrays, or sizes and attributes, told apart from it by these names."""
    salt = "-".join((case.salt, *names))
    return Given(case.formula, signature or case.signature, case.dataset, case.dtype, salt, inputs, cotangents)


def _misread(case: Case) -> Iterator[tuple[str, Case]]:
    for name in filter(case.formula.integer, case.inputs):
        for says, other in _whole_numbers(case.inputs[name], case.formula.domain(name) == "mask"):
            if not np.array_equal(other, case.inputs[name]):
                yield f"as if {name} {says}", _given(case, [name, says], case.inputs | {name: other}, case.cotangents)


def _rounded_attributes(case: Case) -> Iterator[tuple[str, Case]]:
    """Each of its own, and all real ones, in its dtype and those with fewer digits."""
    own = case.signature.attributes
    for dtype in (one for one in DTYPES.values() if one.digits <= case.dtype.digits):
        rounded = {name: float(dtype.round(value)) for name, value in own.items() if type(value) is float}
        others = {name: value for name, value in rounded.items() if value != own[name]}
        ways = [({name: value}, f"{name} were rounded to") for name, value in others.items()]
        most = 2**dtype.digits  # where counting ends: 1 more is no other number
        counts = [name for name, value in own.items() if type(value) is int and value > most]
        every = [(others, "all attributes were rounded to")] if len(ways) > 1 else []
        for some, told in [*ways, *every, *(({name: most}, f"{name} were counted in") for name in counts)]:
            says = f"as if {told} {dtype.name}"
            signature = msgspec.structs.replace(case.signature, attributes=own | some)
            yield says, _given(case, [says], case.inputs, case.cotangents, signature)


def _whole_numbers(x: Array, mask: bool) -> Iterator[tuple[str, Array]]:
    for bits in NARROW_INTEGERS:
        yield f"were cut to {bits} bits", x % 2**bits
    yield "were read as numbers of 32 bits", np.ascontiguousarray(x).view(np.int32).ravel()[: x.size].reshape(x.shape)
    yield "were those of the first sample in all", np.repeat(x[:1], len(x), axis=0)
    for axis, by in product(_long(x), (1, -1)):
        yield f"were rolled by {by} along axis {axis}", np.roll(x, by, axis=axis)
    if mask:
        yield "had zeros for ones and ones for zeros", 1 - x
        place, length = np.arange(x.shape[-1]), x.sum(axis=-1, keepdims=True)
        for more, told in ((0, ""), (1, " and one more"), (-1, " but one")):
            yield f"had all its ones{told} in front", (place < length + more).astype(x.dtype)


def _row_by_row(case: Case) -> Iterator[tuple[str, Case]]:
    """The case with what an array's memory holds in the place of the array: one that lies otherwise, or all of them."""
    if case.formula.composition:
        return
    cotangents = {name: f"the cotangent of {name}" for name in case.cotangents}
    whole = case.inputs | {cotangents[name]: g for name, g in case.cotangents.items()}
    inputs, gradients = list(case.inputs), () if case.dataset in MIXTURES else cotangents.values()
    otherwise = [*laid_otherwise(inputs, case.dataset), *gradients]
    read = {name: taken for name in otherwise if (taken := _in_memory(whole[name], case.dataset)) is not None}
    ways = [({name: taken}, name) for name, taken in read.items()] + [(read, "all arrays")] * (len(read) > 1)
    for some, told in ways:
        now = whole | some
        arrays = {name: now[name] for name in case.inputs}
        weights = {name: now[said] for name, said in cotangents.items()}
        yield f"as if the memory of {told} were read row by row", _given(case, ["read", *some], arrays, weights)


def _in_memory(x: Array, layout: str) -> Array | None:
    """The numbers of an array in the order in which they lie; None where that is the usual one, or not told."""
    laid = strided(x, layout) if layout in (TRANSPOSED, CHANNELS_LAST, *SLICES, *MIXTURES) else None
    return laid.memory[laid.offset : laid.offset + x.size].reshape(x.shape) if laid else None


def _nearer(seen: Array, value: Array, right: Array) -> bool:
    """Whether a value is much nearer to what was seen than the right one is."""
    y = seen.astype(np.float64)
    return bool(np.linalg.norm(y - value) < evidence.NEAR * np.linalg.norm(y - right))


def moved(case: Case, seen: Array, expected: Expected) -> tuple[str, float] | None:
    """How the right numbers stand in other places, along which axis, and the bits that speak for it; or None.

    Reversed, two axes swapped, rolled, or shifted: then what is not there any more is not asked for, nor what stands in
    the places that were left, but at least half is there.
    """
    truth = expected.judged
    y = seen[: len(truth.value)] if expected.steps else seen
    ways = sum(2 * size for size in y.shape) + 2**y.ndim + math.comb(y.ndim, 2)
    for says, there, move in _moves(y.astype(np.float64), truth.value):
        if not _nearer(y[there], move(truth.value)[there], truth.value[there]):
            continue
        part, other = (one.each(itemgetter(there)) for one in (truth, truth.each(move)))
        if judge(y[there], other, case.dtype).grade != "conforms":
            continue
        bits = evidence.bits(other, part, case.dtype) - math.log2(ways)
        if bits >= evidence.POSSIBLE:
            return says, bits
    return None


def _moves(y: Array, x: Array) -> Iterator[tuple[str, tuple[slice, ...], Callable[[Array], Array]]]:
    """How `x` may have become `y`: in words, the same for all sizes, in which places, and as what moves an array."""
    for axes in (some for several in range(1, y.ndim + 1) for some in combinations(_long(y), several)):
        told = " and ".join(map(str, axes))
        yield f"reversed along {'axis' if len(axes) == 1 else 'axes'} {told}", (), partial(np.flip, axis=axes)
    for a, b in combinations(_long(y), 2):
        if y.shape[a] == y.shape[b]:
            yield f"axes {a} and {b} are swapped", (), partial(np.swapaxes, axis1=a, axis2=b)
    for axis in _long(y):
        size = y.shape[axis]
        for by in _offsets(y, x, axis):
            roll = partial(np.roll, shift=by, axis=axis)
            yield f"rolled by {by} along axis {axis}", (), roll
            there = _along(axis, slice(max(by, 0), size + min(by, 0)))
            first = f"index {max(by, 0)} has what belongs to index {max(-by, 0)}"
            yield f"shifted by {by} along axis {axis}: {first}", there, roll


def _long(array: Array) -> list[int]:
    """Its axes of more than one number."""
    return [axis for axis, size in enumerate(array.shape) if size > 1]


def _offsets(y: Array, x: Array, axis: int) -> list[int]:
    """By how much `x` may be moved along an axis to be `y`, by less than half of it: as both agree best, and by one."""
    size = y.shape[axis]
    lines = [np.nan_to_num(one - one.mean(axis=axis, keepdims=True), posinf=0.0, neginf=0.0) for one in (x, y)]
    waves = [np.moveaxis(np.fft.rfft(one, axis=axis), axis, -1) for one in lines]
    agree = np.fft.irfft((waves[0].conj() * waves[1]).sum(axis=tuple(range(y.ndim - 1))), size)
    best = int(np.argmax(agree))
    tried = (best - size if 2 * best > size else best, 1, -1)
    return [by for by in dict.fromkeys(tried) if by and 2 * abs(by) <= size]


def _along(axis: int, part: slice) -> tuple[slice, ...]:
    """The index of a part of an axis."""
    return (*(slice(None) for _ in range(axis)), part)


def tail(case: Case, quantity: str, seen: Array, expected: Expected) -> tuple[str, float] | None:
    """Of an answer that nothing else explains: that its tail is missing, and the bits that speak for it; or None."""
    if seen.shape != expected.value.shape:
        return None
    with np.errstate(all="ignore"):
        wrong = element_ratios(seen, expected, case.dtype) > 1
    if _clipped(seen, expected, wrong):
        return None
    return _unwritten(case, seen, expected, wrong) or _shortened(case, quantity, seen, expected)


def _zeros(quantity: str) -> str:
    family, _, name = quantity.partition(".")
    if family == "grad":
        return f"the gradient of {name} is missing: all of it is zeros"
    return "zeros: nothing of the result is written"


def _uncounted(case: Case) -> str:
    """What else makes zeros of a formula whose result is one number, of more of them than its dtype counts up to."""
    count = max(x.size for x in case.inputs.values())
    one = not any(shapes.evaluate(text, case.signature.sizes) for text in case.formula.results.values())
    if not one or np.isfinite(case.dtype.round(float(count))):
        return ""
    return f"{OR}it is divided by a count of up to {count}, which is infinite in {case.dtype.name}"


def _clipped(seen: Array, expected: Expected, wrong: Array) -> bool:
    """Whether all that is wrong is one sign's numbers, all of which are 0, as behind a ReLU too many.

    Where these stand last, no tail says more.
    """
    numbers, value = errors(seen, expected)[0], expected.judged.value
    return bool(wrong.any()) and any(lost[wrong].all() and not numbers[lost].any() for lost in (value < 0, value > 0))


def _unwritten(case: Case, seen: Array, expected: Expected, wrong: Array) -> tuple[str, float] | None:
    """Right up to some index of an axis, and zeros from there on.

    What is right says nothing for it, and each zero says how far it is off; it may begin anywhere on any axis. Bits
    past those that make a name certain are not told.
    """
    places = sum(size - 1 for size in seen.shape)
    for axis in range(wrong.ndim):
        others = tuple(other for other in range(wrong.ndim) if other != axis)
        first = int(np.argmax(wrong.any(axis=others)))
        written = _along(axis, slice(first))
        rest = np.take(seen, range(first, seen.shape[axis]), axis=axis)
        if first == 0 or np.count_nonzero(rest):
            continue
        part = Expected(expected.value[written], expected.hard[written], expected.sharp[written])
        bits = evidence.bits(_widened(part, expected), expected, case.dtype) - math.log2(places)
        if bits >= evidence.POSSIBLE:
            says = f"the tail is missing: all is 0 from {first} on of axis {axis}, which is {seen.shape[axis]} long"
            return says, min(bits, evidence.CERTAIN)
    return None


def _shortened(case: Case, quantity: str, seen: Array, expected: Expected) -> tuple[str, float] | None:
    """The right answer to inputs without the last of some dimension, and zeros where there is nothing then."""
    family = frozenset({quantity.partition(".")[0]})
    if case.formula.composition or case.formula.trajectory:
        return None
    tails = list(_tails(case))
    for symbol, less in tails:
        short = _cut(case, symbol, less)
        truth = _expected(case, short, quantity, family, seen, expected) if short else None
        if truth is not None and _meets(seen, truth, case):
            bits = evidence.bits(_widened(truth, expected), expected, case.dtype) - math.log2(len(tails))
            size = case.signature.dims[symbol]
            if bits >= evidence.POSSIBLE:
                return f"the tail is missing: as if {symbol} were {size - less} instead of {size}", bits
    return None


def _expected(
    case: Case, short: Case, quantity: str, family: frozenset[str], seen: Array, expected: Expected
) -> Expected | None:
    """What is expected of the shorter case, where its numbers alone say that it may be what was seen."""
    key = (family, short.signature.id)
    try:
        value = alternatives.once(case, (*key, wide), lambda: numbers(short, family, wide, {}))[quantity]
        if not evidence.nearer(seen, _padded(value, expected), expected):
            return None
        return alternatives.once(case, key, lambda: expect(short, family))[quantity]  # type: ignore[no-any-return]
    except Exception:  # noqa: BLE001 - no formula need take every size: heads share out a width that is a multiple
        return None


def _widened(truth: Expected, expected: Expected) -> Expected:
    """With zeros behind it, as many as are expected."""
    return Expected(_padded(truth.value, expected), _padded(truth.hard, expected), _padded(truth.sharp, expected))


def _padded(part: Array, expected: Expected) -> Array:
    rest = [(0, size - less) for size, less in zip(expected.value.shape, part.shape, strict=True)]
    return np.pad(part, rest)


def _tails(case: Case) -> Iterator[tuple[str, int]]:
    for symbol, size in case.signature.dims.items():
        yield from ((symbol, less) for less in sorted({size % block for block in BLOCKS if block < size} - {0}))


def _cut(case: Case, symbol: str, less: int) -> "Moving | None":
    """The case without the last of a dimension; None where another size depends on it."""
    dims = case.signature.dims | {symbol: case.signature.dims[symbol] - less}
    sizes = dims | {name: value for name, value in case.signature.attributes.items() if type(value) is int}
    try:
        inputs = {name: _fitted(x, shapes.evaluate(case.formula.inputs[name], dims)) for name, x in case.inputs.items()}
        results = {name: shapes.evaluate(text, sizes) for name, text in case.formula.results.items()}
    except shapes.ShapeError:
        return None
    against = {name: _fitted(g, results[name]) for name, g in case.cotangents.items()}
    along = {name: _fitted(v, inputs[name].shape) for name, v in case.tangents.items()}
    if any(g.shape != results[name] for name, g in against.items()):
        return None  # a smaller kernel has a larger result, of which nobody said what it is weighed with
    signature = msgspec.structs.replace(case.signature, id=f"{case.signature.id}-{symbol}{dims[symbol]}", dims=dims)
    return Moving(case.formula, signature, case.dataset, case.dtype, f"{case.salt}-{less}", inputs, against, along)


def _fitted(array: Array, shape: tuple[int, ...]) -> Array:
    return np.asarray(array[tuple(map(slice, shape))])  # of an array without an axis, and no scalar


def _meets(seen: Array, truth: Expected, case: Case) -> bool:
    """Whether the part that the shorter case has is right, and nothing stands behind it."""
    there = tuple(map(slice, truth.value.shape))
    behind = seen.copy()
    behind[there] = 0
    if np.count_nonzero(behind) or not truth.value.size or not np.isfinite(truth.hard).all():
        return False
    return judge(np.ascontiguousarray(seen[there]), truth, case.dtype).grade == "conforms"

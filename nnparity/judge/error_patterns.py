"""The pattern of an error that no reading explains: where it is, and how it goes; in words, without a cause."""

import math
from collections.abc import Iterator
from itertools import combinations

import numpy as np
from scipy import special

from nnparity.expect.expected import Expected
from nnparity.judge.elements import Array, element_ratios, error_over_budget, errors, spacing
from nnparity.judge.grades import FALSE_ALARM, allowance, furthest, root_mean_square
from nnparity.spec import Case, Dtype

#: What is left of an error, as a part of it, by a pattern that explains it.
LEFT = 0.1
#: Elements that are few.
FEW = 3
#: What is as likely as this is chance.
CHANCE = 1 / 100
#: Roundings of the largest result that an error may be, and still be said to be no more than those.
ROUNDINGS = 4
#: Numbers that lie nearer to the next one away from zero, and went the other way: of a kernel that rounds to nearest
#: each does so in less than half of all cases, so that with so many it is no chance.
CUT = math.ceil(-math.log2(FALSE_ALARM))
#: What is cut off may be off itself, by this part of a step: in half precision, of sums in float32. So an exact result
#: that is this near to a number of the dtype tells nothing: it may be cut to that or to the one before.
SLACK = 1 / 16
#: What such a result is, and how it is called.
NONE_OUTWARD = "no number is further from zero than the exact result, where rounding to nearest takes half of them"
TOWARDS_ZERO = "rounded towards zero, not to nearest"


def error_pattern(case: Case, seen: Array, expected: Expected) -> str:
    """The first pattern that fits."""
    truth = expected.judged
    seen = seen[: len(truth.value)] if expected.steps else seen
    with np.errstate(all="ignore"):
        wrong = _wrong(seen, truth, case.dtype)
        y = seen.astype(np.float64)
        return next(_patterns(case, y, truth.value, wrong))


def _wrong(seen: Array, truth: Expected, dtype: Dtype) -> Array:
    """The elements beyond the worst case; where there are none, those too far off for chance, if they are all.

    Where the mean of the others is too large as well, it is no few that are wrong, and the furthest are so by chance.
    """
    wrong = np.asarray(element_ratios(seen, truth, dtype) > 1)
    if wrong.any():
        return wrong
    ratio = error_over_budget(errors(seen, truth)[1], truth.sharp)
    few = np.asarray(ratio > furthest(truth, dtype))
    return few & (root_mean_square(np.where(few, 0.0, ratio)) <= allowance(truth))


def factor_told(factor: float, digits: int) -> str:
    """A factor in so many digits; one so near to 1 that these are those of 1 by what it is off."""
    told = f"{factor:.{digits}g}"
    return f"(1 {'+' if factor > 1 else '-'} {abs(factor - 1):.3g})" if told == "1" and factor != 1 else told


def towards_zero(seen: Array, expected: Expected, dtype: Dtype) -> Array | None:
    """The places, in the array laid flat, of CUT different results that rounding to nearest would take away from zero.

    None unless every element is the exact result cut off to the dtype, and no error that elements share tells that.
    """
    if seen.size < CUT:
        return None
    truth = expected.judged
    numbers = seen[: len(truth.value)].astype(np.float64)
    with np.errstate(all="ignore"):
        size = np.abs(numbers)
        beyond = np.fmax.reduce(size - np.abs(truth.value), axis=None)
        if beyond > SLACK * spacing(np.max(size, where=np.isfinite(size), initial=0.0), dtype):
            return None  # so it is all but always: the rest costs more
        told = np.isfinite(truth.value) & (np.abs(truth.value) >= dtype.tiny)  # below, a target may flush to zero
        moved = np.where(told, (numbers - truth.value - truth.low) * np.sign(truth.value), 0.0)
        step = spacing(numbers, dtype)
        if (moved > SLACK * step).any():
            return None
        further = np.flatnonzero(told & (moved < -step / 2) & (moved > (SLACK - 1) * step))
        _, first = np.unique(truth.value.ravel()[further], return_index=True)
        if len(first) < CUT or (moved < -(1 + SLACK) * step).any():
            return None
        room = np.where(told, (1 / 2 + SLACK) * step, np.inf)
        sizes = (np.where(told, size, 1.0) for size in (np.sign(truth.value), np.abs(truth.value)))
        shared = any(_shared(moved, room, size) for size in sizes)
    return None if shared else further[np.sort(first)[:CUT]]


def _shared(moved: Array, room: Array, size: Array) -> bool:
    """Whether one part of `size`, or one for each index of an axis, takes all elements as far, give or take `room`.

    A factor that was rounded itself, or an offset, makes numbers of about one size too small by about half a step.
    """
    least, most = np.sort([(moved - room) / size, (moved + room) / size], axis=0)
    every = tuple(range(moved.ndim))
    others = [every, *(every[:axis] + every[axis + 1 :] for axis in every)]
    sizes = [math.prod(moved.shape[axis] for axis in one) for one in others]
    return any(
        bool((least.max(axis=one) <= most.min(axis=one)).all()) for one, n in zip(others, sizes, strict=True) if n > 1
    )


def unlike_rounding(case: Case, seen: Array, expected: Expected) -> bool:
    """Whether the error is one offset or about one factor, or what the case's own dtype rounds beside the largest.

    No computation in a narrower format makes such errors: where it is as far off in small results, it is in large ones.
    """
    x = expected.judged.value
    y = seen[: len(x)].astype(np.float64) if expected.steps else seen.astype(np.float64)
    if y.size <= FEW or not (np.isfinite(y).all() and np.isfinite(x).all()):
        return False
    return _absolute(case, y, x) or next(_shapes(y, x), None) is not None


def _patterns(case: Case, y: Array, x: Array, wrong: Array) -> Iterator[str]:
    infinite = np.logical_and(wrong, ~(np.isfinite(y) & np.isfinite(x)))
    if infinite.any():
        where = confined(infinite)
        said = f"{infinite.sum()} of {y.size} elements have a wrong NaN or infinity{f': {where}' if where else ''}"
        yield said + (between(case, np.isnan(y[infinite])) if np.isfinite(x[infinite]).all() else "")
    if y.size == 1 and x.all():
        yield f"one number alone, {factor_told(float((y / x).item()), 4)} times what is expected"
    if _lost(y, x, wrong):
        yield f"small results are 0: {wrong.sum()} of {y.size}, up to {np.max(np.abs(x[wrong])):.3g}"
    if y.size > 1 and wrong.any() and _small_alone(x, wrong) and _absolute(case, y, x):
        yield "small results alone have lost digits: no error is more than a rounding of the largest result"
    if y.size > 1 and not wrong.all():
        yield from _clipped(y, x, wrong)
        yield from _places(case, x, wrong)
    if y.size > FEW and np.isfinite(y).all():
        yield from _shapes(y, x)
    if not wrong.any():
        yield "no element is far off, but too many are a little"
    yield f"{wrong.sum()} of {y.size} elements are wrong, without an order that shows"


def between(case: Case, nan: Array) -> str:
    """What must have happened between numbers that go in and should come out, where none does, and these are NaN."""
    if not all(x.size and np.isfinite(x.astype(np.float64)).all() for x in case.inputs.values()):
        return ""
    if nan.all():
        return "; on the way two infinities are subtracted or divided, or two zeros divided"
    return "" if nan.any() else "; it overflows on the way"


def _absolute(case: Case, y: Array, x: Array) -> bool:
    """Whether the errors are as small as if all were rounded beside the largest, as where 1 is added and taken away."""
    largest = float(np.max(np.abs(x)))
    return bool(np.isfinite(y).all() and np.max(np.abs(y - x)) <= ROUNDINGS * case.dtype.unit * largest)


def _lost(y: Array, x: Array, wrong: Array) -> bool:
    """Whether all that is wrong is 0, and no other that is not 0 is as small: a cut-off, or numbers flushed to 0."""
    right = np.abs(x[~wrong & (x != 0)])
    return bool(wrong.any() and not y[wrong].any() and right.size and np.max(np.abs(x[wrong])) < right.min())


def _small_alone(x: Array, wrong: Array) -> bool:
    """Whether none of what is wrong is about as large as the largest: of half precision, a rounding of that is much."""
    return bool(np.max(np.abs(x[wrong])) * ROUNDINGS < np.max(np.abs(x)))


def _clipped(y: Array, x: Array, wrong: Array) -> Iterator[str]:
    """That all that is wrong is the largest that there is, where more is right, or the smallest, where less is."""
    least, most = y.min(), y.max()
    above, below = wrong & (y == most) & (x > most), wrong & (y == least) & (x < least)
    if FEW < wrong.sum() == above.sum() + below.sum():
        bounds = [f"at most {most:.6g}"] * bool(above.any()) + [f"at least {least:.6g}"] * bool(below.any())
        yield f"clipped to {' and '.join(bounds)}: {wrong.sum()} of {y.size} elements"


def _places(case: Case, x: Array, wrong: Array) -> Iterator[str]:
    """Where the wrong elements are, if not everywhere."""
    if 0 < wrong.sum() <= FEW < wrong.size:
        at = ", ".join(str([int(i) for i in place]) for place in np.argwhere(wrong))
        yield f"only {wrong.sum()} of {wrong.size} elements: {at}"
    if where := confined(wrong) or _border(wrong):
        yield where
    numbers = next(
        (one for one in case.inputs.values() if one.shape == wrong.shape and one.dtype.kind not in "iub"), None
    )
    for what, sizes in (("input", numbers), ("result", x)):
        size = np.abs(sizes.astype(np.float64)) if sizes is not None else np.zeros(0)
        if size.size and wrong.sum() > FEW and size[wrong].min() > size[~wrong].max():
            yield f"only where the {what} is large: from {size[wrong].min():.3g} on"


def confined(wrong: Array) -> str:
    """On which axes all that is wrong lies in one line, or from one on, or up to one, and where; nothing if on none.

    A loop over blocks leaves its tail, a step that carries on a wrong state spoils all that come after it, and on the
    way back, of gradients, all that stand before it.
    """
    return "; ".join(
        f"{where} of axis {axis}, which is {lines.size} long{rest}"
        for axis in range(wrong.ndim)
        for lines in [np.asarray(wrong.any(axis=tuple(other for other in range(wrong.ndim) if other != axis)))]
        for where, rest in _stretch(lines, wrong)
    )


def _stretch(lines: Array, wrong: Array) -> Iterator[tuple[str, str]]:
    """Where on its axis the lines are that have something wrong, and how many of it, if they begin or end it.

    Of few elements a head or a tail is chance: of 5 that are all wrong but one, the first or the last is right as often
    as not.
    """
    places = np.flatnonzero(lines)
    first, last, size = int(places.min(initial=lines.size)), int(places.max(initial=-1)), lines.size
    if len(places) == 1 and size > 2:
        yield f"only index {first}", ", the last" if last == size - 1 else ""
    elif len(places) > 1 and last - first + 1 == len(places) < size and _no_chance(len(places) / size, wrong):
        if last == size - 1:
            yield f"a tail: from index {first} on", f": right before, wrong in the last {len(places)}"
        if first == 0:
            yield f"a head: up to index {last}", f": wrong in the first {len(places)}, right after"


def _border(wrong: Array) -> str:
    """On which two axes all that is wrong lies in the last lines, or the first: what no window covers, or padding."""
    for place, told in ((-1, "last"), (0, "first")):
        for axes in combinations((axis for axis, size in enumerate(wrong.shape) if size > 2), 2):
            border = np.zeros(wrong.shape, bool)
            for axis in axes:
                np.moveaxis(border, axis, 0)[place] = True
            if not np.any(wrong & ~border) and _no_chance(float(border.mean()), wrong):
                return f"a border: the {told} of axis {axes[0]} and the {told} of axis {axes[1]}"
    return ""


def _no_chance(part: float, wrong: Array) -> bool:
    """Whether so many wrong elements would hardly ever all lie in this part of an array at one of its two ends."""
    count = int(wrong.sum())
    inside, of = (special.gammaln(n + 1) - special.gammaln(n - count + 1) for n in (part * wrong.size, wrong.size))
    return bool(2 * np.exp(inside - of) < CHANCE)


def _shapes(y: Array, x: Array) -> Iterator[str]:
    """How the error goes, if it is everywhere."""
    error = y - x
    size = float(np.sqrt(np.mean(np.square(error))))
    if size == 0 or not np.any(x):
        return
    factor = float(np.vdot(x, y) / np.vdot(x, x))
    if np.std(error) < LEFT * size:
        yield f"about an offset: {np.mean(error):.3g} is added"
    seen = float(np.sqrt(np.mean(np.square(y))))  # of next to nothing, any factor next to 0 leaves next to nothing
    if factor and float(np.sqrt(np.mean(np.square(y - factor * x)))) < LEFT * min(size, seen):
        yield f"about a constant factor, {factor_told(factor, 4)}"

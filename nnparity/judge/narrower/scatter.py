"""What the errors of roundings look like: of about one size, everywhere, up as often as down.

An error has the size of a narrower format's for many reasons: a term that a sum leaves out, a constant that is a little
another one, an approximation. So its size alone says nothing. Three things that roundings do by chance alone, and a
wrong formula does easily, speak against them: that they keep their sign, that many of them agree, and that numbers are
right.
"""

import math

import numpy as np
from scipy import special

from nnparity.expect.expected import Expected
from nnparity.judge.elements import Array, errors
from nnparity.judge.error_patterns import confined
from nnparity.judge.evidence import POSSIBLE, SPARE, sizes
from nnparity.judge.grades import Judgement
from nnparity.spec import Case

#: In the median rounding to a format leaves 1.5 bits more than it has digits, and few numbers have more luck with that
#: than with their mean square.
MEDIAN_SPARE = SPARE + 1


def scattered(case: Case, seen: Array, expected: Expected, digits: int) -> bool:
    """Whether the errors are as those of roundings to so many digits: most of that size, everywhere, up and down.

    A formula that is a little another one, by a constant or an approximation, is off by a function of the numbers:
    where these are next to each other, its errors are of one sign. Roundings take turns about as a coin does, in the
    order of the results and in that of an input with as many numbers. Of so few numbers that one sign throughout is no
    rarer than one in a hundred, nothing is said; errors that keep their sign along an axis, as where one sum of each
    row is wrong, are one number for each of its lines.
    """
    error, _, size = sizes(seen, expected)
    if 2 * np.count_nonzero(error > 2.0 ** -(digits + MEDIAN_SPARE) * size) < error.size:
        return False
    if elsewhere_right(seen, expected):
        return False
    (numbers, error), truth = errors(seen, expected), expected.judged
    off = error > truth.sharp
    orders = [truth.value, *(one for one in case.inputs.values() if one.shape == truth.value.shape)]
    signs = _signs(numbers, truth)
    tries = len(signs) * (len(orders) + off.ndim)
    if min(_independent(one, off, tries) for one in signs) - 1 < POSSIBLE + math.log2(len(orders)):
        return False
    in_order = (one.ravel()[_sorted(order, off)] for one in signs for order in orders)
    return all(_takes_turns(one[1:] != one[:-1], tries) for one in in_order)


def surprising(judged: Judgement, seen: Array, expected: Expected) -> bool:
    """Whether errors are larger than roundings would make them once in a hundred times, though no budget forbids them.

    Norm 2 counts each rounding at its maximum, beside which it is about 1/sqrt(3): see `grades.chance`. A grade asks no
    more than norm 2 itself of errors that are many, and is right to be lenient; a name is not. Errors that elements
    share scatter as much as so many do that are independent.

    Args:
        judged: the judgement by the narrower format.
        seen: the observation.
        expected: what is right.
    """
    numbers, error = errors(seen, expected)
    signs, off = _signs(numbers, expected.judged), error > expected.judged.sharp
    several = min(_independent(one, off, len(signs) * (1 + off.ndim)) for one in signs)
    return 3 * several * (judged.rms or 0.0) ** 2 > float(special.chdtri(max(several, 1), 2.0**-POSSIBLE))


def _signs(numbers: Array, truth: Expected) -> tuple[Array, Array]:
    """Where numbers are too large, and where they are too far from zero."""
    upward = numbers > truth.value
    return upward, upward == (truth.value > 0)


def elsewhere_right(seen: Array, expected: Expected) -> bool:
    """Whether what is wrong stands in a part of the array, and the rest is right: no format leaves so many digits.

    An error that is spread about 0 as widely as the others is within a budget by the chance of budget over error, so
    that of all numbers about the sum of these chances are right. Where many more are, they have lost nothing.
    """
    off = errors(seen, expected)[1] > expected.judged.sharp
    if confined(off):
        return True
    error, budget, size = sizes(seen, expected)
    wrong = error > budget
    if not wrong.any():
        return False
    usual = float(np.median(error[wrong] / size[wrong]))
    by_chance = float(np.minimum(budget / (usual * size), 1.0).sum())
    right = int(np.count_nonzero(~wrong))
    return bool(right and special.pdtrc(right - 1, by_chance) < 2.0**-POSSIBLE)


def _sorted(numbers: Array, there: Array) -> Array:
    """The places of an array laid flat that are `there`, in the order of its numbers."""
    order = np.argsort(numbers.astype(np.float64), axis=None, kind="stable")
    return np.asarray(order[there.ravel()[order]])


def _independent(sign: Array, off: Array, tries: int) -> int:
    """How many of the errors may be independent: along an axis on which they keep their sign they count once."""
    kept = [_keeps_sign(sign, off, axis, tries) for axis in range(off.ndim)]
    lines: int = math.prod(size for size, one in zip(off.shape, kept, strict=True) if not one)
    return min(lines, int(np.count_nonzero(off)))


def _keeps_sign(sign: Array, off: Array, axis: int, tries: int) -> bool:
    """Whether errors that are next to each other on an axis have one sign more often than a coin would."""
    size = off.shape[axis]
    first, second = (np.take(sign, places, axis=axis) for places in (range(size - 1), range(1, size)))
    both = np.take(off, range(size - 1), axis=axis) & np.take(off, range(1, size), axis=axis)
    return not _takes_turns((first != second)[both], tries)


def _takes_turns(turned: Array, tries: int) -> bool:
    """Whether they change their side at least half as often as a coin, or no more seldom than it does by chance.

    Errors that several elements share, of a number that goes into all of them, do so less often than a coin.
    """
    turns, throws = int(np.count_nonzero(turned)), turned.size
    return 4 * turns >= throws or bool(special.bdtr(turns, throws, 0.5) * tries >= 2.0**-POSSIBLE)

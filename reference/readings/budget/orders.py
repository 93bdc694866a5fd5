"""Partial sums in the orders that kernels take: what a sum loses where the signs of its terms follow their place.

The roundings of a sum are of its partial sums S_j, and add up to u^2 times the sum of S_j^2 (Higham, "Accuracy and
Stability of Numerical Algorithms", 2nd ed., 4.2). `sums` has its mean over all orders. Kernels take the order of the
index, in one lane or in as many as a vector register has: a first half that is positive and a second one that is
negative let S_j grow with j, and so do signs that alternate, in two lanes. The largest of these is what is to be
expected of a kernel whose order nobody has told.
"""

from typing import Any

import numpy as np

from nnparity.reference.readings.budget.core import Array
from nnparity.reference.readings.budget.subscripts import axes_of, multiplications, sizes

#: Lanes of a vector register, from none to AVX-512 with float32.
LANES = (1, 2, 4, 8, 16)
#: More products than this are not formed one by one.
MOST = 1 << 24


def of_sum(x: Array, axis: Any, keepdims: bool) -> Array:
    """The sum of S_j^2 over the axes that are added up, in the worst of the orders, in the shape of the sum."""
    axes = sorted(axes_of(axis, x.ndim))
    kept = [one for one in range(x.ndim) if one not in axes]
    terms = x.transpose([*kept, *axes]).reshape([x.shape[one] for one in kept] + [-1])
    found = worst_of_lanes(terms)
    return np.expand_dims(found, axes) if keepdims else found


def of_product(subscripts: str, a: Array, b: Array) -> Array:
    """The same of the products that an einsum of two operands adds up; 0 where there are too many of them."""
    operands, after = subscripts.split("->")
    found = sizes(subscripts, a.shape, b.shape)
    lost = "".join(letter for letter in found if letter not in after)
    if not lost or multiplications(subscripts, a.shape, b.shape) > MOST:
        return np.zeros([found[letter] for letter in after])
    terms = np.einsum(f"{operands}->{after}{lost}", a, b)
    return worst_of_lanes(terms.reshape((*terms.shape[: len(after)], -1)))


def worst_of_lanes(terms: Array) -> Array:
    """The largest sum of S_j^2 over the last axis, of all numbers of lanes."""
    return np.asarray(np.max([_in_lanes(terms, lanes) for lanes in LANES], axis=0))


def _in_lanes(terms: Array, lanes: int) -> Array:
    """Of sums of every so many terms, which are added up at the end; a first term is none that rounds."""
    missing = -terms.shape[-1] % lanes
    whole = not missing and terms.flags.c_contiguous  # numpy.pad copies, in the order of the index
    padded = terms if whole else np.pad(terms, [(0, 0)] * (terms.ndim - 1) + [(0, missing)])
    sums = np.cumsum(padded.reshape((*terms.shape[:-1], -1, lanes)), axis=-2)
    ends = np.cumsum(sums[..., -1, :], axis=-1) if sums.shape[-2] else np.zeros((*terms.shape[:-1], lanes))
    for each in (sums, ends):
        np.square(each, out=each)
    return np.asarray(sums[..., 1:, :].sum(axis=(-2, -1)) + ends[..., 1:].sum(axis=-1))

"""The tree of a sum, found by masks: one huge term, its negative, and units everywhere else.

The huge term swallows the units that meet it before its negative does. So the units that survive are those outside of
the smallest partial sum that holds both, and their number tells how many terms that has; from these sizes for some
pairs the tree follows. (FPRev.) What adds up by no tree, or in wider numbers than masks can show, is `Unrevealed`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnparity.spec import DTYPES, Dtype
from nnparity.summation.tree import Tree

Array = NDArray[Any]
#: The sums of products of some pairs of vectors, each asked by itself: what is added up alone has ones for the second.
NO_TREE = "the masks do not agree with each other: it adds up by no tree of its terms"
Measure = Callable[[Sequence[tuple[Array, Array]]], Sequence[float]]


class Unrevealed(RuntimeError):
    """A sum whose order the masks do not tell, with the reason."""


@dataclass(frozen=True)
class Masks:
    """The numbers that a dtype has for it."""

    dtype: Dtype
    unit: float
    huge: float

    def pair(self, terms: int, i: int, j: int) -> tuple[Array, Array]:
        """The vectors with the huge number at i and its negative at j."""
        x = np.full(terms, self.unit)
        x[i], x[j] = self.huge, -self.huge
        return x.astype(self.dtype.numpy), np.ones(terms, self.dtype.numpy)


def tree(measure: Measure, terms: int, dtype: str) -> Tree:
    """The tree by which `measure` adds up so many terms. Raises Unrevealed."""
    if terms > 1 / DTYPES[dtype].unit:
        raise Unrevealed(f"{dtype} does not count to {terms}")
    masks = _masks(measure, terms, DTYPES[dtype])
    (found,), size = _built(measure, masks, terms, list(range(terms)), terms + 1)
    if size != terms:
        raise Unrevealed(NO_TREE)
    return found


def _masks(measure: Measure, terms: int, dtype: Dtype) -> Masks:
    """The first pair of numbers that is counted right: small units where a huge number could not swallow ones."""
    huge = 2.0 ** (np.floor(np.log2(dtype.largest)) - 1)
    for unit in (1.0, dtype.step, dtype.tiny):
        alike = np.full(terms, unit).astype(dtype.numpy), np.ones(terms, dtype.numpy)
        masks = Masks(dtype, unit, huge)
        ends = masks.pair(terms, 0, terms - 1)
        counted, left = measure([alike, ends])
        fits = unit < 1 or huge * dtype.unit > terms
        if fits and counted == terms * unit and left % unit == 0 and 0 <= left <= (terms - 2) * unit:
            return masks
    raise Unrevealed(f"{dtype.name} has no mask that this sum swallows")


def _sizes(measure: Measure, masks: Masks, terms: int, i: int, others: list[int]) -> list[int]:
    """For each j, of how many terms the smallest partial sum is that holds i and j."""
    left = measure([masks.pair(terms, i, j) for j in others])
    sizes = [terms - value / masks.unit for value in left]
    if any(size != int(size) or not 2 <= size <= terms for size in sizes):
        raise Unrevealed("a masked sum is no number of terms: what is added up is not the terms themselves")
    return [int(size) for size in sizes]


def _built(measure: Measure, masks: Masks, terms: int, indices: list[int], limit: int) -> tuple[list[Tree], int]:
    """The partial sums that these indices are, and how many terms they have: one, or several that meet at `limit`.

    Those are added at once with what stands beside them: the masks of their members count that too.
    """
    first, *others = indices
    found: Tree = first
    size = 1
    groups: dict[int, list[int]] = {}
    for j, so_many in zip(others, _sizes(measure, masks, terms, first, others) if others else (), strict=True):
        groups.setdefault(so_many, []).append(j)
    for so_many, group in sorted(groups.items()):
        siblings, more = _built(measure, masks, terms, group, so_many)
        if so_many == limit:
            return [found, *siblings], size + more
        if size + more != so_many:
            raise Unrevealed(NO_TREE)
        found, size = (found, *siblings), so_many
    return [found], size

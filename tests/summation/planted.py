"""Sums in orders that are known, in any dtype: written with NumPy's scalars, and nothing of the simulation's."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from nnparity.summation.masks import Array
from nnparity.summation.tree import Tree


@dataclass(frozen=True)
class Planted:
    """What adds up by a tree, kept in `inner`; the products of the leaves in `fused` are not rounded."""

    tree: Tree
    dtype: Any
    inner: Any
    fused: frozenset[int] = frozenset()
    #: terms of the tree that are left out: what is then no sum of all
    deaf: frozenset[int] = frozenset()

    def __call__(self, pairs: Sequence[tuple[Array, Array]]) -> list[float]:
        with np.errstate(all="ignore"):
            return [float(np.asarray(self._of(self.tree, x, y)).astype(self.dtype)) for x, y in pairs]

    def _of(self, tree: Tree, x: Array, y: Array) -> Any:
        if isinstance(tree, int):
            return 0.0 if tree in self.deaf else self._kept(self._product(x[tree], y[tree]))
        terms = [self._whole(child, x, y) for child in tree]
        largest = max(map(abs, terms))  # added at once, all are aligned to it, and what hangs over is cut off
        return self._kept(sum(term for term in terms if len(tree) == 2 or abs(term) > largest * 2.0**-30))

    def _whole(self, tree: Tree, x: Array, y: Array) -> Any:
        if isinstance(tree, int) and tree in self.fused:
            return self._product(x[tree], y[tree])
        number = self._of(tree, x, y)
        return Fraction(number) if self._long else number

    def _product(self, x: Any, y: Any) -> Any:
        """In float64 where that holds it, else as a fraction."""
        return Fraction(float(x)) * Fraction(float(y)) if self._long else float(x) * float(y)

    @property
    def _long(self) -> bool:
        """Whether float64 does not hold what is rounded."""
        return self.inner is np.float64

    def _kept(self, value: Any) -> Any:
        return float(np.asarray(float(value)).astype(self.inner))

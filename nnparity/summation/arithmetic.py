"""How a sum with a known tree rounds: which products are fused with an addition, and in what format it is kept.

Both are asked of the target, by sums of which something is left in one case and nothing in the other.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from nnparity.spec import DTYPES, Dtype
from nnparity.summation.masks import Array, Measure, Unrevealed
from nnparity.summation.tree import Tree, leaves, nodes


@dataclass(frozen=True)
class Order:
    """All that a simulation needs: the tree, the leaves whose product is not rounded, the format of partial sums."""

    tree: Tree
    dtype: Dtype
    accumulator: Dtype
    fused: frozenset[int] = frozenset()

    @property
    def terms(self) -> int:
        """How many are added up."""
        return len(leaves(self.tree))

    def total(self, x: Array, y: Array) -> float:
        """What comes out of these vectors, to the bit."""
        products = [Fraction(float(a)) * Fraction(float(b)) for a, b in zip(x, y, strict=True)]
        done: list[Fraction] = []
        for node in nodes(self.tree):
            if isinstance(node, list):
                whole = node[0] in self.fused
                done.append(products[node[0]] if whole else self._kept(products[node[0]]))
            else:
                terms, done = done[-len(node) :], done[: -len(node)]
                done.append(self._kept(sum(terms, Fraction(0))))
        return float(self.dtype.round(np.float64(float(self._kept(done[0])))))

    def _kept(self, value: Fraction) -> Fraction:
        return Fraction(nearest(value, self.accumulator))


def nearest(value: Fraction, dtype: Dtype) -> float:
    """The number of the format that is nearest, rounded once: float64, on the way, is rounded to odd."""
    found = np.float64(float(value))
    exact = dtype.name == "float64" or np.isinf(found) or Fraction(float(found)) == value
    if not exact and not int(found.view(np.int64)) & 1:
        found = np.nextafter(found, np.inf if value > Fraction(float(found)) else -np.inf)
    return float(dtype.round(found))


def accumulator(measure: Measure, tree: Tree, dtype: str) -> Dtype:
    """The narrowest format that explains what is left of 1 + 2^-p - 1, p its digits, or the next wider one."""
    i, j, k = _three(tree)
    formats = [one for one in reversed(DTYPES.values()) if one.digits >= DTYPES[dtype].digits]
    formats = [one for one in formats if one.name == dtype or one.digits > DTYPES[dtype].digits]
    for place, one in enumerate(formats[:-1]):
        x = np.zeros(len(leaves(tree)))
        x[i], x[j], x[k] = 1.0, one.unit, -1.0
        (left,) = measure([(x.astype(DTYPES[dtype].numpy), np.ones(x.size, DTYPES[dtype].numpy))])
        if left == 0:
            return formats[place]
    return formats[-1]


def _three(tree: Tree) -> tuple[int, int, int]:
    """Two leaves that meet before the third."""
    everything = leaves(tree)
    for node in nodes(tree):
        if isinstance(node, tuple):
            inside = [leaves(child) for child in node]
            other = next((leaf for leaf in everything if not any(leaf in part for part in inside)), None)
            if other is not None:
                return inside[0][0], inside[1][0], other
    raise Unrevealed("all terms are added at once: partial sums have no format")


def fused(measure: Measure, tree: Tree, accumulator: Dtype, dtype: str) -> frozenset[int]:
    """The leaves whose products are added as they are, not rounded to the accumulator's format first."""
    number = DTYPES[dtype]
    half = (accumulator.digits + 1) // 2
    if half + 1 > number.digits:  # no product of two such numbers is too long: both ways are one
        return frozenset()
    exponent = 2.0**-half
    asked = list(_beside(tree))
    found = measure([_probe(len(leaves(tree)), leaf, other, exponent, number) for leaf, other in asked])
    return frozenset(leaf for (leaf, _), left in zip(asked, found, strict=True) if left == exponent**2)


def _beside(tree: Tree) -> Iterator[tuple[int, int]]:
    """Each leaf with one of those that it meets first."""
    for node in nodes(tree):
        for child in node if isinstance(node, tuple) else ():
            if isinstance(child, int):
                yield child, next(leaves(other)[0] for other in node if other != child)


def _probe(terms: int, leaf: int, other: int, exponent: float, dtype: Dtype) -> tuple[Array, Array]:
    """(1 + e)^2 - (1 + 2e): e^2 if the product is whole, else nothing."""
    x, y = np.zeros(terms), np.ones(terms)
    x[leaf] = y[leaf] = 1 + exponent
    x[other] = -(1 + 2 * exponent)
    return x.astype(dtype.numpy), y.astype(dtype.numpy)


def order(measure: Measure, tree: Tree, dtype: str) -> Order:
    """The tree with its arithmetic."""
    inner = accumulator(measure, tree, dtype) if len(leaves(tree)) > 2 else DTYPES[dtype]
    return Order(
        tree, DTYPES[dtype], inner, fused(measure, tree, inner, dtype) if len(leaves(tree)) > 1 else frozenset()
    )

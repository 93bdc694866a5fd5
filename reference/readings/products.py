"""Einsum as products of matrices, for numbers whose matrices a library multiplies: float64's BLAS, balls FLINT.

All arrays have one axis in front that no subscript names: it counts simulated machines, or is of length 1.
"""

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


class Plan(NamedTuple):
    """The letters of an einsum: those of its operands, and by where they occur.

    `both` are in both operands and in the result, `rows` and `columns` in one of them and the result, and over those
    that are `summed` the products are added up. `order` brings the axes of (front, both, rows, columns) into that
    of the result.
    """

    left: str
    right: str
    both: str
    rows: str
    columns: str
    summed: str
    order: tuple[int, ...]


@cache
def plan(subscripts: str) -> Plan:
    """Which axis is what. Raises ValueError for an einsum that is no product of matrices."""
    before, after = subscripts.split("->")
    left, right = before.split(",")
    both = "".join(x for x in after if x in left and x in right)
    rows = "".join(x for x in after if x not in right)
    columns = "".join(x for x in after if x not in left)
    summed = "".join(x for x in left if x in right and x not in after)
    found = both + rows + columns
    if set(left + right) != set(found + summed) or any(len(set(word)) < len(word) for word in (left, right, after)):
        raise ValueError(f"{subscripts} is no product of matrices")
    return Plan(left, right, both, rows, columns, summed, (0, *(1 + found.index(x) for x in after)))


def as_matrices(subscripts: str, a: Array, b: Array) -> tuple[Array, Array, Callable[[Array], Array]]:
    """The operands as matrices, (front, both, rows, summed) and (front, both, summed, columns), and the way back.

    That makes of their products, (front, both, rows, columns), the result of the einsum. Raises ValueError for one
    that is no product of matrices.
    """
    p = plan(subscripts)
    sizes = dict(zip(p.left + p.right, (*a.shape[1:], *b.shape[1:]), strict=True))
    left = _matrices(a, p.left, (p.both, p.rows, p.summed), sizes)
    right = _matrices(b, p.right, (p.both, p.summed, p.columns), sizes)
    shape = [sizes[x] for x in p.both + p.rows + p.columns]
    return left, right, lambda product: product.reshape((len(product), *shape)).transpose(p.order)


def _matrices(x: Array, letters: str, groups: tuple[str, str, str], sizes: dict[str, int]) -> Array:
    """A matrix for each place of the front axis and of those that both operands share: (front, both, rows, columns)."""
    order = (0, *(1 + letters.index(letter) for group in groups for letter in group))
    shape = [int(np.prod([sizes[letter] for letter in group])) for group in groups]
    matrices = x.transpose(order).reshape((len(x), *shape))
    # BLAS is only given matrices of which the rows or the columns lie in one piece
    return matrices if x.itemsize in matrices.strides[-2:] else np.ascontiguousarray(matrices)

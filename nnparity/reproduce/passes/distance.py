"""How far two arrays of a dtype are apart: in how many elements, and by how many numbers of the dtype at most."""

from dataclasses import dataclass

import numpy as np

from nnparity.adapters.request import Array


@dataclass(frozen=True)
class Distance:
    """`elements` of `size` differ, by `most` steps from a number of the dtype to the next; None: other shapes."""

    elements: int
    size: int
    most: int | None

    @property
    def none(self) -> bool:
        """Whether all bits are the same."""
        return self.elements == 0 and self.most is not None

    @property
    def rounding(self) -> bool:
        """Whether no element is farther off than the next number."""
        return self.most is not None and self.most <= 1

    def within(self, other: "Distance") -> bool:
        """Whether it is no farther, in elements and in steps."""
        return self.elements <= other.elements and (self.most or 0) <= (other.most or 0)

    @property
    def told(self) -> str:
        """In words."""
        if self.most is None:
            return "another shape or dtype"
        if self.none:
            return "same bits"
        return f"{self.elements} of {self.size} elements differ, by {self.most:,} ULP at most"


def distance(one: Array, other: Array) -> Distance:
    """From one to the other. A NaN is as good as another, the two zeros are neighbours."""
    if (one.dtype, one.shape) != (other.dtype, other.shape):
        return Distance(one.size, one.size, None)
    first, second = _places(one), _places(other)
    apart = np.maximum(first, second) - np.minimum(first, second)
    return Distance(int(np.count_nonzero(apart)), one.size, int(apart.max(initial=0)))


def _places(array: Array) -> Array:
    """The place of each number among all of its dtype, from the least: unsigned, so that differences do not wrap."""
    unsigned = np.dtype(f"u{array.dtype.itemsize}")
    if array.dtype.kind in "iub":
        return array.astype(np.int64).view(np.uint64) ^ np.uint64(1 << 63)
    plain = np.where(np.isnan(array), np.nan, array).astype(array.dtype)
    bits = plain.view(unsigned)
    sign = unsigned.type(1 << (8 * array.dtype.itemsize - 1))
    return np.where(bits & sign, ~bits, bits | sign)

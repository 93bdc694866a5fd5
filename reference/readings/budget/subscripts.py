"""Which axes, and how many terms, a sum or an einsum adds up, from what it is called with."""

import math
from functools import lru_cache
from typing import Any


def axes_of(axis: Any, ndim: int) -> set[int]:
    """The axes that a sum is taken over, by their places; all for None."""
    if axis is None:
        return set(range(ndim))
    return {one % ndim for one in ((axis,) if isinstance(axis, int) else axis)}


@lru_cache(maxsize=4096)
def contracted(subscripts: str, *shapes: tuple[int, ...]) -> int:
    """How many products each element of an einsum adds up."""
    found = sizes(subscripts, *shapes)
    return max(math.prod(n for name, n in found.items() if name not in subscripts.split("->")[1]), 1)


@lru_cache(maxsize=4096)
def multiplications(subscripts: str, *shapes: tuple[int, ...]) -> int:
    """How many products an einsum forms in all."""
    return math.prod(sizes(subscripts, *shapes).values())


def sizes(subscripts: str, *shapes: tuple[int, ...]) -> dict[str, int]:
    """How far each letter of an einsum runs, in the order in which they are met."""
    words = subscripts.split("->", maxsplit=1)[0].split(",")
    return {name: n for word, shape in zip(words, shapes, strict=True) for name, n in zip(word, shape, strict=True)}

"""The order of an LSTM's gates: i, f, o, c in the primer, i, f, c, o in every framework here (some write g for c)."""

from collections.abc import Iterable
from typing import TypeVar

T = TypeVar("T")


def ifco(blocks: Iterable[T]) -> tuple[T, T, T, T]:
    """The blocks of the gates i, f, o, c in the frameworks' order; and back again, as it exchanges two."""
    i, f, o, c = blocks
    return i, f, c, o

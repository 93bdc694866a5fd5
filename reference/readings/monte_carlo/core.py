"""The reading that scatters: every rounding is a random one, so that many machines show which errors go together.

Stochastic arithmetic (Parker, "Monte Carlo arithmetic", UCLA 1997): each result is multiplied by 1 + u d with d random,
sums are off by the standard deviation that norm 2 gives them. Elements that share an intermediate result share
its error, which norm 2, a variance for each element, does not tell. Errors this small pass through a formula
linearly, so what they have in common does not depend on u.

All machines run at once: the value has an axis more than the reading shows, the first one, which counts the machines.
They differ by roundings, so that the first tells for all how large those are: the standard deviations are its own.
"""

from collections.abc import Callable, Iterable
from types import EllipsisType, NoneType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from nnparity.reference.readings.base import Reading
from nnparity.reference.readings.monte_carlo.machines import Machines
from nnparity.reference.readings.monte_carlo.moves import gathered

Array = NDArray[Any]
#: Indices by which NumPy makes a view; others are looked up place by place.
BASIC = (int, slice, EllipsisType, NoneType)


class Noise(Reading):
    """Float64 values that went through random roundings, or truth values that they were compared to, by machine.

    The first axis is of length 1 where no rounding came yet, and all machines hold the same.
    """

    __slots__ = ("machines", "value")

    def __init__(self, value: Any, machines: Machines) -> None:
        value = np.asarray(value)
        self.value: Array = value if value.dtype == np.bool_ else value.astype(np.float64, copy=False)
        self.machines = machines

    @property
    def shape(self) -> tuple[int, ...]:
        """That of one machine's array."""
        return self.value.shape[1:]

    def __bool__(self) -> bool:
        raise TypeError("machines may disagree: np.where asks each of them")

    def like(self, value: Any) -> Self:
        """Other values on the same machines."""
        return type(self)(value, self.machines)

    def moved(self, move: Callable[[Any], Any]) -> Self:
        """See `Reading`."""
        return self.like(gathered([self.value], lambda parts: move(parts[0])))

    def joined(self, others: Iterable[Any], join: Callable[[list[Any]], Any]) -> Self:
        """See `Reading`."""
        return self.like(gathered([by_machine(other) for other in others], join))

    def __getitem__(self, index: Any) -> Self:
        whole = index if isinstance(index, tuple) else (index,)
        if all(type(part) in BASIC for part in whole):
            return self.like(self.value[(slice(None), *whole)])
        return super().__getitem__(index)

    def reshape(self, *shape: Any) -> Self:
        """As of an array."""
        whole = shape[0] if len(shape) == 1 and not isinstance(shape[0], int) else shape
        return self.like(self.value.reshape((len(self.value), *whole)))

    def padded(self, width: Any) -> Self:
        """See `Reading`."""
        return self.like(np.pad(self.value, [(0, 0), *np.broadcast_to(width, (self.ndim, 2))]))

    def constant(self, value: float) -> "Noise":
        """See `Reading`."""
        return self.like([value])

    def off(self, deviation: Any) -> "Noise":
        """Each element moved by a random number times its standard deviation, which is in units of an accumulator's.

        The deviations are those of one machine.
        """
        if not self.machines.unit:
            return self
        moved = self.machines.drawn(self.shape, self.machines.accumulator)
        rounding = moved[self.machines.exact :]  # 0 times a deviation that has overflowed is none
        rounding *= deviation
        moved += self.value
        return self.like(moved)

    def rounded(self, units: Any = 1.0) -> "Noise":
        """Each element off by `units` roundings of itself, alike on all machines."""
        if not self.machines.unit:
            return self
        moved = self.machines.drawn(self.shape, units * self.machines.unit)
        moved += 1.0
        moved *= self.value
        return self.like(moved)


def lifted(array: Any, machines: Machines) -> Noise:
    """An array that all machines are given alike."""
    return Noise(np.asarray(array)[None], machines)


def by_machine(x: Any) -> Array:
    """The values with the axis of the machines, of length 1 for a plain array."""
    return x.value if isinstance(x, Noise) else np.asarray(x)[None]


def aligned(*operands: Any) -> list[Any]:
    """The values, to broadcast as the operands do: between the machines and an operand's axes go those that it lacks.

    A plain array has no machines, and no more axes than the values have behind theirs.
    """
    ndim = max(getattr(x, "ndim", 0) for x in operands)
    return [_widened(x, ndim - x.ndim) if isinstance(x, Noise) else x for x in operands]


def _widened(x: Noise, lacking: int) -> Array:
    return x.value.reshape((len(x.value), *(1,) * lacking, *x.shape)) if lacking else x.value


def like(operands: Iterable[Any], value: Any) -> Noise:
    """A value on the machines of the operands."""
    return next(x for x in operands if isinstance(x, Noise)).like(value)

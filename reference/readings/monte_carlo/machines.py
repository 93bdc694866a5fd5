"""So many simulated machines, and the random numbers that they round with."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
#: Far above the roundings of float64, in which this is computed, and far below anything that bends: u, unless said.
UNIT = 2.0**-40


class Machines:
    """`number` machines whose roundings are of size `unit`, 0 for machines that round nothing."""

    def __init__(self, random: np.random.Generator, number: int = 1, unit: float = UNIT) -> None:
        self.random = random
        self.number = number
        self.unit = unit

    def drawn(self, shape: tuple[int, ...], deviation: float = 1.0) -> Array:
        """For each element on each machine, (machines, *shape), a normal number of that standard deviation."""
        numbers = self.random.standard_normal((self.number, *shape))
        numbers *= deviation
        return numbers

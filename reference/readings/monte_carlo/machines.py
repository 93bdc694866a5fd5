"""So many simulated machines, and the random numbers that they round with."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnparity.reference.readings.arithmetic import Arithmetic

Array = NDArray[np.float64]
#: Far above the roundings of float64, in which this is computed, and far below anything that bends: u, unless said.
UNIT = 2.0**-40
#: Coins that make a random number: the bits of a byte. Half of them show heads, with a variance of a quarter of them.
TOSSES = 8


class Machines:
    """`number` machines whose roundings are of size `unit`, 0 for machines that round nothing.

    All else is in proportion to that as it is in the arithmetic `numbers`: what partial sums are rounded by, and the
    operands of products that are summed as they enter. Without one, sums are rounded as everything is, and operands
    are not. `exact` machines before those, none or one, round nothing: what the others are compared with.
    """

    def __init__(
        self,
        random: np.random.Generator,
        number: int = 1,
        unit: float = UNIT,
        numbers: Arithmetic | None = None,
        exact: int = 0,
    ) -> None:
        self.random = random
        self.number = number
        self.unit = unit
        #: The unit roundoff of the format whose functions these are: how far those are off depends on the format.
        self.format = numbers.unit if numbers else unit
        scale = unit / self.format if unit else 0.0
        self.accumulator = scale * numbers.accumulating.unit if numbers else unit
        self.operand = scale * numbers.operand.unit if numbers and numbers.operand else 0.0
        self.exact = exact

    def drawn(self, shape: tuple[int, ...], deviation: Any = 1.0) -> Array:
        """For each element on each machine, (machines, *shape), a number around 0 of that standard deviation.

        It is how many of TOSSES coins show heads. That takes far less time than a normal number, and an error that
        many of them went into is normal just as well; bits of a generator are the same in every release of NumPy.
        """
        whole = (self.number, *shape)
        size = math.prod(whole)
        bits = self.random.bit_generator.random_raw(-(-size // TOSSES)).view(np.uint8)[:size]
        heads = np.bitwise_count(bits).view(np.int8)
        heads -= TOSSES // 2
        numbers = np.empty((self.exact + self.number, *shape))
        numbers[: self.exact] = 0.0
        np.multiply(heads.reshape(whole), deviation / math.sqrt(TOSSES / 4), out=numbers[self.exact :])
        return numbers

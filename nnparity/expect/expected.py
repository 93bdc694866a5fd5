"""What one quantity of a case is expected to be: its value, and how far from it a correct target may end."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from operator import itemgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
#: The output of a training run that tells how well it went.
LOSSES = "output.losses"


@dataclass(frozen=True, eq=False)
class Expected:
    """One quantity: its value (`value` + `low`, when float64 alone would not tell), `hard` and `sharp` budgets.

    Of a training run only the first `steps` are judged: see `training_horizon`.
    """

    value: Array
    hard: Array
    sharp: Array
    low: Array | float = 0.0
    steps: int | None = None

    @property
    def twice(self) -> "Expected":
        """With the budget of two computations that may each be off by it: of a difference, or of an unproven value."""
        hard, sharp = np.asarray(2 * self.hard), np.asarray(math.sqrt(2) * self.sharp)  # of a scalar, too
        return replace(self, hard=hard, sharp=sharp)

    @property
    def settled(self) -> "Expected":
        """With all its arrays in the order of the index, and never written to again.

        So that it adds up alike wherever it comes from: from the reference, or from a store.
        """
        return replace(self.each(_settled), steps=self.steps)

    @property
    def judged(self) -> "Expected":
        """The part that an observation is held against."""
        return self if self.steps is None else self.each(itemgetter(slice(self.steps)))

    def each(self, change: Callable[[Array], Array]) -> "Expected":
        """With all its arrays changed alike, of which all is judged then."""
        low = change(self.low) if isinstance(self.low, np.ndarray) else float(self.low)
        return Expected(change(self.value), change(self.hard), change(self.sharp), low)


def _settled(array: Array) -> Array:
    found = np.asarray(array, order="C").view()
    found.flags.writeable = False
    return found

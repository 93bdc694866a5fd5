"""The readings: kinds of array that the reference's plain NumPy code is run on.

`dual` carries a tangent (derivatives), `budget` the rounding error that a computation may make,
`ball` a proven enclosure. They compose in one order: `Dual` outside `Budget` or `Ball`.
"""

from nnparity.reference.readings.ball import Ball
from nnparity.reference.readings.budget import Arithmetic, Budget
from nnparity.reference.readings.budget_functions import Condition
from nnparity.reference.readings.dual import Dual, tangent_of
from nnparity.reference.readings.numbers import constant, detached, hyper

__all__ = ["Arithmetic", "Ball", "Budget", "Condition", "Dual", "constant", "detached", "hyper", "tangent_of"]

"""The readings: kinds of array that the reference's plain NumPy code is run on.

`dual` carries a tangent (derivatives), `budget` the rounding error that a computation may make,
`ball` a proven enclosure. They compose in one order: `Dual` outside `Budget` or `Ball`.
"""

from nnparity.reference.readings.ball import Ball
from nnparity.reference.readings.budget import Arithmetic, Budget, Condition
from nnparity.reference.readings.dual import Dual, tangent_of
from nnparity.reference.readings.numbers import constant, detached, host_scalar

__all__ = ["Arithmetic", "Ball", "Budget", "Condition", "Dual", "constant", "detached", "host_scalar", "tangent_of"]

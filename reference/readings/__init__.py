"""The readings: kinds of array that the reference's plain NumPy code is run on.

`base` is what all share, `dual` carries a tangent (derivatives), `budget` the rounding error that a computation may
make, `ball` a proven enclosure, `monte_carlo` random roundings, `rounded` those of a format; `numbers` are constants
that all of them hold, and `products` is einsum for those whose matrices a library multiplies.
They compose in one order: `Dual` outside the others. No formula, case or target is known here.
"""

from nnparity.reference.readings.arithmetic import Arithmetic
from nnparity.reference.readings.ball import Ball
from nnparity.reference.readings.budget import Budget, Condition
from nnparity.reference.readings.dual import Dual, tangent_of
from nnparity.reference.readings.numbers import constant, count, detached, host_scalar, logistic

__all__ = [
    "Arithmetic",
    "Ball",
    "Budget",
    "Condition",
    "Dual",
    "constant",
    "count",
    "detached",
    "host_scalar",
    "logistic",
    "tangent_of",
]

"""The reading `Noise`: every rounding is a random one, on many simulated machines at once.

`machines` draws the random numbers, `core` has the type, `moves` moves the elements of all machines alike, `rules` has
the tables. Nothing here knows a formula or a case.
"""

from nnparity.reference.readings.monte_carlo import rules as rules  # fills the tables
from nnparity.reference.readings.monte_carlo.core import Noise, lifted
from nnparity.reference.readings.monte_carlo.machines import UNIT, Machines

__all__ = ["UNIT", "Machines", "Noise", "lifted"]

"""The reading `Budget`: the rounding error that a correct computation may make, propagated with the value.

Two norms: `hard` bounds the error in the worst case, `var` is the variance to expect. `core` has the type and the rules
of + - * /, `sums` those of sums and products of arrays, `functions` of elementary functions, `conditions` of
comparisons and choices, `rules` the tables. Nothing here knows a formula or a target.
"""

from nnparity.reference.readings.budget import rules as rules  # fills the tables
from nnparity.reference.readings.budget.conditions import Condition
from nnparity.reference.readings.budget.core import COMPOSED, Budget

__all__ = ["COMPOSED", "Budget", "Condition"]

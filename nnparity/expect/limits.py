"""Where a gradient goes as the infinities among the inputs do: what no order of equal terms may hide.

Where the reference gives NaN for the gradient of a finite input, its own order of operations has met inf - inf; of
another order the formula may say no less. A target that multiplies out before it subtracts meets none where all terms
have one sign, and its infinity is then what the gradient tends to. So large numbers are put in place of the infinities,
and larger ones: an element that grows without end, and always with the same sign, tends to that infinity.
"""

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnparity.expect.evaluation import evaluate
from nnparity.expect.precision_models import arithmetic, unlimited
from nnparity.reference.readings import Budget
from nnparity.spec import DTYPES, Case
from nnparity.spec.given import Given

Array = NDArray[Any]
#: What stands for an infinity, nearer and further. Their fifth powers are still float64.
NEAR, FAR = 2.0**100, 2.0**200
#: By how much an element is larger further on if it grows: a logarithm doubles, and what tends to a number does not.
GROWTH = 1.5
WIDE = "float64"


@lru_cache(maxsize=64)
def tends_to(case: Case, quantity: str) -> Array:
    """The infinity that each element of a gradient tends to as those of the inputs do; 0 where none is proven."""
    with np.errstate(all="ignore"):
        (near, least, most), (far, least_far, _) = (_within(case, quantity, size) for size in (NEAR, FAR))
        proven = (least > 0) & (least_far > GROWTH * most) & (np.sign(near) == np.sign(far))
        return np.where(proven, np.copysign(np.inf, far), 0.0)


def _within(case: Case, quantity: str, size: float) -> tuple[Array, Array, Array]:
    """Each element with that size for infinities, and the least and the most that its magnitude can be."""
    numbers = unlimited(arithmetic(WIDE, flush=False))

    def lift(array: Array) -> Budget:
        return Budget(array.astype(np.float64), numbers)

    found = evaluate(_approaching(case, size), frozenset({quantity.partition(".")[0]}), lift, lift, {})[quantity]
    found = found if isinstance(found, Budget) else lift(np.asarray(found))
    magnitude = np.abs(found.value)
    return found.value, magnitude - found.hard, magnitude + found.hard


def _approaching(case: Case, size: float) -> Given:
    """The case in float64, with numbers of that size in place of its infinities."""
    inputs = {name: x if case.formula.integer(name) else _finite(x, size) for name, x in case.inputs.items()}
    return Given(case.formula, case.signature, case.dataset, DTYPES[WIDE], case.salt, inputs, case.cotangents)


def _finite(array: Array, size: float) -> Array:
    wide = array.astype(np.float64)
    return np.where(np.isinf(wide), np.copysign(size, wide), wide)

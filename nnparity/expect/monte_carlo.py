"""Simulated machines: the reference run with random roundings (the reading `Noise`), and how far they come apart.

Norm 2 gives each element a variance, and combines those as if errors were independent. That is right for a formula,
and for a run of well-behaved training; but where a small difference grows from step to step, all parameters end up
off in the one direction that grows fastest, and then norm 2 tells too little: 5,000 times too little for 60 steps of
gradient descent at eight times a sensible rate. A machine needs no such assumption.
"""

import math
import zlib
from collections.abc import Iterator
from functools import lru_cache

import numpy as np
from scipy import special

from nnparity.expect.evaluation import evaluate
from nnparity.reference.readings.base import plain
from nnparity.reference.readings.budget.core import Array
from nnparity.reference.readings.monte_carlo import UNIT, Noise
from nnparity.spec import Case

#: Machines that a training run is simulated on. The root of a mean of so many squares is less than half of what it
#: estimates in 1 of 1,000 cases (chi-square, 16 degrees of freedom); a hard budget is 16 times as wide.
RUNS = 16


def upper(runs: int) -> float:
    """So much larger than what so many machines show, the scatter may be after all, in 1 of 1,000 cases."""
    return math.sqrt(runs / float(special.chdtri(runs, 1 - 1e-3)))


def roundings(case: Case) -> float:
    """Those of the case's dtype, or where float64, in which this is computed, has no room for them, larger ones."""
    return max(case.dtype.unit, UNIT)


def machines(case: Case, family: str, runs: int, unit: float = UNIT) -> Iterator[dict[str, Array]]:
    """What each of so many machines of roundings of `unit` returns; the numbers drawn follow from the case."""
    random = np.random.default_rng(zlib.crc32(f"{case.id} {case.salt} {family}".encode()))

    def lift(array: Array) -> Noise:
        return Noise(array, random, unit)

    with np.errstate(all="ignore"):
        for _ in range(runs):
            found = evaluate(case, frozenset({family}), lift, lambda array: lift(array).rounded(), {})
            yield {name: lift(plain(result)).rounded().value for name, result in found.items()}


@lru_cache(maxsize=4)  # the targets of a case ask for it one after the other
def scatter(case: Case, family: str) -> dict[str, Array]:
    """The root mean square of each element's error, as a multiple of u."""
    sums: dict[str, Array] = {}
    truth = _exact(case, family)
    for found in machines(case, family, RUNS, roundings(case)):
        for name, value in found.items():  # no squares: a gradient of 1e-200, of a gate far in saturation, has none
            sums[name] = np.hypot(sums.get(name, 0.0), (value - truth[name]) / roundings(case))
    return {name: total / math.sqrt(RUNS) for name, total in sums.items()}


def _exact(case: Case, family: str) -> dict[str, Array]:
    """The reference in plain float64."""
    with np.errstate(all="ignore"):
        return {name: np.asarray(y) for name, y in evaluate(case, frozenset({family}), _float64, _float64, {}).items()}


def _float64(array: Array) -> Array:
    return array.astype(np.float64)

"""Simulated machines: the reference run with random roundings (the reading `Noise`), and how far they come apart.

Norm 2 gives each element a variance, and combines those as if errors were independent. That is right for a formula,
and for a run of well-behaved training; but where a small difference grows from step to step, all parameters end up
off in the one direction that grows fastest, and then norm 2 tells too little: 5,000 times too little for 60 steps of
gradient descent at eight times a sensible rate. A machine needs no such assumption.
"""

import math
import zlib
from functools import lru_cache

import numpy as np
from scipy import special
from threadpoolctl import threadpool_limits

from nnparity.expect.evaluation import evaluate
from nnparity.expect.instead import AS_WRITTEN, Instead
from nnparity.expect.precision_models import arithmetic
from nnparity.reference.readings import Arithmetic
from nnparity.reference.readings.budget.core import Array
from nnparity.reference.readings.monte_carlo import UNIT, Machines, Noise, lifted
from nnparity.spec import Case

#: Machines that a training run is simulated on. The root of a mean of so many squares is less than half of what it
#: estimates in 1 of 1,000 cases (chi-square, 16 degrees of freedom); a hard budget is 16 times as wide.
RUNS = 16
#: Numbers that go into all machines that run at once. A training run keeps up to 33 for each of them: half a gigabyte.
AT_ONCE = 1 << 21


def upper(runs: int) -> float:
    """So much larger than what so many machines show, the scatter may be after all, in 1 of 1,000 cases."""
    return math.sqrt(runs / float(special.chdtri(runs, 1 - 1e-3)))


def roundings(unit: float) -> float:
    """Those of a dtype, or where float64, in which this is computed, has no room for them, larger ones."""
    return max(unit, UNIT)


def machines(
    case: Case,
    family: str,
    runs: int,
    unit: float = UNIT,
    numbers: Arithmetic | None = None,
    exact: int = 0,
    instead: Instead = AS_WRITTEN,
) -> dict[str, Array]:
    """What so many machines of roundings of `unit` return: arrays whose first axis counts the machines.

    In all else they do as the arithmetic `numbers` does, that of the case's dtype or of `instead` unless said. With
    `exact` of 1 a machine that rounds nothing comes first. All compute the variant of `instead`, of inputs as that
    takes them.

    The numbers drawn follow from the case.
    """
    numbers = numbers or arithmetic(instead.dtype(case.dtype).name)
    random = np.random.default_rng(zlib.crc32(f"{case.id} {case.salt} {family}".encode()))
    # small matrices, one for each machine: threads that wait for each other take several times as long
    with np.errstate(all="ignore"), threadpool_limits(1, user_api="blas"):
        shares = [Machines(random, number, unit, numbers, exact) for number in _shares(case, runs)]
        first, *others = (_together(case, family, those, instead) for those in shares)
    return {name: np.concatenate([y, *(part[name][exact:] for part in others)]) for name, y in first.items()}


def _shares(case: Case, runs: int) -> list[int]:
    """How many machines run at once, one share after the other."""
    numbers = runs * sum(x.size for x in case.inputs.values())
    return [len(share) for share in np.array_split(range(runs), min(runs, math.ceil(numbers / AT_ONCE)))]


def _together(case: Case, family: str, those: Machines, instead: Instead) -> dict[str, Array]:
    """What these machines return; each number is stored, which rounds it once more."""
    inward = instead.rounding

    def lift(array: Array) -> Noise:
        return lifted(inward(array.astype(np.float64)) if inward else array, those)

    keywords = dict(instead.variant)
    found = evaluate(case, frozenset({family}), lift, lambda array: lift(array).rounded(), keywords)
    readings = {name: result if isinstance(result, Noise) else lift(result) for name, result in found.items()}
    return {name: reading.rounded().value for name, reading in readings.items()}


@lru_cache(maxsize=4)  # the targets of a case ask for it one after the other
def scatter(case: Case, family: str, numbers: Arithmetic, instead: Instead = AS_WRITTEN) -> dict[str, Array]:
    """The root mean square of each element's error, as a multiple of u; the arguments are those of `machines`."""
    unit = roundings(numbers.unit)
    seen = machines(case, family, RUNS, unit, numbers, 1, instead)
    with np.errstate(all="ignore"):
        return {name: _root_mean_square((y[1:] - y[:1]) / unit) for name, y in seen.items()}


def _root_mean_square(errors: Array) -> Array:
    """Over the machines. Errors are squared beside the largest: a gradient of 1e-200, far in saturation, has no square.

    Where one of them is infinite so is the mean.
    """
    largest = np.fmax.reduce(np.abs(errors))
    unit = np.where((largest > 0) & np.isfinite(largest), largest, 1.0)
    found = unit * np.sqrt(np.mean(np.square(errors / unit), axis=0))
    return np.where(np.isinf(largest), np.inf, found)

"""The sensitivity curve: how much relative noise, in units of u, in half and in 99 of 100 runs would be caught.

Noise of s u: every element of every quantity off by s u|y| times a normal number. A verdict's margins are those of
what the target really answered with the noise on top, so the smallest s that does not conform has a closed form, for
each verdict the root of a square and of a maximum; a run is caught by its most sensitive verdict. The noise is not
rounded to the dtype, and errors that go together are taken for independent.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from nnparity.adapters.request import Array
from nnparity.checks.common import held
from nnparity.execute.requests import request
from nnparity.expect.expected import Expected
from nnparity.judge.grades import allowance, furthest, judge
from nnparity.mutate.planting import Memory
from nnparity.spec import DTYPES, Case, Dtype, Formula
from nnparity.spec.schema import QUANTITIES
from nnparity.spec.selection import NONE, Selection

#: Runs; the 99th of 100 is told to about one in ten of itself.
RUNS = 200
HALF, NEARLY_ALL = 0.5, 0.99


@dataclass(frozen=True)
class Curve:
    """The noise, in units of u, that half and that 99 of 100 runs catch; infinity where they never do."""

    formula: str
    dtype: str
    half: float
    nearly_all: float


def curve(memory: Memory, formula: Formula, dtype: str, level: str) -> Curve:
    """Of one formula in one dtype, over all its ordinary cases but those of the pool."""
    least = np.full(RUNS, np.inf)
    random = np.random.default_rng(0)
    for seen, truth in _observed(memory, formula, dtype, level):
        least = np.minimum(least, thresholds(seen, truth, DTYPES[dtype], random))
    half, nearly_all = np.quantile(least, (HALF, NEARLY_ALL), method="inverted_cdf")  # one of them, infinities too
    return Curve(formula.id, dtype, float(half), float(nearly_all))


def _observed(memory: Memory, formula: Formula, dtype: str, level: str) -> Iterator[tuple[Array, Expected]]:
    asked = frozenset(QUANTITIES)
    for group in Selection(formulas=(formula.id,), dtypes=(dtype,), level=level, pool=NONE).groups():
        for case in group.cases:
            yield from _conforming(memory, case, asked)


def _conforming(memory: Memory, case: Case, asked: frozenset[str]) -> Iterator[tuple[Array, Expected]]:
    """What conforms without noise."""
    answer = memory.observed(request(case, asked), None).observation
    for name, truth in held(memory.target, case, asked).items():
        seen = answer.get(name)
        if isinstance(seen, np.ndarray) and judge(seen, truth, case.dtype).grade == "conforms":
            yield seen, truth.judged


def thresholds(seen: Array, truth: Expected, dtype: Dtype, random: np.random.Generator) -> Array:
    """For each run, the smallest s that does not conform."""
    value = truth.value.ravel()
    told = np.isfinite(value) & (value != 0) & np.isfinite(truth.hard.ravel())
    if not told.any():
        return np.full(RUNS, np.inf)
    seen = (seen[: len(truth.value)] if truth.value.ndim else seen).astype(np.float64)
    error = (seen - truth.value - truth.low).ravel()[told]
    noise = dtype.unit * value[told] * random.standard_normal((RUNS, int(told.sum())))
    with np.errstate(invalid="ignore"):  # no limit times no budget is no bound: the worst case is it
        alone = np.fmin(truth.hard, furthest(truth, dtype) * truth.sharp)
    first = _first_beyond(error, noise, alone.ravel()[told])
    sharp = _mean_beyond(error, noise, truth.sharp.ravel()[told], allowance(truth), value.size)
    return np.minimum(first, sharp)


def _first_beyond(error: Array, noise: Array, budget: Array) -> Array:
    """|e + s z| = b for the first element."""
    with np.errstate(all="ignore"):
        reach = np.where(noise == 0, np.inf, (budget - error * np.sign(noise)) / np.abs(noise))
    return np.asarray(reach.min(axis=1))


def _mean_beyond(error: Array, noise: Array, budget: Array, limit: float, elements: int) -> Array:
    """mean ((e + s z) / b)^2 = limit^2, which is a square in s; where that overflows any noise is too much."""
    with np.errstate(all="ignore"):
        own, more = np.nan_to_num(error / budget), np.nan_to_num(noise / budget)
        a, b = (more**2).sum(axis=1), (own * more).sum(axis=1)
        c = (own**2).sum() - elements * limit**2
        reach = np.where(a > 0, (-b + np.sqrt(np.maximum(b * b - a * c, 0.0))) / a, np.inf)
    return np.asarray(np.where(np.isfinite(a), reach, 0.0))

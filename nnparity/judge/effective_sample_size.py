"""Which errors go together: how many elements of a quantity err independently of each other.

The sharp margin is a mean over elements, and may exceed 1 by chance: the more, the fewer errors it is a mean of. When
elements share an intermediate result (the standard deviation of a row, in the gradient of layer normalisation)
they share its error, and count as one. And what they share may add up in a sum behind it, where norm 2 takes it for
independent: the denominator of a softmax, in the gradients of weights that all keys meet alike. Both are measured on
the reference, with random roundings: see the reading `Noise`. And where the signs of terms follow their place, the
partial sums of the orders that kernels take are larger than those of a random one, which norm 2 is of: see
`readings.budget.orders`. All of it takes further runs of the reference, and is asked only where it could change a
verdict.
"""

import math
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache

import numpy as np
from scipy import special

from nnparity.expect.budgets import expect
from nnparity.expect.expected import Expected
from nnparity.expect.instead import AS_WRITTEN, Instead
from nnparity.expect.kept import kept
from nnparity.expect.monte_carlo import machines, upper
from nnparity.expect.precision_models import arithmetic, narrow
from nnparity.judge.elements import Array, largest_ratio
from nnparity.judge.grades import Judgement, chance, judge
from nnparity.reference.readings import Arithmetic
from nnparity.reference.readings.monte_carlo import UNIT
from nnparity.spec import Case
from nnparity.store.memory import Form

#: Runs with random roundings: every pair of them is an estimate.
RUNS = 32
#: In units of norm 2, what so many runs may show of such errors by chance, in 1 of 1,000 cases: more contradicts it.
CONTRADICTED = math.sqrt(float(special.chdtri(RUNS, 1e-3)) / RUNS)
#: Standard deviations to the lower limit of a number, which it is below in 1 of 1,000 cases.
LOWER = -float(special.ndtri(1e-3))


def against(truth: Expected, other: Array | None) -> Expected:
    """What an array is held against: what is expected, or `other`, within the budget of two computations."""
    return truth if other is None else replace(truth.twice, value=other.astype(np.float64), low=0.0)


def regrade_correlated(
    judged: Judgement,
    seen: Array,
    truth: Expected,
    case: Case,
    quantity: str,
    instead: Instead = AS_WRITTEN,
    other: Array | None = None,
) -> Judgement:
    """The judgement, made again where the order of sums, or errors that go together, may explain it.

    `truth` may be what a record expects `instead`: then the orders and the errors are those of that. Where `seen` is
    held against `other`, an array of the same case, their difference has errors that go together as those of each do.
    """
    found = _shared(judged, seen, truth, case, quantity, instead, other)
    if found.grade != "imprecise" or narrow(instead.dtype(case.dtype).name) or truth.steps is not None:
        return found  # half precision is added up in float32; of training runs machines tell
    worse = ordered(case, quantity, truth, instead)
    if not (worse > 1).any():
        return found
    wider = replace(truth, sharp=truth.sharp * worse)
    judged = judge(seen, against(wider, other), case.dtype)
    again = _shared(judged, seen, wider, case, quantity, instead, other)
    return again if again.grade == "conforms" else found


@kept(Form("sensitivities", np.asarray, np.asarray), "judge")
def ordered(case: Case, quantity: str, truth: Expected, instead: Instead = AS_WRITTEN) -> Array:
    """How many times norm 2 is what is to be expected in the worst of the orders that kernels take, at least 1."""
    numbers = _numbers(case, instead)
    usual, worst = (_sharp(case, quantity, one, instead) for one in (numbers, replace(numbers, ordered=True)))
    with np.errstate(all="ignore"):
        ratio = worst / usual
    return np.maximum(np.nan_to_num(ratio, nan=1.0, posinf=1.0), 1.0).reshape(truth.value.shape)


def _shared(
    judged: Judgement,
    seen: Array,
    truth: Expected,
    case: Case,
    quantity: str,
    instead: Instead,
    other: Array | None,
) -> Judgement:
    """The judgement, made again where errors that go together may explain it.

    They explain none that is too large by itself: of so many elements, each has its own deviation at most.
    """
    if judged.grade != "imprecise" or judged.rms is None or judged.rms > chance(1):
        return judged
    found = judged
    for budgets in _budgets(case, quantity, truth, instead):
        held = against(budgets, other)
        if largest_ratio(seen, held) <= chance(1, truth.value.size):
            found = judge(seen, held, case.dtype, independent(case, quantity, budgets, instead))
            if found.grade == "conforms":
                break
    return found


def _budgets(case: Case, quantity: str, truth: Expected, instead: Instead) -> Iterator[Expected]:
    """The budgets, and those with what the machines show where that contradicts norm 2, at its upper limit."""
    yield truth
    if truth.steps is None:  # the budgets of training runs have their machines
        wider = contradiction(case, quantity, truth, instead)
        if (wider > 1).any():
            yield replace(truth, sharp=truth.sharp * wider)


@kept(Form("sensitivities", np.asarray, np.asarray), "judge")
def contradiction(case: Case, quantity: str, truth: Expected, instead: Instead = AS_WRITTEN) -> Array:
    """How many times norm 2 the machines show, at its upper limit; 1 where they do not contradict it."""
    unit = instead.dtype(case.dtype).unit
    spread = unit / UNIT * np.sqrt(np.mean(_errors(case, quantity, truth, instead) ** 2, axis=0))
    told = spread > CONTRADICTED
    if told.any():  # else no further expectation is needed
        told &= _as_loose(case, quantity, truth, instead).ravel()
    return np.where(told, upper(RUNS) * spread, 1.0).reshape(truth.value.shape)


def _as_loose(case: Case, quantity: str, truth: Expected, instead: Instead) -> Array:
    """Where the budgets are no narrower than those of the machines' arithmetic, which says nothing of a stricter one.

    Of half precision there are three: see `precision_models`.
    """
    if not narrow(instead.dtype(case.dtype).name):
        return np.ones(truth.value.shape, np.bool_)
    return np.asarray(truth.sharp >= _sharp(case, quantity, _numbers(case, instead), instead))


def _sharp(case: Case, quantity: str, numbers: Arithmetic, instead: Instead) -> Array:
    """The budget of norm 2 in another arithmetic."""
    family = frozenset({quantity.partition(".")[0]})
    return expect(case, family, numbers=numbers, instead=instead, proven=False)[quantity].sharp


def _numbers(case: Case, instead: Instead) -> Arithmetic:
    return arithmetic(instead.dtype(case.dtype).name)


@kept(Form("sensitivities", float, float), "judge")
def independent(case: Case, quantity: str, truth: Expected, instead: Instead = AS_WRITTEN) -> float:
    """The effective number of independent errors, between 1 and the number of elements.

    With C the covariance of errors over budgets it is tr(C)^2 / tr(C^2) (Satterthwaite, Biometrics Bulletin 2, 1946):
    n when all are independent and alike, 1 when all are the same; taken at its lower limit.
    """
    errors = _errors(case, quantity, truth, instead)
    return min(max(1.0, lower_limit(errors @ errors.T)), max(1.0, float(truth.judged.value.size)))


def lower_limit(products: Array) -> float:
    """What so many runs show of the effective number, less what they may show too much of it, in 1 of 1,000 cases.

    By how much it changes when each of the runs is left out: the jackknife (Efron and Stein, Annals of Statistics 9,
    1981), of the logarithm, since the number is a quotient.
    """
    whole = effective(products)
    if not math.isfinite(whole):
        return whole
    runs = len(products)
    without = [effective(np.delete(np.delete(products, run, 0), run, 1)) for run in range(runs)]
    return whole * math.exp(-LOWER * math.sqrt((runs - 1) * float(np.var(np.log(without)))))


def effective(products: Array) -> float:
    """The effective number by the products of each run's errors with each other's; infinite where none are shared."""
    own = float(np.mean(np.diag(products)))
    shared = float(np.mean(products[np.triu_indices(len(products), 1)] ** 2))
    return own**2 / shared if shared > 0 else math.inf


@lru_cache(maxsize=1)  # the quantities of a case ask for it one after the other
def _runs(case: Case, family: str, instead: Instead) -> dict[str, Array]:
    return machines(case, family, RUNS, instead=instead)


def _errors(case: Case, quantity: str, truth: Expected, instead: Instead) -> Array:
    """Errors over budgets, a row for each run; the numbers drawn follow from the case."""
    truth = truth.judged
    seen = _runs(case, quantity.partition(".")[0], instead)[quantity]
    seen = seen[:, : len(truth.value)] if truth.value.ndim else seen
    with np.errstate(all="ignore"):
        ratio = (seen - truth.value) / truth.sharp
    return np.nan_to_num(ratio, nan=0.0, posinf=0.0, neginf=0.0).reshape((RUNS, -1))

"""Which errors go together: how many elements of a quantity err independently of each other.

The sharp margin is a mean over elements, and may exceed 1 by chance: the more, the fewer errors it is a mean of. When
elements share an intermediate result (the standard deviation of a row, in the gradient of layer normalisation)
they share its error, and count as one. That is measured on the reference, with random roundings: see the
reading `Noise`. It takes many runs of the reference, and is asked only where it could change a verdict.
"""

from functools import lru_cache

import numpy as np

from nnparity.expect.expected import Expected
from nnparity.expect.kept import kept
from nnparity.expect.monte_carlo import machines
from nnparity.judge.elements import Array, largest_ratio
from nnparity.judge.grades import Judgement, chance, judge
from nnparity.spec import Case
from nnparity.store.memory import Form

#: Runs with random roundings: every pair of them is an estimate.
RUNS = 32


def regrade_correlated(judged: Judgement, seen: Array, truth: Expected, case: Case, quantity: str) -> Judgement:
    """The judgement, made again where errors that go together may explain it.

    They explain none that is too large by itself: of so many elements, each has its own deviation at most.
    """
    if judged.grade != "imprecise" or judged.sharp is None or judged.sharp * chance(truth.value.size) > chance(1):
        return judged
    if largest_ratio(seen, truth) > chance(1, truth.value.size):
        return judged
    return judge(seen, truth, case.dtype, independent(case, quantity, truth))


@kept(Form("sensitivities", float, float), "judge")
def independent(case: Case, quantity: str, truth: Expected) -> float:
    """The effective number of independent errors, between 1 and the number of elements.

    With C the covariance of errors over budgets it is tr(C)^2 / tr(C^2) (Satterthwaite, Biometrics Bulletin 2, 1946):
    n when all are independent and alike, 1 when all are the same.
    """
    errors = _errors(case, quantity, truth)
    products = errors @ errors.T
    own = float(np.mean(np.diag(products)))
    others = products[np.triu_indices(RUNS, 1)]
    shared = float(np.mean(others**2))
    if not shared > 0:
        return max(1.0, float(truth.judged.value.size))
    return min(max(1.0, own**2 / shared), float(truth.judged.value.size))


@lru_cache(maxsize=1)  # the quantities of a case ask for it one after the other
def _runs(case: Case, family: str) -> dict[str, Array]:
    return machines(case, family, RUNS)


def _errors(case: Case, quantity: str, truth: Expected) -> Array:
    """Errors over budgets, a row for each run; the numbers drawn follow from the case."""
    truth = truth.judged
    seen = _runs(case, quantity.partition(".")[0])[quantity]
    seen = seen[:, : len(truth.value)] if truth.value.ndim else seen
    with np.errstate(all="ignore"):
        ratio = (seen - truth.value) / truth.sharp
    return np.nan_to_num(ratio, nan=0.0, posinf=0.0, neginf=0.0).reshape((RUNS, -1))

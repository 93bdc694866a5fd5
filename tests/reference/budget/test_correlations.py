"""Sums with a common factor, and what is divided by its own sum, against numbers rounded and displaced."""

import numpy as np
import pytest

from nnparity.expect.precision_models import arithmetic
from nnparity.reference.formulas.transformer import softmax
from nnparity.reference.readings import Budget
from nnparity.reference.readings.dual import Dual
from nnparity.reference.readings.monte_carlo import Machines, lifted

F16 = arithmetic("float16")
F32, RUNS = arithmetic("float32"), 400
#: Scores of a sharp softmax, of a flat one, and of two that share a row.
ROWS = np.array([[20.0, 3.0, -1.0, 0.5], [0.1, 0.2, 0.3, 0.4], [9.0, 9.1, -3.0, 2.0]])


def off(value: np.ndarray, error: np.ndarray) -> Budget:
    return Budget(value, F32, error, error**2)


def test_norm_two_of_a_softmax_is_what_machines_show() -> None:
    machines = Machines(np.random.default_rng(0), RUNS)
    ratio = np.mean((softmax(lifted(ROWS, machines)).value - softmax(ROWS)) ** 2, axis=0)
    expected = softmax(Budget(ROWS, arithmetic("float32"))).var * (machines.unit / F32.unit) ** 2
    assert (ratio < 1.3 * expected).all()
    assert np.median(ratio / expected) > 0.3


def test_an_error_of_the_score_that_makes_up_the_sum_cancels() -> None:
    y = softmax(off(ROWS, np.full(ROWS.shape, 1e-3)))
    assert y.hard[0, 0] < 2e-6
    assert np.sqrt(y.var[0, 0]) < 5e-7
    assert y.hard[1, 0] > 1e-4


@pytest.mark.parametrize("size", [1e-6, 1e-2, 0.3])
def test_the_hard_error_bounds_every_displacement_of_the_scores(size: float) -> None:
    random = np.random.default_rng(1)
    hard = softmax(off(ROWS, np.full(ROWS.shape, size))).hard
    for _ in range(200):
        moved = softmax(ROWS + size * random.choice([-1.0, 0.0, 1.0], ROWS.shape))
        assert (np.abs(moved - softmax(ROWS)) <= hard).all()


def test_the_softmax_by_the_logarithm_of_the_sum_is_within_the_worst_case() -> None:
    random = np.random.default_rng(2)
    x = (random.standard_normal((200, 16)) * 30).astype(np.float32)
    lse = np.log(np.exp(x - x.max(-1, keepdims=True)).sum(-1, keepdims=True)) + x.max(-1, keepdims=True)
    seen, y = np.exp(x - lse.astype(np.float32)), softmax(Budget(x, F32))
    error = np.abs(seen - softmax(x.astype(np.float64)))
    assert (error <= y.hard).all()
    assert np.sqrt(np.mean(error**2 / y.var)) > 1.5, "it is not as accurate as the quotient: Blanchard et al. 2021"


def test_so_is_its_derivative_by_the_tangent_of_the_logsumexp() -> None:
    """y (t - sum(y t)): where the tangent t is large beside the sum, the error of the logarithm is nearly all."""
    random = np.random.default_rng(6)
    x = (random.standard_normal((200, 16)) * 30).astype(np.float32)
    t = random.standard_normal(x.shape).astype(np.float32)
    top = x.max(-1, keepdims=True)
    y = np.exp(x - (np.log(np.exp(x - top).sum(-1, keepdims=True)) + top))
    seen = y * (t - np.sum(y * t, axis=-1, keepdims=True))
    exact = softmax(Dual(x.astype(np.float64), t.astype(np.float64))).tangent
    budget = softmax(Dual(Budget(x, F32), Budget(t, F32))).tangent
    error = np.abs(seen - exact)
    assert (error <= budget.hard).all()
    assert (error > budget.hard / 4).any(), "and there is no more room than that"


def test_what_is_no_share_is_as_it_was() -> None:
    """A quotient by another sum, and one of numbers that are no exponentials."""
    e = np.exp(off(ROWS, np.full(ROWS.shape, 1e-3)))
    other = np.sum(np.exp(off(ROWS, np.full(ROWS.shape, 1e-3))), axis=-1, keepdims=True)
    assert (e / other).hard[0, 0] > 1e-3
    plain = off(ROWS, np.full(ROWS.shape, 1e-3))
    assert (plain / np.sum(plain, axis=-1, keepdims=True)).hard[0, 0] > 1e-5


def test_the_error_of_a_factor_of_all_terms_is_that_of_their_sum() -> None:
    """251 terms divided by 502 as a mean's gradient is: 1/502 of float16 is off by 0.8 u, and so is each sum."""
    random = np.random.default_rng(3)
    x = np.float16(random.uniform(0.5, 1.5, (251, 64)))
    terms, reciprocal = Budget(np.float64(x), F16), Budget(1.0, F16) / Budget(502.0, F16)
    seen = np.sum(np.float64(x * np.float16(1 / 502)), axis=0)
    ways = np.sum(terms * reciprocal, axis=0), np.einsum("nk,n->k", terms * reciprocal, Budget(np.ones(251), F16))
    for y in (*ways, np.sum(-(terms * reciprocal).reshape(251, 64), axis=0)):
        error = np.abs(np.float64(np.float16(seen))) - np.abs(y.value)
        assert np.mean(error**2 / y.var) < 1
        assert np.median(y.var / y.value**2) > 1.9 * F16.unit**2, "the factor's rounding and the last one"


def test_what_terms_have_in_common_is_nothing_where_they_cancel_or_have_nothing() -> None:
    alike, turns = Budget(np.ones(200), F16), Budget(np.array([1.0, -1.0] * 100), F16)
    third = Budget(1.0, F16) / Budget(3.0, F16)
    thirds = Budget(np.ones(200), F16) / Budget(np.full(200, 3.0), F16)
    assert np.sum(turns * third).var == pytest.approx(np.sum(turns * thirds).var)
    assert np.sum(alike * third).var > 1.5 * np.sum(alike * thirds).var
    assert (third * third).common == 0


@pytest.mark.parametrize("value", [0.0, 1e-300, np.inf, np.nan])
def test_a_factor_without_a_relative_error_is_no_error_of_python(value: float) -> None:
    with np.errstate(all="ignore"):
        y = np.ones(3) * Budget(value, F16, 1e-3, 1e-6)
    assert y.common == (1.0 if value == 1e-300 else 0.0)

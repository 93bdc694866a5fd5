"""Machines that run at once find what each would find alone, for every formula, model and training run of the spec."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from nnparity.expect import monte_carlo
from nnparity.expect.budgets import expect
from nnparity.expect.evaluation import evaluate
from nnparity.expect.instead import Instead
from nnparity.expect.monte_carlo import machines, scatter
from nnparity.expect.precision_models import arithmetic
from nnparity.reference.readings.monte_carlo import UNIT, Machines, Noise
from nnparity.spec import Case, cases_of, load
from nnparity.spec.schema import QUANTITIES

#: Machines that are given their own numbers, and how many of each kind round, to show how far roundings move a result.
KINDS, EACH = 2, 3
ALL = frozenset(QUANTITIES)


@pytest.fixture(autouse=True)
def _alone() -> Iterator[None]:
    """Small products of matrices: a pool of threads costs far more than it gives."""
    with threadpool_limits(1, user_api="blas"):
        yield


def numbers_of(array: Any, kind: int) -> Any:
    """The case's own, and for the other kind the same in other places, so that it decides otherwise."""
    return np.roll(array.astype(np.float64), kind)


def together(case: Case, those: Machines, each: int) -> dict[str, Any]:
    """All kinds at once, `each` of them so many times."""

    def lift(array: Any) -> Noise:
        return Noise(np.array([numbers_of(array, kind) for kind in range(KINDS) for _ in range(each)]), those)

    found = evaluate(case, ALL, lift, lift, {})
    whole = (KINDS, each)
    return {name: _shared(y, those.number).reshape((*whole, *y.shape)) for name, y in found.items()}


def _shared(y: Any, number: int) -> Any:
    value = y.value if isinstance(y, Noise) else np.asarray(y)[None]
    return np.broadcast_to(value, (number, *value.shape[1:]))


def alone(case: Case, kind: int) -> dict[str, Any]:
    """The reference in plain float64."""
    return evaluate(case, ALL, *[lambda array: numbers_of(array, kind)] * 2, {})


def beside(case: Case) -> set[str]:
    """Quantities in which a machine is further off than roundings of 2^-40 move any element of it.

    Sums may be taken in another order, which moves them by roundings of 2^-53; where none can differ, nothing may.
    """
    with np.errstate(all="ignore"):
        found = together(case, Machines(np.random.default_rng(0), KINDS, 0.0), 1)
        rounded = together(case, Machines(np.random.default_rng(0), KINDS * EACH, UNIT), EACH)
        truths = [alone(case, kind) for kind in range(KINDS)]
        return {
            f"{case.id} {name}"
            for kind, truth in enumerate(truths)
            for name, y in truth.items()
            if not _near(found[name][kind, 0], np.asarray(y), rounded[name][kind])
        }


def _near(found: Any, truth: Any, rounded: Any) -> bool:
    if found.shape != truth.shape or not np.array_equal(np.isfinite(found), np.isfinite(truth)):
        return False
    far = np.nan_to_num(np.ptp(rounded, axis=0), posinf=0.0).max(initial=0.0)
    return bool(np.all((found == truth) | (np.abs(found - truth) <= far) | np.isnan(truth)))


@pytest.mark.parametrize("id", list(load()))
def test_each_machine_finds_what_it_finds_alone(id: str) -> None:
    cases = [case for group in cases_of(load()[id], "float64") for case in group]
    assert set().union(*map(beside, cases)) == set()


@pytest.mark.parametrize("id", ["relu", "max_pool2d", "l1_penalty", "listing_cnn"])
def test_machines_that_decide_as_the_first_are_found_out(id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for ufunc in (np.greater, np.greater_equal, np.less, np.less_equal, np.equal):
        rule = Noise.UFUNCS[ufunc]
        monkeypatch.setitem(Noise.UFUNCS, ufunc, lambda a, b, rule=rule: _of_the_first(rule(a, b)))
    assert beside(next(cases_of(load()[id], "float64"))[0])


def _of_the_first(decided: Noise) -> Noise:
    return decided.like(decided.value[:1])


@pytest.mark.parametrize("family", QUANTITIES)
@pytest.mark.parametrize("id", ["conv2d", "layer_norm", "lstm", "listing_bert"])
def test_machines_differ_and_none_knows_another(id: str, family: str) -> None:
    """The errors of two machines go together by chance alone: over so many pairs, six standard deviations of a mean."""
    case = next(cases_of(load()[id], "float32"))[0]
    exact = machines(case, family, 1, 0.0)
    for name, seen in machines(case, family, 64).items():
        error = (seen - exact[name]).reshape((64, -1))
        error = error[:, error.any(axis=0)]  # a few elements are 0 on each machine
        if error.size:
            assert len(np.unique(seen, axis=0)) == 64
            error /= np.sqrt(np.mean(error**2, axis=0))
            pairs = (error @ error.T / error.shape[1])[np.triu_indices(64, 1)]
            assert abs(pairs.mean()) < 6 / np.sqrt(len(pairs)), name


def test_the_share_that_runs_at_once_is_small_where_a_machine_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    case = next(cases_of(load()["dense"], "float32"))[0]
    size = sum(x.size for x in case.inputs.values())
    for at_once, shares in ((10 * size, [8]), (4 * size, [4, 4]), (3 * size, [3, 3, 2]), (1, [1] * 8)):
        monkeypatch.setattr(monte_carlo, "AT_ONCE", at_once)
        assert monte_carlo._shares(case, 8) == shares
        assert {name: len(y) for name, y in machines(case, "grad", 8).items()} == dict.fromkeys(
            ("grad.x", "grad.w", "grad.b"), 8
        )


@pytest.mark.parametrize("id", ["conv2d", "lstm", "layer_norm", "listing_gan"])
def test_the_first_of_them_rounds_nothing_where_that_is_asked(id: str) -> None:
    """In each share: the others are off, and by what they would be without it."""
    case = next(cases_of(load()[id], "float32"))[0]
    exact, beside = machines(case, "output", 1, 0.0), machines(case, "output", 16, exact=1)
    alone = machines(case, "output", 16)
    for name, y in beside.items():
        assert len(y) == 17
        assert np.array_equal(y[0], exact[name][0]), name
        off, without = y[1:] - y[0], alone[name] - y[0]
        assert np.any(off != 0), name
        assert 1 / 4 < np.mean(off**2) / np.mean(without**2) < 4, name


def test_they_compute_what_a_record_expects_instead() -> None:
    """The variant, and of inputs that were rounded first: one that rounds nothing finds the value of both."""
    case = next(cases_of(load()["attention"], "float64"))[0]
    whole = Instead((("scaling", "none"),), "float32", inward=True)
    parts = [Instead(whole.variant), Instead((), whole.inner, inward=True), Instead()]
    for one in (whole, *parts):
        exact, value = (
            machines(case, "output", 1, 0.0, instead=one)["output"][0],
            expect(case, frozenset({"output"}), instead=one)["output"].value,
        )
        assert np.allclose(exact, value, rtol=1e-12, atol=0)
        others = (machines(case, "output", 1, 0.0, instead=other)["output"][0] for other in (whole, *parts))
        assert sum(np.allclose(exact, other, rtol=1e-12, atol=0) for other in others) == 1


def test_each_share_has_one_that_rounds_nothing_and_one_is_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    case = next(cases_of(load()["dense"], "float32"))[0]
    whole = machines(case, "output", 8, exact=1)["output"]
    monkeypatch.setattr(monte_carlo, "AT_ONCE", 1)
    apart = machines(case, "output", 8, exact=1)["output"]
    assert len(apart) == len(whole) == 9
    assert np.array_equal(apart[0], whole[0])
    assert len(np.unique(apart, axis=0)) == 9


def test_a_deviation_that_overflows_leaves_the_exact_machine_alone() -> None:
    those = Machines(np.random.default_rng(0), 3, exact=1)
    x = Noise(np.full((4, 2), 1e200), those)
    with np.errstate(all="ignore"):
        y = np.einsum("i,i->", x, np.full(2, 1e-200))
        far = np.einsum("i,i->", x, np.full(2, 1.0))
    assert y.value[0] == 2.0
    assert np.isfinite(far.value[0])  # its squares are no float64


def test_the_mean_square_has_what_is_infinite_and_what_has_no_square() -> None:
    errors = np.array([[np.inf, 3e-200, 0.0, np.nan, 3.0], [np.nan, 4e-200, 0.0, np.nan, 4.0]])
    found = monte_carlo._root_mean_square(errors)
    assert found[0] == np.inf
    assert found[1] == pytest.approx(5e-200 / np.sqrt(2))
    assert found[2] == 0.0
    assert np.isnan(found[3])
    assert found[4] == pytest.approx(5 / np.sqrt(2))


def test_the_scatter_is_what_machines_one_by_one_show(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other random numbers, the same scatter: 16 machines tell a mean square to a third of itself."""
    case = next(cases_of(load()["listing_gan"], "float32"))[0]
    at_once = scatter.__wrapped__(case, "grad", arithmetic(case.dtype.name))
    monkeypatch.setattr(monte_carlo, "AT_ONCE", 1)
    for name, apart in scatter.__wrapped__(case, "grad", arithmetic(case.dtype.name)).items():
        ratio = np.mean(apart**2) / np.mean(at_once[name] ** 2)
        assert 1 / 4 < ratio < 4, name

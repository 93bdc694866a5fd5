"""Machines that run at once find what each would find alone, for every formula, model and training run of the spec."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from nnparity.expect import monte_carlo
from nnparity.expect.evaluation import evaluate
from nnparity.expect.monte_carlo import machines, scatter
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


def test_the_scatter_is_what_machines_one_by_one_show(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other random numbers, the same scatter: 16 machines tell a mean square to a third of itself."""
    case = next(cases_of(load()["listing_gan"], "float32"))[0]
    at_once = scatter.__wrapped__(case, "grad")
    monkeypatch.setattr(monte_carlo, "AT_ONCE", 1)
    for name, apart in scatter.__wrapped__(case, "grad").items():
        ratio = np.mean(apart**2) / np.mean(at_once[name] ** 2)
        assert 1 / 4 < ratio < 4, name

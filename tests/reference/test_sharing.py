"""An operation on the very same operands is done once while a case is evaluated, and nothing else is taken for it."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from nnparity.expect.budgets import expect
from nnparity.expect.precision_models import arithmetic
from nnparity.reference.readings import Ball, Budget, Dual, constant, sharing
from nnparity.reference.readings.monte_carlo import Machines, lifted
from nnparity.spec import Case, Formula
from nnparity.spec.cases.case import cases_of
from nnparity.spec.loader import load
from nnparity.spec.schema import QUANTITIES

F32 = arithmetic("float32")
X = np.array([[0.5, -1.5], [2.0, 0.25]])
SINGLE = [formula for formula in load().values() if not formula.trajectory]


def budget(value: Any = X) -> Budget:
    return Budget(value, F32)


@pytest.fixture
def sharing_now() -> Iterator[None]:
    with sharing.shared():
        yield


@pytest.mark.usefixtures("sharing_now")
@pytest.mark.parametrize("lift", [budget, lambda: Ball(X)], ids=["budget", "ball"])
def test_the_same_operation_on_the_same_operands_is_done_once(lift: Any) -> None:
    x, other = lift(), lift()
    assert np.tanh(x) is np.tanh(x)
    assert x * 2.0 is x * 2.0
    assert np.sum(x, axis=0, keepdims=True) is np.sum(x, axis=0, keepdims=True)
    assert np.einsum("ij,kj->ik", x, other) is np.einsum("ij,kj->ik", x, other)
    assert x[:, 1] is x[:, 1]
    assert x.T is x.T
    assert x.reshape(4) is x.reshape(4)
    assert np.stack([x, other]) is np.stack([x, other])
    assert x + np.ones((2, 2)) is x + np.ones((2, 2)), "a small array is told by what it holds"
    assert np.sqrt(constant(3.0, x)) is np.sqrt(constant(3.0, other))


@pytest.mark.usefixtures("sharing_now")
def test_what_differs_is_not_taken_for_the_same() -> None:
    x, other = budget(), budget()
    several: list[Any] = [np.tanh(x), np.tanh(other), np.exp(x), x + 1.0, x - 1.0, x * 0.0, x * -0.0, x * True, 1.0 - x]
    several += [x[0], x[:1], x[:, 0], np.sum(x, axis=0), np.sum(x, axis=1), np.sum(x, axis=1, keepdims=True)]
    several += [x + np.zeros(2), x + np.zeros((2, 1)), x + np.array([0.0, -0.0]), constant(2.0, x), constant(3.0, x)]
    assert len({id(one) for one in several}) == len(several)
    assert np.signbit((x * -0.0).value[0, 0])
    assert not np.signbit((x * 0.0).value[0, 0])


@pytest.mark.usefixtures("sharing_now")
def test_an_array_that_was_changed_is_another() -> None:
    x, added = budget(), np.zeros((2, 2))
    before = x + added
    added += 1
    assert ((x + added).value == before.value + 1).all()


@pytest.mark.usefixtures("sharing_now")
def test_machines_draw_a_rounding_for_each_operation() -> None:
    x = lifted(X, Machines(np.random.default_rng(0), 2))
    assert (np.tanh(x).value != np.tanh(x).value).any()


def test_nothing_is_remembered_outside_nor_of_another_case() -> None:
    x = budget()
    assert np.tanh(x) is not np.tanh(x)
    with sharing.shared():
        first = np.tanh(x)
        with sharing.shared():
            assert np.tanh(x) is not first
        assert np.tanh(x) is first
    with sharing.shared():
        assert np.tanh(x) is not first


@pytest.mark.usefixtures("sharing_now")
def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    large = budget(np.zeros(sharing.LARGE + 1))
    assert np.tanh(large) is not np.tanh(large)
    monkeypatch.setattr(sharing, "LIMIT", 8)
    x = budget()
    chain = [x]
    for _ in range(6):
        chain.append(chain[-1] + 1.0)
    assert x + 1.0 is not chain[1], "it was forgotten"
    assert all(((after - before).value == 1).all() for before, after in pairwise(chain))


@pytest.mark.parametrize("dtype", ["float64", "bfloat16"])
@pytest.mark.parametrize("formula", SINGLE, ids=lambda formula: formula.id)
def test_expectations_do_not_depend_on_it(formula: Formula, dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if dtype not in formula.dtypes:
        pytest.skip(f"it has no {dtype}")
    case = _small(formula, dtype)
    found = expect(case, frozenset(QUANTITIES))
    monkeypatch.setattr(sharing, "once", lambda asked, compute: compute())
    plainly = expect(case, frozenset(QUANTITIES))
    assert found.keys() == plainly.keys()
    for name, one in found.items():
        for part in ("value", "hard", "sharp"):
            np.testing.assert_array_equal(getattr(one, part), getattr(plainly[name], part), name)


def test_the_vjp_has_from_the_formula_what_both_compute(monkeypatch: pytest.MonkeyPatch) -> None:
    case = _small(load()["lstm"], "float32")
    done: list[Any] = []
    rule = Budget.UFUNCS[np.tanh]
    monkeypatch.setitem(Budget.UFUNCS, np.tanh, lambda x: done.append(x) or rule(x))
    expect(case, frozenset(QUANTITIES))
    assert len(done) == 2 * case.signature.dims["t"], "the candidate and the cell state of each step"


def test_a_derivative_of_a_derivative_uses_what_is_there() -> None:
    x = Dual(budget(), budget(np.ones((2, 2))))
    with sharing.shared():
        y = np.tanh(x)
        assert (1 - np.square(y)).value is 1 - np.square(y.value)


def _small(formula: Formula, dtype: str) -> Case:
    """Of the first signature, with numbers as they are usually drawn."""
    return next(case for group in cases_of(formula, dtype, "quick") for case in group)

"""Training that goes too fast: what norm 2 takes for independent, machines show together; and when to stop."""

import numpy as np
import pytest

from nnparity.expect import budgets as expecting
from nnparity.expect.budgets import expect
from nnparity.expect.expected import Expected
from nnparity.expect.instead import Instead
from nnparity.expect.monte_carlo import RUNS, machines, roundings, scatter, upper
from nnparity.expect.precision_models import arithmetic
from nnparity.expect.training_horizon import limited
from nnparity.reference.readings import Budget
from nnparity.reference.readings.monte_carlo import UNIT
from nnparity.spec import DTYPES, Case, cases_of, load
from nnparity.tests.spec.toy import case as toy_case

OUTPUT = frozenset({"output"})


def run(optimizer: str, dtype: str, fast: bool) -> Case:
    """The run of listing 4.1 at a sensible rate, or at a multiple of it."""
    cases = [cases[0] for cases in cases_of(load()["train_mlp"], dtype)]
    chosen = [case for case in cases if case.signature.attributes["optimizer"] == optimizer]
    return chosen[1 if fast else 0]


def norm_2(case: Case, monkeypatch: pytest.MonkeyPatch) -> dict[str, Expected]:
    """Without the machines."""
    with monkeypatch.context() as patch:
        patch.setattr(expecting, "widened", lambda case, expected, *_: dict(expected))
        return expect(case, OUTPUT)


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adam_eps_hat"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_at_a_sensible_rate_norm_2_is_enough(optimizer: str, dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    case = run(optimizer, dtype, fast=False)
    alone = norm_2(case, monkeypatch)
    for name, found in expect(case, OUTPUT).items():
        ratio = found.sharp / alone[name].sharp
        assert np.all((ratio == 1) | (ratio > upper(RUNS))), "what the machines show counts at its upper limit"
        ratio = np.where(ratio == 1, 1, ratio / upper(RUNS))
        assert np.median(ratio) < 1.25, name
        assert np.sqrt(np.mean(ratio**2)) < 2, f"{name}: more than a bit is lost"
        assert found.steps == len(found.value)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_where_roundings_grow_norm_2_tells_far_too_little(dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """And it would accuse the machines: another one than those that the budget was made from exceeds it, not this."""
    case = run("sgd", dtype, fast=True)
    alone, found = norm_2(case, monkeypatch), expect(case, OUTPUT)
    other = other_machine(case)
    for name in ("output.w1_next", "output.w2_next"):
        error = np.abs(other[name] - found[name].value) * (DTYPES[dtype].unit / roundings(case.dtype.unit))
        assert (error / alone[name].hard).max() > 1, name
        assert (error / found[name].hard).max() < 1, name


def other_machine(case: Case) -> dict[str, np.ndarray]:
    """Its roundings are others: those of the same run under another salt, on these numbers."""
    twin = Case(case.formula, case.signature, case.dataset, case.dtype, "other")
    twin.__dict__["inputs"] = case.inputs
    return {name: values[0] for name, values in machines(twin, "output", 1, roundings(case.dtype.unit)).items()}


def test_a_run_that_cannot_be_told_to_its_end_is_judged_up_to_there() -> None:
    steps = {found.steps for found in expect(run("adam", "float32", fast=True), OUTPUT).values()}
    assert len(steps) == 1
    assert 1 < steps.pop() < 60


def test_what_a_record_expects_of_a_run_has_the_machines_of_its_inner_dtype() -> None:
    """As many steps are told as of float32 itself; norm 2 of float32 alone tells another float32 machine wrong."""
    case, inner = run("sgd", "float64", fast=True), DTYPES["float32"]
    found = expect(case, OUTPUT, instead=Instead(inner="float32"))
    alone = expect(case, OUTPUT, numbers=arithmetic("float32"))
    twin = Case(case.formula, case.signature, case.dataset, case.dtype, "other")
    twin.__dict__["inputs"] = case.inputs
    steps = found["output.losses"].steps
    assert steps is not None
    for name in ("output.w1_next", "output.w2_next"):
        (other,) = machines(twin, "output", 1, inner.unit)[name]
        error = np.abs(other - found[name].value)[:steps]
        assert (error / alone[name].hard[:steps]).max() > 1, name
        assert 1e-4 < (error / found[name].hard[:steps]).max() < 1, name


def test_what_bends_the_machines_themselves_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Their roundings are larger than those of float64: what they do to a loss must still be small."""
    one = np.ones(4)
    case = run("sgd", "float64", fast=False)
    shown = np.array([1.0, 1.0, 0.02 / UNIT, 1.0])
    monkeypatch.setattr("nnparity.expect.training_horizon.scatter", lambda *_: {"output.losses": shown})
    expected = {"output.losses": Expected(one, one, 1e-9 * one)}
    assert limited(case, expected, simulated=arithmetic("float64"))["output.losses"].steps == 2
    assert limited(case, expected, simulated=None)["output.losses"].steps == 4


@pytest.mark.parametrize("end", [np.nan, np.inf])
def test_a_loss_that_is_no_number_is_not_told(end: float) -> None:
    value = np.array([1.0, 1.0, end, end])
    expected = {"output.losses": Expected(value, value, 1e-9 * value)}
    case = run("sgd", "float64", fast=False)
    assert limited(case, expected, simulated=None)["output.losses"].steps == 2


def test_the_machines_follow_from_the_case() -> None:
    case = run("sgd", "float32", fast=False)
    first, again = (machines(case, "output", 1) for _ in range(2))
    assert all(np.array_equal(first[name], again[name]) for name in first)
    other = other_machine(case)
    assert not any(np.array_equal(first[name][0], other[name]) for name in first)


def test_numbers_whose_squares_are_nothing_scatter_too() -> None:
    """1e-200, the gradient of a gate in saturation."""
    (case,) = [c for cases in cases_of(load()["tanh"], "float64") for c in cases if c.dataset == "normal"][:1]
    tiny = Case(case.formula, case.signature, case.dataset, case.dtype, "tiny")
    tiny.__dict__["inputs"] = {"x": np.full(case.inputs["x"].shape, 1e-200)}
    assert np.all(scatter(tiny, "output", arithmetic(tiny.dtype.name))["output"] > 1e-201)
    found = expect(tiny, OUTPUT)["output"]
    assert np.all(found.sharp >= 2.0**-53 * 1e-200)


@pytest.mark.parametrize("composition", [False, True])
def test_a_result_that_only_storing_rounds_keeps_the_rounding_of_that(composition: bool) -> None:
    """Beside one whose square underflowed: it has at least what can be told of squares, and at most norm 1."""
    store = arithmetic("float64")
    budget = Budget(np.array([0.1, 1e-200]), store, np.array([0.0, 1e-210]), np.zeros(2))
    found = expecting._stored(budget, store, toy_case(composition=composition))
    assert found.sharp[0] >= store.unit / 10, "float32, the dtype of the case, does not hold 0.1"
    assert 1e-210 <= found.sharp[1] <= 2e-210

"""The expectation: which quantities, which values, how the budgets answer to flushing, storing and composing."""

import math
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
import pytest

from nnparity.expect.budgets import expect
from nnparity.expect.precision_models import arithmetic
from nnparity.judge.grades import judge
from nnparity.reference import FORMULAS, Reference
from nnparity.reference.readings import Dual
from nnparity.reference.readings.budget.core import COMPOSED
from nnparity.spec import DTYPES, Case, load
from nnparity.spec.cases.special_values import batch, resized
from nnparity.spec.loader import ordinary, signatures
from nnparity.spec.precision import ACCUMULATE, FUSED, NARROW
from nnparity.spec.schema import QUANTITIES
from nnparity.tests.spec.toy import case as toy_case

ALL = frozenset(QUANTITIES)


def case(id: str = "dense", dataset: str = "normal", dtype: str = "float32", place: int = 0) -> Case:
    formula = load()[id]
    return Case(formula, signatures(formula)[place], dataset, DTYPES[dtype])


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Registers a reference for the formula `toy`."""

    def register(forward: Any, backward: Any = None) -> None:
        reference = Reference("toy", forward)
        reference.backward = backward
        monkeypatch.setitem(FORMULAS, "toy", reference)

    return register


# --- which quantities


def test_every_quantity_has_the_shape_of_what_it_belongs_to() -> None:
    one = case("lstm_step")
    found = expect(one, ALL)
    outputs, wrt = ("h_next", "c_next"), one.formula.wrt
    names = [*(f"{family}.{name}" for family in ("output", "jvp") for name in outputs)]
    names += [f"{family}.{name}" for family in ("grad", "hvp") for name in wrt]
    assert set(found) == set(names)
    for name, truth in found.items():
        family, _, part = name.partition(".")
        shape = one.shapes[part] if family in ("output", "jvp") else one.inputs[part].shape
        assert truth.value.shape == truth.hard.shape == truth.sharp.shape == shape, name


def test_a_single_output_goes_without_a_name() -> None:
    assert set(expect(case(), ALL)) == {"output", "jvp", *(f"{f}.{n}" for f in ("grad", "hvp") for n in "xwb")}


@pytest.mark.parametrize("family", QUANTITIES)
def test_a_quantity_is_the_same_alone_and_in_company(family: str) -> None:
    alone, together = expect(case(), frozenset({family})), expect(case(), ALL)
    assert alone.keys() == {name for name in together if name.split(".")[0] == family}
    for name, truth in alone.items():
        assert np.array_equal(truth.value, together[name].value), name
        assert np.array_equal(truth.hard, together[name].hard), name
        assert np.array_equal(truth.sharp, together[name].sharp), name


def test_a_formula_that_is_not_differentiated_has_an_output_only(toy: Any) -> None:
    toy(lambda x, w: x + w)
    assert set(expect(toy_case(wrt=[]), ALL)) == {"output"}


def test_the_values_are_those_of_the_reference() -> None:
    one = case("attention")
    inputs = [x.astype(np.float64) for x in one.inputs.values()]
    found = expect(one, ALL)
    assert np.array_equal(found["output"].value, FORMULAS["attention"](*inputs))
    gradients = FORMULAS["attention"].gradients(one.cotangents["output"].astype(np.float64), *inputs)
    assert all(np.array_equal(found[f"grad.{n}"].value, g) for n, g in zip("qkv", gradients, strict=True))
    moved = FORMULAS["attention"](
        *(Dual(x, v.astype(np.float64)) for x, v in zip(inputs, one.tangents.values(), strict=True))
    )
    assert np.array_equal(found["jvp"].value, moved.tangent)


# --- budgets


def test_what_is_only_moved_must_be_right_to_the_bit(toy: Any) -> None:
    toy(lambda x, w: x.reshape(2, 3))
    truth = expect(toy_case(wrt=[]), ALL)["output"]
    assert not truth.hard.any()
    assert not truth.sharp.any()


def test_storing_a_result_that_the_dtype_does_not_hold_costs_a_unit_of_itself_and_a_step(toy: Any) -> None:
    toy(lambda x, w: np.where(x.reshape(2, 3) > 1e9, 1.0, 0.1))
    truth = expect(toy_case(wrt=[]), ALL)["output"]
    own = np.full((2, 3), 2.0**-24 * 0.1 + 2.0**-149)
    assert np.array_equal(truth.hard, own)
    assert np.array_equal(truth.sharp, own)


def test_what_is_flushed_to_zero_is_not_right_to_the_bit(toy: Any) -> None:
    toy(lambda x, w: np.where(x.reshape(2, 3) > 1e9, 1.0, 2.0**-130))
    assert not expect(toy_case(wrt=[]), ALL)["output"].hard.any()
    assert np.all(expect(toy_case(wrt=[]), ALL, flush=True)["output"].hard >= 2.0**-130)


def test_the_budget_of_a_narrower_dtype_is_wider_by_its_unit() -> None:
    narrow = expect(case(), frozenset({"output"}), numbers=arithmetic("bfloat16", model=NARROW))["output"]
    exact = expect(case(), frozenset({"output"}))["output"]
    assert 2.0**14 < np.median(narrow.hard / exact.hard) <= 2.0**16


def test_the_three_models_of_half_precision_go_from_loose_to_strict() -> None:
    narrow, accumulate, fused = (
        expect(case(dtype="float16"), ALL, model=model)["output"] for model in (NARROW, ACCUMULATE, FUSED)
    )
    own = 2.0**-11 * np.abs(fused.value)
    assert np.all(fused.hard < accumulate.hard)
    assert np.all(accumulate.hard < narrow.hard)
    assert np.all((own < fused.hard) & (fused.hard < 1.1 * own + 1e-4))


def test_in_float32_the_model_makes_no_difference() -> None:
    one, other = (expect(case(), ALL, model=model)["grad.w"] for model in (NARROW, FUSED))
    assert np.array_equal(one.hard, other.hard)


def test_where_subnormals_are_flushed_an_underflow_costs_a_normal_number(toy: Any) -> None:
    toy(lambda x, w: x * 2.0**-100)
    one = toy_case(wrt=[])
    tiny, step = DTYPES["float32"].tiny, DTYPES["float32"].step
    kept, flushed = expect(one, ALL)["output"].hard, expect(one, ALL, flush=True)["output"].hard
    assert np.all(kept < 2.0**-120)
    assert np.all((flushed > kept) & (flushed >= 2 * tiny))
    assert step < kept.min()
    assert arithmetic("float32", flush=True).step == tiny


def test_an_input_that_is_flushed_is_lost_whole() -> None:
    one = case("relu", "small", "float16")
    one.__dict__["inputs"] = {"x": np.full((3, 5), 2.0**-20, np.float16)}
    zero = np.zeros((3, 5), np.float16)
    assert judge(zero, expect(one, ALL)["output"], one.dtype).grade == "diverges"
    assert judge(zero, expect(one, ALL, flush=True)["output"], one.dtype).grade == "conforms"


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_hard_budget_of_a_composition_is_a_multiple_of_the_expected_error(dtype: str) -> None:
    one = case("attention", dtype=dtype)
    composed = replace(one, formula=msgspec.structs.replace(one.formula, composition=True))
    single, chain = expect(one, ALL), expect(composed, ALL)
    for name, truth in chain.items():
        assert np.array_equal(truth.hard, COMPOSED * truth.sharp), name
        assert np.array_equal(truth.value, single[name].value), name


def test_an_exact_result_of_a_composition_has_room_too(toy: Any) -> None:
    toy(lambda x, w: x.reshape(2, 3))
    truth = expect(toy_case(wrt=[], composition=True), ALL)["output"]
    assert np.array_equal(truth.hard, COMPOSED * truth.sharp)


def test_what_is_far_below_1_keeps_a_budget(toy: Any) -> None:
    """(1e-170)^2 is zero in float64: norm 1 stands in for norm 2."""
    toy(lambda x, w: x * 1e-170 * 1e-30)
    truth = expect(toy_case(dtype="float64", wrt=[]), ALL)["output"]
    assert np.all(truth.sharp > 0.4 * 2.0**-53 * np.abs(truth.value))


# --- the truth for float64


def test_the_truth_for_float64_is_good_to_106_bits(toy: Any) -> None:
    toy(lambda x, w: (x + 1.0) / 3.0)
    truth = expect(toy_case(dtype="float64", wrt=[]), ALL)["output"]
    assert np.any(truth.low != 0)
    assert np.all(np.abs(truth.low) <= 2.0**-53 * np.abs(truth.value))


def test_budgets_alone_are_the_same_without_a_proof(toy: Any) -> None:
    toy(lambda x, w: (x + 1.0) / 3.0)
    one = toy_case(dtype="float64", wrt=[])
    proven, unproven = (expect(one, ALL, proven=proven)["output"] for proven in (True, False))
    assert np.all(unproven.low == 0)
    for budget in ("hard", "sharp"):
        assert np.array_equal(getattr(proven, budget), getattr(unproven, budget))


def test_an_enclosure_that_proves_nothing_leaves_the_reference(toy: Any) -> None:
    """0/0 is NaN in float64, and an enclosure of everything in Ball."""
    toy(lambda x, w: np.where(x > 0, (x - x) / (x - x), x))
    one = toy_case(dtype="float64", wrt=[])
    truth = expect(one, ALL)["output"]
    x = one.inputs["x"]
    assert np.array_equal(np.isnan(truth.value), x > 0)
    assert np.array_equal(truth.value[x <= 0], x[x <= 0])


@pytest.mark.parametrize("factor", [0.5, 1.0, 2.0])
def test_where_float64_overflows_on_the_way_nothing_is_bounded(factor: float) -> None:
    """The first sum is inf - inf in float64, and a number to the enclosure: another order may give an infinity."""
    one = case("dense", dtype="float64")
    x, w = (np.array(one.inputs[name]) for name in "xw")
    x[0, :2], w[0, :2] = 1e200, (factor * 1e200, -1e200)
    x[1:, :2] = 0
    w[1:, :2] = 0
    one.__dict__["inputs"] = one.inputs | {"x": x, "w": w}
    truth = expect(one, frozenset({"output"}))["output"]
    unbounded = np.isinf(truth.hard)
    assert np.argwhere(unbounded).tolist() == [[0, 0]]
    for answer in (math.inf, -math.inf, math.nan, 0.0):
        assert judge(np.where(unbounded, answer, truth.value), truth, one.dtype).grade == "conforms"
    assert judge(np.where(unbounded, 0.0, 1.001 * truth.value), truth, one.dtype).grade == "diverges"


def test_infinite_inputs_are_not_put_into_enclosures() -> None:
    one = case("sigmoid", dtype="float64")
    one.__dict__["inputs"] = {"x": np.full((3, 5), -math.inf)}
    assert np.all(expect(one, frozenset({"output"}))["output"].value == 0)


# --- what diagnoses ask for


def test_a_variant_is_another_truth() -> None:
    one = case("conv2d")
    right, wrong = (expect(one, frozenset({"output"}), variant=v)["output"] for v in (None, {"flip": "none"}))
    assert np.abs(right.value - wrong.value).max() > 0.1


def test_rounded_inputs_are_rounded_everywhere() -> None:
    """Inputs, cotangents and tangents: of zeros nothing is left in any quantity."""
    for name, truth in expect(case("lstm_step"), frozenset({"grad", "jvp", "hvp"}), rounding=np.zeros_like).items():
        assert not truth.value.any(), name


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("dataset", ["normal", "wide"])
def test_gradients_formed_apart_meet_in_a_second_derivative(dataset: str, dtype: str) -> None:
    """g (y - t) / n and g (t - y) / n: each tangent is multiplied by g and 1 / n before their difference is taken."""
    formula = load()["mse"]
    many = next(one for one in signatures(formula) if one.id == "n1031k3")
    one = Case(formula, many, dataset, DTYPES[dtype])
    number = one.dtype.numpy
    n, (g,), v = np.array(1031, number), one.cotangents.values(), one.tangents
    first, second = ((g * v[name]).astype(number) / n for name in ("y", "t"))
    truth = expect(one, frozenset({"hvp"}), model=NARROW)
    for name, seen in (("y", first - second), ("t", second - first)):
        assert judge(seen.astype(number), truth[f"hvp.{name}"], one.dtype).grade == "conforms"
        assert judge((seen * 2).astype(number), truth[f"hvp.{name}"], one.dtype).grade == "diverges"


@pytest.mark.parametrize("dtype", DTYPES)
def test_what_has_a_worst_case_has_a_norm_2_also_of_a_single_sample(dtype: str) -> None:
    """An infinite budget of norm 2 holds nothing, and no margin tells of it."""
    for formula in load().values():
        if formula.composition or formula.trajectory or dtype not in formula.dtypes:
            continue
        axis = batch(formula)
        for usual in ordinary(formula)[:3]:
            for signature in [usual, *([resized(formula, usual, {axis: 1})] if axis else [])]:
                one = Case(formula, signature, "normal", DTYPES[dtype])
                for name, truth in expect(one, ALL).items():
                    held = np.abs(truth.value) + truth.hard <= one.dtype.largest  # else something may overflow
                    assert np.isfinite(truth.sharp[held]).all(), (one.id, name)

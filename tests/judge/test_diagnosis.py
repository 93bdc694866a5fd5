"""The diagnosis: each fault that is not of one formula is called by its name, and what fits nothing has none."""

from collections.abc import Callable
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from nnparity.expect.budgets import expect
from nnparity.expect.evaluation import evaluate
from nnparity.expect.expected import Expected
from nnparity.judge.diagnosis import ROUNDINGS, diagnose, diagnosed, tf32
from nnparity.judge.grades import judge
from nnparity.reference.readings.base import plain
from nnparity.reference.readings.rounded import on
from nnparity.spec import DTYPES, Case, load
from nnparity.spec.loader import signatures
from nnparity.spec.schema import QUANTITIES

ALL = frozenset(QUANTITIES)
FORMULAS = ("dense", "conv2d", "softmax", "attention", "lstm_step", "tanh")


def case(id: str, dtype: str = "float32", dataset: str = "normal") -> Case:
    formula = load()[id]
    return Case(formula, signatures(formula)[0], dataset, DTYPES[dtype])


def computed(case: Case, lift: Callable[[Any], Any]) -> dict[str, np.ndarray]:
    """Every quantity by the reference on lifted arrays, stored in the case's dtype."""
    with np.errstate(all="ignore"):
        seen = evaluate(case, ALL, lift, lift, {})
        return {name: np.asarray(plain(y)).astype(case.dtype.numpy) for name, y in seen.items()}


def diagnoses(case: Case, seen: dict[str, np.ndarray]) -> dict[str, str | None]:
    """Of every quantity that does not conform."""
    truths: dict[str, Expected] = expect(case, ALL)
    wrong = [name for name, y in seen.items() if judge(y, truths[name], case.dtype).grade != "conforms"]
    return {name: diagnose(case, name, seen[name], truths[name], flush=False) for name in wrong}


@pytest.mark.parametrize("id", FORMULAS)
@pytest.mark.parametrize(
    ("dtype", "rounding"),
    [("float32", "10-bit mantissas: TF32"), ("float32", "bfloat16"), ("float64", "float32"), ("float64", "bfloat16")],
)
def test_inputs_that_were_rounded(id: str, dtype: str, rounding: str) -> None:
    one = case(id, dtype)
    found = diagnoses(one, computed(one, lambda x: ROUNDINGS[rounding](np.asarray(x, np.float64))))
    assert set(found.values()) == {f"{dtype} inputs rounded to {rounding}"}


def test_float16_inputs_are_told_from_tf32_by_their_range() -> None:
    """Both have 11 significant bits; float16 has no room below 2^-24."""
    one = case("dense", dataset="small")
    one.__dict__["inputs"] = {name: (x * np.float32(1e-3)) for name, x in one.inputs.items()}
    found = diagnoses(one, computed(one, lambda x: ROUNDINGS["float16"](np.asarray(x, np.float64))))
    assert found["output"] == "float32 inputs rounded to float16"


@pytest.mark.parametrize("id", FORMULAS)
@pytest.mark.parametrize(("dtype", "narrow"), [("float32", "bfloat16"), ("float32", "float16"), ("float64", "float32")])
def test_a_result_that_was_rounded(id: str, dtype: str, narrow: str) -> None:
    one = case(id, dtype)
    exact = computed(one, lambda x: np.asarray(x, np.float64))
    found = diagnoses(one, {name: y.astype(DTYPES[narrow].numpy).astype(one.dtype.numpy) for name, y in exact.items()})
    assert found["output" if id != "lstm_step" else "output.h_next"] == f"the result was rounded to {narrow}"
    assert set(found.values()) == {f"the result was rounded to {narrow}"}


@pytest.mark.parametrize("id", ["dense", "conv2d", "lstm_step", "attention"])
@pytest.mark.parametrize(("dtype", "narrow"), [("float32", "bfloat16"), ("float32", "float16"), ("float64", "float32")])
def test_a_computation_in_a_narrower_format(id: str, dtype: str, narrow: str) -> None:
    """What came out is rounded to it as well, but too far from the truth for that alone; by luck some come nearer."""
    one = case(id, dtype)
    told = list(diagnoses(one, computed(one, on(narrow))).values())
    assert all(told), told
    assert f"as accurate as a computation in {narrow}" in told
    assert all("computation in" in name or narrow in name for name in told if name), told


@pytest.mark.parametrize("wrong", ["zeros", "noise", "half of the terms"])
def test_not_everything_that_a_long_narrow_sum_may_be_is_called_one(wrong: str) -> None:
    """Of 4,096 terms in bfloat16 the bound is many times the result: the order of the index tells, not the bound."""
    formula = load()["dense"]
    long = next(signature for signature in signatures(formula) if signature.dims["n"] == 4096)
    one = Case(formula, long, "one_sided", DTYPES["bfloat16"])
    truth = expect(one, ALL)["grad.b"]
    answers = {
        "zeros": 0 * truth.value,
        "noise": truth.value * np.random.default_rng(0).normal(size=truth.value.shape),
        "half of the terms": truth.value / 2,
    }
    named = diagnose(one, "grad.b", answers[wrong].astype(ml_dtypes.bfloat16), truth, False)
    assert named is None or "accumulates" not in named


def test_a_constant_factor() -> None:
    one = case("tanh")
    seen = computed(one, lambda x: np.asarray(x, np.float64))
    assert (
        diagnose(one, "output", seen["output"] * np.float32(3), expect(one, ALL)["output"], False)
        == "the expected result times 3"
    )
    assert diagnose(one, "output", -seen["output"], expect(one, ALL)["output"], False) == "the expected result times -1"


def test_a_factor_that_is_nearly_1_is_not_told_as_1() -> None:
    one = case("tanh", "float64")
    seen = computed(one, lambda x: np.asarray(x, np.float64))["output"] * (1 + 3e-7)
    told = diagnose(one, "output", seen, expect(one, ALL)["output"], False)
    assert told == "the expected result times (1 + 3e-07)"


@pytest.mark.parametrize("fault", ["noise", "one element", "zeros", "NaN", "infinities"])
def test_what_fits_nothing_has_no_name(fault: str) -> None:
    one = case("dense")
    truth = expect(one, ALL)["output"]
    wrong = {
        "noise": np.random.default_rng(0).normal(size=truth.value.shape),
        "one element": truth.value + (np.arange(truth.value.size).reshape(truth.value.shape) == 5),
        "zeros": 0 * truth.value,
        "NaN": np.nan * truth.value,
        "infinities": np.inf * truth.value,
    }[fault].astype(np.float32)
    assert diagnose(one, "output", wrong, truth, False) is None


def test_where_no_budget_holds_nothing_is_named() -> None:
    """An exponential that overflows in float16 has an infinite budget: every observation would meet it."""
    one = case("attention", "float16", "cancelling")
    truth = expect(one, ALL)["output"]
    noise = np.random.default_rng(0).normal(size=truth.value.shape).astype(np.float16)
    assert diagnose(one, "output", noise, truth, False) is None


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_small_results_that_lost_digits_are_not_a_narrower_format(dtype: str) -> None:
    """A sigmoid by way of tanh adds 1 to what is near -1: what is left is right to the last digit of 1 alone."""
    one = case("sigmoid", dtype, "wide")
    truth = expect(one, ALL)["output"]
    x = one.inputs["x"]
    seen = (np.tanh(x / 2) / 2 + x.dtype.type(0.5)).astype(x.dtype)
    assert judge(seen, truth, one.dtype).grade == "diverges"
    found = diagnosed(one, "output", seen, truth, flush=False)
    assert found.names == ()
    assert "no error is more than a rounding of the largest result" in found.pattern


def test_what_is_a_little_too_small_throughout_is_not_a_narrower_format() -> None:
    one = case("softmax")
    truth = expect(one, ALL)["output"]
    row = np.linspace(0.996, 0.9961, truth.value.shape[0])[:, None]
    found = diagnosed(one, "output", (truth.value * row).astype(np.float32), truth, flush=False)
    assert found.names == ()
    assert "about a constant factor" in found.pattern


def test_tf32_keeps_ten_bits_behind_the_first() -> None:
    x = np.array([1.0, 1 + 2.0**-10, 1 + 2.0**-11, 1 + 3 * 2.0**-11, -1 - 2.0**-12, 0.0, 1e-30])
    assert tf32(x)[:6].tolist() == [1.0, 1 + 2.0**-10, 1.0, 1 + 2.0**-9, -1.0, 0.0]
    assert abs(tf32(x)[6] / 1e-30 - 1) <= 2.0**-11
    assert np.array_equal(ROUNDINGS["bfloat16"](x), x.astype(ml_dtypes.bfloat16).astype(float))


def test_a_bfloat16_target_is_not_said_to_be_rounded_to_what_is_no_narrower() -> None:
    one = case("tanh", "bfloat16")
    seen = computed(one, lambda x: np.asarray(x, np.float64))["output"]
    name = diagnose(one, "output", seen * np.asarray(1.25, ml_dtypes.bfloat16), expect(one, ALL)["output"], False)
    assert name is None or "rounded" not in name

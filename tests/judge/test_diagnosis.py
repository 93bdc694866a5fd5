"""The diagnosis: each fault that is not of one formula is called by its name, and what fits nothing has none."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import ml_dtypes
import msgspec
import numpy as np
import pytest

from nnparity.adapters.numpy import NumpyAdapter
from nnparity.execute.requests import request
from nnparity.expect.budgets import expect
from nnparity.expect.evaluation import evaluate
from nnparity.expect.expected import Expected
from nnparity.judge.diagnosis import diagnose, diagnosed
from nnparity.judge.elements import largest_ratio
from nnparity.judge.error_patterns import CUT, NONE_OUTWARD, TOWARDS_ZERO, error_pattern, towards_zero
from nnparity.judge.grades import furthest, judge
from nnparity.judge.narrower.formats import ROUNDINGS, tf32
from nnparity.judge.sensitivity import graded
from nnparity.reference.readings.base import plain
from nnparity.reference.readings.rounded import on
from nnparity.spec import DTYPES, Case, load
from nnparity.spec.loader import signatures
from nnparity.spec.schema import QUANTITIES

ALL = frozenset(QUANTITIES)
FORMULAS = ("dense", "conv2d", "softmax", "attention", "lstm_step", "tanh")


def case(id: str, dtype: str = "float32", dataset: str = "normal", **dims: int) -> Case:
    """Of the formula's first signature, or of other sizes."""
    formula = load()[id]
    signature = signatures(formula)[0]
    return Case(formula, msgspec.structs.replace(signature, dims=dims or signature.dims), dataset, DTYPES[dtype])


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


@pytest.mark.parametrize(("off", "told"), [(3e-6, "(1 + 3e-06)"), (-2e-5, "(1 - 2e-05)"), (0.25, "1.25")])
def test_a_pattern_that_is_nearly_the_factor_1_is_not_told_as_1(off: float, told: str) -> None:
    """No error is exactly a factor here: a row has a little more of it than the next."""
    one = case("softmax", "float64")
    truth = expect(one, ALL)["output"]
    row = 1 + off * np.linspace(0.99, 1.01, truth.value.shape[0])[:, None]
    found = diagnosed(one, "output", truth.value * row, truth, flush=False)
    assert found.pattern == f"about a constant factor, {told}"


def test_one_number_that_is_nearly_right_is_not_told_to_be_1_times_what_is_expected() -> None:
    one = case("mse", "float64")
    truth = expect(one, ALL)["output"]
    assert truth.value.size == 1
    found = diagnosed(one, "output", np.asarray(truth.value * (1 + 3e-6)), truth, flush=False)
    assert found.pattern == "one number alone, (1 + 3e-06) times what is expected"


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


def exact(dtype: str, seed: int = 0, size: int = 200) -> Expected:
    """Random numbers with the budget of a single rounding, more of their digits than a dtype holds in `low`."""
    random = np.random.default_rng(seed)
    value, low = random.normal(size=size), np.zeros(size)
    if dtype == "float64":
        low = (random.uniform(size=size) - 0.5) * np.spacing(value)
    unit = DTYPES[dtype].unit * np.abs(value)
    return Expected(value, 2 * unit, unit, low)


def cut_off(truth: Expected, dtype: str) -> np.ndarray:
    """The numbers of the dtype next to it towards zero; `low` is less than half of a last place."""
    near = truth.value.astype(DTYPES[dtype].numpy)
    beyond = (near.astype(np.float64) - truth.value - truth.low) * np.sign(truth.value) > 0
    return np.where(beyond, np.nextafter(near, np.zeros_like(near)), near)


@pytest.mark.parametrize("dtype", DTYPES)
def test_what_is_cut_off_is_imprecise_and_what_is_rounded_to_nearest_conforms(dtype: str) -> None:
    one, truth = case("dense", dtype), exact(dtype)
    judged = graded(cut_off(truth, dtype), truth, one, "output")
    assert (judged.grade, judged.message) == ("imprecise", NONE_OUTWARD)
    assert diagnosed(one, "output", cut_off(truth, dtype), truth, flush=False).names == (TOWARDS_ZERO,)
    assert diagnose(one, "output", cut_off(truth, dtype), truth, flush=False) == TOWARDS_ZERO
    for seed in range(200):
        truth = exact(dtype, seed)
        assert graded(truth.value.astype(DTYPES[dtype].numpy), truth, one, "output").grade == "conforms"


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_the_places_are_those_that_go_away_from_zero_to_nearest(dtype: str) -> None:
    truth = exact(dtype)
    places = towards_zero(cut_off(truth, dtype), truth, DTYPES[dtype])
    assert places is not None
    assert len(places) == CUT
    near = truth.value.astype(DTYPES[dtype].numpy).astype(np.float64)
    assert (np.abs(near[places]) > np.abs(truth.value[places])).all()


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
@pytest.mark.parametrize("off", [1 / 4, 1 / 2, 1.0, 2.0])
def test_what_is_too_small_by_a_factor_is_not_cut_off(dtype: str, off: float) -> None:
    """Half a rounding, one, two or four: what is off by a part of itself is off by another part of a last place."""
    truth = exact(dtype)
    seen = (truth.value * (1 - 2 * off * DTYPES[dtype].unit)).astype(DTYPES[dtype].numpy)
    assert towards_zero(seen, truth, DTYPES[dtype]) is None


def test_few_numbers_or_one_number_many_times_are_no_evidence() -> None:
    few, dtype = exact("bfloat16", size=2 * CUT // 3), DTYPES["bfloat16"]
    assert towards_zero(cut_off(few, "bfloat16"), few, dtype) is None
    many = Expected(*(np.full(10_000, x) for x in (1.0 + 0.9 * 2.0**-7, 2.0**-7, 2.0**-8)))
    assert cut_off(many, "bfloat16")[0] == 1
    assert towards_zero(cut_off(many, "bfloat16"), many, dtype) is None


def test_a_sum_in_float32_beneath_does_not_hide_it_and_zeros_and_infinities_do_not_count() -> None:
    """A number just below one of the dtype may be just above after the sum, and be cut off to that."""
    truth, dtype = exact("bfloat16"), DTYPES["bfloat16"]
    seen = cut_off(truth, "bfloat16")
    truth.value[:4] = seen[:4].astype(np.float64) * (1 - 2.0**-22)
    truth.value[4:8], seen[4:8] = dtype.tiny / 2, 0  # flushed
    truth.value[8], seen[8], truth.value[9], seen[9] = np.inf, np.inf, np.nan, np.nan
    assert towards_zero(seen, truth, dtype) is not None
    seen[20] = np.nextafter(seen[20], (4 * np.sign(seen[20])).astype(seen.dtype))
    assert towards_zero(seen, truth, dtype) is None


@pytest.mark.parametrize("dataset", ["normal", "one_sided"])
def test_another_code_of_the_formula_is_named_by_the_places_that_it_loses(dataset: str) -> None:
    """A variance as a difference: most rows are right, those of a small deviation are off."""
    one, lift = case("layer_norm", dataset=dataset, n=2048, d=2), on("float32")
    with np.errstate(all="ignore"):
        seen = np.asarray(plain(evaluate(one, frozenset({"output"}), lift, lift, {"one_pass": True})["output"]))
    y, truth = seen.astype(np.float32), expect(one, frozenset({"output"}))["output"]
    says = one.formula.rewritings["one_pass"].says
    assert says in diagnosed(one, "output", y, truth, flush=False).text
    elsewhere = y[np.argsort(np.abs(np.diff(one.inputs["x"].astype(float), axis=1)[:, 0]))][::-1]
    assert says not in diagnosed(one, "output", elsewhere, truth, flush=False).text


def test_one_number_alone_has_no_places_that_another_code_loses() -> None:
    one = case("mse")
    assert one.formula.rewritings
    truth = expect(one, frozenset({"output"}))["output"]
    far = np.asarray(1.37 * truth.value, np.float32)
    assert not set(diagnosed(one, "output", far, truth, flush=False).names) & {
        code.says for code in one.formula.rewritings.values()
    }


@pytest.mark.parametrize("id", ["layer_norm", "gelu"])
def test_few_wrong_numbers_among_many_right_ones_are_no_narrower_format(id: str) -> None:
    one = case(id, n=512, d=2)
    truth = expect(one, frozenset({"output"}))["output"]
    y = truth.value.astype(np.float32)
    y[::7] *= 1 + np.random.default_rng(0).uniform(-1, 1, y[::7].shape).astype(np.float32) * 2.0**-10
    found = diagnosed(one, "output", y, truth, flush=False)
    assert not found.names, found.text


def noise(y: np.ndarray) -> np.ndarray:
    return np.random.default_rng(5).normal(size=y.shape)


def at(y: np.ndarray, axis: int) -> np.ndarray:
    """The index of each element on an axis."""
    return np.asarray(np.indices(y.shape)[axis])


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(lambda x, y: 2e-3 * np.sin(3 * x), id="another function, near the right one"),
        pytest.param(lambda x, y: 2e-3 * np.random.default_rng(5).uniform(0.2, 1, y.shape), id="all too large"),
        pytest.param(lambda x, y: np.where(at(y, 0) == 2, 3e-3, 1e-6) * noise(y), id="one row"),
        pytest.param(lambda x, y: np.where(at(y, 1) > 9, 2e-3, 0) * noise(y), id="from one column on"),
    ],
)
def test_an_error_of_the_size_of_a_format_is_no_evidence_of_it(dtype: str, fault: Any) -> None:
    """Half precision rounds up as often as down, in all rows alike, and none of these does."""
    one = case("tanh", dtype, n=5, d=33)
    assert "computation in" not in told_of(one, lambda y: fault(one.inputs["x"].astype(np.float64), y))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_of_few_numbers_no_error_looks_like_that_of_a_format(dtype: str) -> None:
    one = case("tanh", dtype, n=2, d=3)
    assert "computation in" not in told_of(one, lambda y: 1e-3 * noise(y))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_roundings_that_a_column_shares_are_those_of_a_format_still(dtype: str) -> None:
    """They take turns less often than a coin, as here where three of four columns are too large."""
    one = case("tanh", dtype, n=5, d=33)
    shared = np.where(np.arange(33) % 4, 1, -1) * np.random.default_rng(5).uniform(0.25, 1, 33) * 2.0**-8
    assert told_of(one, lambda y: shared + 0 * y) == "likely: as accurate as a computation in bfloat16"


def told_of(one: Case, off: Callable[[np.ndarray], Any]) -> str:
    """The diagnosis of an output that is off by these parts of itself."""
    truth = expect(one, frozenset({"output"}))["output"]
    seen = np.asarray(truth.value * (1 + off(truth.value))).astype(one.dtype.numpy)
    assert judge(seen, truth, one.dtype).grade == "diverges"
    return diagnosed(one, "output", seen, truth, flush=False).text


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("narrow", ["float16", "bfloat16"])
def test_a_format_is_certain_by_its_numbers_and_likely_by_its_roundings(dtype: str, narrow: str) -> None:
    """Probabilities are rounded, and what comes after is not; or all of it is, as the numbers show.

    One rounding to bfloat16 is off by as much as several to float16: then both are named.
    """
    one = case("attention", dtype, b=2, t=4, s=5, d=8, e=8)
    q, k, v = (one.inputs[name].astype(np.float64) for name in one.inputs)
    scores = q @ k.swapaxes(1, 2) / math.sqrt(q.shape[-1])
    p = np.exp(scores - scores.max(-1, keepdims=True))
    p = (p / p.sum(-1, keepdims=True)).astype(DTYPES[narrow].numpy).astype(np.float64)
    truth = expect(one, ALL)["output"]
    inside = diagnosed(one, "output", (p @ v).astype(one.dtype.numpy), truth, flush=False)
    assert inside.likely
    assert f"as accurate as a computation in {narrow}" in inside.names
    whole = diagnosed(one, "output", computed(one, on(narrow))["output"], truth, flush=False)
    assert whole.text == f"as accurate as a computation in {narrow}"


def test_a_wrong_answer_that_a_narrow_budget_would_let_through_is_no_narrower_format() -> None:
    """The masks are those of other sentences: in bfloat16, BERT's gradients might be as far off."""
    one = case("listing_bert", "float64")
    asked, family = request(one, frozenset({"grad"})), frozenset({"grad"})
    seen = NumpyAdapter().observe(replace(asked, inputs={**asked.inputs, "mask": one.inputs["mask"][::-1]}))
    truths = expect(one, family)
    for name in ("grad.bv", "grad.bo", "grad.b2"):
        assert judge(seen[name], truths[name], one.dtype).grade == "diverges"  # type: ignore[arg-type]
        assert diagnosed(one, name, seen[name], truths[name], flush=False).names == ()  # type: ignore[arg-type]


HALF = Case(load()["tanh"], signatures(load()["tanh"])[0], "normal", DTYPES["bfloat16"])


def test_a_tail_that_no_worst_case_sees_is_told_where_it_is() -> None:
    """Each of its elements is further off than chance explains, and none beyond the hard budget."""
    answer = np.random.default_rng(0).uniform(1, 2, 4096).astype(HALF.dtype.numpy)
    truth = Expected(answer.astype(np.float64), 3 * np.ones(4096), np.ones(4096) / 20)
    answer[-64:] = 0
    assert error_pattern(HALF, answer, truth).startswith("a tail: from index 4032 on of axis 0")


@pytest.mark.parametrize("times", [1.05, 1.2])
def test_of_many_that_are_a_little_off_the_furthest_are_not_the_wrong_ones(times: float) -> None:
    truth = Expected(np.zeros(65_540), np.ones(65_540), np.full(65_540, 1e-3))
    answer = (times * 1e-3 * np.random.default_rng(0).standard_normal(65_540)).astype(HALF.dtype.numpy)
    assert largest_ratio(answer, truth) > furthest(truth, HALF.dtype)
    assert error_pattern(HALF, answer, truth) == "no element is far off, but too many are a little"

"""How often a cause that is known is named rightly, and how often wrongly; and that noise has no name."""

from collections.abc import Callable

import numpy as np
import pytest

from nnparity.expect.budgets import expect
from nnparity.judge.diagnosis import NOT_THE_OUTPUT, diagnosed, simplest
from nnparity.judge.error_patterns import confined
from nnparity.spec import DTYPES, Case, load
from nnparity.spec.given import Given, Moving
from nnparity.spec.loader import signatures
from nnparity.tests.judge.causes import FAMILIES, right, score
from nnparity.tests.judge.test_diagnosis import case

#: Of sixty: named rightly at least, wrongly at most, in per cent.
ASKED = {"float32": (90, 2), "bfloat16": (75, 2)}


@pytest.mark.parametrize("dtype", ASKED)
def test_sixty_known_causes_are_named(dtype: str, record_property: Callable[[str, object], None]) -> None:
    verdicts, faults, misses = score(dtype)
    record_property("causes", {"verdicts": dict(verdicts), "faults": dict(faults)})
    least, most = ASKED[dtype]
    assert faults.total() == 60
    assert 100 * faults["right"] >= least * 60, (faults, misses)
    assert 100 * faults["wrong"] <= most * 60, (faults, misses)
    assert 100 * verdicts["wrong"] <= most * verdicts.total(), (verdicts, misses)


def noise(one: Case, name: str, size: float) -> np.ndarray:
    y = right(one)[name]
    return np.asarray(y * (1 + size * np.random.default_rng(1).normal(size=y.shape))).astype(y.dtype)


@pytest.mark.parametrize("id", ["dense", "conv2d", "attention", "layer_norm"])
def test_noise_has_no_name_but_that_of_its_size(id: str) -> None:
    """Of 2^-19 it was called a computation in float16 once, of as much as the numbers themselves one in bfloat16."""
    one = case(id)
    for name, truth in expect(one, FAMILIES).items():
        small, large = (diagnosed(one, name, noise(one, name, size), truth, False) for size in (2.0**-17, 1.0))
        assert not any("float16" in text for text in small.names), (name, small)
        assert large.names == (), (name, large)
        assert large.text.startswith("unknown: ")


@pytest.mark.parametrize("fault", ["noise", "transposed"])
def test_budgets_are_computed_of_readings_alone_whose_numbers_come_near(
    fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reading's budgets take many times what its numbers take: of two LSTM layers all took minutes."""
    one, asked = case("lstm_stacked"), list[object]()

    def expecting(case: Case, family: frozenset[str], **reading: object) -> object:
        asked.append(reading.get("variant") or reading.get("rounding"))
        return expect(case, family, **reading)  # type: ignore[arg-type]

    for module in ("expect.alternatives", "judge.answer_patterns"):
        monkeypatch.setattr(f"nnparity.{module}.expect", expecting)
    says, changed = one.formula.variants["transposed"].says, one.formula.variants["transposed"].set
    for name, truth in expect(one, FAMILIES).items():
        seen = noise(one, name, 0.1) if fault == "noise" else right(one, dict(changed))[name]
        found = diagnosed(one, name, seen, truth, flush=False)
        assert (says in found.names) == (fault == "transposed")
    assert [*filter(None, asked)] == ([] if fault == "noise" else [changed] * len(FAMILIES))


def test_zeros_are_zeros_and_whatever_else_gives_them() -> None:
    one = case("layer_norm")
    truth = expect(one, FAMILIES)
    told = {name: diagnosed(one, name, 0 * right(one)[name], truth[name], False).text for name in truth}
    missing = "the gradient of gamma is missing: all of it is zeros; or: the scale γ is missing"
    assert told["grad.gamma"] == missing
    assert told["output"] == "zeros: nothing of the result is written"


@pytest.mark.parametrize("whole", [False, True])
def test_a_variant_of_a_derivative_alone_says_that_the_output_is_none(whole: bool) -> None:
    one, family = case("gelu"), frozenset({"output", "grad", "hvp"})
    variant = one.formula.variants["tanh"]
    truth, other = expect(one, family), expect(one, family, variant=variant.set)
    seen = {name: (other if whole or name == "hvp.x" else truth)[name].value.astype(np.float32) for name in truth}
    found = diagnosed(one, "hvp.x", seen["hvp.x"], truth["hvp.x"], False, beside=seen)
    assert found.names == (variant.says if whole else f"{variant.says}{NOT_THE_OUTPUT}",)
    assert diagnosed(one, "hvp.x", seen["hvp.x"], truth["hvp.x"], False).names == (variant.says,)


def test_a_term_that_a_second_derivative_lacks_is_named() -> None:
    """The mean squared error's Hessian is that of y - t: without its mixed part each input is by itself."""
    one = case("mse")
    (g,), v, family = one.cotangents.values(), one.tangents, frozenset({"hvp"})
    for name, other in (("y", "t"), ("t", "y")):
        seen = (g * v[name] / np.float32(len(v[name]))).astype(np.float32)
        found = diagnosed(one, f"hvp.{name}", seen, expect(one, family)[f"hvp.{name}"], False)
        assert found.names == (f"what the tangent of {other} adds is left out",)


def test_a_name_that_the_output_bears_out_comes_before_one_that_it_refutes() -> None:
    formula = load()["cross_entropy_logits"]
    one = Case(formula, signatures(formula)[0], "weighted_targets", DTYPES["float32"])
    family = frozenset({"output", "grad"})
    truth, alone = expect(one, family), formula.variants["unit_sum"]
    seen = {name: y.value.astype(np.float32) for name, y in expect(one, family, variant=alone.set).items()}
    assert diagnosed(one, "grad.z", seen["grad.z"], truth["grad.z"], False, beside=seen).names == (alone.says,)
    assert len(diagnosed(one, "grad.z", seen["grad.z"], truth["grad.z"], False).names) == 2


def test_beside_zeros_no_name_stands_that_the_output_refutes() -> None:
    """The second derivative of a hard sigmoid is 0, and of a small number so is that of a sigmoid, nearly."""
    formula, family = load()["sigmoid"], frozenset({"output", "grad", "hvp"})
    one = Case(formula, signatures(formula)[0], "small", DTYPES["float32"])
    truth = expect(one, family)
    seen = {name: y.value.astype(np.float32) for name, y in truth.items()} | {"hvp.x": np.zeros((3, 5), np.float32)}
    zeros = "zeros: nothing of the result is written"
    found = diagnosed(one, "hvp.x", seen["hvp.x"], truth["hvp.x"], False, beside=seen)
    assert found.names == (zeros,)
    alone = diagnosed(one, "hvp.x", seen["hvp.x"], truth["hvp.x"], False).names
    assert alone[0] == zeros
    assert any("hard sigmoid" in name for name in alone)


def test_a_likely_name_that_the_output_refutes_is_none() -> None:
    """Few numbers meet another scale by chance, where the weights alone were rounded."""
    formula, family = load()["attention"], frozenset({"output", "grad"})
    one = Case(formula, signatures(formula)[1], "small", DTYPES["float32"])
    truth = expect(one, family)
    variant = formula.variants["divided"]
    other = expect(one, family, variant=variant.set)["grad.v"].value.astype(np.float32)
    right = {name: y.value.astype(np.float32) for name, y in truth.items()}
    found = diagnosed(one, "grad.v", other, truth["grad.v"], False, beside=right | {"grad.v": other})
    assert not found.likely or variant.says + NOT_THE_OUTPUT not in found.names


def index(y: np.ndarray, axis: int) -> np.ndarray:
    """Of each element on an axis."""
    return np.asarray(np.indices(y.shape)[axis])


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (lambda y: y + 0.25, "about an offset: 0.25 is added"),
        (lambda y: np.where(index(y, 0) == 2, 7, y), "only index 2 of axis 0, which is 5 long"),
        (lambda y: np.where(index(y, 0) == 4, 7, y), "only index 4 of axis 0, which is 5 long, the last"),
        (
            lambda y: np.where(index(y, 1) >= 17, 7, y),
            "a tail: from index 17 on of axis 1, which is 33 long: right before, wrong in the last 16",
        ),
        (
            lambda y: np.where(index(y, 0) < 3, 7, y),
            "a head: up to index 2 of axis 0, which is 5 long: wrong in the first 3, right after",
        ),
        (
            lambda y: np.where((index(y, 0) == 1) & (index(y, 1) >= 29), 7, y),
            "only index 1 of axis 0, which is 5 long; a tail: from index 29 on of axis 1, which is 33 long",
        ),
        (
            lambda y: np.where(index(y, 0) >= 3, np.nan, y),
            "66 of 165 elements have a wrong NaN or infinity: a tail: from index 3 on of axis 0, which is 5 long",
        ),
        (
            lambda y: np.where((index(y, 0) == 4) | (index(y, 1) == 32), 7, y),
            "a border: the last of axis 0 and the last of axis 1",
        ),
        (
            lambda y: np.where((index(y, 0) == 0) & (index(y, 1) > 3) | (index(y, 1) == 0) & (index(y, 0) > 1), 7, y),
            "a border: the first of axis 0 and the first of axis 1",
        ),
        (
            lambda y: np.where((index(y, 0) == 4) | (index(y, 1) == 32) | (y == y[2, 5]), 7, y),
            "38 of 165 elements are wrong, without an order that shows",
        ),
        (lambda y: np.where(np.arange(y.size).reshape(y.shape) == 40, 7, y), "only 1 of 165 elements: [1, 7]"),
        (lambda y: np.where(y > 0.8, 0.9 * y, y), "only where the input is large"),
        (lambda y: np.minimum(y, 0.8), "clipped to at most 0.8: "),
        (lambda y: np.where(y < 0.05, 0, y), "small results are 0: "),
        (lambda y: np.clip(y, 0.2, 0.8), "clipped to at most 0.8 and at least 0.2: "),
        (lambda y: np.where(y == y.max(), np.nan, y), "1 of 165 elements have a wrong NaN or infinity"),
        (
            lambda y: np.where(np.isin(y, [y[0, 0], y[2, 1], y[4, 32]]), np.nan, y),
            "3 of 165 elements have a wrong NaN or infinity; on the way two infinities are subtracted or divided",
        ),
        (
            lambda y: np.where(np.isin(y, [y[0, 0], y[2, 1], y[4, 32]]), np.inf, y),
            "3 of 165 elements have a wrong NaN or infinity; it overflows on the way",
        ),
    ],
)
def test_what_has_no_name_has_a_pattern(fault: Callable[[np.ndarray], np.ndarray], told: str) -> None:
    one = case("tanh")
    x = np.abs(np.random.default_rng(3).normal(size=(5, 33)).astype(np.float32))
    one.__dict__["inputs"] = {"x": x}
    truth = expect(one, frozenset({"output"}))["output"]
    seen = np.asarray(fault(np.tanh(x.astype(np.float64)))).astype(np.float32)
    found = diagnosed(one, "output", seen, truth, False)
    assert (found.names, found.pattern[: len(told)]) == ((), told)


@pytest.mark.parametrize("dtype", DTYPES)
def test_digits_are_lost_where_small_results_alone_are_wrong(dtype: str) -> None:
    one = case("relu", dtype)
    x = np.ldexp(np.random.default_rng(3).uniform(1, 2, (5, 33)), -(np.arange(165).reshape(5, 33) % 12))
    one.__dict__["inputs"] = {"x": x.astype(one.dtype.numpy)}
    truth = expect(one, frozenset({"output"}))["output"]
    beside = np.where(x < 0.2, (3 + truth.value).astype(one.dtype.numpy).astype(np.float64) - 3, truth.value)
    near = truth.value * (1 + 3 * one.dtype.unit * np.where(x < 0.5, -1, 1))
    patterns = [diagnosed(one, "output", y.astype(one.dtype.numpy), truth, False).pattern for y in (beside, near)]
    assert [told.startswith("small results alone have lost digits") for told in patterns] == [True, False]


@pytest.mark.parametrize(("exponent", "named"), [(-1070, False), (-1030, False), (-530, True)])
def test_of_numbers_whose_squares_are_zero_no_factor_is_named(exponent: int, named: bool) -> None:
    one = case("tanh", "float64")
    one.__dict__["inputs"] = {"x": np.ldexp(np.random.default_rng(3).integers(1, 9, (5, 33)), exponent)}
    found = diagnosed(one, "output", 3 * one.inputs["x"], expect(one, frozenset({"output"}))["output"], False)
    assert found.names == (("the expected result times 3",) if named else ())


def test_of_few_elements_a_head_or_a_tail_is_chance() -> None:
    assert confined(np.array([True] * 4 + [False])) == ""
    assert confined(np.array([False] * 4 + [True] * 3)) == ""
    assert confined(np.array([False] * 12 + [True] * 4)).startswith("a tail: from index 12 on")


@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16"])
@pytest.mark.parametrize("lost", ["h_next", "c_next"])
def test_a_gradient_that_does_not_come_back_through_an_output_is_named(dtype: str, lost: str) -> None:
    one = case("lstm_step", dtype)
    truth = expect(one, frozenset({"grad"}))
    none = {name: 0 * g if name == lost else g for name, g in one.cotangents.items()}
    given = Given(*(one.formula, one.signature, one.dataset, one.dtype, one.salt, one.inputs), none)
    wrong = expect(given, frozenset({"grad"}))
    found = diagnosed(one, "grad.x", wrong["grad.x"].value.astype(one.dtype.numpy), truth["grad.x"], False)
    assert found.names == (f"what comes back through {lost} is left out",)


@pytest.mark.parametrize(("id", "lost"), [("dense", "w"), ("dense", "x"), ("lstm_step", "c"), ("layer_norm", "gamma")])
def test_a_tangent_that_is_left_out_is_named(id: str, lost: str) -> None:
    one = case(id)
    truth = expect(one, frozenset({"jvp"}))
    none = {name: 0 * v if name == lost else v for name, v in one.tangents.items()}
    given = Moving(one.formula, one.signature, one.dataset, one.dtype, one.salt, one.inputs, one.cotangents, none)
    wrong = expect(given, frozenset({"jvp"}))
    quantity = next(iter(wrong))
    found = diagnosed(one, quantity, wrong[quantity].value.astype(np.float32), truth[quantity], False)
    assert f"the tangent of {lost} is left out" in found.names
    again = expect(one, frozenset({"jvp"}))[quantity]
    assert np.array_equal(again.value, truth[quantity].value), "what is expected of the case stays what it is"


def test_one_number_alone_is_likely_at_most() -> None:
    one = case("mse")
    truth = expect(one, frozenset({"output"}))["output"]
    found = diagnosed(one, "output", np.asarray(np.float32(3) * right(one)["output"]), truth, False)
    assert found.text == "likely: the expected result times 3"


def test_the_simplest_fraction_is_found() -> None:
    assert [str(simplest(value, 1e-6)) for value in (1 / 3, 0.5000001, -1.25, 1.01)] == [
        "1/3",
        "1/2",
        "-5/4",
        "101/100",
    ]
    assert simplest(float("nan"), 1.0) == 0

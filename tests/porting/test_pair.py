"""A pair of layers, judged: what is right conforms, each plant is caught and named; errors before it do not count."""

from dataclasses import replace
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from nnparity.adapters.capture.layer import RANDOM
from nnparity.adapters.capture.model import Watched
from nnparity.porting.port import arrays_of
from nnparity.porting.rows import DIFFERS, Row
from nnparity.reports.records import Verdict
from nnparity.spec.usage import UsageError
from nnparity.tests.porting.made import array, dense, layer, layer_norm, linear, relu, row, unknown

X = array(5, 6)
NORM = {"gamma": 1 + array(6, seed=4) / 8, "beta": array(6, seed=5)}


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16, ml_dtypes.bfloat16])
def test_the_right_layer_conforms_in_every_dtype(dtype: Any) -> None:
    weights = linear(dtype=dtype)
    x = X.astype(dtype)
    wide = {name: w.astype(np.float64) for name, w in weights.items()}
    y = dense(x.astype(np.float64), **wide).astype(dtype)
    a = replace(layer("a", "dense", x, weights), outputs={"output": y})
    found = row(a, replace(a, name="b"), lambda x: dense(x.astype(np.float64), **wide).astype(dtype))
    assert (found.grade, found.why, found.returned) == ("conforms", [], 0.0)
    assert all(isinstance(one, Verdict) for one in (found.own_a, found.own_b, found.ported))


def test_what_reached_b_otherwise_is_not_held_against_it() -> None:
    weights = linear()
    found = row(layer("a", "dense", X, weights), layer("b", "dense", X + 1, weights))
    assert found.grade == "conforms"
    assert found.received is not None
    assert found.received > 0.5


def test_a_layer_that_is_right_by_its_own_weights_departs_by_those_of_a() -> None:
    weights = linear(6, 6)
    found = row(layer("a", "dense", X, weights), layer("b", "dense", X, {**weights, "w": weights["w"].T}))
    assert found.grade == "diverges"
    assert found.own_b is not None
    assert found.own_b.grade == "conforms"
    assert list(found.why) == ["the weight of b is a's transposed"]


@pytest.mark.parametrize("eps", [1e-5, 1e-3])
def test_another_epsilon_is_named(eps: float) -> None:
    found = row(layer("a", "layer_norm", X, NORM, eps=1e-12), layer("b", "layer_norm", X, NORM, eps=eps))
    assert found.departs
    assert found.why[0] == f"epsilon is {eps:g} in b, 1e-12 in a"
    assert "epsilon 1e-" in found.why[1]


def test_what_these_inputs_do_not_show_is_told_all_the_same() -> None:
    found = row(layer("a", "layer_norm", 1e3 * X, NORM, eps=1e-12), layer("b", "layer_norm", 1e3 * X, NORM, eps=1e-7))
    assert found.grade == DIFFERS
    assert not found.departs
    assert list(found.why) == ["epsilon is 1e-07 in b, 1e-12 in a"]


def test_a_wrong_kernel_is_told_by_its_own_numbers() -> None:
    weights = linear()
    a = layer("a", "dense", X, weights)
    b = replace(a, name="b", outputs={"output": X @ weights["w"].T})
    found = row(a, b, lambda x: x @ weights["w"].T)
    assert found.grade == "diverges"
    assert list(found.why) == [
        "on what a's layer received b's gives: the bias is not added",
        "b's own result is not what its formula gives: the bias is not added",
    ]


def test_the_layer_of_a_may_be_the_wrong_one() -> None:
    weights = linear()
    b = layer("b", "dense", X, weights)
    found = row(replace(b, name="a", outputs={"output": X @ weights["w"].T}), b)
    assert list(found.why) == ["a's own result is not what its formula gives: the bias is not added"]


def test_another_kind_in_its_place_is_named() -> None:
    x = array(40, 6)
    a = replace(layer("a", "relu", x), kind="gelu", settings={"kind": "exact"})
    found = row(replace(a, outputs={"output": x}), layer("b", "relu", x))
    assert found.why[0] == "b computes relu where a computes gelu"


def test_a_known_layer_judges_an_unknown_one() -> None:
    a = layer("a", "layer_norm", X, NORM, eps=1e-12)
    right = row(a, unknown("b", X, a.y), lambda x: layer_norm(x, **NORM))
    wrong = row(a, unknown("b", X, a.y), lambda x: layer_norm(x, **NORM, eps=1e-3))
    assert (right.grade, wrong.departs) == ("conforms", True)
    assert list(wrong.why) == ["on what a's layer received b's gives: epsilon 1e-3"]


def test_what_a_known_layer_does_not_show_of_an_unknown_one_is_told() -> None:
    """No number passes 6, or one does."""
    cut = layer("a", "relu", X)
    for factor, ceiling, hidden in (
        (1, {}, "computes ReLU6, cut off at 6"),
        (1, {"ceiling": 6.0}, "computes the plain ReLU, neither leaky nor cut off"),
        (9, {}, ""),
    ):
        x = factor * X
        a = replace(cut, settings=ceiling, inputs={"x": x}, outputs={"output": relu(x)})
        found = row(a, unknown("b", x, relu(x)), relu)
        assert found.grade == "conforms"
        assert found.notes == ([f"these inputs do not tell it from one that {hidden}"] if hidden else [])


def swish(x: Any) -> Any:
    return (x / (1 + np.exp(-x))).astype(x.dtype)


def against(function: Any) -> Row:
    """An unknown layer of a, and one of b that computes `function`, of inputs that differ a little."""
    shifted = (X.astype(np.float64) * (1 + 1e-6)).astype(np.float32)
    return row(unknown("a", X, swish(X)), unknown("b", shifted, function(shifted)), function)


def test_layers_without_a_formula_are_held_to_what_is_explained() -> None:
    assert (against(swish).grade, against(swish).ratio) == ("conforms", 0.0)
    wide = against(lambda x: swish(x.astype(np.float64)).astype(np.float32))
    assert wide.grade == "conforms"
    assert wide.ratio is not None
    assert 0 < wide.ratio < 1
    for wrong in (relu, lambda x: swish(x) * np.float32(1 + 1e-4), lambda x: 0 * x):
        found = against(wrong)
        assert found.grade == "diverges"
        assert "times what the layers before it and rounding explain" in found.why[0]


def test_a_layer_that_cannot_be_run_on_it_is_an_error_with_its_words() -> None:
    def refuse(x: Any) -> Any:
        raise RuntimeError("of rank 3 only\nand more")

    weights = linear()
    found = row(layer("a", "dense", X, weights), layer("b", "dense", X, weights), refuse)
    assert found.grade == "error"
    assert found.why == ["b's layer cannot be run on what a's received: of rank 3 only"]


def test_zeros_tell_nothing() -> None:
    weights = {"w": np.zeros((4, 6), np.float32), "b": np.zeros(4, np.float32)}
    a = layer("a", "dense", 0 * X, weights)
    b = layer("b", "dense", 0 * X, {**weights, "w": np.ones((4, 6), np.float32)})
    assert row(a, b).grade == DIFFERS


def test_what_holds_nan_is_no_pass() -> None:
    weights = linear()
    lost = np.where(np.arange(6) == 2, np.nan, X).astype(np.float32)
    found = row(layer("a", "dense", lost, weights), layer("b", "dense", lost, weights))
    assert found.grade == "error"
    assert "x holds NaN at [0, 2]" in found.why[0]


def test_a_layer_of_b_that_is_random_excuses_nothing_by_that() -> None:
    draw = np.random.default_rng(0)

    def noisy(x: Any) -> Any:
        return (swish(x) + draw.normal(size=x.shape)).astype(x.dtype)

    found = row(unknown("a", X, swish(X)), unknown("b", X, noisy(X)), noisy)
    assert found.grade == "diverges"
    assert found.why == ["b's layer returns something else for the same input"]


def test_the_same_but_for_its_last_digits_is_not_random() -> None:
    flips = iter((0, 0, 0, 0, 1))

    def summed(x: Any) -> Any:
        return swish(x) * np.float32(1 + next(flips) * 2.0**-23)

    assert row(unknown("a", X, swish(X)), unknown("b", X, swish(X)), summed).grade == "conforms"


@pytest.mark.parametrize("kinds", [(RANDOM, RANDOM), (RANDOM, ""), ("", RANDOM)])
def test_what_drops_at_random_is_no_pass_in_either(kinds: tuple[str, str]) -> None:
    a, b = (replace(unknown("d", X, X), kind=kind, note="drops" if kind else "") for kind in kinds)
    found = row(a, b, lambda x: x)
    assert found.grade == "diverges"
    assert found.why[0].endswith(": drops")


def test_whole_numbers_that_a_layer_gives_are_the_same_or_wrong() -> None:
    """What b received otherwise would explain other ones."""
    largest, smallest = (lambda x: x.argmax(-1)), (lambda x: x.argmin(-1))
    b = unknown("b", -X, smallest(-X))
    assert row(unknown("a", X, largest(X)), b, smallest).grade == "diverges"
    assert row(unknown("a", X, largest(X)), unknown("b", -X, largest(-X)), largest).grade == "conforms"


@pytest.mark.parametrize("inputs", [np.zeros((0, 4), np.float32), {"x": np.zeros((3, 0), np.float32)}])
def test_inputs_without_an_element_are_refused(inputs: Any) -> None:
    with pytest.raises(UsageError, match="holds no number"):
        arrays_of(inputs)
    assert len(arrays_of(np.ones((1, 4), np.float32))) == 1


@pytest.mark.parametrize("model", [(1, 2, 3), (1, 2), ()])
def test_what_is_no_pair_of_a_model_and_a_function_is_told(model: Any) -> None:
    with pytest.raises(UsageError, match="a pair of a model and a function that calls it"):
        Watched(model)

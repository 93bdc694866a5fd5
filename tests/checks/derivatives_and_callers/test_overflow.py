"""After an infinite cotangent a gradient that hides it, spreads it or turns its sign is caught; honest ones are not."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from nnparity.adapters.base import Adapter
from nnparity.adapters.kernel import Operation, Point, Tensors
from nnparity.adapters.numpy import NumpyAdapter
from nnparity.checks.derivatives.overflow import HIDDEN, INFINITE, OPPOSITE, SPREAD
from nnparity.reports.records import Verdict
from nnparity.spec import load
from nnparity.tests.checks.inside import ALL, lines, verdicts

SOME = (
    "relu",
    "gelu",
    "dense",
    "softmax",
    "layer_norm",
    "conv2d",
    "max_pool2d",
    "attention",
    "embedding",
    "lstm",
    "mse",
)
Change = Callable[[Any], Any]


def changed(change: Change) -> type[Adapter]:
    """The adapter whose gradients are changed where one of them is not finite."""

    def vjp(self: Any, operation: Operation, point: Point) -> tuple[Tensors, Tensors]:
        outputs, found = super(Changed, self).vjp(operation, point)
        return outputs, tuple(one if np.isfinite(one).all() else change(one) for one in found)

    Changed = type("Changed", (NumpyAdapter,), {"vjp": vjp})
    return Changed


def asked(adapter: type[Adapter], formula: str, dtype: str) -> list[Verdict]:
    found = verdicts(lines(adapter, "derivatives", formula, dtypes=(dtype,)))
    return [one for one in found if one.dataset == INFINITE]


def hidden(gradient: Any) -> Any:
    return np.nan_to_num(gradient, nan=0.0, posinf=1.0, neginf=-1.0)


def clipped(gradient: Any) -> Any:
    return np.where(np.isnan(gradient), gradient, np.clip(gradient, -1, 1))


def spread(gradient: Any) -> Any:
    other = gradient.copy()
    other[0] = np.nan
    return other


def opposite(gradient: Any) -> Any:
    return np.where(np.isinf(gradient), -gradient, gradient)


@pytest.mark.parametrize("formula", SOME)
@pytest.mark.parametrize("dtype", ALL)
def test_honest_gradients_conform(formula: str, dtype: str) -> None:
    found = asked(NumpyAdapter, formula, dtype)
    assert {one.grade for one in found} == {"conforms"}


@pytest.mark.parametrize("formula", ["lstm_step", "multi_head_attention", "gan_discriminator_loss", "masked_attention"])
@pytest.mark.parametrize("dtype", ALL)
def test_in_half_precision_alone_some_are_inconclusive(formula: str, dtype: str) -> None:
    grades = {one.grade for one in asked(NumpyAdapter, formula, dtype)}
    assert grades <= ({"conforms", "inconclusive"} if dtype in ("bfloat16", "float16") else {"conforms"})


@pytest.mark.parametrize("formula", SOME)
@pytest.mark.parametrize("dtype", ALL)
def test_a_gradient_that_hides_it_diverges(formula: str, dtype: str) -> None:
    found = asked(changed(hidden), formula, dtype)
    assert {(one.grade, one.diagnosis) for one in found} == {("diverges", HIDDEN)}


@pytest.mark.parametrize("dtype", ALL)
def test_of_one_number_that_hides_it_too(dtype: str) -> None:
    found = asked(changed(clipped), "dense", dtype)
    assert {one.diagnosis for one in found if one.grade == "diverges"} == {HIDDEN}


@pytest.mark.parametrize("formula", ["gelu", "dense", "softmax", "conv2d", "lstm", "residual_attention"])
@pytest.mark.parametrize("dtype", ALL)
def test_one_that_spreads_it_to_another_sample_diverges(formula: str, dtype: str) -> None:
    found = {one.quantity: one for one in asked(changed(spread), formula, dtype)}
    first = found[f"grad.{load()[formula].wrt[0]}"]
    assert (first.grade, first.diagnosis) == ("diverges", SPREAD)


def test_what_no_budget_of_half_precision_says_to_depend_on_it_is_inconclusive() -> None:
    found = {one.quantity: one for one in asked(NumpyAdapter, "residual_attention", "bfloat16")}
    assert found["grad.wk"].grade == "inconclusive"
    assert found["grad.wk"].message == "would conform too: any numbers"


@pytest.mark.parametrize("formula", ["tanh", "dense", "conv2d", "mse"])
@pytest.mark.parametrize("dtype", ALL)
def test_one_of_the_other_sign_diverges(formula: str, dtype: str) -> None:
    found = asked(changed(opposite), formula, dtype)
    assert {(one.grade, one.diagnosis) for one in found} == {("diverges", OPPOSITE)}


@pytest.mark.parametrize("where_nothing_comes_through", [0.0, np.nan])
def test_behind_what_lets_nothing_through_zero_times_infinity_may_be_either(where_nothing_comes_through: float) -> None:
    def either(gradient: Any) -> Any:
        return np.where(np.isnan(gradient), where_nothing_comes_through, gradient)

    for formula in ("relu", "max_pool2d"):
        assert {one.grade for one in asked(changed(either), formula, "float32")} == {"conforms"}

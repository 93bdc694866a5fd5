"""Where gradients go as infinities among the inputs do: proven by large numbers, and left open where nothing grows."""

import numpy as np
import pytest

from nnparity.expect.limits import tends_to
from nnparity.reference import FORMULAS
from nnparity.spec import load
from nnparity.spec.cases.special_values import special_case


def test_a_gradient_that_grows_with_an_infinite_scale_tends_to_an_infinity_of_its_sign() -> None:
    case = special_case(load()["layer_norm"], "infinity in others", "float32")
    x, *others = (array.astype(np.float64) for array in case.inputs.values())
    large = [np.where(np.isinf(one), np.copysign(1e30, one), one) for one in others]
    g = case.cotangents["output"].astype(np.float64)
    exact = FORMULAS["layer_norm"].gradients(g, x, *large, **case.signature.attributes)[0]
    assert (np.abs(exact) > 1e25).all()
    np.testing.assert_array_equal(tends_to(case, "grad.x"), np.copysign(np.inf, exact))


@pytest.mark.parametrize(
    ("formula", "dataset", "quantity"),
    [
        ("layer_norm", "infinity in others", "grad.beta"),  # the cotangents' sum, whatever the scale
        ("tanh", "infinity", "grad.x"),  # 0 there
        ("attention", "infinity in others", "grad.v"),  # weights are below 1 whatever the scores
    ],
)
def test_what_stays_finite_tends_to_none(formula: str, dataset: str, quantity: str) -> None:
    case = special_case(load()[formula], dataset, "float32")
    assert not tends_to(case, quantity).any()


def test_a_difference_that_cancels_proves_nothing() -> None:
    """The gradient of softmax's input is 0 where one weight is 1: what is left is nothing but rounding errors."""
    case = special_case(load()["softmax"], "infinity", "float16")
    assert not tends_to(case, "grad.x").any()

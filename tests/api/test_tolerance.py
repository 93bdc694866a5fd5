"""Tolerances: they are the budgets of the suite, two numbers cover them, and the data they hold for is said."""

import ml_dtypes
import numpy as np
import pytest

import nnparity
from nnparity.api.tolerances import covering
from nnparity.expect.budgets import expect
from nnparity.spec import DTYPES, Case, load
from nnparity.spec.loader import signatures


def drawn(id: str, dtype: str) -> Case:
    return Case(load()[id], signatures(load()[id])[0], "normal", DTYPES[dtype])


@pytest.mark.parametrize("dtype", DTYPES)
def test_it_is_the_budget_of_the_suite(dtype: str) -> None:
    case = drawn("attention", dtype)
    truth = expect(case, frozenset({"output", "grad"}))
    mine = nnparity.tolerance("attention", inputs=dict(case.inputs))
    assert np.array_equal(mine.hard, truth["output"].hard)
    assert np.array_equal(mine.sharp, truth["output"].sharp)
    gradient = nnparity.tolerance("attention", inputs=dict(case.inputs), wrt="k", cotangent=case.cotangents["output"])
    assert np.array_equal(gradient.hard, truth["grad.k"].hard)


@pytest.mark.parametrize("id", ["dense", "softmax", "attention", "layer_norm"])
def test_two_numbers_cover_it(id: str) -> None:
    case = drawn(id, "float32")
    mine = nnparity.tolerance(id, inputs=dict(case.inputs) | dict(case.signature.attributes))
    relative, absolute = mine.rtol_atol()
    assert (mine.hard <= absolute + relative * np.abs(mine.value)).all()
    smaller = 0.9 * (absolute + relative * np.abs(mine.value))
    assert not (mine.hard <= smaller).all()


def test_of_all_lines_above_the_lowest_at_the_mean() -> None:
    sizes, budgets = np.array([0.0, 1.0, 2.0, 4.0]), np.array([1.0, 1.0, 2.0, 3.0])
    slope, offset = covering(sizes, budgets)
    assert (slope, offset) == pytest.approx((0.5, 1.0))
    assert covering(np.array([1.0, 2.0]), np.array([2.0, 1.0])) == pytest.approx((0.0, 2.0))  # never a falling line
    assert covering(np.zeros(0), np.zeros(0)) == (0.0, 0.0)


def test_sizes_alone_give_that_of_normal_inputs_and_say_so() -> None:
    mine = nnparity.tolerance("softmax", k=4096)
    assert mine.hard.shape == (3, 4096)
    assert "standard normal inputs, n3k4096 in float32, and no others" in str(mine)
    assert nnparity.tolerance("dense", x=(8, 64), w=(16, 64), b=(16,)).hard.shape == (8, 16)
    assert nnparity.tolerance("layer_norm", d=16, eps=1e-3, wrt="gamma").hard.shape == (16,)


def test_sums_in_the_dtype_itself_may_be_farther_off() -> None:
    wide = nnparity.tolerance("dense", i=1024, dtype="bfloat16")
    narrow = nnparity.tolerance("dense", i=1024, dtype=ml_dtypes.bfloat16, accumulate="bfloat16")
    assert (narrow.hard > 4 * wide.hard).all()
    assert nnparity.tolerance("dense", i=1024).hard.max() < wide.hard.max() / 10


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"i": 4096, "w": np.ones((4, 5), np.float32)}, "arrays and sizes do not mix"),
        ({"k": 3}, "dense has no input 'k'"),
        ({"x": (3, 5, 2)}, r"x has the shape \(3, 5, 2\), expected 'n i'"),
        ({"x": (3, 5), "w": (4, 6)}, "has shape"),
        ({"i": 8, "wrt": "z"}, "no quantity is called 'grad.z'"),
        ({"i": 8, "wrt": "x", "cotangent": np.ones((3, 4))}, "drawn as the inputs are: leave cotangent out"),
        ({"i": -1}, "dense: i=-1, but a size is a whole number, and not below 0"),
        ({"x": (3, "a")}, r"dense: x=\(3, 'a'\), but a size is a whole number"),
        ({"x": (3, True)}, r"dense: x=\(3, True\), but a size is a whole number"),
        ({"i": 3.5}, "dense: i=3.5, but a size is a whole number"),
        ({"i": "3"}, "dense: i='3', but a size is a whole number"),
        ({"i": 10**9}, "dense: n3i1000000000j4 has .* numbers, and more than 134,217,728 are not drawn"),
        ({"i": 8, "dtype": "half"}, "no dtype is called 'half'"),
    ],
)
def test_what_does_not_fit_is_told(given: dict[str, object], says: str) -> None:
    with pytest.raises(nnparity.UsageError, match=says):
        nnparity.tolerance("dense", **given)


def test_sizes_and_attributes_that_a_formula_cannot_have_are_told() -> None:
    with pytest.raises(nnparity.UsageError, match=r"conv2d: the shape .* a size is negative"):
        nnparity.tolerance("conv2d", p=50)
    with pytest.raises(nnparity.UsageError, match="layer_norm: eps is 'x', expected a number"):
        nnparity.tolerance("layer_norm", n=3, eps="x")
    with pytest.raises(nnparity.UsageError, match=r"multi_head_attention cannot be computed with .*heads=3"):
        nnparity.tolerance("multi_head_attention", t=4, heads=3)

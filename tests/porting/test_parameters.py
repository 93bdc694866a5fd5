"""What was done to weights and settings is said in words; what is the same numbers in another form is no difference."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from nnparity.adapters.capture.layer import Layer
from nnparity.porting.pairs.layouts import SAME, Turn
from nnparity.porting.pairs.parameters import differences
from nnparity.tests.porting.made import array

SQUARE, KERNEL, GATES, THREE = array(6, 6), array(4, 4, 3, 3), array(4, 3, 5), array(3, 4, 5)


def told(x: Any, y: Any, kind: str = "dense", turn: Turn = SAME) -> list[str]:
    return differences(Layer("a", "", kind, weights={"w": x}), Layer("b", "", kind, weights={"w": y}), turn)


@pytest.mark.parametrize(
    ("x", "changed", "says"),
    [
        (SQUARE, lambda w: w.T, "is a's transposed"),
        (array(4, 6), lambda w: w.T.reshape(w.shape), "is a's transposed and then reshaped"),
        (array(4, 6), lambda w: w.reshape(w.shape[::-1]).T, "is a's reshaped where it should be transposed"),
        (array(4, 6), lambda w: w.T, "has the shape (6, 4), that of a is (4, 6): a's transposed"),
        (KERNEL, lambda w: w.transpose(1, 0, 2, 3), "is a's transposed: input and output channels are exchanged"),
        (KERNEL, lambda w: w.transpose(0, 1, 3, 2), "is a's transposed: rows and columns of the kernel are exchanged"),
        (KERNEL, lambda w: w[:, :, ::-1, ::-1], "is a's reversed along axis 2 and 3"),
        (array(4, 6), lambda w: w[[0, 1, 3, 2]], "holds a's numbers in another order"),
        (SQUARE, lambda w: w.astype(np.float16).astype(np.float32), "is a's rounded to float16"),
        (SQUARE, lambda w: -w, "is a's with the other sign"),
        (SQUARE, lambda w: 3 * w, "is a's times 3"),
        (SQUARE, lambda w: 0 * w, "is all zeros, a's is not"),
        (SQUARE, lambda w: w.ravel()[::-1][np.r_[1:36, 0]].reshape(6, 6), "holds a's numbers in another order"),
        (SQUARE, lambda w: w + np.eye(6, dtype=np.float32), "differs from a's in 6 of 36 numbers"),
        (SQUARE, lambda w: w + array(6, 6, seed=3) / 100, "of its size"),
    ],
)
def test_a_change_of_weights_has_a_name(x: Any, changed: Callable[[Any], Any], says: str) -> None:
    (found,) = told(x, changed(x))
    assert found.startswith("the weight of b ")
    assert says in found


@pytest.mark.parametrize(("wx", "order", "says"), [(GATES, [0, 1, 3, 2], "i, f, c, o"), (THREE, [1, 0, 2], "z, r, n")])
def test_gates_in_another_order_are_named(wx: Any, order: list[int], says: str) -> None:
    a, b = (Layer("", "", "lstm" if len(wx) == 4 else "gru", weights={"wx": x}) for x in (wx, wx[order]))
    (found,) = differences(a, b, SAME)
    assert found == f"the weight of the inputs of b is a's with its gates in the order {says}"


def test_the_same_numbers_are_no_difference() -> None:
    assert told(SQUARE, SQUARE.copy()) == []
    assert told(SQUARE, SQUARE.astype(np.float16)) == []  # b computes in it


def test_a_bias_of_zeros_may_be_left_out_and_no_other() -> None:
    a = Layer("a", "", "dense", weights={"w": SQUARE, "b": np.zeros(6, np.float32)})
    b = Layer("b", "", "dense", weights={"w": SQUARE})
    assert differences(a, b, SAME) == []
    biased = Layer("c", "", "dense", weights={"w": SQUARE, "b": np.ones(6, np.float32)})
    assert differences(biased, b, SAME) == ["the bias of b is missing"]
    assert differences(b, biased, SAME) == ["the bias of b is one that a has not"]


def test_parameters_of_a_layer_that_are_exchanged_are_named() -> None:
    one, other = array(6), array(6, seed=1)
    a, b = (Layer("", "", "layer_norm", weights={"gamma": x, "beta": y}) for x, y in ((one, other), (other, one)))
    assert differences(a, b, SAME) == ["the scale of b is the shift of a", "the shift of b is the scale of a"]


def test_parameters_of_what_has_no_formula_are_not_compared() -> None:
    assert told(SQUARE, SQUARE.T, kind="") == []


def test_two_biases_of_an_lstm_are_their_sum() -> None:
    one, other = array(4, 3), array(4, 3, seed=1)
    a = Layer("a", "", "lstm", weights={"wx": GATES, "b": one, "b2": other})
    assert differences(a, Layer("b", "", "lstm", weights={"wx": GATES, "b": one + other}), SAME) == []
    (found,) = differences(a, Layer("b", "", "lstm", weights={"wx": GATES, "b": one}), SAME)
    assert found.startswith("the bias of b differs from a's")


def test_two_biases_of_a_gru_are_one_for_the_gates_that_add_them() -> None:
    one, other = array(3, 4), array(3, 4, seed=1)
    both, moved = one + other, one.copy()
    moved[:2] = both[:2]
    behind = np.concatenate([0 * other[:2], other[2:]])
    a, same, summed = (
        Layer("", "", "gru", weights={"wx": THREE, "b": b, "bh": bh})
        for b, bh in ((one, other), (moved, behind), (both, 0 * other))
    )
    assert differences(a, same, SAME) == []
    assert [told.partition(" of b ")[0] for told in differences(a, summed, SAME)] == [
        *("the bias", "the bias of the states")
    ]


def test_settings_that_differ_are_told_and_forms_are_none() -> None:
    a, b = (Layer(name, "", "layer_norm", {"eps": eps}) for name, eps in (("a", 1e-12), ("b", 1e-5)))
    assert differences(a, b, SAME) == ["epsilon is 1e-05 in b, 1e-12 in a"]
    rounded = Layer("b", "", "layer_norm", {"eps": float(np.float32(1e-12))})
    assert differences(a, rounded, SAME) == []
    whole, last = (Layer("", "", "lstm", {"sequences": said}) for said in (True, False))
    assert differences(whole, last, SAME) == []


def test_features_in_another_order_want_weights_in_that_order() -> None:
    turn = Turn(features=np.array([5, 4, 3, 2, 1, 0]), says="the features come in the order h, w, c")
    assert told(SQUARE, SQUARE[:, ::-1], turn=turn) == []
    (found,) = told(SQUARE, SQUARE, turn=turn)
    assert found == "the weight of b is a's as it is, but the features come in the order h, w, c"

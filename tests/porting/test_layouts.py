"""Axes, rows, features and zeros around an image that lie otherwise in b are brought into one order."""

from typing import Any

import numpy as np
import pytest

from nnparity.adapters.capture.layer import Layer
from nnparity.porting.pairs.layouts import SAME, apart, difference, flattened, padded, repadded, turn
from nnparity.tests.porting.made import array, unknown


def told(kind: str, x: Any, y: Any = None, **weights: Any) -> Layer:
    return Layer("", "", kind, {}, {"x": x}, weights, {"output": x if y is None else y})


SEQUENCES = array(2, 5, 3)
IMAGES = array(2, 4, 3, 5)


@pytest.mark.parametrize("kind", ["", "dense", "layer_norm", "relu"])
def test_time_may_come_before_the_batch(kind: str) -> None:
    turned = SEQUENCES.transpose(1, 0, 2)
    found = turn(told(kind, SEQUENCES), told(kind, turned))
    assert np.array_equal(found.there(SEQUENCES), turned)
    assert np.array_equal(found.back(turned), SEQUENCES)
    assert found.says


def test_ids_may_lie_so_too() -> None:
    ids = np.arange(10).reshape(2, 5)
    found = turn(told("embedding", ids), told("embedding", ids.T))
    assert np.array_equal(found.there(ids), ids.T)
    assert np.array_equal(found.back(SEQUENCES.transpose(1, 0, 2)), SEQUENCES)


@pytest.mark.parametrize("n", [2, 5])
def test_what_a_layer_is_told_of_sequences_is_not_turned_back(n: int) -> None:
    x = array(n, 5, 3)
    for kind in ("lstm", "multi_head_attention"):
        assert turn(told(kind, x), told(kind, x.transpose(1, 0, 2))).wrong
        assert not turn(told(kind, x), told(kind, x + 1e-6)).wrong
        assert not turn(told(kind, x), told(kind, array(n, 5, 3, seed=1))).wrong
        assert not turn(told(kind, x[:, :1]), told(kind, x[:, :1] + 1)).wrong


@pytest.mark.parametrize("kind", ["", "result", "identity"])
def test_channels_may_come_last(kind: str) -> None:
    found = turn(told(kind, IMAGES), told(kind, IMAGES.transpose(0, 2, 3, 1)))
    assert found.axes == (0, 2, 3, 1)


def test_features_of_a_dense_layer_are_no_axis_of_rows() -> None:
    x = array(5, 5, 5)
    assert turn(told("dense", x), told("dense", x.transpose(0, 2, 1))).axes in (None, (1, 0, 2))


def test_rows_may_be_flattened() -> None:
    found = turn(told("dense", SEQUENCES), told("dense", SEQUENCES.reshape(10, 3)))
    assert found.there(SEQUENCES).shape == (10, 3)
    assert found.back(SEQUENCES.reshape(10, 3)).shape == (2, 5, 3)


@pytest.mark.parametrize("axes", [(0, 2, 3, 1), (0, 3, 2, 1), (0, 1, 3, 2)])
def test_flattened_features_are_found_either_way(axes: tuple[int, ...]) -> None:
    a, b = IMAGES.reshape(2, -1), IMAGES.transpose(axes).reshape(2, -1)
    images = flattened([unknown("", IMAGES, IMAGES)])
    for x, y in ((a, b), (b, a)):
        found = turn(told("dense", x), told("dense", y), images)
        assert np.array_equal(found.there(x), y)


def test_where_inputs_tell_no_order_the_weights_do() -> None:
    x, noise, w = IMAGES.reshape(2, -1), array(2, 60, seed=1), array(7, 60)
    found = turn(told("dense", x, w=w), told("dense", noise, w=w), flattened([unknown("", IMAGES, IMAGES)]))
    assert found is SAME


def test_what_lies_alike_is_left_as_it_is() -> None:
    for kind in ("", "dense", "conv2d"):
        assert turn(told(kind, IMAGES), told(kind, IMAGES + 1)) is SAME


def convolution(x: Any, *padding: tuple[int, int]) -> Layer:
    return Layer("", "", f"conv{len(padding)}d", {"padding": padding}, {"x": x}, {}, {"output": x})


def test_zeros_around_an_image_may_be_put_there_by_a_layer_before() -> None:
    for x, padding in ((IMAGES, ((1, 1), (2, 1))), (SEQUENCES, ((2, 1),))):
        wider = np.pad(x, ((0, 0), (0, 0), *padding))
        inside, before = convolution(x, *padding), convolution(wider, *(len(padding) * [(0, 0)]))
        for a, b in ((inside, before), (before, inside)):
            found = repadded(a, b)
            assert found.settings == b.settings
            assert np.array_equal(found.inputs["x"], b.inputs["x"])


def test_zeros_around_an_array_are_seen_and_nothing_else() -> None:
    around = np.pad(SEQUENCES, ((0, 0), (2, 1), (0, 1)))
    assert padded(SEQUENCES, around)
    for other in (SEQUENCES, around + 1, around[:1], np.roll(around, 2, axis=2), around[None]):
        assert not padded(SEQUENCES, other)


def test_a_pooling_takes_zeros_for_nothing_where_no_number_is_below() -> None:
    for x, same in ((np.abs(IMAGES), True), (IMAGES, False)):
        wider = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
        a, b = (
            Layer("", "", "max_pool2d", {"padding": pads}, {"x": given}, {}, {"output": given})
            for pads, given in ((((1, 1), (1, 1)), x), (((0, 0), (0, 0)), wider))
        )
        assert (repadded(a, b) is not a) is same


def test_what_is_no_zero_is_not_cut_away() -> None:
    a, b = convolution(IMAGES, (0, 0), (0, 0)), convolution(IMAGES[:, :, 1:-1], (1, 1), (0, 0))
    assert repadded(a, b) is a
    assert repadded(b, b) is b


def test_a_difference_is_relative_and_never_hidden() -> None:
    x = array(3, 4)
    assert difference(x, x.copy()) == 0
    assert difference(x, 1.5 * x) == pytest.approx(0.5)
    assert difference(x[:1], np.repeat(x[:1], 3, axis=0)) == 0
    for wrong in (np.where(x == x[0, 0], np.nan, x), x[:2], x.T):
        assert difference(x, wrong) == np.inf
    assert difference(0 * x, x) == np.inf


def test_infinities_that_both_have_are_no_difference_and_hide_none() -> None:
    x = np.arange(1.0, 13.0).reshape(3, 4)
    mask = np.where(x > 10, -np.inf, x)
    assert difference(mask, mask.copy()) == apart(mask, mask.copy()) == 0
    assert difference(mask, 1.5 * mask) == pytest.approx(0.5)
    assert apart(mask, np.where(x == 1, 2.0, mask)) > 0.05
    for wrong in (x, -mask, np.where(x > 9, -np.inf, x)):
        assert difference(mask, wrong) == apart(mask, wrong) == np.inf


def test_the_row_that_is_farthest_off_counts_and_a_small_one_by_the_size_of_the_whole() -> None:
    x = np.ones((100, 4))
    x[3] = 1e-9
    wrong, rounded = x.copy(), x.copy()
    wrong[5], rounded[3] = 0, 3e-9
    assert apart(x, wrong) == pytest.approx(1)
    assert apart(x, rounded) < 1e-8
    assert apart(x, x.copy()) == 0
    assert apart(x, x[:2]) == np.inf


@pytest.mark.parametrize("shape", [(4, 4), (3, 4), (4, 4, 4)])
def test_a_result_that_is_transposed_is_another_one(shape: tuple[int, ...]) -> None:
    x = array(*shape)
    y = np.swapaxes(x, 0, 1)
    assert turn(told("result", x), told("result", y)).axes in (None, (0, 2, 1))
    assert not np.array_equal(turn(told("result", x), told("result", y)).there(x), y)


def test_neither_are_its_rows_or_features_otherwise() -> None:
    images = flattened([unknown("", IMAGES, IMAGES)])
    flat, other = IMAGES.reshape(2, -1), IMAGES.transpose(0, 2, 3, 1).reshape(2, -1)
    assert turn(told("result", flat), told("result", other), images) is SAME
    assert turn(told("result", SEQUENCES), told("result", SEQUENCES.reshape(10, 3))) is SAME


def test_a_complex_number_has_two_parts() -> None:
    x = (array(3, 4) + 1j * array(3, 4, seed=1)).astype(np.complex64)
    assert apart(x, x) == 0
    assert apart(x, x.conj()) > 1
    assert difference(x.real, x) > 0.5

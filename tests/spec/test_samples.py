"""Real data: what is drawn are rows of the real sets, features and answers of the same samples, alike everywhere."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from nnparity.spec import DTYPES, Case, load
from nnparity.spec.cases import samples
from nnparity.spec.loader import signatures

TABLES = {"digits": (1797, (64,), 10), "photographs": (1190, (3, 32, 32), 10), "stocks": (65, (6, 10), 2)}


def first(id: str, dtype: str = "float32", salt: str = "", dataset: str = "") -> Case:
    formula = load()[id]
    signature = signatures(formula)[0]
    return Case(formula, signature, dataset or signature.datasets[0], DTYPES[dtype], salt)


@pytest.mark.parametrize("name", samples.SAMPLES)
def test_the_sets_are_whole_and_scaled(name: str) -> None:
    table, (rows, shape, classes) = samples.SAMPLES[name][0](), TABLES[name]
    assert table.feature.shape == (rows, *shape)
    assert len(table.classes) == len(table.response) == rows
    assert set(np.unique(table.classes)) == set(range(classes))
    assert 0 <= table.feature.min() < 0.2
    assert 0.9 < table.feature.max() <= 1
    assert len(np.unique(table.feature.reshape(rows, -1), axis=0)) == rows


def test_they_are_what_the_packages_load() -> None:
    from sklearn.datasets import load_digits, load_sample_images

    digits, loaded = samples.digits(), load_digits()
    assert np.array_equal(digits.feature, loaded.data / 16.0)
    assert np.array_equal(digits.classes, loaded.target)
    paths = sorted(samples.file("sklearn", "datasets", "images").glob("*.jpg"))
    assert [str(path.name) for path in paths] == [Path(name).name for name in load_sample_images().filenames]
    corner = load_sample_images().images[0][160:192, 160:192].transpose(2, 0, 1) / 256.0
    assert any(np.array_equal(corner, patch) for patch in samples.photographs().feature)


def test_a_package_that_is_not_there_is_named() -> None:
    with pytest.raises(ModuleNotFoundError, match=r"digits\.csv come with no_such_package"):
        samples.file("no_such_package", "digits.csv")


def test_pixels_are_exact_in_every_dtype_that_models_are_run_in() -> None:
    for name in ("digits", "photographs"):
        pixels = samples.SAMPLES[name][0]().feature
        assert np.array_equal(pixels.astype(np.float32), pixels)


def test_features_and_answers_are_of_the_same_rows() -> None:
    table, case = samples.photographs(), first("listing_cnn", "float64")
    for picture, label in zip(case.inputs["x"], case.inputs["labels"], strict=True):
        (row,) = np.flatnonzero((table.feature == picture).all(axis=(1, 2, 3)))
        assert table.classes[row] == label
    table, case = samples.stocks(), first("train_lstm", "float64")
    for window, response in zip(case.inputs["x"].reshape(-1, 6, 10), case.inputs["t"].reshape(-1), strict=True):
        (row,) = np.flatnonzero((table.feature == window).all(axis=(1, 2)))
        assert table.response[row, 0] == response


def test_no_patch_has_two_equal_windows_in_one_window_of_the_pooling() -> None:
    """The check is seen to work on a flat patch, and on one that is flat in a corner."""
    grain = np.arange(32 * 32 * 3).reshape(32, 32, 3) % 251
    corner = grain.copy()
    corner[:3, :4] = 7
    assert [samples._flat(x).tolist() for x in (grain, corner, 0 * grain)] == [[[False]], [[True]], [[True]]]


@pytest.mark.parametrize("shape", [(3, 4), (4, 3), (4, 4)])
def test_of_patches_that_overlap_those_are_flat_that_hold_the_flat_spot(shape: tuple[int, int]) -> None:
    """One that lies on a patch's edge is in the patch beside it alone; two diagonal windows are 4 by 4 pixels."""
    down, right = shape
    for top, left in ((0, 0), (17, 20), (30, 14), (48 - down, 64 - right)):
        picture = np.arange(48 * 64 * 3).reshape(48, 64, 3) % 251
        picture[top : top + down, left : left + right] = 7
        holds = [
            [y <= top and top + down <= y + 32 and x <= left and left + right <= x + 32 for x in (0, 16, 32)]
            for y in (0, 16)
        ]
        assert samples._flat(picture).tolist() == holds


@pytest.mark.parametrize(
    ("change", "alike"), [(lambda: first("listing_cnn"), True), (lambda: first("listing_cnn", salt="other"), False)]
)
def test_rows_follow_from_the_case(change: Callable[[], Case], alike: bool) -> None:
    assert np.array_equal(first("listing_cnn").inputs["x"], change().inputs["x"]) == alike


def test_the_response_is_the_next_month_and_no_later() -> None:
    table = samples.stocks()
    assert np.array_equal(table.response[:-1, 0], table.feature[1:, -1, 8])


def test_weights_are_drawn_at_the_scale_of_their_inputs() -> None:
    case = first("listing_cnn", "float64")
    for name, fan_in in (("w1", 27), ("w2", 288), ("w3", 576), ("w4", 1024), ("b1", 100)):
        assert 0.7 < np.std(case.inputs[name]) * np.sqrt(fan_in) < 1.3


def test_a_listing_is_printed_once_and_fits_nothing_else() -> None:
    case = first("listing_mlp", "float64", dataset="as_printed")
    assert case.inputs["w1"].tolist() == case.inputs["w2"].tolist() == [[0.1, 0.2], [0.3, 0.4]]
    with pytest.raises(ValueError, match="prints"):
        samples.as_printed((3, 3), 1)
    with pytest.raises(ValueError, match="shape"):
        samples.take("digits", "feature", np.zeros(2), (2, 63))

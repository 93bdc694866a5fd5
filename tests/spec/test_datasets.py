"""Each dataset has the property it is named for, and each domain holds, in every dtype."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnparity.spec import DTYPES, Case, load
from nnparity.spec.cases import datasets
from nnparity.spec.cases.datasets import DATASETS
from nnparity.spec.cases.layouts import LAYOUTS
from nnparity.spec.cases.special_values import zeros
from nnparity.spec.loader import signatures
from nnparity.tests.spec.toy import case

SHAPE = {"inputs": {"x": "n k", "w": "n k"}, "dims": {"n": 40, "k": 50}}


def drawn(dataset: str, dtype: str = "float64", name: str = "x") -> np.ndarray:
    return case(dataset, dtype, **SHAPE).inputs[name].astype(np.float64)


def size(x: np.ndarray) -> float:
    return math.sqrt(float(np.mean(np.square(x))))


# --- the datasets


@pytest.mark.parametrize(("dataset", "expected"), [("normal", 1.0), ("small", 1e-3), ("large", 24.0)])
@pytest.mark.parametrize("dtype", DTYPES)
def test_the_size_of_the_numbers(dataset: str, expected: float, dtype: str) -> None:
    assert 0.9 < size(drawn(dataset, dtype)) / expected < 1.1


@pytest.mark.parametrize(("dtype", "reach"), [("float64", 8), ("float32", 8), ("bfloat16", 8), ("float16", 3)])
def test_wide_spreads_its_exponents_evenly_over_the_binades_that_the_dtype_can_multiply(dtype: str, reach: int) -> None:
    x = drawn("wide", dtype)
    binades = np.floor(np.log2(np.abs(x))).astype(int)
    counts = {e: int((binades == e).sum()) for e in range(-reach, reach + 1)}
    expected = x.size / (2 * reach + 1)
    assert all(abs(count - expected) < 6 * math.sqrt(expected) + 5 for count in counts.values()), counts
    assert abs(int((x > 0).sum()) - x.size / 2) < 3 * math.sqrt(x.size)
    assert np.abs(x).max() ** 4 < DTYPES[dtype].largest * 16


@pytest.mark.parametrize("dtype", DTYPES)
def test_offset_numbers_lie_far_from_zero_and_are_told_apart(dtype: str) -> None:
    x = drawn("offset", dtype)
    far = {"float64": 1000, "float32": 1000, "float16": 128, "bfloat16": 16}[dtype]
    assert abs(x.mean() - far) < 0.1
    assert 0.9 < x.std() < 1.1
    assert len(np.unique(x)) > 20


@pytest.mark.parametrize("dtype", DTYPES)
def test_one_sided_cotangents_are_at_most_one_and_near_it(dtype: str) -> None:
    one = case("one_sided", dtype, inputs={"x": "n k"}, dims={"n": 40, "k": 50})
    g = next(iter(one.cotangents.values())).astype(np.float64)
    assert 0.75 < g.min() < g.max() <= 1


@pytest.mark.parametrize(("dtype", "reach"), [("float64", 2**20), ("float32", 64), ("float16", 1), ("bfloat16", 1)])
def test_4096_products_of_whole_numbers_are_exact_where_the_dtype_has_the_digits(dtype: str, reach: int) -> None:
    x = drawn("integers", dtype)
    assert np.array_equal(x, np.rint(x))
    assert 0.9 * reach < np.abs(x).max() <= reach
    assert reach == 1 or 4096 * reach**2 * DTYPES[dtype].unit <= 1
    g = next(iter(case("integers", dtype, **SHAPE).cotangents.values())).astype(np.float64)
    assert np.array_equal(g, np.rint(g))
    assert np.all(g != 0)
    assert abs(g.mean()) < 0.1 * reach


@pytest.mark.parametrize("dtype", DTYPES)
def test_one_number_of_each_row_is_a_spike(dtype: str) -> None:
    x = np.abs(drawn("spike", dtype))
    far = 2.0 ** (DTYPES[dtype].digits // 2)
    assert np.all(np.sort(x, axis=-1)[:, -2] < 4)
    assert 0.5 * far < np.median(x.max(-1)) < 4 * far
    assert len(set(np.argmax(x, -1).tolist())) > 10


@pytest.mark.parametrize("dtype", DTYPES)
def test_near_equal_numbers_agree_to_half_of_their_digits_and_are_told_apart(dtype: str) -> None:
    x = drawn("near_equal", dtype)
    near = 2.0 ** -(DTYPES[dtype].digits // 2)
    assert 1 - 4 * near <= x.min() < x.max() <= 2 + 4 * near
    assert 0.8 * near < x.std() < 1.2 * near
    assert len(np.unique(x)) > 20


@pytest.mark.parametrize("dtype", DTYPES)
def test_constant_rows_have_no_variance_and_a_mean_whose_square_has_all_digits(dtype: str) -> None:
    x, digits = drawn("constant_rows", dtype), DTYPES[dtype].digits
    assert not np.ptp(x, axis=-1).any()
    assert np.array_equal(x, np.rint(x))
    assert 2 ** (digits // 2 - 1) < x.min() <= x.max() < 2 ** (digits // 2)
    assert len(np.unique(x)) > min(10, 2 ** (digits // 2) // 6)
    assert np.ptp(drawn("constant_rows", dtype, "w"), axis=-1).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_one_row_s_exponential_is_nothing_beside_the_next_one_s(dtype: str) -> None:
    """A softmax that takes off the maximum of all rows is 0/0 in every second one."""
    x = drawn("levels", dtype).astype(np.float64)
    working = np.float64 if dtype == "float64" else np.float32
    assert not np.exp((x[0] - x.max()).astype(working)).any()
    assert np.ptp(x, axis=-1).max() < 16
    assert size(drawn("levels", name="w")) < 1.1


def test_only_the_first_input_saturates_and_only_matrices_behind_it_shrink() -> None:
    assert 3.6 < size(drawn("saturated")) < 4.4
    assert 0.9 < size(drawn("saturated", name="w")) < 1.1
    assert 0.9 < size(drawn("initial")) < 1.1
    assert 0.9 < size(drawn("initial", name="w")) * math.sqrt(50) < 1.1
    one = case("initial", "float64", inputs={"x": "n", "b": "k"}, dims={"n": 2, "k": 2000})
    assert 0.9 < size(one.inputs["b"]) < 1.1


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_whole_range_is_that_of_normal_numbers_up_to_a_sixteenth_of_the_largest(dtype: str) -> None:
    exponents, one = np.log2(np.abs(drawn("whole_range", dtype))), DTYPES[dtype]
    least, most = math.log2(one.tiny), math.log2(one.largest) - 4
    assert least <= exponents.min() < least + 1 + 0.02 * (most - least)
    assert most - 1 - 0.02 * (most - least) < exponents.max() <= most + 1
    assert abs(np.median(exponents) - (least + most) / 2) < 1 + 0.05 * (most - least)


@pytest.mark.parametrize("k", [2, 5, 50])
def test_cancelling_neighbours_nearly_cancel_in_sums_and_in_products(k: int) -> None:
    one = case("cancelling", "float64", inputs={"x": "n k", "w": "n k"}, dims={"n": 40, "k": k})
    x, w = (array[:, : k // 2 * 2] for array in one.inputs.values())
    total, products = x.sum(-1), (x * w).sum(-1)
    assert size(total) < 0.1 * size(np.abs(x).sum(-1))
    assert size(products) < 0.1 * size(np.abs(x * w).sum(-1))
    assert np.all(total != 0)
    assert np.all(products != 0)


def test_a_single_number_cannot_cancel() -> None:
    assert size(case("cancelling", inputs={"x": "n k"}, dims={"n": 100, "k": 1}).inputs["x"]) > 0.5
    assert case("cancelling", inputs={"x": ""}, dims={}).inputs["x"].shape == ()


def test_no_image_is_constant_or_symmetric() -> None:
    x = case("image", "float64", inputs={"x": "n c h w"}, dims={"n": 3, "c": 2, "h": 8, "w": 8}).inputs["x"]
    assert x.min() >= 0
    assert x.max() <= 1
    assert np.all(x.std(axis=(2, 3)) > 0.05)
    for other in (np.swapaxes(x, 2, 3), np.flip(x, 2), np.flip(x, 3), np.flip(x, 1), np.flip(x, 0)):
        assert size(x - other) > 0.05


def test_kernels_of_images_are_plain_numbers() -> None:
    one = case("image", "float64", inputs={"x": "n c h w", "w": "n c h w"}, dims={"n": 3, "c": 2, "h": 8, "w": 8})
    assert one.inputs["w"].min() < -1


def test_onehot_has_a_single_1_against_tiny_probabilities() -> None:
    one = case("onehot", "float64", **SHAPE, domains={"x": "distribution", "w": "target"})
    p, t = one.inputs["x"], one.inputs["w"]
    assert np.all(np.sort(t, -1) == [0.0] * 49 + [1.0])
    assert len(set(np.argmax(t, -1).tolist())) > 10
    assert (p.max(-1) / p.min(-1)).max() > 1e4
    assert p.min() > 0


SAMPLED = {"digits": ("n 64", 10), "photographs": ("n 3 32 32", 10), "stocks": ("n 6 10", 2)}


@pytest.mark.parametrize("dataset", SAMPLED)
def test_samples_are_real_and_belong_together(dataset: str) -> None:
    """Features from 0 to 1, each with the class and the response of its own row."""
    shape, classes = SAMPLED[dataset]
    response = "n 1" if dataset == "stocks" else "n 10"
    one = case(
        dataset,
        "float64",
        inputs={"x": shape, "c": "n", "r": response},
        dims={"n": 40},
        domains={"x": "feature", "c": f"class {classes}", "r": "response"},
        wrt=[],
    )
    x, c, r = one.inputs.values()
    assert 0 <= x.min() < x.max() <= 1
    assert c.dtype == np.int64
    assert set(c.tolist()) <= set(range(classes))
    assert len(set(c.tolist())) > 1
    assert dataset == "stocks" or np.array_equal(np.argmax(r, -1), c)
    assert len({row.tobytes() for row in x}) > 20, "many different samples"


def test_as_printed_are_the_numbers_of_listing_4_1() -> None:
    one = case("as_printed", "float64", inputs={"x": "n i", "w": "i i", "b": "i"}, dims={"n": 4, "i": 2})
    assert one.inputs["x"].tolist() == [[0, 0], [0, 1], [1, 0], [1, 1]]
    assert one.inputs["w"].tolist() == [[0.1, 0.2], [0.3, 0.4]]
    assert one.inputs["b"].tolist() == [0.5, 0.6]


def test_weights_shrink_with_the_root_of_what_they_add_up() -> None:
    one = case("normal", "float64", inputs={"w": "n k"}, dims={"n": 30, "k": 100}, domains={"w": "weight 100"}, wrt=[])
    assert 0.09 < size(one.inputs["w"]) < 0.11


# --- the domains


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(
        [name for name in DATASETS if name not in ("as_printed", "whole_range")]
    ),  # no domain but the reals
    st.sampled_from(list(DTYPES)),
    st.integers(1, 9),
    st.text("abc", max_size=4),
)
def test_every_domain_holds_in_every_dataset_and_dtype(dataset: str, dtype: str, k: int, salt: str) -> None:
    names = ("real", "positive", "probability", "distribution", "target", "position", "label k", "mask", "weight k")
    inputs = {name.split()[0]: "n k" for name in names}
    one = case(dataset, dtype, salt, inputs, {"n": 3, "k": k}, domains={name.split()[0]: name for name in names})
    x = {name: array.astype(np.float64) for name, array in one.inputs.items()}
    unit = DTYPES[dtype].unit
    assert all(np.isfinite(array).all() for array in x.values())
    assert np.all(x["positive"] >= 0)
    assert np.all((x["probability"] > 0) & (x["probability"] < 1))
    for name, least in (("distribution", 1 - (k + 1) * unit), ("target", 0.0)):
        sums = x[name].sum(-1)
        assert np.all((x[name] >= 0) & (x[name] <= 1))
        assert np.all((sums <= 1 + (k + 1) * unit) & ((sums >= least) | (sums == 0)))
    assert np.all(x["distribution"] > 0)
    assert np.array_equal(x["position"], np.broadcast_to(np.arange(k), (3, k)))
    assert set(np.unique(x["label"])) <= set(range(k))
    assert set(np.unique(x["mask"])) <= {0, 1}
    assert np.all(x["mask"][:, 0] == 1)
    assert one.inputs["label"].dtype == one.inputs["mask"].dtype == np.int64


def test_masks_hide_some_keys_and_labels_reach_every_class() -> None:
    one = case(inputs={"m": "n k", "l": "n"}, dims={"n": 60, "k": 5}, domains={"m": "mask", "l": "label k"}, wrt=[])
    assert 0.3 < one.inputs["m"][:, 1:].mean() < 0.7
    assert set(one.inputs["l"].tolist()) == set(range(5))


def test_formats_are_those_of_the_standards() -> None:
    assert {name: dtype.digits for name, dtype in DTYPES.items()} == {
        "float64": 53,
        "float32": 24,
        "float16": 11,
        "bfloat16": 8,
    }
    assert DTYPES["float16"].largest == 65504
    assert DTYPES["float16"].step == 2.0**-24
    assert DTYPES["float16"].tiny == 2.0**-14
    assert DTYPES["bfloat16"].tiny == DTYPES["float32"].tiny == 2.0**-126
    assert DTYPES["float32"].step == 2.0**-149


def test_rounding_is_to_nearest_and_overflows_to_infinity() -> None:
    half = DTYPES["float16"]
    assert half.round(np.array([1 + 2.0**-11, 1 + 3 * 2.0**-11, 1e6, -1e6])).tolist() == [
        1.0,
        1 + 2.0**-9,
        np.inf,
        -np.inf,
    ]
    assert half.round(np.float64(0.1)).dtype == np.float16


def test_rounding_to_bfloat16_is_one_rounding() -> None:
    """Through float32, where it is half way, the first number would be 1.21875: another version drew another input."""
    told = np.array([1.2148437076301954, 1.21484375, 1.2148437923698046, 1.22265625, np.inf, np.nan, -1e39, 2.0**-134])
    wanted = np.array([1.2109375, 1.21875, 1.21875, 1.21875, np.inf, np.nan, -np.inf, 0.0])
    for sign in (1, -1):
        assert np.array_equal(DTYPES["bfloat16"].round(sign * told).astype(np.float64), sign * wanted, equal_nan=True)


def test_no_layout_is_called_as_a_dataset() -> None:
    """A verdict on a layout says it in the place of the dataset: of two verdicts of one name the report has one."""
    assert not {*LAYOUTS} & {*DATASETS}


def test_targets_of_a_loss_add_up_to_one_whatever_is_drawn() -> None:
    """A kernel may take that for granted: softmax minus target is the gradient for no other sum."""
    drawn = np.array([[0.0, 1e-6], [-1e-6, 0.0], [0.5, -0.25]])
    rows = datasets._into("target", 2, drawn)
    assert rows.tolist() == [[1.0, 0.0], [1.0, 0.0], [2 / 3, 1 / 3]]
    assert datasets._into("target", 1, np.zeros((2, 1))).tolist() == [[1.0], [1.0]]


@pytest.mark.parametrize("dtype", DTYPES)
def test_weighted_targets_add_up_to_the_weights_of_their_samples(dtype: str) -> None:
    """Which no formula that takes them to add up to 1 can follow; in any other dataset they do."""
    domains = {"t": "target"}
    told = {
        name: case(name, dtype, inputs={"t": "n k"}, dims={"n": 4, "k": 5}, domains=domains)
        .inputs["t"]
        .astype(np.float64)
        .sum(-1)
        for name in ("weighted_targets", "normal")
    }
    near = 5 * DTYPES[dtype].unit
    assert np.abs(told["weighted_targets"] - [0.0, 0.25, 0.5, 0.75]).max() <= near
    assert np.abs(told["normal"] - 1.0).max() <= near


def test_every_second_parameter_has_no_gradient_and_means_of_earlier_ones() -> None:
    """Their means shrink and move them all the same, which whoever leaves them as they are does not do."""
    formula = load()["adam"]
    one = next(one for one in signatures(formula) if "sparse_gradient" in one.datasets)
    inputs = Case(formula, one, "sparse_gradient", DTYPES["float32"]).inputs
    assert (inputs["g"] == 0).tolist() == [place % 2 == 0 for place in range(9)]
    assert not np.signbit(inputs["g"][::2]).any()
    assert all(inputs[name].all() for name in ("w", "m", "v"))


@pytest.mark.parametrize("formula", ["adam", "adam_eps_hat"])
def test_a_first_step_has_no_means_and_small_gradients(formula: str) -> None:
    first = load()[formula]
    one = next(one for one in signatures(first) if "first_step" in one.datasets)
    assert one.attributes["step"] == 1
    for dtype in DTYPES:
        inputs = Case(first, one, "first_step", DTYPES[dtype]).inputs
        sizes = np.abs(inputs["g"].astype(np.float64))
        assert not any(inputs[name].any() for name in ("m", "v"))
        assert all((sizes >= 2.0**-13) & (sizes < 2))
        kept = sizes**2 * (1 - one.attributes["beta2"]) >= DTYPES[dtype].tiny
        assert all(kept) if dtype != "float16" else not all(kept)  # there the root of what is lost is taken
        assert np.abs(inputs["w"]).max() > 2.0**-4


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_sure_model_comes_as_near_to_0_and_1_as_derivatives_allow(dtype: str) -> None:
    one = case("confident", dtype, inputs={"p": "n"}, dims={"n": 500}, domains={"p": "probability"})
    p, unit = one.inputs["p"].astype(np.float64), DTYPES[dtype].unit
    nearest = 2.0**-7 if dtype == "float16" else 2.0**-21
    assert p.min() < 2 * nearest
    assert (1 - p).min() < 2 * max(nearest, unit)
    assert np.all((p > 0) & (p < 1))
    assert (1 / p**2).max() < DTYPES[dtype].largest


def test_no_domain_takes_samples_and_rows_for_granted() -> None:
    """A mask of samples of which there are none; a single distribution; targets of sequences."""
    masks = case("normal", inputs={"m": "n"}, dims={"n": 0}, domains={"m": "mask"})
    assert masks.inputs["m"].shape == (0,)
    single = np.full(3, 1 / 3)
    zeros(single, "distribution", DTYPES["float64"])
    assert single.tolist() == [1.0, 0.0, 0.0]
    dims = {"n": 4, "t": 3, "k": 5}
    told = case("weighted_targets", inputs={"t": "n t k"}, dims=dims, domains={"t": "target"}).inputs["t"].sum(-1)
    assert np.abs(told - np.array([0.0, 0.25, 0.5, 0.75])[:, None]).max() <= 5 * DTYPES["float32"].unit


def first(formula: str, dataset: str, dtype: str) -> dict[str, np.ndarray]:
    """What its first signature is given."""
    found = load()[formula]
    inputs = Case(found, signatures(found)[0], dataset, DTYPES[dtype]).inputs
    return {name: array.astype(np.float64) for name, array in inputs.items()}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("formula", ["cross_entropy_logits", "sparse_cross_entropy_logits"])
def test_a_model_that_has_learnt_leaves_small_gradients_and_none_that_is_0(formula: str, dtype: str) -> None:
    z, targets = first(formula, "well_classified", dtype).values()
    expected = targets if targets.ndim == 2 else np.eye(z.shape[1])[targets.astype(int)]
    gradient = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True) - expected
    assert 2.0**-19 < np.abs(gradient).min() < np.abs(gradient).max() < 2.0**-11


@pytest.mark.parametrize("dtype", DTYPES)
def test_keys_that_are_masked_would_have_the_highest_scores(dtype: str) -> None:
    q, k, _, mask = first("masked_attention", "masked_above", dtype).values()
    products = np.einsum("btd,bsd->bts", q, k)
    assert np.abs(products).max() < DTYPES["float16"].largest
    assert (products[:, :, mask[0] == 0] > 1e4 * math.sqrt(q.shape[-1])).all()
    assert np.abs(products[:, :, mask[0] == 1]).max() < 64


@pytest.mark.parametrize("dtype", DTYPES)
def test_exponentials_of_large_cells_overflow_where_the_cells_do_not(dtype: str) -> None:
    cells = np.abs(first("lstm_step", "large_cells", dtype)["c"])
    assert math.log(DTYPES[dtype].largest) / 2 < np.sort(cells, axis=None)[-2] < DTYPES["float16"].largest / 16


@pytest.mark.parametrize("dtype", DTYPES)
def test_what_has_converged_is_alike_and_told_apart(dtype: str) -> None:
    y, t = first("mse", "converged", dtype).values()
    assert 2 * DTYPES[dtype].unit < size(y - t) < 4 * math.sqrt(DTYPES[dtype].unit)
    assert np.abs(y - t).max() < 0.1


def test_ends_take_the_first_row_of_a_table_and_the_last() -> None:
    formula = load()["listing_bert"]
    inputs = Case(formula, signatures(formula)[1], "ends", DTYPES["float32"]).inputs
    assert inputs["ids"].ravel()[:3].tolist() == [29, 0, 29]

"""Other layouts of the same numbers: what goes wrong with one of them is found, by its name."""

import dataclasses
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest

from nnparity.adapters.base import Adapter
from nnparity.adapters.numpy import NumpyAdapter
from nnparity.adapters.request import Array, Observation, Request
from nnparity.checks.comparison import WORSE
from nnparity.checks.layouts import TABLE, USUAL, largest
from nnparity.expect import training_horizon
from nnparity.reports.records import Fact
from nnparity.spec import DTYPES, Case, load
from nnparity.spec.cases.layouts import LAYOUTS, MIXED, MIXED_FROM_SECOND, STRIDED, TRANSPOSED, numbers
from nnparity.spec.cases.pool import pool
from nnparity.spec.loader import signatures
from nnparity.spec.selection import ALL
from nnparity.tests.checks.inside import lines, verdicts, wrong

#: What is imprecise in all elements of a dense layer in float32, and outside of the worst case in none.
PART = 2e-5

TORCH = pytest.mark.skipif(find_spec("torch") is None, reason="torch is not installed")


def strided(tensor: Array) -> Array:
    view = np.full((*tensor.shape[:-1], 2 * tensor.shape[-1]), np.nan)[..., ::2]
    view[...] = tensor
    return view


class Arranging(NumpyAdapter):
    """The reference with two layouts, as NumPy has them."""

    layouts = (TRANSPOSED, STRIDED, "aliased")

    def arrange(self, tensor: Array, layout: str) -> Array:
        if not tensor.ndim or tensor.dtype.kind != "f":
            return tensor
        return strided(tensor) if layout == STRIDED else np.swapaxes(np.swapaxes(tensor, 0, -1).copy(), 0, -1)


class IgnoresStrides(Arranging):
    """Takes the numbers in the order of memory."""

    def arrange(self, tensor: Array, layout: str) -> Array:
        view = super().arrange(tensor, layout)
        return view.ravel(order="K").reshape(view.shape) if layout == TRANSPOSED else view


class ReadsBetween(Arranging):
    """Takes what lies between the elements."""

    def arrange(self, tensor: Array, layout: str) -> Array:
        view = super().arrange(tensor, layout)
        return (
            view.base.ravel()[: view.size].reshape(view.shape) if layout == STRIDED and view.base is not None else view
        )


class WritesIntoItsInput(NumpyAdapter):
    """Its gradient for one input changes the other, where both are one array."""

    def observe(self, request: Request) -> Observation:
        seen = super().observe(request)
        aliased = request.layout == "aliased"
        return {name: x * 2 if aliased and isinstance(x, np.ndarray) else x for name, x in seen.items()}


class LosesTheTailOfAStride(Arranging):
    """Takes a strided view four elements at a time, and leaves the rest of a row behind."""

    def arrange(self, tensor: Array, layout: str) -> Array:
        view = super().arrange(tensor, layout)
        if layout == STRIDED and view.ndim and (rest := view.shape[-1] % 4) and view.shape[-1] > 32:
            view[..., -rest:] = 0
        return view


def cell(adapter: type[Adapter], formula: str) -> str:
    (found,) = (line.text for line in lines(adapter, "layouts", formula) if isinstance(line, Fact))
    return found


def test_right_views_give_the_same_bits_and_the_table_says_so() -> None:
    found = lines(Arranging, "layouts", "dense")
    assert wrong(found) == {}
    assert {verdict.dataset for verdict in verdicts(found)} == {*Arranging.layouts}
    assert {line.table for line in found if isinstance(line, Fact)} == {TABLE}
    assert cell(Arranging, "dense").startswith("strided") or "the same bits" in cell(Arranging, "dense")


@pytest.mark.parametrize(("adapter", "layout"), [(IgnoresStrides, TRANSPOSED), (ReadsBetween, STRIDED)])
def test_a_kernel_that_takes_the_wrong_elements_of_a_view_is_caught(adapter: type[Adapter], layout: str) -> None:
    assert "output" in wrong(lines(adapter, "layouts", "dense"))[layout]


class TakesGradientsAsItsInput(Arranging):
    """Where its input lies otherwise, it takes the gradient for lying like that, which in all other layouts it does."""

    layouts = (TRANSPOSED, MIXED)

    def arrange(self, tensor: Array, layout: str) -> Array:
        assert layout in self.layouts
        return super().arrange(tensor, TRANSPOSED)

    def observe(self, request: Request) -> Observation:
        if request.layout == MIXED:
            moved = {name: g.ravel(order="F").reshape(g.shape) for name, g in request.cotangents.items()}
            request = dataclasses.replace(request, cotangents=moved)
        return super().observe(request)


def test_a_gradient_that_lies_otherwise_than_the_input_is_asked_for() -> None:
    assert wrong(lines(TakesGradientsAsItsInput, "layouts", "tanh")) == {MIXED: {"grad.x"}}


@pytest.mark.parametrize(("layout", "moved"), [(MIXED, {("n", "i"), ("j",)}), (MIXED_FROM_SECOND, {("j", "i")})])
def test_of_inputs_that_are_mixed_every_second_lies_otherwise_and_no_gradient_does(
    layout: str, moved: set[tuple[str, ...]]
) -> None:
    shapes: list[tuple[int, ...]] = []

    class Telling(Arranging):
        layouts = (layout,)

        def arrange(self, tensor: Array, layout: str) -> Array:
            assert (layout,) == self.layouts
            shapes.append(tensor.shape)
            return tensor

    lines(Telling, "layouts", "dense")
    dims = largest(load()["dense"]).dims
    assert set(shapes) == {tuple(dims[name] for name in one) for one in moved}


@TORCH
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("fault", "formula", "layout", "told"),
    [
        ("TakesRowsForAdjacent", "dense", "sliced", "x"),
        ("TakesImagesForAdjacent", "conv2d", "second axis sliced", "x"),
        ("TakesWeightsForLyingAsItsInput", "dense", "mixed from the second", "w"),
        ("TakesWeightsForLyingAsItsInput", "conv2d", "mixed from the second", "w"),
    ],
)
def test_a_kernel_of_torch_that_is_wrong_of_one_layout_alone_is_caught_and_named(
    fault: str, formula: str, layout: str, told: str, dtype: str
) -> None:
    adapter = getattr(import_module("nnparity.tests.checks.torch_adapters"), fault)
    found = lines(adapter, "layouts", formula, dtypes=(dtype,), quantities=("output",))
    assert wrong(found) == {layout: {"output"}}
    names = {one.names for one in verdicts(found) if one.grade == "diverges"}
    assert names == {(f"as if the memory of {told} were read row by row",)}


@TORCH
@pytest.mark.parametrize(
    ("layout", "shape", "strides"),
    [
        ("sliced", (2, 3, 67), (216, 72, 1)),
        ("sliced", (4, 5), (8, 1)),
        ("second axis sliced", (2, 3, 5, 1), (40, 5, 1, 1)),
        ("second axis sliced", (4, 5), (5, 1)),
        ("cotangents of a sum", (4, 5, 1), (0, 0, 0)),
        ("channels last", (2, 1, 3, 4), (12, 1, 4, 1)),
        ("channels last", (5, 3, 1, 1), (3, 1, 3, 3)),
        ("channels last", (2, 1, 3, 3, 3), (27, 27, 9, 3, 1)),
        ("transposed", (4, 1), (1, 4)),
    ],
)
def test_arrays_of_torch_have_the_strides_of_their_layout_with_an_axis_of_one_element_too(
    layout: str, shape: tuple[int, ...], strides: tuple[int, ...]
) -> None:
    torch = import_module("nnparity.adapters.torch.backend").TorchAdapter()
    laid = torch.arrange(torch.put(np.ones(shape)), layout)
    assert laid.stride() == strides
    assert (torch.get(laid) == 1).all()


@TORCH
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_kernel_of_torch_that_takes_gradients_for_contiguous_is_caught(dtype: str) -> None:
    adapter = import_module("nnparity.tests.checks.torch_adapters").TakesGradientsForContiguous
    found = wrong(lines(adapter, "layouts", "tanh", dtypes=(dtype,)))
    assert all("grad.x" in found[layout] for layout in ("cotangents of a sum", "expanded", "transposed"))


def test_a_kernel_that_is_wrong_where_two_inputs_are_one_array_is_caught() -> None:
    assert "output" in wrong(lines(WritesIntoItsInput, "layouts", "gan_discriminator_loss"))["aliased"]


class Imprecise(Arranging):
    """Its results are too large, by a little; `worse` says what becomes of strided views."""

    layouts = (TRANSPOSED, STRIDED)

    def worse(self, seen: Array) -> Any:
        return seen

    def observe(self, request: Request) -> Observation:
        seen = {name: x * (1 + PART) for name, x in super().observe(request).items()}  # type: ignore[operator]
        seen = {name: np.asarray(x, np.float32) for name, x in seen.items()}
        return {name: self.worse(x) for name, x in seen.items()} if request.layout == STRIDED else seen


class DivergesOfStrides(Imprecise):
    def worse(self, seen: Array) -> Any:
        return seen[..., ::-1]


class FailsOfStrides(Imprecise):
    def worse(self, seen: Array) -> Any:
        raise ValueError(f"no strides of {seen.shape}")


@pytest.mark.parametrize(("adapter", "grades"), [(DivergesOfStrides, {"diverges"}), (FailsOfStrides, {"error"})])
def test_what_is_imprecise_may_be_no_worse_in_another_layout(adapter: type[Adapter], grades: set[str]) -> None:
    usual, found = (verdicts(lines(one, "layouts", "dense", quantities=("output",))) for one in (Imprecise, adapter))
    assert not usual  # its ordinary cases say so
    assert {(verdict.dataset, verdict.note) for verdict in found} == {(STRIDED, WORSE)}
    assert {verdict.grade for verdict in found} == grades


class WrongOfEqualNumbers(NumpyAdapter):
    """Twice what is right where two inputs hold the same numbers, in one array or in two; and always if `anyway`."""

    anyway = False

    def observe(self, request: Request) -> Observation:
        seen = super().observe(request)
        w, m = (request.inputs[name] for name in ("w", "m"))
        return {name: 2 * x for name, x in seen.items()} if self.anyway or np.array_equal(w, m) else seen  # type: ignore[operator]


class WrongAnyway(WrongOfEqualNumbers):
    anyway = True


def test_a_kernel_that_is_wrong_of_equal_numbers_is_caught_where_no_ordinary_case_has_them() -> None:
    found = lines(WrongOfEqualNumbers, "layouts", "adam")
    assert "output.w_next" in wrong(found)["aliased"]
    assert {verdict.note for verdict in verdicts(found)} == {USUAL}
    assert verdicts(lines(WrongAnyway, "layouts", "adam")) == []  # its ordinary cases say so


class ScalesItsKeys(Arranging):
    """Divides queries in place: keys are divided with them where both are one array."""

    layouts = ("aliased",)

    def observe(self, request: Request) -> Observation:
        q, k = request.inputs["q"], request.inputs["k"]
        if request.layout == "aliased" and q.shape == k.shape and np.array_equal(q, k):
            request = dataclasses.replace(request, inputs=request.inputs | {"k": k / 2})
        return super().observe(request)


def test_one_array_for_queries_and_keys_takes_the_signature_of_self_attention() -> None:
    found = lines(ScalesItsKeys, "layouts", "attention")
    assert "output" in wrong(found)["aliased"]
    assert {verdict.signature for verdict in verdicts(found)} == {"b1t67s67d5e5"}


@pytest.mark.parametrize("formula", ["conv2d", "max_pool2d", "avg_pool2d"])
def test_images_of_several_samples_and_channels_are_laid_out_wherever_a_formula_has_them(formula: str) -> None:
    """However many images of one channel another signature has: those are channels last as they come."""
    dims = largest(load()[formula]).dims
    assert min(size for name, size in dims.items() if name in "nchw") > 1


def test_a_kernel_of_one_pixel_is_laid_out_beside_the_largest_one() -> None:
    found = {verdict.signature for verdict in verdicts(lines(Arranging, "layouts", "conv2d"))}
    dims = [one.dims for one in signatures(load()["conv2d"]) if one.id in found - {largest(load()["conv2d"]).id}]
    assert [(one["p"], one["q"]) for one in dims] == [(1, 1)]
    assert dims[0]["c"] > 1


def test_signatures_of_the_pool_lie_in_every_layout_that_needs_no_numbers_of_its_own() -> None:
    found = verdicts(lines(Arranging, "layouts", "mse", pool="12"))
    own = {verdict.signature for verdict in verdicts(lines(Arranging, "layouts", "mse"))}
    drawn = {one.signature.id for one in pool(load()["mse"])[:12] if one.dtype == "float32"}
    assert drawn - own
    assert {verdict.signature for verdict in found} == drawn | own
    assert {verdict.dataset for verdict in found if verdict.signature not in own} == {TRANSPOSED, STRIDED}
    assert len({(verdict.case, verdict.quantity) for verdict in found}) == len(found)


def test_a_tail_that_is_lost_of_a_strided_view_alone_takes_a_signature_of_the_pool() -> None:
    assert wrong(lines(LosesTheTailOfAStride, "layouts", "mse")) == {}
    found = wrong(lines(LosesTheTailOfAStride, "layouts", "mse", pool=ALL))
    assert found.keys() == {STRIDED}
    assert "output" in found[STRIDED]


def test_a_signature_of_the_pool_is_asked_by_its_name() -> None:
    signature = next(one.signature.id for one in pool(load()["mse"]) if one.dtype == "float32" and one.signature.dims)
    case = f"mse/{signature}/strided/float32"
    found = verdicts(lines(Arranging, "layouts", cases=(case,)))
    assert case in {verdict.case for verdict in found}
    few = verdicts(lines(Arranging, "layouts", "mse", pool=ALL, signatures=(signature,), datasets=(STRIDED,)))
    assert case in {verdict.case for verdict in few}
    assert len({verdict.signature for verdict in few}) <= 2


class IgnoresTheStridesOfTheWeights(Arranging):
    """Takes the numbers of some inputs in the order of memory."""

    taken: tuple[str, ...] = ("w",)

    def observe(self, request: Request) -> Observation:
        if request.layout == TRANSPOSED:
            read = {name: request.inputs[name].T.reshape(request.inputs[name].shape) for name in self.taken}
            request = dataclasses.replace(request, inputs=request.inputs | read)
        return super().observe(request)


class IgnoresAllStrides(IgnoresTheStridesOfTheWeights):
    taken = ("x", "w")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("adapter", "told"), [(IgnoresTheStridesOfTheWeights, "w"), (IgnoresAllStrides, "all arrays")])
def test_a_diagnosis_says_of_which_array_strides_are_ignored(adapter: type[Adapter], told: str, dtype: str) -> None:
    found = verdicts(lines(adapter, "layouts", "dense", dtypes=(dtype,)))
    (one,) = (one for one in found if one.dataset == TRANSPOSED and one.quantity == "output")
    assert one.names == (f"as if the memory of {told} were read row by row",), "of four numbers perhaps `likely`"


class FreezesTransposedMatrices(Arranging):
    """Its Adam writes the new values of a matrix that lies transposed into a copy, and leaves them there."""

    def observe(self, request: Request) -> Observation:
        frozen = request.layout == TRANSPOSED and request.attributes["optimizer"] == "adam"
        if frozen:
            request = dataclasses.replace(request, attributes=request.attributes | {"lr": 0.0})
        return super().observe(request)


def test_a_training_run_with_parameters_that_lie_otherwise_is_asked_of_each_optimiser() -> None:
    found = lines(FreezesTransposedMatrices, "layouts", "train_gan")
    assert {verdict.dataset for verdict in verdicts(found)} == {TRANSPOSED}
    assert "output.w1_next" in wrong(found)[TRANSPOSED]
    told = {verdict.signature for verdict in verdicts(found) if verdict.grade == "diverges"}
    assert told == {one.id for one in signatures(load()["train_gan"]) if one.attributes["optimizer"] == "adam"}


def test_of_a_training_run_machines_are_asked_where_norm_2_alone_does_not_hold_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Asked(Exception):
        """Machines were asked."""

    def none(*_: object) -> None:
        raise Asked

    monkeypatch.setattr(training_horizon, "scatter", none)
    assert {found.grade for found in verdicts(lines(Arranging, "layouts", "train_gan"))} == {"conforms"}
    with pytest.raises(Asked):
        lines(FreezesTransposedMatrices, "layouts", "train_gan")


def test_only_layouts_that_the_target_has_are_asked_for() -> None:
    assert {verdict.dataset for verdict in verdicts(lines(NumpyAdapter, "layouts", "conv2d"))} == set()
    assert {verdict.dataset for verdict in verdicts(lines(NumpyAdapter, "layouts", "mse"))} == {"aliased"}


def test_an_unknown_layout_is_unsupported_by_name() -> None:
    x = np.ones((2, 3))
    seen: Any = NumpyAdapter().observe(Request("tanh", {"x": x}, layout="braided"))["output"]
    assert (seen.kind, seen.message) == ("unsupported", "the numpy adapter has no layout 'braided'")


@pytest.mark.parametrize("layout", LAYOUTS)
def test_numbers_are_changed_only_where_the_layout_needs_it(layout: str) -> None:
    formula = load()["conv2d"]
    case = Case(formula, signatures(formula)[0], "normal", DTYPES["float32"])
    found = numbers(case, layout)
    if layout == "aliased":  # an image and a kernel have two shapes
        assert found is None
        return
    assert found is not None
    alike = {name: bool((x == case.inputs[name]).all()) for name, x in found.inputs.items()}
    assert alike == {"x": layout != "expanded", "w": True}
    if layout == "expanded":
        assert (found.inputs["x"] == found.inputs["x"][:1]).all()

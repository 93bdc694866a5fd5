"""What lies between layers: a difference that nothing before explains, and layers that only one of the models has."""

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
import pytest

from nnparity.adapters.capture.layer import RESULT, Layer
from nnparity.porting.between import BETWEEN, with_between
from nnparity.porting.comparison import compared
from nnparity.porting.connections import Before, computed
from nnparity.porting.pairs.layouts import apart, difference
from nnparity.porting.result import Ported
from nnparity.porting.rows import UNMATCHED, Row
from nnparity.tests.porting.made import FUNCTIONS, array, attended, behind, layer, linear, unknown

X = array(5, 6)
UNIT = 2.0**-24


def cumulative(x: float) -> float:
    return 0.5 * math.erfc(-x / math.sqrt(2))


def by_tanh(x: float) -> float:
    return 0.5 * (1 + math.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


class Again:
    """The layers of b, run again."""

    def __init__(self, layers: list[Layer]) -> None:
        self.layers = layers

    def again(self, place: int, inputs: Mapping[str, Any]) -> dict[str, Any]:
        one = self.layers[place]
        if not one.kind:
            return dict(one.outputs)
        return {"output": FUNCTIONS[one.kind](inputs["x"], **one.weights, **one.settings)}


def port(a: list[Layer], b: list[Layer], *masks: Any) -> Ported:
    return compared(a, b, Again(b), masks=masks)


def network(*kinds: str, x: Any = X) -> list[Layer]:
    """Dense layers of weights of their own, and activations that are layers (relu) or calls of functions (-relu)."""
    made: list[Layer] = []
    for place, kind in enumerate(kinds):
        if kind == "-relu":
            x = FUNCTIONS["relu"](x)
            continue
        weights = linear(6, 6, place + 1) if kind == "dense" else {}
        made.append(layer(f"{kind}{place}", kind, x, weights))
        x = made[-1].y
    return made


def rows(*differences: tuple[float | None, float | None]) -> list[Row]:
    return [Row("dense", f"a{i}", f"b{i}", received=x, returned=y) for i, (x, y) in enumerate(differences)]


@pytest.mark.parametrize(
    ("differences", "departs"),
    [
        ([(0.0, 1e-7), (1e-7, 2e-7)], []),
        ([(0.0, 1e-7), (1e-3, 1e-3), (1e-3, 1e-3)], ["a1"]),
        ([(0.0, 1e-7), (0.0, 0.5), (0.6, 0.6)], []),
        ([(0.3, 0.3)], ["a0"]),
        ([(None, None), (math.inf, 0.1)], ["a1"]),
        ([(0.0, 1e-6), (2e-6, 2e-6), (4e-5, 1e-5)], ["a2"]),
    ],
)
def test_a_difference_that_nothing_before_explains_departs(differences: list[Any], departs: list[str]) -> None:
    found = with_between(rows(*differences), UNIT, lambda row: ["because"])
    assert [row.a for row in found if row.kind == BETWEEN] == departs
    assert all(row.why[0] == "because" for row in found if row.kind == BETWEEN)


def test_behind_a_departure_of_unknown_size_nothing_is_told() -> None:
    lost = Row("dense", "a0", "", "diverges")
    assert [row.kind for row in with_between([lost, *rows((0.5, 0.5))], UNIT, lambda row: [])] == ["dense", "dense"]


def test_a_right_port_conforms_whatever_its_rounding() -> None:
    a = network("dense", "relu", "dense")
    found = port(a, network("dense", "relu", "dense"))
    assert found
    assert found.headline == "all layers conform: 3 layers in both models"


def masked(x: Any, mask: Any) -> Any:
    return np.exp(x + mask).astype(np.float32)


MASK = np.where(np.arange(6) < 4, 0, -np.inf).astype(np.float32)


@pytest.mark.parametrize(
    ("mask", "departs"),
    [(MASK, ""), (np.maximum(MASK, -1e9), ""), (MASK[::-1], "what mask receives as mask differs"), (-MASK, "as mask")],
    ids=["same", "same to the layer", "of other keys", "inverted"],
)
def test_what_a_layer_receives_beside_its_first_input_is_compared(mask: Any, departs: str) -> None:
    a, b = ([Layer("mask", "Mask", "", {}, {"x": X, "mask": one}, {}, {"y": masked(X, one)})] for one in (MASK, mask))

    class Masked:
        def again(self, place: int, inputs: Mapping[str, Any]) -> dict[str, Any]:
            return {"y": masked(**inputs)} if b[place].kind == "" else {}

    found = compared(a, b, Masked())
    assert bool(found) is (not departs)
    assert departs in found.headline


@pytest.mark.parametrize(
    ("factor", "hidden"), [(1, "; these inputs do not tell it from one that computes ReLU6"), (9, "")]
)
def test_an_activation_of_the_other_models_code_is_found_there(factor: int, hidden: str) -> None:
    found = port(*(network("dense", kind, "dense", x=factor * X) for kind in ("-relu", "relu")))
    assert found
    (only,) = (row for row in found.rows if not row.a)
    (note,) = only.notes
    says = "only in b as a layer: the other model's code does it between dense0 and dense2"
    assert note.removesuffix(", cut off at 6") == says + hidden
    assert port(network("dense", "relu", "dense"), network("dense", "-relu", "dense"))


def test_it_is_found_where_the_axes_lie_otherwise_in_the_other() -> None:
    code, own = (network(*kinds, x=array(2, 6, 6)) for kinds in (("dense", "-relu", "dense"), ("dense", "relu")))
    own[1] = layer("relu1", "relu", np.swapaxes(own[0].y, 1, 2))
    code[1] = layer("dense2", "dense", own[1].y, code[1].weights)
    own.append(code[1])
    for a, b in ((code, own), (own, code)):
        (only,) = (row for row in port(a, b).rows if row.kind == "relu")
        assert only.grade == "conforms"
        assert "as a layer: the other model's code does it between" in only.notes[0]


def test_a_known_wrong_reading_of_the_other_models_code_is_named() -> None:
    a, b = network("dense", "relu", "dense"), network("dense", "dense")
    x = a[0].y
    exact, tanh = (x * np.vectorize(one)(x) for one in (cumulative, by_tanh))
    a[1] = Layer("gelu", "GELU", "gelu", {"kind": "exact"}, {"x": x}, {}, {"output": exact.astype(np.float32)})
    a[2] = layer("dense2", "dense", a[1].y, b[1].weights)
    b[1] = layer("dense1", "dense", tanh.astype(np.float32), b[1].weights)
    first = port(a, b).first
    assert first is not None
    assert first.a == "gelu"
    says = "between dense0 and dense1 the other model's code gives: the tanh approximation of GELU"
    assert first.why == [f"only in a as a layer: {says}"]


def test_an_activation_that_the_other_has_not_departs() -> None:
    a, b = network("dense", "dense"), network("dense", "relu", "dense")
    b[2] = layer("dense2", "dense", b[1].y, a[1].weights)
    found = port(a, b)
    assert found.first is not None
    assert found.first.why == ["only in b: the other model does not do it between dense0 and dense1"]


def shifted(by: float, own: float) -> tuple[list[Layer], list[Layer]]:
    """Dense layers between which something is added: by a's code, and by a layer of b's that nobody knows."""
    a = network("dense", "dense")
    y = a[0].y
    a[1] = layer("dense1", "dense", y + np.float32(by), a[1].weights)
    added = unknown("own", y, y + np.float32(own))
    return a, [a[0], added, layer("dense1", "dense", added.y, a[1].weights)]


def test_a_layer_before_what_receives_the_same_in_both_is_the_others_code() -> None:
    found = port(*shifted(1, 1))
    assert found
    (only,) = (row for row in found.rows if not row.a)
    assert only.notes == ["only in b as a layer: what dense1 receives behind it is the same in both models"]
    wrong = port(*shifted(1, 1.01))
    assert [row.grade for row in wrong.rows if not row.a] == [UNMATCHED]
    assert [row.kind for row in wrong.departures] == [BETWEEN]


def test_behind_a_departure_nobody_knows_whose_code_does_what() -> None:
    a, b = shifted(1, 1)
    first = Layer("dense0", "Dense", "dense", {}, b[0].inputs, b[0].weights, {"output": 2 * a[0].y})
    found = port(a, [first, *b[1:]])
    assert [row.grade for row in found.rows if not row.a] == [UNMATCHED]


def test_arrays_of_other_sizes_are_told_by_their_shapes() -> None:
    found = port([unknown("own", X, X)], [unknown("own", X[:3], X)])
    assert found.first is not None
    assert found.first.why[0] == "a gives it an array of shape (5, 6), b one of (3, 6)"


def test_what_only_one_has_and_nobody_explains_is_no_pass() -> None:
    a = network("dense")
    b = [*a, unknown("own", a[0].y + 1, a[0].y)]
    found = port(a, b)
    assert not found
    assert [row.grade for row in found.rows] == ["conforms", UNMATCHED]
    assert "1 layer without a counterpart" in found.headline
    assert "own" in found.headline


def test_what_passes_on_or_moves_numbers_may_be_missing() -> None:
    a = network("dense", "identity")
    moving = unknown("turned", a[0].y, np.ascontiguousarray(a[0].y.T))
    assert port([*a, moving], network("dense"))
    seen = unknown("in a row", X, X.reshape(-1))
    assert port([*a, seen], network("dense"))
    silent = Layer("log", "Log", inputs={"x": X})
    assert port([*a, silent], [*network("dense"), silent])


def test_weights_of_another_layer_are_called_so() -> None:
    a, b = network("dense", "relu", "dense"), network("dense", "relu", "dense")
    b[2] = layer("dense2", "dense", b[1].y, a[0].weights)
    found = port(a, b)
    assert found.first is not None
    assert found.first.why[0] == "b has the parameters of dense0"


def test_a_residual_that_is_missing_is_named() -> None:
    weights = [linear(6, 6, seed) for seed in (1, 2, 3)]
    first = layer("one", "dense", X, weights[0])
    second = layer("two", "dense", first.y, weights[1])
    a = [first, second, layer("three", "dense", first.y + second.y, weights[2])]
    b = [first, second, layer("three", "dense", second.y, weights[2])]
    assert port(a, a)
    found = port(a, b)
    assert found.first is not None
    assert found.first.kind == BETWEEN
    assert found.first.why[0] == "a gives it one + two, b gives it two alone"


def powers(x: Any) -> Any:
    return np.exp(x.astype(np.float64))


KEYS = np.array([[1, 1, 1, 0, 0], [1, 1, 1, 1, 0]])
PADDED = KEYS[:, None, None]
HEADS = "attention of q, k, v in 2 heads"
#: What the code of a and that of b computes, and what is said of either.
CODE: dict[str, tuple[Callable[..., Any], Callable[..., Any], str, str]] = {
    "scale": (
        *(attended, partial(attended, scale=0.3)),
        *(HEADS, f"{HEADS} scaled by 0.3000 instead of 1/√d_k, which is 0.5000"),
    ),
    "scale of the model": (
        *(attended, partial(attended, scale=8**-0.5)),
        *(HEADS, f"{HEADS} scaled by 1/√d of the model instead of the head"),
    ),
    "difference": (lambda q, k, v: q - v, lambda q, k, v: v - q, "q − v", "v − q"),
    "parts": (
        *(lambda *of_all: np.concatenate(of_all[:2], -1), lambda q, k, v: np.concatenate([k, q], -1)),
        *("q, k put together", "k, q put together"),
    ),
    "logarithm": (
        lambda q, k, v: powers(v) / powers(v).sum(-1, keepdims=True),
        lambda q, k, v: v - np.log(powers(v).sum(-1, keepdims=True)),
        *("softmax of v", "log_softmax of v"),
    ),
    "wrong reading": (
        *(lambda q, k, v: k * np.vectorize(cumulative)(k), lambda q, k, v: k * np.vectorize(by_tanh)(k)),
        *("gelu of k", "gelu of k: the tanh approximation of GELU"),
    ),
    "scale beside a mask": (
        *(partial(attended, keep=PADDED), partial(attended, scale=3.0, keep=PADDED)),
        *(f"{HEADS}, padding masked", f"{HEADS}, padding masked scaled by 3.000 instead of 1/√d_k, which is 0.5000"),
    ),
}


@pytest.mark.parametrize(("of_a", "of_b", "a", "b"), CODE.values(), ids=list(CODE))
def test_what_the_code_between_layers_computes_is_named(of_a: Any, of_b: Any, a: str, b: str) -> None:
    first = port(behind(of_a), behind(of_b), KEYS).first
    assert first is not None
    assert (first.kind, first.why[0]) == (BETWEEN, f"a gives it {a}, b gives it {b}")


def test_results_of_other_ranks_and_dtypes_are_no_candidates() -> None:
    before = Before([("a", X), ("b", X[0]), ("c", X > 0), ("d", X + 1j)], [KEYS])
    for received in (array(5, 6, seed=9), array(2, 5, 8), array(6), X[0, 0], X[:0]):
        assert computed(before, received) is None


def test_one_projection_of_queries_keys_and_values_is_three() -> None:
    causal = partial(attended, keep=np.tri(5))
    first = port(*(behind(code, fused=True) for code in (causal, partial(causal, scale=0.3)))).first
    assert first is not None
    heads = "attention of qkv (1/3), qkv (2/3), qkv (3/3) in 2 heads, causally masked"
    assert first.why[0].startswith(f"a gives it {heads}, b gives it {heads} scaled by 0.3000 instead of 1/√d_k")


@pytest.mark.parametrize(("place", "says"), [(0, "b gives it what a gives k"), (2, "b gives it what a gives it as x1")])
def test_two_inputs_that_b_exchanges_are_named(place: int, says: str) -> None:
    """Those of two layers, or of one."""
    x, z = array(2, 5, 8), array(2, 5, 8, seed=1)
    q, k = linear(8, 8, 1), linear(8, 8, 2)
    own, turned = (Layer("own", "Own", inputs={"x0": i, "x1": j}, outputs={"y": i - j}) for i, j in ((x, z), (z, x)))
    a = [layer("q", "dense", x, q), layer("k", "dense", z, k), own]
    b = [*a[:2], turned] if place else [layer("q", "dense", z, q), layer("k", "dense", x, k), own]
    first = port(a, b).first
    assert first is not None
    assert (first.kind, first.why[0]) == (BETWEEN, f"{says}, and vice versa")


def test_no_pair_at_all_is_no_pass() -> None:
    assert not port(network("relu"), [])
    assert "no layer of a has a counterpart in b" in port(network("relu"), []).headline


def test_it_prints_every_layer() -> None:
    found = port(network("dense", "-relu", "dense"), network("dense", "relu", "dense"))
    told = str(found).splitlines()
    assert told[0] == found.headline
    assert len(told) == 3 + len(found.rows)


def returning(*results: Any) -> list[Layer]:
    """A dense layer, and what the model returns behind it."""
    return [
        *network("dense"),
        *(Layer("the result", RESULT, RESULT, inputs={"x": y}, outputs={"y": y}) for y in results),
    ]


def test_whole_numbers_are_the_same_or_wrong_in_any_dtype() -> None:
    half = unknown("half", X.astype(np.float16), X.astype(np.float16))  # of which the unit would excuse the difference
    ids = np.arange(512)[None]
    other = ids.copy()
    other[0, 7] = 8
    assert apart(ids, other) < 16 * 2.0**-11
    assert port([half, *returning(ids)], [half, *returning(ids)])
    found = port([half, *returning(ids)], [half, *returning(other)])
    assert found.first is not None
    assert found.first.kind == BETWEEN
    assert "whole numbers are the same or wrong" in found.first.why[-1]


def test_one_wrong_row_of_many_departs() -> None:
    half = unknown("half", X.astype(np.float16), X.astype(np.float16))
    y = array(2**16, 8)
    wrong = y.copy()
    wrong[5] = 0
    assert difference(y, wrong) < 16 * 2.0**-11
    assert not port([half, *returning(y)], [half, *returning(wrong)])
    assert port([half, *returning(y)], [half, *returning((y * (1 + 2.0**-11)).astype(np.float32))])


def test_a_result_that_the_other_does_not_return_is_no_pass() -> None:
    y = array(3, 2)
    for a, b, letter in ((returning(y, y + 1), returning(y), "a"), (returning(y), returning(y, y + 1), "b")):
        (row,) = port(a, b).departures
        assert row.why == [f"only in {letter}: the other model does not return it"]


def giving(factor: float, taken: str = "y1") -> list[Layer]:
    """A layer that returns two things, of which one is taken by a dense layer, by the code of a model or by nobody."""
    own = Layer("own", "Own", inputs={"x": X}, outputs={"y0": X, "y1": (factor * X * X).astype(np.float32)})
    x = own.outputs[taken] if taken in own.outputs else own.outputs["y1"] + 1
    return [own, layer("dense", "dense", x, linear(6, 6))]


@pytest.mark.parametrize(
    ("taken", "blamed"), [("y1", "what it returns as y1"), ("code", "code between own / own"), ("y0", "")]
)
def test_a_further_result_that_a_layer_takes_is_judged(taken: str, blamed: str) -> None:
    a, b = giving(1, taken), giving(2, taken)
    found = port(a, b)
    assert bool(found) is (not blamed)
    assert blamed in found.headline
    assert len(found.departures) == bool(blamed)
    assert port(a, a)


@pytest.mark.parametrize("kind", ["relu", "own"])
def test_of_a_layer_that_changes_nothing_these_inputs_tell_nothing(kind: str) -> None:
    """It is no mover of numbers."""
    x = np.abs(X)
    idle = layer("idle", "relu", x) if kind == "relu" else unknown("idle", x, x)
    dense = layer("dense", "dense", x, linear(6, 6))
    found = port([idle, dense], [dense])
    assert not found
    assert [row.grade for row in found.rows] == ["inconclusive", "conforms"]
    assert "these inputs do not show it" in found.rows[0].notes[0]


def test_the_order_of_what_is_returned_is_told_where_channels_lie_last() -> None:
    y = array(2, 3, 4, 5)
    found = port(returning(y), returning(y.transpose(0, 2, 3, 1)))
    assert found
    assert found.rows[-1].notes == ["its axes lie in the order (0, 2, 3, 1)"]
    assert not port(returning(y[0, 0]), returning(y[0, 0].T))
    assert not port(returning(np.repeat(y[:1], 3, axis=0)), returning(y[:1]))

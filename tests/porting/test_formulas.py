"""The formulas of layers against sums written out, window by window; and what their readings give is no infinity."""

from typing import Any

import numpy as np
import pytest

from nnparity.porting.pairs import formulas
from nnparity.porting.pairs.question import Expectation, judged, readings
from nnparity.reports.records import Verdict
from nnparity.tests.porting.made import array

IMAGES, KERNEL, BIAS = array(2, 3, 7, 6), array(4, 3, 3, 2), array(4)
WIDE = array(2, 5, 8)
AROUND = ((0, 0), (0, 0))
PADDED = np.pad(WIDE, (*AROUND, (2, 1)))
MATRICES = {name: array(8, 8, seed=seed) for seed, name in enumerate(("wq", "wk", "wv", "wo"))}


def windows(x: Any, size: tuple[int, int], strides: tuple[int, int], of: Any) -> Any:
    rows = range(0, x.shape[2] - size[0] + 1, strides[0])
    columns = range(0, x.shape[3] - size[1] + 1, strides[1])
    cells = [[of(x[:, :, i : i + size[0], j : j + size[1]]) for j in columns] for i in rows]
    return np.moveaxis(np.array(cells), (0, 1), (-2, -1))


def convolved(x: Any, padding: Any, strides: tuple[int, int]) -> Any:
    padded = np.pad(x, ((0, 0), (0, 0), *padding))
    y = windows(padded, (3, 2), strides, lambda cut: np.einsum("ncpq,ocpq->no", cut, KERNEL))
    return y + BIAS[:, None, None]


def attended(x: Any) -> Any:
    heads = []
    for head in range(2):
        q, k, v = ((x @ MATRICES[name])[..., 4 * head : 4 * head + 4] for name in ("wq", "wk", "wv"))
        scores = np.exp(q @ k.swapaxes(1, 2) / 2)
        heads.append(scores / scores.sum(-1, keepdims=True) @ v)
    return np.concatenate(heads, -1) @ MATRICES["wo"]


X = {"x": IMAGES}
CHANNELS = {name: np.abs(array(3, seed=seed)) + 1 for seed, name in enumerate(("gamma", "beta", "mean", "variance"))}


def normalised(x: Any, outside: bool = False) -> Any:
    gamma, beta, mean, variance = (one[:, None, None] for one in CHANNELS.values())
    root = np.sqrt(variance) + 1e-3 if outside else np.sqrt(variance + 1e-3)
    return (x - mean) / root * gamma + beta


THREE = {name: array(3, 4, size) for name, size in (("wx", 8), ("wh", 4))} | {
    "b": array(3, 4),
    "bh": array(3, 4, seed=1),
}


def gated(x: Any) -> Any:
    """A GRU, gate by gate."""
    h, states = np.zeros((2, 4)), []
    for t in range(x.shape[1]):
        inward = [x[:, t] @ w.T + b for w, b in zip(THREE["wx"], THREE["b"], strict=True)]
        past = [h @ w.T + b for w, b in zip(THREE["wh"], THREE["bh"], strict=True)]
        r, z = (1 / (1 + np.exp(-inward[gate] - past[gate])) for gate in (0, 1))
        h = (1 - z) * np.tanh(inward[2] + r * past[2]) + z * h
        states.append(h)
    return np.stack(states, axis=1)


def logarithm(x: Any, axis: int = -1) -> Any:
    return x - np.log(np.exp(x).sum(axis, keepdims=True))


CASES: dict[str, tuple[str, dict[str, Any], dict[str, Any], Any]] = {
    "convolution": (
        *("conv2d", {"strides": (2, 1), "padding": ((1, 0), (2, 1))}, {**X, "w": KERNEL, "b": BIAS}),
        convolved(IMAGES, ((1, 0), (2, 1)), (2, 1)),
    ),
    "convolution along one axis": (
        *("conv1d", {"strides": (2,), "padding": ((2, 1),)}, {"x": WIDE, "w": array(4, 5, 3), "b": BIAS}),
        np.stack(
            [np.einsum("ncq,ocq->no", PADDED[:, :, i : i + 3], array(4, 5, 3)) + BIAS for i in range(0, 9, 2)], axis=-1
        ),
    ),
    "max pooling": (
        *("max_pool2d", {"size": (3, 2), "strides": (2, 1)}, X),
        windows(IMAGES, (3, 2), (2, 1), lambda cut: cut.max((2, 3))),
    ),
    "max pooling past the edge": (
        *("max_pool2d", {"size": (3, 2), "strides": (2, 2), "padding": ((1, 1), (1, 0))}, X),
        windows(
            np.pad(IMAGES, (*AROUND, (1, 1), (1, 0)), constant_values=-9), (3, 2), (2, 2), lambda cut: cut.max((2, 3))
        ),
    ),
    "average pooling": (
        *("avg_pool2d", {"size": (3, 2), "strides": (1, 2)}, X),
        windows(IMAGES, (3, 2), (1, 2), lambda cut: cut.mean((2, 3))),
    ),
    "pooling of the whole": ("global_avg_pool2d", {"keep": True}, X, IMAGES.mean((2, 3), keepdims=True)),
    "batch normalisation": ("batch_norm", {"eps": 1e-3}, {**X, **CHANNELS}, normalised(IMAGES)),
    "root mean square": (
        *("rms_norm", {"eps": 1e-3}, {"x": WIDE, "gamma": WIDE[0, 0]}),
        WIDE / np.sqrt((WIDE**2).mean(-1, keepdims=True) + 1e-3) * WIDE[0, 0],
    ),
    "logarithm of the softmax": ("log_softmax", {"axis": -2}, {"x": WIDE}, logarithm(WIDE, -2)),
    "silu": ("silu", {}, {"x": WIDE}, WIDE / (1 + np.exp(-WIDE))),
    "gated recurrent unit": ("gru", {}, {"x": WIDE, **THREE}, gated(WIDE)),
    "attention": ("multi_head_attention", {"heads": 2}, {"query": WIDE, "value": WIDE, **MATRICES}, attended(WIDE)),
    "dense": ("dense", {}, {"x": WIDE, "w": MATRICES["wq"]}, WIDE @ MATRICES["wq"].T),
}


@pytest.mark.parametrize("name", CASES)
def test_a_formula_is_what_it_says(name: str) -> None:
    kind, settings, arrays, exact = CASES[name]
    expected = Expectation.of(kind, settings, arrays)
    assert expected is not None
    right, wrong = judged(expected, [exact.astype(np.float32), (1.001 * exact).astype(np.float32)], "float32")
    assert isinstance(right, Verdict)
    assert isinstance(wrong, Verdict)
    assert right.grade == "conforms"
    assert wrong.grade in ("diverges", "imprecise")


LSTM = {"x": array(2, 5, 3), "wx": array(4, 4, 3), "wh": array(4, 4, 4), "b": array(4, 4)}
#: What each formula with wrong readings may be given.
GIVEN: dict[str, dict[str, Any]] = {
    **{name: {"x": WIDE} for name in ("softmax", "log_softmax", "relu", "tanh", "sigmoid", "gelu")},
    **{name: {"x": IMAGES[:, :, :6]} for name in ("max_pool2d", "avg_pool2d", "flatten")},
    "dense": {"x": WIDE, "w": MATRICES["wq"], "b": WIDE[0, 0]},
    "conv2d": {**X, "w": KERNEL},
    "conv1d": {"x": WIDE, "w": array(4, 5, 3)},
    "layer_norm": {"x": WIDE, "gamma": WIDE[0, 0], "beta": WIDE[0, 1]},
    "embedding": {"ids": np.array([[0, 2, 1]]), "table": WIDE[0]},
    "lstm": LSTM,
    "gru": {"x": WIDE, **THREE},
    "batch_norm": {**X, **CHANNELS},
    "rms_norm": {"x": WIDE, "gamma": WIDE[0, 0]},
    "multi_head_attention": {"query": WIDE, "value": WIDE, **MATRICES},
}


@pytest.mark.parametrize("kind", [kind for kind in formulas.KINDS if readings(kind)])
def test_every_wrong_reading_can_be_held_against_a_wrong_result(kind: str) -> None:
    expected = Expectation.of(kind, {}, GIVEN[kind])
    assert expected is not None
    found = formulas.KINDS[kind].function(**GIVEN[kind])
    wrong = np.asarray(found[0] if isinstance(found, tuple) else found, np.float32) + 1
    (told,) = judged(expected, [wrong], "float32")
    assert isinstance(told, Verdict), told


ROWS = {"x": WIDE, "gamma": 1 + WIDE[0, 0] / 8, "beta": WIDE[0, 1]}


def over(axis: Any, outside: float = 0.0, inside: float = 0.0) -> Any:
    """Layer normalisation over an axis or several, with epsilon in either place."""
    centred = WIDE - WIDE.mean(axis, keepdims=True)
    root = np.sqrt((centred**2).mean(axis, keepdims=True) + inside) + outside
    return centred / root * ROWS["gamma"] + ROWS["beta"]


EPS = {"eps": 1e-3}
ADDED = "epsilon is added to the root, not inside of it"
#: Kind, settings, arrays, wrong numbers, and the name of what is wrong.
NAMED = [
    ("softmax", {}, {"x": WIDE}, logarithm(WIDE), "the logarithm of the softmax"),
    ("log_softmax", {}, {"x": WIDE}, np.exp(logarithm(WIDE)), "the softmax, not its logarithm"),
    ("layer_norm", EPS, ROWS, over(-1, outside=1e-3), ADDED),
    ("layer_norm", EPS, ROWS, over(-2, inside=1e-3), "normalised over the axis before the last"),
    ("layer_norm", EPS, ROWS, over((-2, -1), inside=1e-3), "normalised over the last two axes together"),
    (
        "rms_norm",
        EPS,
        GIVEN["rms_norm"],
        WIDE / (np.sqrt((WIDE**2).mean(-1, keepdims=True)) + 1e-3) * WIDE[0, 0],
        ADDED,
    ),
    ("batch_norm", EPS, GIVEN["batch_norm"], normalised(IMAGES, outside=True), ADDED),
]


@pytest.mark.parametrize(("kind", "settings", "arrays", "wrong", "says"), NAMED)
def test_a_wrong_reading_has_its_name(kind: str, settings: Any, arrays: Any, wrong: Any, says: str) -> None:
    expected = Expectation.of(kind, settings, arrays)
    assert expected is not None
    (told,) = judged(expected, [wrong.astype(np.float32)], "float32")
    assert isinstance(told, Verdict)
    assert told.names == (says,)


def test_a_call_with_more_than_its_formula_knows_has_none() -> None:
    assert Expectation.of("dense", {}, {"x": WIDE, "w": KERNEL, "mask": WIDE}) is None
    assert Expectation.of("dense", {}, {"x": WIDE}) is None
    assert Expectation.of("nosuch", {}, {"x": WIDE}) is None


def test_the_wrong_readings_are_those_of_the_spec_and_some_more() -> None:
    assert "epsilon 1e-5" in readings("layer_norm")
    assert "the kernel is flipped: a true convolution" in readings("conv2d")
    assert readings("identity") == readings("nosuch") == []
    assert all(kind.function.__doc__ for kind in formulas.KINDS.values())

"""How parameters and settings of b's layer differ from those of a's, in words that say what was done to them."""

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

import ml_dtypes
import numpy as np

from nnparity.adapters.capture.layer import Layer
from nnparity.adapters.request import Array
from nnparity.porting.pairs.layouts import Turn, difference
from nnparity.reports.formatting import significant

#: What the spec and the frameworks call things, in words.
WORDS = {
    "eps": "epsilon",
    "w": "the weight",
    "b": "the bias",
    "b2": "the second bias",
    "gamma": "the scale",
    "beta": "the shift",
    "table": "the table",
    "mean": "the mean",
    "variance": "the variance",
    "bq": "the bias of the queries",
    "bk": "the bias of the keys",
    "bv": "the bias of the values",
    "bo": "the bias of the output",
    "wx": "the weight of the inputs",
    "wh": "the weight of the states",
    "bh": "the bias of the states",
    "reset": "the reset gate",
    "wq": "the weight of the queries",
    "wk": "the weight of the keys",
    "wv": "the weight of the values",
    "wo": "the weight of the output",
}
#: Settings that say in what form something is returned, not what is computed.
FORMS = ("sequences", "order", "keep")
#: Parameters with an axis of gates before all others, and the gates in the order of the formulas: LSTM and GRU.
GATED = ("wx", "wh", "b", "bh")
GATES: Mapping[int, str] = {4: "ifoc", 3: "rzn"}
#: Formats that weights may have gone through.
NARROWER: Mapping[str, Any] = {"float32": np.float32, "float16": np.float16, "bfloat16": ml_dtypes.bfloat16}


def differences(a: Layer, b: Layer, turn: Turn) -> list[str]:
    """What differs, settings first, of two layers of a kind; `turn` says in what order b's features are.

    Of those without a formula nobody knows which of their parameters are to be alike, and in what layout.
    """
    if a.kind != b.kind or not a.kind:
        return []
    return [*_settings(a.settings, b.settings), *_weights(a, b, turn)]


def _settings(a: Mapping[str, Any], b: Mapping[str, Any]) -> Iterator[str]:
    for name in dict.fromkeys((*a, *b)):
        if name not in FORMS and not _alike(a.get(name), b.get(name)):
            yield f"{WORDS.get(name, name)} is {_value(b.get(name))} in b, {_value(a.get(name))} in a"


def _alike(one: Any, other: Any) -> bool:
    """The same, for a number as float32 holds it."""
    if isinstance(one, float) and isinstance(other, float):
        return bool(np.float32(one) == np.float32(other))
    return bool(one == other)


def _value(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else "not set" if value is None else str(value)


def _weights(a: Layer, b: Layer, turn: Turn) -> Iterator[str]:
    ours, theirs = _joined(a.weights), _joined(b.weights)
    for name in dict.fromkeys((*ours, *theirs)):
        told = _one(name, ours.get(name), theirs.get(name), turn)
        if told:
            yield f"{WORDS.get(name, name)} of b {_exchanged(name, ours, theirs.get(name)) or told}"


def _exchanged(name: str, ours: Mapping[str, Array], theirs: Array | None) -> str:
    """Which other parameter of a's layer it is; one number throughout may be any."""
    if theirs is None or not np.any(theirs != theirs.flat[0]):
        return ""
    same = (other for other, x in ours.items() if other != name and np.array_equal(x.astype(theirs.dtype), theirs))
    return next((f"is {WORDS.get(other, other)} of a" for other in same), "")


def _joined(weights: Mapping[str, Array]) -> dict[str, Array]:
    """One bias where an LSTM has two that are added to each other, and a GRU those of two gates."""
    if "bh" in weights:
        both = weights["b"][:2] + weights["bh"][:2]
        return dict(weights) | {"b": np.concatenate([both, weights["b"][2:]]), "bh": weights["bh"][2]}
    if "b2" not in weights:
        return dict(weights)
    return {name: x for name, x in weights.items() if name != "b2"} | {"b": weights["b"] + weights["b2"]}


def _one(name: str, a: Array | None, b: Array | None, turn: Turn) -> str | None:
    """What was done to a's numbers to have b's, None if nothing."""
    if a is None or b is None:
        there = a if b is None else b
        return None if there is None or not there.any() else "is missing" if b is None else "is one that a has not"
    if a.dtype != b.dtype:
        a = a.astype(b.dtype)
    x, y = a.astype(np.float64), b.astype(np.float64)
    if name == "w" and turn.features is not None:
        if np.array_equal(y, x[..., turn.features]):
            return None
        if np.array_equal(y, x):
            return f"is a's as it is, but {turn.says}"
        x = x[..., turn.features]
    if x.shape != y.shape:
        return f"has the shape {b.shape}, that of a is {a.shape}{_rearranged(x, y)}"
    if np.array_equal(x, y):
        return None
    return next(_explained(name, x, y, a, b))


def _rearranged(x: Array, y: Array) -> str:
    return ": a's transposed" if np.array_equal(x.T, y) else ""


def _explained(which: str, x: Array, y: Array, a: Array, b: Array) -> Iterator[str]:
    gates = _gates(x) if which in GATED and x.ndim > 1 else ()
    for says, changed in (*gates, *_moved(x), *_reshaped(x), *_changed(x)):
        if np.array_equal(changed, y):
            yield says
    for name, numpy in NARROWER.items():
        if np.array_equal(a.astype(numpy).astype(b.dtype), b) or np.array_equal(b.astype(numpy).astype(a.dtype), a):
            yield f"is a's rounded to {name}"
    if np.array_equal(np.sort(x, axis=None), np.sort(y, axis=None)):
        yield "holds a's numbers in another order"
    factor = float(np.vdot(x, y) / np.vdot(x, x)) if np.any(x) else 0.0
    if factor and np.abs(y - factor * x).max() <= np.abs(y).max() * float(np.finfo(np.float32).eps):
        yield f"is a's times {factor:.6g}"
    wrong = int(np.count_nonzero(x != y))
    if 3 * wrong <= x.size:
        yield f"differs from a's in {wrong} of {x.size} numbers"
    yield f"differs from a's by {significant(difference(x, y), 2)} of its size"


def _moved(x: Array) -> Iterator[tuple[str, Array]]:
    """Axes in another order, and reversed."""
    for axes in itertools.permutations(range(x.ndim)):
        if axes != tuple(range(x.ndim)):
            yield f"is a's {_words(axes)}", np.transpose(x, axes)
    for count in (1, 2):
        for axes in itertools.combinations(range(x.ndim), count):
            yield f"is a's reversed along axis {' and '.join(map(str, axes))}", np.flip(x, axes)


def _words(axes: tuple[int, ...]) -> str:
    known = {
        (1, 0): "transposed",
        (1, 0, 2, 3): "transposed: input and output channels are exchanged",
        (0, 1, 3, 2): "transposed: rows and columns of the kernel are exchanged",
    }
    return known.get(axes, f"transposed, its axes in the order {axes}")


def _reshaped(x: Array) -> Iterator[tuple[str, Array]]:
    """The right numbers in memory, read in the order of the transposed shape."""
    if x.ndim == 2:
        yield "is a's transposed and then reshaped", x.T.reshape(x.shape)
        yield "is a's reshaped where it should be transposed", x.reshape(x.shape[::-1]).T


def _changed(x: Array) -> Iterator[tuple[str, Array]]:
    yield "is a's with the other sign", -x
    yield "is a's squared", np.square(x)
    yield "is all zeros, a's is not", 0 * x
    yield "is all ones, a's is not", np.ones_like(x)


def _gates(x: Array) -> Iterator[tuple[str, Array]]:
    """The gates of an LSTM or a GRU in another order."""
    names = GATES.get(len(x), "")
    for order in itertools.permutations(range(len(names))):
        if list(order) != sorted(order):
            yield f"is a's with its gates in the order {', '.join(names[one] for one in order)}", x[list(order)]

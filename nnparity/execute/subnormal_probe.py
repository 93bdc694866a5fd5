"""What is asked of a target once, before its cases: whether it flushes subnormal numbers to zero.

XLA and TensorFlow do, torch does not. It is a property of the target, shown in the report; the budgets then
count an underflow as one smallest normal number instead of one smallest subnormal. It is asked of the dense layer, and
of an adapter that has none of the first formula in `PROBES` that it has.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from nnparity.adapters.request import Array, Request
from nnparity.execute.observer import Observer
from nnparity.execute.protocol import TargetInfo
from nnparity.spec import DTYPES, Dtype
from nnparity.spec.loader import load


def _dense(tiny: float) -> dict[str, Any]:
    """Every product is half the smallest normal number, in a body and a tail of rows."""
    return {"x": np.full((5, 1), tiny), "w": np.full((9, 1), 0.5), "b": np.zeros(9)}


def _convolution(tiny: float) -> dict[str, Any]:
    return {"x": np.full((1, 1, 3, 5), tiny), "w": np.full((1, 1, 1, 1), 0.5)}


def _logits(tiny: float) -> Array:
    """Of three classes two share all but half the smallest normal number."""
    return np.array([[0.0, 0.0, math.log(tiny)]])


def _attention(tiny: float) -> dict[str, Any]:
    """Two keys that weigh the same, and the value of one is 0."""
    return {"q": np.zeros((1, 1, 2)), "k": np.zeros((1, 2, 2)), "v": np.array([[[tiny], [0.0]]])}


def _cell(tiny: float) -> dict[str, Any]:
    """Gates of 1/2: half of the cell's state is kept."""
    state = {"h": np.zeros((1, 3)), "c": np.full((1, 3), tiny)}
    return state | {"wx": np.zeros((4, 3, 2)), "wh": np.zeros((4, 3, 3)), "b": np.zeros((4, 3))}


#: By formula, inputs of which a result (or where there is one, a gradient) is half the smallest normal number.
PROBES: dict[str, Callable[[float], dict[str, Any]]] = {
    "dense": _dense,
    "conv2d": _convolution,
    "gelu": lambda tiny: {"x": np.full((3, 3), tiny)},
    "sigmoid": lambda tiny: {"x": np.full((3, 3), math.log(tiny / 2))},
    "softmax": lambda tiny: {"x": _logits(tiny)},
    "attention": _attention,
    "masked_attention": lambda tiny: _attention(tiny) | {"mask": np.ones((1, 2), np.int64)},
    "lstm_step": lambda tiny: {"x": np.zeros((1, 2))} | _cell(tiny),
    "lstm": lambda tiny: {"x": np.zeros((1, 1, 2))} | _cell(tiny),
    "lstm_last": lambda tiny: {"x": np.zeros((1, 1, 2))} | _cell(tiny),
    "cross_entropy_logits": lambda tiny: {"z": _logits(tiny), "t": np.array([[1.0, 0.0, 0.0]])},
    "sparse_cross_entropy_logits": lambda tiny: {"z": _logits(tiny), "labels": np.zeros(1, np.int64)},
}
#: Of these the gradient is what is small.
LOSSES = ("cross_entropy_logits", "sparse_cross_entropy_logits")


def flushes(observer: Observer, dtypes: Sequence[str]) -> dict[str, bool]:
    """dtype -> whether what ends below the smallest normal number comes out as zero; not, of who cannot be asked."""
    formula = probe(observer.info)
    if formula is None:
        return dict.fromkeys(dtypes, False)
    observer.submit([_request(formula, DTYPES[name]) for name in dtypes])
    return {
        name: any(isinstance(y, np.ndarray) and bool(np.any(y == 0)) for y in _small(formula, observed.observation))
        for name, observed in zip(dtypes, observer.collect(), strict=True)
    }


def probe(info: TargetInfo) -> str | None:
    """The formula that a target is asked for, None of one that has none of them."""
    return next((id for id in PROBES if id in info.kernels and id not in info.unsupported), None)


def _small(formula: str, observation: Any) -> list[Any]:
    family = "grad" if formula in LOSSES else "output"
    return [y for name, y in observation.items() if name.partition(".")[0] == family]


def _request(id: str, dtype: Dtype) -> Request:
    formula = load()[id]
    inputs = {
        name: array if formula.integer(name) else array.astype(dtype.numpy)
        for name, array in PROBES[id](float(dtype.tiny)).items()
    }
    if id not in LOSSES:
        return Request(id, inputs, outputs=tuple(formula.results), dtype=dtype.name)
    one = {"output": np.ones((), dtype.numpy)}
    return Request(id, inputs, wrt=("z",), cotangents=one, quantities=frozenset({"output", "grad"}), dtype=dtype.name)


def described(flushed: dict[str, bool], info: TargetInfo) -> dict[str, str]:
    """The property as the report words it."""
    if probe(info) is None:
        return {f"subnormals {name}": "not known" for name in flushed}
    return {f"subnormals {name}": "flushed to zero" if flush else "kept" for name, flush in flushed.items()}

"""The reference with one sum as a careless kernel computes it, or as a careful one does.

The careless one adds up in the dtype itself, each addition rounded by `ml_dtypes` or NumPy, in the order of the
index; the careful one adds up in float32, and rounds once. All other quantities are the reference's own.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from nnparity.adapters.numpy import NumpyAdapter
from nnparity.adapters.request import Array, Observation, Request

#: From a request, and whether the kernel is careful, to the quantities that it computes itself.
Rule = Callable[[Request, bool], dict[str, Array]]


def kernel(formula: str, rule: Rule, *, careful: bool) -> type[NumpyAdapter]:
    """An adapter whose answers to a formula come from a rule, as far as they are asked for."""

    class Planted(NumpyAdapter):
        def observe(self, request: Request) -> Observation:
            seen = super().observe(request)
            if request.formula != formula:
                return seen
            with np.errstate(all="ignore"):
                own = rule(request, careful)
            return {name: own[name].astype(x.dtype) if name in own else x for name, x in seen.items()}  # type: ignore[union-attr]

    return Planted


def bias_gradient(request: Request, careful: bool) -> dict[str, Array]:
    """The cotangents of all rows."""
    terms = request.cotangents["output"]
    return {"grad.b": _added(terms, _accumulator(terms, careful))}


def embedding_gradient(request: Request, careful: bool) -> dict[str, Array]:
    """The cotangents of each id, added to the row of the table that it took."""
    cotangents = request.cotangents["output"]
    table = np.zeros(request.inputs["table"].shape, _accumulator(cotangents, careful))
    for place, id in np.ndenumerate(request.inputs["ids"]):
        table[id] += cotangents[place].astype(table.dtype)
    return {"grad.table": table}


def softmax(request: Request, careful: bool, lanes: int = 1) -> dict[str, Array]:
    """Exponentials, their sum, by so many lanes of a vector register, the quotients: all numbers of the dtype."""
    x = request.inputs["x"]
    powers = np.exp(x - x.max(axis=-1, keepdims=True))
    accumulator = _accumulator(x, careful)
    parts = _added(powers.T.reshape(-1, lanes, len(x)), accumulator)
    return {"output": powers / _added(parts, accumulator).astype(x.dtype)[:, None]}


def layer_norm(request: Request, careful: bool) -> dict[str, Array]:
    """In float32; the variance in one pass, E[x^2] - E[x]^2, or in two."""
    x, gamma, beta = (request.inputs[name].astype(np.float32) for name in ("x", "gamma", "beta"))
    mean = x.mean(axis=-1, keepdims=True)
    square = np.square(x - mean) if careful else np.square(x)
    variance = square.mean(axis=-1, keepdims=True) - (0 if careful else np.square(mean))
    deviation = np.sqrt(np.maximum(variance, 0) + np.float32(request.attributes["eps"]))
    return {"output": (x - mean) / deviation * gamma + beta}


def _accumulator(terms: Array, careful: bool) -> Any:
    return np.dtype(np.float32) if careful else terms.dtype


def _added(terms: Array, accumulator: Any) -> Array:
    """The terms of the first axis, one after the other."""
    total = np.zeros(terms.shape[1:], accumulator)
    for term in terms.astype(accumulator):
        total = total + term
    return total

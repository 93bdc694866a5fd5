"""Layers made by hand, and a model of them that is run again by a function: no framework."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from nnparity.adapters.capture.layer import Layer
from nnparity.porting.pairs.pair import Pair
from nnparity.porting.rows import Row

Function = Callable[..., Any]


def array(*shape: int, seed: int = 0, dtype: Any = np.float32) -> Any:
    return np.random.default_rng((seed, *shape)).normal(size=shape).astype(dtype)


def dense(x: Any, w: Any, b: Any) -> Any:
    return (x @ w.T + b).astype(x.dtype)


def layer_norm(x: Any, gamma: Any, beta: Any, eps: float = 1e-12) -> Any:
    centred = x - x.mean(-1, keepdims=True)
    deviation = np.sqrt((centred * centred).mean(-1, keepdims=True) + np.float32(eps))
    return (centred / deviation * gamma + beta).astype(x.dtype)


def relu(x: Any) -> Any:
    return np.maximum(x, 0)


FUNCTIONS: dict[str, Function] = {"dense": dense, "layer_norm": layer_norm, "relu": relu, "identity": lambda x: x}


def layer(name: str, kind: str, x: Any, weights: Mapping[str, Any] | None = None, **settings: Any) -> Layer:
    """What it returns is what its function gives."""
    weights = weights or {}
    y = FUNCTIONS[kind](x, **weights, **settings)
    return Layer(name, kind.title(), kind, settings, {"x": x}, weights, {"output": y})


def unknown(name: str, x: Any, y: Any) -> Layer:
    return Layer(name, "Unknown", inputs={"x": x}, outputs={"output": y})


def row(a: Layer, b: Layer, function: Function | None = None) -> Row:
    """The pair, judged; b's layer is run again as `function`, or as what it is."""
    run = function or (lambda x: FUNCTIONS[b.kind](x, **b.weights, **b.settings))
    return Pair(a, b, (a.name, b.name), lambda inputs: {"output": run(inputs["x"])}).row()


def linear(outward: int = 4, inward: int = 6, seed: int = 1, dtype: Any = np.float32) -> dict[str, Any]:
    return {"w": array(outward, inward, seed=seed, dtype=dtype), "b": array(outward, seed=seed, dtype=dtype)}


def attended(q: Any, k: Any, v: Any, scale: float = 0.5, keep: Any = 1) -> Any:
    """In two heads of 4, as fused attention does; `keep` is 0 where a score does not count."""
    q, k, v = (x.astype(np.float64).reshape(2, 5, 2, 4).swapaxes(1, 2) for x in (q, k, v))
    powers = np.exp(scale * (q @ k.swapaxes(2, 3))) * keep
    return (powers / powers.sum(-1, keepdims=True) @ v).swapaxes(1, 2).reshape(2, 5, 8)


def behind(code: Function, fused: bool = False) -> list[Layer]:
    """Three dense layers, or one for all, and another that receives what the model's code makes of their results."""
    x = array(2, 5, 8)
    names = ["qkv"] if fused else list("qkv")
    before = [layer(name, "dense", x, linear(24 // len(names), 8, seed)) for seed, name in enumerate(names)]
    y = code(*np.split(np.concatenate([one.y for one in before], -1), 3, axis=-1)).astype(np.float32)
    return [*before, layer("o", "dense", y, linear(8, y.shape[-1]))]

"""The formulas once more, in a few lines of NumPy each and far from the reference, and a small case of each.

`CASES` maps a formula to its case; arrays are named in the order of the spec.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import ml_dtypes  # noqa: F401  (bfloat16, for NumPy)
import numpy as np
from scipy import signal, special

from nnparity.adapters.request import Array, Request

DTYPES = ("float64", "float32", "float16", "bfloat16")


@dataclass(frozen=True)
class Case:
    """A formula in float64, and how to draw its inputs. `draw` overrides the normal distribution of an input."""

    formula: Callable[..., Any]
    shapes: dict[str, tuple[int, ...]]
    attributes: dict[str, Any] = field(default_factory=dict)
    outputs: tuple[str, ...] = ("output",)
    wrt: tuple[str, ...] | None = None
    draw: dict[str, str] = field(default_factory=dict)

    @property
    def differentiated(self) -> tuple[str, ...]:
        if self.wrt is not None:
            return self.wrt
        return tuple(name for name in self.shapes if self.draw.get(name) not in ("labels", "mask"))

    def request(self, name: str, dtype: str, quantities: frozenset[str], move: float = 0.0) -> Request:
        """The case in a dtype; `move` shifts the inputs along the tangents."""
        inputs = {
            key: _draw(self.draw.get(key, "normal"), shape, f"{name} {key}") for key, shape in self.shapes.items()
        }
        tangents = {key: _draw("normal", self.shapes[key], f"{name} {key} t") for key in self.differentiated}
        moved = {key: x + move * tangents[key] if key in tangents else x for key, x in inputs.items()}
        results = self.value(inputs)
        cotangents = {
            key: _draw("normal", y.shape, f"{name} {key}") for key, y in zip(self.outputs, results, strict=True)
        }
        cast = lambda group: {key: x if x.dtype.kind == "i" else x.astype(dtype) for key, x in group.items()}  # noqa: E731
        wrt = self.differentiated
        return Request(
            name, cast(moved), self.attributes, wrt, self.outputs, cast(cotangents), cast(tangents), quantities, dtype
        )

    def value(self, inputs: dict[str, Array]) -> tuple[Array, ...]:
        """The outputs, in float64."""
        result = self.formula(*inputs.values(), **self.attributes)
        return tuple(np.asarray(y) for y in (result if isinstance(result, tuple) else (result,)))


def _draw(kind: str, shape: tuple[int, ...], key: str) -> Array:
    """Values that every dtype holds exactly, from a seed of their own."""
    rng = np.random.default_rng(list(key.encode()))
    if kind == "labels":
        return rng.integers(0, 3, shape)
    if kind == "mask":
        return np.concatenate([np.ones((*shape[:-1], 1), int), rng.integers(0, 2, (*shape[:-1], shape[-1] - 1))], -1)
    x = rng.normal(size=shape)
    if kind == "probabilities":
        x = special.softmax(x, -1)
    elif kind == "probability":
        x = special.expit(x)
    elif kind == "positive":
        x = np.square(x) + 0.1
    elif kind == "position":
        x = np.arange(shape[0])
    elif kind == "small":
        x = x / 2
    return np.asarray(x).astype("bfloat16").astype(float)


def softmax(x: Array) -> Array:
    return special.softmax(x, -1)


def conv2d(x: Array, w: Array) -> Array:
    each = [[sum(signal.convolve2d(c, k, "valid") for c, k in zip(a, o, strict=True)) for o in w] for a in x]
    return np.array(each)


def pool(x: Array, stride: int, reduce: Callable[..., Any]) -> Array:
    windows = np.lib.stride_tricks.sliding_window_view(x, (2, 2), (2, 3))
    return reduce(windows[:, :, ::stride, ::stride], (-2, -1))


def lstm_step(x: Array, h: Array, c: Array, wx: Array, wh: Array, b: Array) -> tuple[Array, Array]:
    z = [x @ wx[gate].T + h @ wh[gate].T + b[gate] for gate in range(4)]
    i, f, o = special.expit(z[:3])
    c = f * c + i * np.tanh(z[3])
    return o * np.tanh(c), c


def lstm(x: Array, h: Array, c: Array, wx: Array, wh: Array, b: Array) -> tuple[Array, Array]:
    states = []
    for t in range(x.shape[1]):
        h, c = lstm_step(x[:, t], h, c, wx, wh, b)
        states.append(h)
    return np.stack(states, 1), c


def lstm_stacked(x: Array, wx1: Array, wh1: Array, b1: Array, wx2: Array, wh2: Array, b2: Array) -> Array:
    zero = np.zeros((len(x), b1.shape[1]))
    return lstm(lstm(x, zero, zero, wx1, wh1, b1)[0], zero, zero, wx2, wh2, b2)[0][:, -1]


def attention(q: Array, k: Array, v: Array, mask: Array | None = None) -> Array:
    scores = q @ k.swapaxes(-1, -2) / np.sqrt(q.shape[-1])
    return softmax(scores if mask is None else np.where(mask[:, None] == 1, scores, -np.inf)) @ v


def multi_head_attention(h: Array, *projections: Array, heads: int) -> Array:
    p = dict(zip(PROJECTIONS, projections, strict=True))
    q, k, v = (np.split(h @ p[f"w{a}"] + p[f"b{a}"], heads, -1) for a in "qkv")
    return np.concatenate([attention(*qkv) for qkv in zip(q, k, v, strict=True)], -1) @ p["wo"] + p["bo"]


def layer_norm(x: Array, gamma: Array, beta: Array, eps: float) -> Array:
    return (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + eps) * gamma + beta


def positional_encoding(position: Array, d: int) -> Array:
    y = np.zeros((len(position), d))
    for row, place in enumerate(position):
        for column in range(d):
            angle = place / 10000 ** (2 * (column // 2) / d)
            y[row, column] = np.cos(angle) if column % 2 else np.sin(angle)
    return y


def mlp_backprop(x: Array, w1: Array, b1: Array, w2: Array, b2: Array, t: Array) -> tuple[Array, ...]:
    h = special.expit(x @ w1.T + b1)
    y = special.expit(h @ w2.T + b2)
    delta_out = (y - t) * y * (1 - y) / len(x)
    delta_hidden = delta_out @ w2 * h * (1 - h)
    slopes = [slope for delta, fed in ((delta_out, h), (delta_hidden, x)) for slope in (delta.T @ fed, delta.sum(0))]
    return h, y, ((y - t) ** 2).sum() / (2 * len(x)), delta_out, delta_hidden, *slopes


def adam(
    w: Array,
    m: Array,
    v: Array,
    g: Array,
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    step: int,
    hat: bool = False,
) -> tuple[Array, Array, Array]:
    m, v = beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g**2
    if hat:
        eps = eps / np.sqrt(1 - beta2**step)
    return w - lr * (m / (1 - beta1**step)) / (np.sqrt(v / (1 - beta2**step)) + eps), m, v


RECURRENT = {"h": (2, 4), "c": (2, 4), "wx": (4, 4, 3), "wh": (4, 4, 4), "b": (4, 4)}
SEQUENCE = {"x": (2, 3, 3), **RECURRENT}
IMAGE = {"x": (2, 3, 6, 4)}
FLAT = {"x": (3, 5)}
PROJECTIONS = {f"w{a}": (4, 4) for a in "qkvo"} | {f"b{a}": (4,) for a in "qkvo"}
PENALTY = {"w": (5,)}
JUDGED = {"real": "probability", "fake": "probability"}
MOMENTS = {"w": (5,), "m": (5,), "v": (5,), "g": (5,)}
ADAM = {"lr": 0.5, "beta1": 0.9, "beta2": 0.999, "eps": 1e-3, "step": 3}
STEPPED = ("w_next", "m_next", "v_next")

CASES = {
    "dense": Case(lambda x, w, b: x @ w.T + b, {"x": (3, 4), "w": (5, 4), "b": (5,)}),
    "sigmoid": Case(special.expit, FLAT),
    "tanh": Case(np.tanh, FLAT),
    "relu": Case(lambda x: np.maximum(x, 0), FLAT),
    "gelu": Case(lambda x: x * special.ndtr(x), FLAT),
    "softmax": Case(softmax, FLAT),
    "conv2d": Case(conv2d, {**IMAGE, "w": (4, 3, 3, 2)}),
    "avg_pool2d": Case(lambda x: pool(x, 2, np.mean), IMAGE),
    "avg_pool2d_literal": Case(lambda x: pool(x, 1, np.mean), IMAGE),
    "max_pool2d": Case(lambda x: pool(x, 2, np.max), IMAGE),
    "flatten": Case(lambda x: x.reshape(len(x), -1), IMAGE),
    "layer_norm": Case(layer_norm, {"x": (3, 5), "gamma": (5,), "beta": (5,)}, {"eps": 1e-3}),
    "embedding": Case(lambda ids, table: table[ids], {"ids": (2, 4), "table": (3, 5)}, draw={"ids": "labels"}),
    "lstm_step": Case(lstm_step, {"x": (2, 3), **RECURRENT}, outputs=("h_next", "c_next")),
    "lstm": Case(lstm, SEQUENCE, outputs=("y", "c_last")),
    "lstm_last": Case(lambda *inputs: lstm(*inputs)[0][:, -1], SEQUENCE),
    "lstm_stacked": Case(
        lstm_stacked,
        {
            "x": (2, 3, 3),
            "wx1": (4, 4, 3),
            "wh1": (4, 4, 4),
            "b1": (4, 4),
            "wx2": (4, 4, 4),
            "wh2": (4, 4, 4),
            "b2": (4, 4),
        },
    ),
    "attention": Case(attention, {"q": (2, 3, 4), "k": (2, 5, 4), "v": (2, 5, 6)}),
    "masked_attention": Case(
        attention, {"q": (2, 3, 4), "k": (2, 5, 4), "v": (2, 5, 2), "mask": (2, 5)}, draw={"mask": "mask"}
    ),
    "residual_attention": Case(
        lambda h, wq, wk, wv: attention(h @ wq, h @ wk, h @ wv) + h,
        {"h": (2, 3, 4), "wq": (4, 3), "wk": (4, 3), "wv": (4, 4)},
    ),
    "multi_head_attention": Case(
        multi_head_attention, {"h": (2, 3, 4), **PROJECTIONS}, {"heads": 2}, draw=dict.fromkeys(PROJECTIONS, "small")
    ),
    "positional_encoding": Case(
        positional_encoding, {"position": (6,)}, {"d": 6}, wrt=(), draw={"position": "position"}
    ),
    "mse": Case(lambda y, t: np.sum((y - t) ** 2) / (2 * len(y)), {"y": (3, 4), "t": (3, 4)}),
    "cross_entropy": Case(
        lambda p, t: -np.sum(t * np.log(p)) / len(p),
        {"p": (3, 4), "t": (3, 4)},
        draw={"p": "probabilities", "t": "probabilities"},
    ),
    "cross_entropy_logits": Case(
        lambda z, t: -np.sum(t * special.log_softmax(z, -1)) / len(z),
        {"z": (3, 4), "t": (3, 4)},
        draw={"t": "probabilities"},
    ),
    "sparse_cross_entropy": Case(
        lambda p, labels: -np.mean(np.log(p[np.arange(len(p)), labels])),
        {"p": (3, 4), "labels": (3,)},
        draw={"p": "probabilities", "labels": "labels"},
    ),
    "sparse_cross_entropy_logits": Case(
        lambda z, labels: -np.mean(special.log_softmax(z, -1)[np.arange(len(z)), labels]),
        {"z": (3, 4), "labels": (3,)},
        draw={"labels": "labels"},
    ),
    "l1_penalty": Case(lambda w, lam: lam * np.sum(np.abs(w)), PENALTY, {"lam": 0.25}),
    "l2_penalty": Case(lambda w, lam: lam * np.sum(w**2), PENALTY, {"lam": 0.25}),
    "gan_discriminator_loss": Case(
        lambda real, fake: -(np.log(real) + np.log(1 - fake)).mean(), {"real": (5,), "fake": (5,)}, draw=JUDGED
    ),
    "gan_generator_minimax": Case(lambda fake: np.log(1 - fake).mean(), {"fake": (5,)}, draw=JUDGED),
    "gan_generator_nonsaturating": Case(lambda fake: -np.log(fake).mean(), {"fake": (5,)}, draw=JUDGED),
    "gradient_descent": Case(lambda w, g, lr: w - lr * g, {"w": (5,), "g": (5,)}, {"lr": 0.125}, wrt=()),
    "minibatch_gradient_descent": Case(
        lambda w, g, lr: w - lr * g.mean(0), {"w": (5,), "g": (4, 5)}, {"lr": 0.125}, wrt=()
    ),
    "mlp_backprop": Case(
        mlp_backprop,
        {"x": (3, 5), "w1": (4, 5), "b1": (4,), "w2": (2, 4), "b2": (2,), "t": (3, 2)},
        outputs=("h", "y", "error", "delta_out", "delta_hidden", "dw2", "db2", "dw1", "db1"),
        wrt=(),
    ),
    "adam": Case(adam, MOMENTS, ADAM, STEPPED, wrt=(), draw={"v": "positive"}),
    "adam_eps_hat": Case(partial(adam, hat=True), MOMENTS, ADAM, STEPPED, wrt=(), draw={"v": "positive"}),
}

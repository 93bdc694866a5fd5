"""The layers of models that have a formula: on arrays of any reading, in the spec's layout, whatever leads the axes.

Most are formulas of the spec, whose known wrong readings they share; a few are made of them: a convolution with a bias,
strides and padding, pooling of other windows, attention in heads with padding, batch normalisation in evaluation.
"""

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from nnparity.reference.formulas import activation, bert, convolution, loss, mlp, recurrent, transformer
from nnparity.reference.formulas.layer_norm import layer_norm as over_the_last_axis
from nnparity.reference.readings.numbers import logistic
from nnparity.spec.schema import Variant

Pads = tuple[tuple[int, int], tuple[int, int]]
Pair = tuple[int, int]
NO_PADS: Pads = ((0, 0), (0, 0))
#: Where a GRU has its reset gate: behind the product of the states, as cuDNN has it, or on the state before it.
BEHIND, EARLY = "behind the product", "before the product"


def dense(x: Any, w: Any, b: Any = None, **variant: Any) -> Any:
    """As in the spec, for any axes before the last."""
    rows = np.reshape(x, (-1, x.shape[-1]))
    y = mlp.dense(rows, w, b, **variant) if b is not None else np.einsum("ni,ji->nj", rows, w)
    return np.reshape(y, (*x.shape[:-1], w.shape[0]))


def conv2d(
    x: Any,
    w: Any,
    b: Any = None,
    *,
    strides: Pair = (1, 1),
    padding: Pads = NO_PADS,
    flip: str = "none",
    **special: Any,
) -> Any:
    """The frameworks' convolution: the kernel is not flipped, there is a bias for each channel."""
    padded = np.pad(x, ((0, 0), (0, 0), *padding)) if np.any(padding) else x
    y = convolution.conv2d(padded, w, flip=flip, **special)[:, :, :: strides[0], :: strides[1]]
    return y if b is None else y + np.expand_dims(b, (1, 2))


def conv1d(
    x: Any, w: Any, b: Any = None, *, strides: tuple[int] = (1,), padding: tuple[Pair] = ((0, 0),), **variant: Any
) -> Any:
    """The same along one axis: an image of one row."""
    rows = {"strides": (1, *strides), "padding": ((0, 0), *padding), **variant}
    return conv2d(np.expand_dims(x, 2), np.expand_dims(w, 2), b, **rows)[:, :, 0]


def max_pool2d(x: Any, *, size: Pair = (2, 2), strides: Pair = (2, 2), padding: Pads = NO_PADS, **variant: Any) -> Any:
    """The largest number of each window; one past the edge has the edge in it, whose copies change no maximum."""
    x = np.pad(x, ((0, 0), (0, 0), *padding), mode="edge") if np.any(padding) else x
    if size == strides == (2, 2):
        return convolution.max_pool2d(x, **variant)
    cut = windows(x, size, strides)
    return np.max(np.reshape(cut, (*cut.shape[:4], size[0] * size[1])), axis=4)


def avg_pool2d(x: Any, *, size: Pair = (2, 2), strides: Pair = (2, 2), **variant: Any) -> Any:
    """The mean of each window."""
    if size == strides == (2, 2):
        return convolution.avg_pool2d(x, **variant)
    return np.sum(windows(x, size, strides), axis=(4, 5)) / float(size[0] * size[1])


def windows(x: Any, size: Pair, strides: Pair) -> Any:
    """Every window: (n, c, h', w', p, q)."""
    return sliding_window_view(x, size, axis=(2, 3))[:, :, :: strides[0], :: strides[1]]


def layer_norm(
    x: Any,
    gamma: Any,
    beta: Any,
    *,
    eps: float = 1e-12,
    axes: Sequence[int] = (-1,),
    outside: bool = False,
    **variant: Any,
) -> Any:
    """As in the spec, over the last axis; or over others, or with epsilon added to the root."""
    over = tuple(axis for axis in axes if x.ndim >= -axis)
    if over == (-1,) and not outside:
        return over_the_last_axis(x, gamma, beta, eps=eps, **variant)
    count = float(math.prod(x.shape[axis] for axis in over))
    centred = x - np.sum(x, axis=over, keepdims=True) / count
    variance = np.sum(np.square(centred), axis=over, keepdims=True) / count
    return centred / _root(variance, eps, outside) * gamma + beta


def _root(square: Any, eps: float, outside: bool) -> Any:
    return np.sqrt(square) + eps if outside else np.sqrt(square + eps)


def batch_norm(
    x: Any, gamma: Any, beta: Any, mean: Any, variance: Any, *, eps: float = 1e-5, outside: bool = False
) -> Any:
    """In evaluation: with the mean and the variance of its channels that training left.

    As one factor and one summand for each channel, as most libraries have it: of all ways the one that loses most.
    """
    beside = tuple(range(1, x.ndim - 1))
    factor = gamma / _root(variance, eps, outside)
    factor, summand = (np.expand_dims(one, beside) for one in (factor, beta - mean * factor))
    return x * factor + summand


def rms_norm(x: Any, gamma: Any, *, eps: float = 1e-6, outside: bool = False) -> Any:
    """By the root mean square of the last axis, nothing taken away."""
    return x / _root(np.sum(np.square(x), axis=-1, keepdims=True) / x.shape[-1], eps, outside) * gamma


def global_avg_pool2d(x: Any, *, keep: bool = False) -> Any:
    """The mean of each channel, its axes kept or not."""
    y = np.sum(x, axis=(2, 3)) / float(x.shape[2] * x.shape[3])
    return np.reshape(y, (*y.shape, 1, 1)) if keep else y


def softmax(x: Any, *, axis: int = -1, log: bool = False, **variant: Any) -> Any:
    """Over an axis; or its logarithm, which does not underflow where it does."""
    if not log:
        return transformer.softmax(x, axis=axis, **variant)
    return np.swapaxes(loss.log_softmax(np.swapaxes(x, axis, -1)), axis, -1)


def log_softmax(x: Any, *, axis: int = -1, log: bool = True) -> Any:
    """Its logarithm, over an axis."""
    return softmax(x, axis=axis, log=log)


def silu(x: Any) -> Any:
    """x σ(x)."""
    return bert.gelu(x, kind="silu")


def lstm(
    x: Any,
    wx: Any,
    wh: Any,
    b: Any = None,
    b2: Any = None,
    h: Any = None,
    c: Any = None,
    *,
    sequences: bool = True,
    **variant: Any,
) -> tuple[Any, Any, Any]:
    """All hidden states, or the last; then the last hidden and cell state. Two biases are added to each other."""
    zero = np.zeros((x.shape[0], wh.shape[1]))
    h, c = (zero if one is None else one for one in (h, c))
    biases = [one for one in (b, b2) if one is not None]
    both = biases[0] + biases[1] if len(biases) == 2 else biases[0] if biases else np.zeros(wh.shape[:2])
    states, last = recurrent.lstm(x, h, c, wx, wh, both, **variant)
    return states if sequences else states[:, -1], states[:, -1], last


def gru(
    x: Any,
    wx: Any,
    wh: Any,
    b: Any = None,
    bh: Any = None,
    h: Any = None,
    *,
    sequences: bool = True,
    reset: str = BEHIND,
    swapped: bool = False,
) -> tuple[Any, Any]:
    """All hidden states h_t = (1 - z) n + z h_{t-1}, or the last; then the last. The gates are in the order r, z, n."""
    h = np.zeros((x.shape[0], wh.shape[1])) if h is None else h
    b, bh = (np.zeros(wh.shape[:2]) if one is None else one for one in (b, bh))
    states = []
    for t in range(x.shape[1]):
        a = np.einsum("nk,gmk->gnm", x[:, t], wx) + np.expand_dims(b, 1)
        u = np.einsum("nm,gpm->gnp", h, wh[:2]) + np.expand_dims(bh[:2], 1)
        r, z = logistic(a[0] + u[0]), logistic(a[1] + u[1])
        product = np.einsum("nm,pm->np", r * h if reset == EARLY else h, wh[2]) + bh[2]
        n = np.tanh(a[2] + (product if reset == EARLY else r * product))
        h = z * n + (1 - z) * h if swapped else (1 - z) * n + z * h
        states.append(h)
    return np.stack(states, axis=1) if sequences else h, h


def multi_head_attention(
    query: Any,
    value: Any,
    wq: Any,
    wk: Any,
    wv: Any,
    wo: Any,
    key: Any = None,
    bq: Any = None,
    bk: Any = None,
    bv: Any = None,
    bo: Any = None,
    *,
    heads: int = 1,
    scaling: str = "root of d",
    axis: int = -1,
    **variant: Any,
) -> Any:
    """Attention in each head on its share of the projections, put together and projected once more."""
    key = value if key is None else key
    parts = (_project(x, w, b) for x, w, b in ((query, wq, bq), (key, wk, bk), (value, wv, bv)))
    return _project(in_heads(*parts, heads=heads, scaling=scaling, axis=axis, **variant), wo, bo)


def in_heads(query: Any, key: Any, value: Any, *, heads: int = 1, factor: float = 1.0, **variant: Any) -> Any:
    """Attention in each head on its share of the width, the scores times a `factor` beside 1/√d_k."""
    q, k, v = (_split(x, heads) for x in (_scaled(query, factor), key, value))
    return _joined(transformer.attention(q, k, v, **variant), heads)


def masked_in_heads(
    query: Any, key: Any, value: Any, mask: Any, *, heads: int = 1, factor: float = 1.0, **variant: Any
) -> Any:
    """The same, without the keys that are padding."""
    q, k, v = (_split(x, heads) for x in (_scaled(query, factor), key, value))
    return _joined(bert.masked_attention(q, k, v, np.repeat(mask, heads, axis=0), **variant), heads)


def _scaled(query: Any, factor: float) -> Any:
    return query if factor == 1 else query * factor


def _joined(y: Any, heads: int) -> Any:
    n, t, d = y.shape
    apart = np.transpose(np.reshape(y, (n // heads, heads, t, d)), (0, 2, 1, 3))
    return np.reshape(apart, (n // heads, t, heads * d))


def total(x0: Any, x1: Any = None, x2: Any = None) -> Any:
    """The sum, in order."""
    y = x0
    for x in (x1, x2):
        y = y if x is None else y + x
    return y


def _project(x: Any, w: Any, b: Any) -> Any:
    y = np.einsum("btd,de->bte", x, w)
    return y if b is None else y + b


def _split(x: Any, heads: int) -> Any:
    """(n, t, d) into (n heads, t, d/heads): to the formula of attention, a head is one more sequence."""
    n, t, d = x.shape
    apart = np.transpose(np.reshape(x, (n, t, heads, d // heads)), (0, 2, 1, 3))
    return np.reshape(apart, (n * heads, t, d // heads))


def flatten(x: Any, *, order: str = "nchw") -> Any:
    """Images in one of the orders of their axes, others as they lie."""
    return convolution.flatten(x, order=order) if x.ndim == 4 else np.reshape(x, (x.shape[0], -1))


def identity(x: Any) -> Any:
    """What goes in."""
    return x


@dataclass(frozen=True)
class Kind:
    """A layer's formula: its function, and the formula of the spec whose wrong readings it may be taken for."""

    function: Callable[..., Any]
    like: str = ""
    #: further wrong readings, as the spec writes them
    variants: Mapping[str, Variant] = field(default_factory=dict)
    #: how many axes its first array has; 0 for any number
    rank: int = 0

    @property
    def parameters(self) -> list[str]:
        """The names of its arrays, in order."""
        found = inspect.signature(self.function).parameters.values()
        return [one.name for one in found if one.kind is one.POSITIONAL_OR_KEYWORD]

    def takes(self, names: Mapping[str, Any]) -> bool:
        """Whether these are all of its arrays, and no others, and the first of as many axes."""
        try:
            inspect.signature(self.function).bind(**names)
        except TypeError:
            return False
        if not names.keys() <= set(self.parameters):
            return False
        return not self.rank or names[self.parameters[0]].ndim == self.rank


def _of(reference: Any) -> Callable[..., Any]:
    function: Callable[..., Any] = reference.forward
    return function


FLIPPED = {
    flip: Variant({"flip": flip}, says)
    for flip, says in {
        "both": "the kernel is flipped: a true convolution",
        "rows": "the kernel is flipped along its rows",
        "columns": "the kernel is flipped along its columns",
    }.items()
}
PLAIN = "computes the plain ReLU, neither leaky nor cut off"
OUTSIDE = {"outside": Variant({"outside": True}, "epsilon is added to the root, not inside of it")}
OTHER_AXES = {
    "before": Variant({"axes": [-2]}, "normalised over the axis before the last"),
    "both": Variant({"axes": [-2, -1]}, "normalised over the last two axes together"),
}
GRUS = {
    "early": Variant({"reset": EARLY}, "the reset gate is applied to h, before the product"),
    "behind": Variant({"reset": BEHIND}, "the reset gate is applied behind the product, not to h"),
    "swapped": Variant({"swapped": True}, "z and 1 - z are swapped: h_t = z n + (1 - z) h"),
}
KINDS: dict[str, Kind] = {
    "dense": Kind(dense, "dense"),
    "conv2d": Kind(conv2d, variants=FLIPPED, rank=4),
    "conv1d": Kind(conv1d, variants={"both": FLIPPED["both"]}, rank=3),
    "max_pool2d": Kind(max_pool2d, "max_pool2d", rank=4),
    "avg_pool2d": Kind(avg_pool2d, "avg_pool2d", rank=4),
    "layer_norm": Kind(layer_norm, "layer_norm", OUTSIDE | OTHER_AXES),
    "batch_norm": Kind(batch_norm, variants=OUTSIDE),
    "rms_norm": Kind(rms_norm, variants=OUTSIDE),
    "global_avg_pool2d": Kind(global_avg_pool2d, rank=4),
    "silu": Kind(silu),
    "embedding": Kind(_of(bert.embedding), "embedding"),
    "softmax": Kind(softmax, "softmax", {"log": Variant({"log": True}, "the logarithm of the softmax")}),
    "log_softmax": Kind(log_softmax, variants={"plain": Variant({"log": False}, "the softmax, not its logarithm")}),
    "relu": Kind(_of(activation.relu), "relu", {"plain": Variant({"slope": 0.0, "ceiling": math.inf}, PLAIN)}),
    "tanh": Kind(_of(activation.tanh), "tanh"),
    "sigmoid": Kind(_of(activation.sigmoid), "sigmoid"),
    "gelu": Kind(_of(bert.gelu), "gelu"),
    "lstm": Kind(lstm, "lstm", rank=3),
    "gru": Kind(gru, variants=GRUS, rank=3),
    "multi_head_attention": Kind(multi_head_attention, "attention", rank=3),
    "flatten": Kind(flatten, "flatten"),
    "identity": Kind(identity),
    "sum": Kind(total),
    "heads": Kind(in_heads, rank=3),
    "masked_heads": Kind(masked_in_heads, rank=3),
    "result": Kind(identity),
}

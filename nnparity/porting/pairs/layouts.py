"""What two models have of the same numbers, brought into one order: axes that lie otherwise, features that do.

A layer that is known is told in the spec's layout. Of others only the shapes are known, and behind a flattened image
the features come in the order in which the framework has its axes: there the order is the one in which both agree best.
"""

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from nnparity.adapters.capture.layer import RESULT, Layer
from nnparity.adapters.request import Array
from nnparity.reference.readings.budget.core import COMPOSED

#: The orders of an image's axes in which frameworks flatten it, and that of the spec.
OURS = "c, h, w"
ORDERS = {"h, w, c": (1, 2, 0), "w, h, c": (2, 1, 0), "c, w, h": (0, 2, 1)}
#: Axes of which all orders are tried.
MOST = 4
#: Kinds that treat each row by itself, whatever axes there are before the last; and those that treat each number so.
ROWS = ("dense", "layer_norm", "rms_norm", "softmax", "log_softmax")
ELEMENTWISE = ("identity", "relu", "tanh", "sigmoid", "gelu", "silu")
NUMBERS = (*ELEMENTWISE, "embedding")
#: Kinds that may have something around what they take.
PADDED = ("conv1d", "conv2d", "max_pool2d")
#: Kinds that take sequences of the batch, as their own setting says in which order: another one is another layer.
RECURRENT = ("lstm", "gru")
SEQUENCES = (*RECURRENT, "multi_head_attention")


@dataclass(frozen=True)
class Turn:
    """How an array of a lies in b: its axes in another order, the last of them alone, or in rows otherwise cut.

    `shape` is that of b where only the axes before the last differ, `cut` that of what a returns. `wrong` is one that
    a layer's own setting rules out.
    """

    axes: tuple[int, ...] | None = None
    features: Array | None = None
    says: str = ""
    shape: tuple[int, ...] = ()
    cut: tuple[int, ...] = ()
    wrong: bool = False

    def there(self, array: Array) -> Array:
        """From a to b."""
        if self.axes is not None and array.ndim == len(self.axes):
            return np.ascontiguousarray(np.transpose(array, self.axes))
        if self.shape and array.size == math.prod(self.shape):
            return array.reshape(self.shape)
        return array if self.features is None else np.ascontiguousarray(array[..., self.features])

    def back(self, array: Array) -> Array:
        """From b to a, of what a layer returns: axes that were moved are moved back."""
        if self.axes is not None and array.ndim >= len(self.axes):  # an embedding puts an axis behind
            axes = (*np.argsort(self.axes), *range(len(self.axes), array.ndim))
            return np.ascontiguousarray(np.transpose(array, axes))
        return array.reshape(self.cut) if self.cut and array.size == math.prod(self.cut) else array


SAME = Turn()
EXCHANGED = Turn(
    (1, 0, 2),
    says="b's layer takes the batch for time: its batch_first is another, or code before it exchanges the two",
    wrong=True,
)


def turn(a: Layer, b: Layer, images: Sequence[tuple[int, ...]] = ()) -> Turn:
    """The turn under which what b received is nearest to what a did. `images` are shapes that may be flattened."""
    x, y = a.x, b.x
    if x is None or y is None or x.size != y.size:
        return SAME
    if a.kind == b.kind and a.kind in SEQUENCES and x.ndim == 3:
        nearer = difference(x, y) > COMPOSED * difference(EXCHANGED.there(x), y)
        return EXCHANGED if nearer else SAME
    result = a.kind == b.kind == RESULT
    if x.ndim != y.ndim and x.shape[-1] == y.shape[-1] and not result:
        return Turn(shape=y.shape, cut=() if a.y is None else a.y.shape)
    fixed = _fixed(a.kind, x.ndim) if a.kind == b.kind else 0
    turns = _channels(x.ndim) if result else _turns(x, images, fixed)
    found = [one for one in (SAME, *turns) if one.there(x).shape == y.shape]
    return _nearest(found, x, y, _by_weights(found, a, b)) if found else SAME


def _fixed(kind: str, rank: int) -> int:
    """How many of the last axes cannot lie otherwise, as the layout of the layer is known."""
    free = not kind or kind in NUMBERS
    return 0 if free else 1 if kind in ROWS else rank


def _nearest(found: Sequence[Turn], x: Array, y: Array, by_weights: Turn | None) -> Turn:
    """By what was received, if one order is far nearer than all others; else by the weights, if they tell."""
    off = sorted(((difference(one.there(x), y), place) for place, one in enumerate(found)))
    nearest = found[off[0][1]]
    clear = len(off) == 1 or off[1][0] > COMPOSED * off[0][0]
    return nearest if clear or by_weights is None else by_weights


def _by_weights(found: Sequence[Turn], a: Layer, b: Layer) -> Turn | None:
    """The order of features in which both have the same weights."""
    x, y = (one.weights.get("w") if one.kind == "dense" else None for one in (a, b))
    return None if x is None or y is None else next((one for one in found if _equal(one, x, y)), None)


def _equal(one: Turn, x: Array, y: Array) -> bool:
    return one.axes is None and not one.shape and np.array_equal(one.there(x), y)


def moved(a: Array, b: Array, images: Sequence[tuple[int, ...]]) -> float:
    """The difference of two flattened images, in the order in which they are nearest."""
    return min(apart(one.there(a), b) for one in (SAME, *_turns(a, images, a.ndim)))


def repadded(a: Layer, b: Layer) -> Layer:
    """a's convolution, the zeros around its image put there as b's has them: by itself, or by a layer before.

    So too its pooling, where no number is below zero: the largest of a window is the same with zeros past the edge.
    """
    x, own, theirs = a.x, a.settings.get("padding"), b.settings.get("padding")
    if a.kind != b.kind or a.kind not in PADDED or x is None or own is None or theirs is None or own == theirs:
        return a
    if a.kind == "max_pool2d" and np.any(x < 0):
        return a
    whole = np.pad(x, ((0, 0), (0, 0), *own))
    inner = (slice(before, size - behind) for size, (before, behind) in zip(whole.shape[2:], theirs, strict=True))
    cut = whole[(slice(None), slice(None), *inner)]
    if b.x is None or cut.shape != b.x.shape or np.count_nonzero(cut) != np.count_nonzero(whole):
        return a
    return replace(a, inputs={**a.inputs, "x": np.ascontiguousarray(cut)}, settings={**a.settings, "padding": theirs})


def _channels(rank: int) -> Iterator[Turn]:
    """Of what a model returns, who calls it knows the order; only where frameworks have the channels may differ."""
    if 3 <= rank <= 5:
        beside = range(1, rank - 1)
        for order in ((0, *(one + 1 for one in beside), 1), (0, rank - 1, *beside)):
            yield Turn(axes=order, says=_order(order))


def _order(axes: tuple[int, ...]) -> str:
    return f"its axes lie in the order {axes}"


def _turns(a: Array, images: Sequence[tuple[int, ...]], fixed: int) -> Iterator[Turn]:
    free = a.ndim - fixed
    if 1 < free <= MOST:
        for axes in itertools.permutations(range(free)):
            order = (*axes, *range(free, a.ndim))
            yield Turn(axes=order, says=_order(order))
    for shape in images:
        if a.ndim == 2 and math.prod(shape) == a.shape[-1]:
            for says, axes in ORDERS.items():
                features = np.transpose(np.arange(a.shape[-1]).reshape(shape), axes).ravel()
                yield Turn(features=features, says=f"the features come in the order {says}, those of a in {OURS}")
                yield Turn(
                    features=np.argsort(features), says=f"the features come in the order {OURS}, those of a in {says}"
                )


def padded(x: Array, y: Array) -> bool:
    """Whether y is x with zeros around it."""
    if not x.ndim == y.ndim <= MOST or x.size >= y.size or any(n > m for n, m in zip(x.shape, y.shape, strict=True)):
        return False
    if np.count_nonzero(x) != np.count_nonzero(y):
        return False
    starts = itertools.product(*(range(m - n + 1) for n, m in zip(x.shape, y.shape, strict=True)))
    cuts = (tuple(slice(i, i + n) for i, n in zip(start, x.shape, strict=True)) for start in starts)
    return any(np.array_equal(y[cut], x) for cut in cuts)


def reordered(array: Array, shape: tuple[int, ...]) -> Iterator[Array]:
    """The array with its axes in each order in which it has this shape, as they are first."""
    if len(shape) == array.ndim <= MOST:
        for axes in itertools.permutations(range(array.ndim)):
            if tuple(array.shape[axis] for axis in axes) == shape:
                yield np.transpose(array, axes)


def flattened(layers: Sequence[Layer]) -> list[tuple[int, ...]]:
    """The shapes (c, h, w) of the images that a model has met, each once, the last first."""
    met = [layer.y.shape[1:] for layer in layers if layer.y is not None and layer.y.ndim == 4]
    return list(dict.fromkeys(reversed(met)))


def difference(a: Array, b: Array) -> float:
    """How far b is from a, relative to a, in the root mean square; infinite where one is no number or sizes differ.

    An infinity that both have, as masks of attention do, is no difference, and no size that another could hide in.
    """
    if a.shape != b.shape:
        if not _broadcasts(a, b):
            return math.inf
        a, b = np.broadcast_arrays(a, b)
    with np.errstate(all="ignore"):
        a, b = _without_infinities(a, b)
        size = size_of(a)
        off = size_of(b - a)
        if off == 0:
            return 0.0
        found = off / size if size else math.inf
    return found if math.isfinite(found) else math.inf


def apart(a: Array, b: Array) -> float:
    """The difference as a whole, or that of the row that is farthest off: one wrong row of many is lost in the mean.

    A row is measured by its own size, or by that of the whole where it is smaller: what is left of terms that cancel
    has the errors of these.
    """
    found = difference(a, b)
    if not math.isfinite(found) or not found:
        return found
    a, b = _without_infinities(*np.broadcast_arrays(a, b))
    return max(found, float(np.max(_by_rows(b - a) / np.maximum(_by_rows(a), size_of(a)))))


def _without_infinities(a: Array, b: Array) -> tuple[Array, Array]:
    """Both in double precision, with zeros in the place of infinities that they share."""
    a, b = wide(a), wide(b)
    shared = np.isinf(a) & (a == b)
    return np.where(shared, 0.0, a), np.where(shared, 0.0, b)


def _by_rows(array: Array) -> Array:
    """The root mean square of each row; numbers of one axis alone are so many rows."""
    sizes = np.abs(array)
    return sizes if array.ndim < 2 else np.sqrt(np.mean(np.square(sizes), axis=-1))


def _broadcasts(a: Array, b: Array) -> bool:
    """Whether one holds the other several times: positions that are the same for all samples."""
    try:
        return np.broadcast_shapes(a.shape, b.shape) in (a.shape, b.shape)
    except ValueError:
        return False


def size_of(array: Array) -> float:
    """The root mean square."""
    return float(np.sqrt(np.mean(np.square(np.abs(wide(array)))))) if array.size else 0.0


def wide(array: Array) -> Array:
    """In double precision; complex numbers stay what they are."""
    return array.astype(np.complex128 if array.dtype.kind == "c" else np.float64)

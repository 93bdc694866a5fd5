"""What two models have of the same numbers, brought into one order: axes that lie otherwise, features that do.

A layer that is known is told in the spec's layout. Of others only the shapes are known, and behind a flattened image
the features come in the order in which the framework has its axes: there the order is the one in which both agree best.
"""

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from nnparity.adapters.capture.layer import RESULT, Layer
from nnparity.adapters.request import Array
from nnparity.reference.readings.budget.core import COMPOSED

#: The orders of an image's axes in which frameworks flatten it, and that of the spec.
OURS = "c, h, w"
ORDERS = {"h, w, c": (1, 2, 0), "w, h, c": (2, 1, 0), "c, w, h": (0, 2, 1)}
#: Axes of which all orders are tried.
MOST = 4


@dataclass(frozen=True)
class Turn:
    """How an array of a lies in b: its axes in another order, the last of them alone, or in rows otherwise cut.

    `shape` is that of b where only the axes before the last differ, `cut` that of what a returns.
    """

    axes: tuple[int, ...] | None = None
    features: Array | None = None
    says: str = ""
    shape: tuple[int, ...] = ()
    cut: tuple[int, ...] = ()

    def there(self, array: Array) -> Array:
        """From a to b."""
        if self.axes is not None and array.ndim == len(self.axes):
            return np.ascontiguousarray(np.transpose(array, self.axes))
        if self.shape and array.size == math.prod(self.shape):
            return array.reshape(self.shape)
        return array if self.features is None else np.ascontiguousarray(array[..., self.features])

    def back(self, array: Array) -> Array:
        """From b to a, of what a layer returns: axes that were moved are moved back."""
        if self.axes is not None and array.ndim == len(self.axes):
            return np.ascontiguousarray(np.transpose(array, np.argsort(self.axes)))
        return array.reshape(self.cut) if self.cut and array.size == math.prod(self.cut) else array


SAME = Turn()


def turn(a: Layer, b: Layer, images: Sequence[tuple[int, ...]] = ()) -> Turn:
    """The turn under which what b received is nearest to what a did. `images` are shapes that may be flattened."""
    x, y = a.x, b.x
    if x is None or y is None or x.size != y.size:
        return SAME
    if x.ndim != y.ndim and x.shape[-1] == y.shape[-1]:
        return Turn(shape=y.shape, cut=() if a.y is None else a.y.shape)
    known = bool(a.kind and b.kind) and RESULT not in (a.kind, b.kind)
    found = [one for one in (SAME, *_turns(x, images, known)) if one.there(x).shape == y.shape]
    return _nearest(found, x, y, _by_weights(found, a, b)) if found else SAME


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
    return min(difference(one.there(a), b) for one in (SAME, *_turns(a, images, True)))


def _turns(a: Array, images: Sequence[tuple[int, ...]], known: bool) -> Iterator[Turn]:
    if not known and 2 < a.ndim <= MOST:
        for axes in itertools.permutations(range(a.ndim)):
            yield Turn(axes=axes, says=f"its axes lie in the order {axes}")
    for shape in images:
        if a.ndim == 2 and math.prod(shape) == a.shape[-1]:
            for says, axes in ORDERS.items():
                features = np.transpose(np.arange(a.shape[-1]).reshape(shape), axes).ravel()
                yield Turn(features=features, says=f"the features come in the order {says}, those of a in {OURS}")
                yield Turn(
                    features=np.argsort(features), says=f"the features come in the order {OURS}, those of a in {says}"
                )


def flattened(layers: Sequence[Layer]) -> list[tuple[int, ...]]:
    """The shapes (c, h, w) of the images that a model has met, each once, the last first."""
    met = [layer.y.shape[1:] for layer in layers if layer.y is not None and layer.y.ndim == 4]
    return list(dict.fromkeys(reversed(met)))


def difference(a: Array, b: Array) -> float:
    """How far b is from a, relative to a, in the root mean square; infinite where one is no number or sizes differ."""
    if a.shape != b.shape:
        return math.inf
    with np.errstate(all="ignore"):
        size = size_of(a)
        off = size_of(b.astype(np.float64) - a.astype(np.float64))
        if off == 0:
            return 0.0
        found = off / size if size else math.inf
    return found if math.isfinite(found) else math.inf


def size_of(array: Array) -> float:
    """The root mean square."""
    return float(np.sqrt(np.mean(np.square(array.astype(np.float64))))) if array.size else 0.0

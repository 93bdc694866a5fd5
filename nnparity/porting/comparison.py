"""All layers of two models that have run: paired, judged, and what lies between them."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from nnparity.adapters.capture.layer import Layer
from nnparity.adapters.request import Array
from nnparity.porting import unmatched
from nnparity.porting.between import with_between
from nnparity.porting.layers import Pair
from nnparity.porting.layouts import flattened
from nnparity.porting.pairing import paired, told_apart
from nnparity.porting.result import Ported
from nnparity.porting.rows import Row
from nnparity.porting.unmatched import Side
from nnparity.spec import DTYPES


class Model(Protocol):
    """A model of which a layer can be run again, on other inputs."""

    def again(self, place: int, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """What the layer of that place returns."""


def compared(a: Sequence[Layer], b: Sequence[Layer], model_b: Model, match: Mapping[str, str] | None = None) -> Ported:
    """Both models, layer by layer; b's layers are run on what a's received."""
    found = paired(a, b, match)
    one = Side(a, told_apart(a), dict(found.pairs))
    other = Side(b, told_apart(b), {j: i for i, j in found.pairs})
    pairs = {i: _pair(one, other, i, j, model_b).row() for i, j in found.pairs}
    only_a, only_b = unmatched.rows(one, other, "a"), unmatched.rows(other, one, "b")
    ordered = _ordered(pairs | only_a, only_b, dict(found.pairs))
    return Ported(with_between(ordered, _unit([*a, *b])))


def _pair(one: Side, other: Side, i: int, j: int, model_b: Model) -> Pair:
    def again(inputs: Mapping[str, Array]) -> Mapping[str, Array]:
        return model_b.again(j, inputs)

    images = flattened(one.layers[:i])
    return Pair(one.layers[i], other.layers[j], (one.names[i], other.names[j]), again, images)


def _ordered(of_a: Mapping[int, Row], only_b: Mapping[int, Row], pairs: Mapping[int, int]) -> list[Row]:
    """In the order of a; those that only b has before the next pair behind them."""
    rows: list[Row] = []
    waiting = sorted(only_b)
    for place in sorted(of_a):
        while waiting and place in pairs and waiting[0] < pairs[place]:
            rows.append(only_b[waiting.pop(0)])
        rows.append(of_a[place])
    return rows + [only_b[place] for place in waiting]


def _unit(layers: Sequence[Layer]) -> float:
    """The unit roundoff of the coarsest dtype that is met."""
    return max((DTYPES[layer.dtype].unit for layer in layers if layer.dtype in DTYPES), default=0.0)

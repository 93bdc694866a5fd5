"""All layers of two models that have run: paired, judged, and what lies between them."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from nnparity.adapters.capture.layer import Layer
from nnparity.adapters.request import Array
from nnparity.porting import unmatched
from nnparity.porting.between import with_between
from nnparity.porting.connections import Before, computed
from nnparity.porting.pairing import paired, same_numbers, told_apart
from nnparity.porting.pairs.layouts import apart, flattened, repadded, turn
from nnparity.porting.pairs.pair import Pair
from nnparity.porting.pairs.ratios import Further
from nnparity.porting.result import Ported
from nnparity.porting.rows import Row
from nnparity.porting.unmatched import Side, same
from nnparity.reference.readings.budget.core import COMPOSED
from nnparity.spec import DTYPES


class Model(Protocol):
    """A model of which a layer can be run again, on other inputs."""

    def again(self, place: int, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """What the layer of that place returns."""


def compared(
    a: Sequence[Layer],
    b: Sequence[Layer],
    model_b: Model,
    match: Mapping[str, str] | None = None,
    masks: Sequence[Array] = (),
) -> Ported:
    """Both models, layer by layer; b's layers are run on what a's received. `masks` are inputs that may be such."""
    found = paired(a, b, match)
    one = Side(a, told_apart(a), dict(found.pairs))
    other = Side(b, told_apart(b), {j: i for i, j in found.pairs})
    pairs = {i: _pair(one, other, i, j, model_b).row() for i, j in found.pairs}
    only_a, only_b = unmatched.rows(one, other, "a"), unmatched.rows(other, one, "b")
    ordered = _ordered(pairs | only_a, only_b, dict(found.pairs))
    return Ported(with_between(ordered, _unit([*a, *b]), lambda row: _connected(one, other, row, masks)))


def _pair(one: Side, other: Side, i: int, j: int, model_b: Model) -> Pair:
    def again(inputs: Mapping[str, Array]) -> Mapping[str, Array]:
        return model_b.again(j, inputs)

    images = flattened(one.layers[:i])
    holder = _holder(one, other.layers[j], i)
    a = repadded(one.layers[i], other.layers[j])
    names = (one.names[i], other.names[j])
    return Pair(a, other.layers[j], names, again, images, holder, list(_passed_on(one, other, i, j)))


def _passed_on(one: Side, other: Side, i: int, j: int) -> Iterator[Further]:
    """Results beside the first that each model gives to its layer of one pair behind, as they are: they must agree.

    What a model's code makes something else of, or what nobody takes, may be another thing in the other model.
    """
    behind = [(one.layers[k], other.layers[m]) for k, m in one.partners.items() if k > i and m > j]
    results = (list(layer.outputs.items())[1:] for layer in (one.layers[i], other.layers[j]))
    for (name, y), (seen, z) in zip(*results, strict=False):
        turns = (turn(a, b, flattened(one.layers[:i])) for a, b in behind if same(y, a.x) and same(z, b.x))
        yield from (Further(name, seen, turned) for turned in itertools.islice(turns, 1))


def _holder(one: Side, layer: Layer, place: int) -> str:
    """Another layer of a that has this one's parameters, where its counterpart has not."""
    if not layer.weights or same_numbers(one.layers[place], layer):
        return ""
    found = (name for name, other in zip(one.names, one.layers, strict=True) if same_numbers(other, layer))
    return next(found, "")


def _connected(one: Side, other: Side, row: Row, masks: Sequence[Array]) -> list[str]:
    """What either model's code computes before the layers of a row, where it is known."""
    i, j = one.names.index(row.a), other.names.index(row.b)
    before = [(place, partner) for place, partner in sorted(one.partners.items()) if place < i and partner < j]
    names = [one.names[place] for place, _ in before]
    x, y = (layer.inputs.get(row.beside) if row.beside else layer.x for layer in (one.layers[i], other.layers[j]))
    if x is not None and y is not None and x.size != y.size:
        return [f"a gives it an array of shape {x.shape}, b one of {y.shape}"]
    told: list[str] = []
    for side, layers, layer in (
        ("a", [one.layers[place] for place, _ in before], one.layers[i]),
        ("b", [other.layers[partner] for _, partner in before], other.layers[j]),
    ):
        received = layer.inputs.get(row.beside) if row.beside else layer.x
        says = None if received is None else computed(Before.of(layers, names, masks), received)
        told.append(f"{side} gives it {says}" if says else f"what {side} gives it is nothing known")
    known = [", ".join(told)] if any("nothing known" not in one for one in told) else []
    return [*_exchanged(one, other, row), *known]


def _exchanged(one: Side, other: Side, row: Row) -> list[str]:
    """Another input of the layer, or that of another, with which b exchanges it: each has what the other has in a."""
    limit = COMPOSED * _unit([*one.layers, *other.layers])
    place = one.names.index(row.a)
    own = [taken for taken in _taken(one, other, place) if row.beside in ("", taken[0])][:1]
    for (_, x, y), k in itertools.product(own, (place, *one.partners)):
        for name, x2, y2 in _taken(one, other, k):
            if apart(x, y2) <= limit and apart(x2, y) <= limit < apart(x2, y2):
                return [f"b gives it what a gives {f'it as {name}' if k == place else one.names[k]}, and vice versa"]
    return []


def _taken(one: Side, other: Side, place: int) -> Iterator[tuple[str, Array, Array]]:
    """What a layer of a and its counterpart receive, by b's name of it."""
    a, b = one.layers[place], other.layers[one.partners[place]]
    names = zip(a.inputs, b.inputs, strict=False) if not a.kind else zip(a.inputs, a.inputs, strict=True)
    yield from ((seen, a.inputs[name], b.inputs[seen]) for name, seen in names if seen in b.inputs)


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

"""Layers without a counterpart: judged by their own formula, and looked for in the other model's code between layers.

A ReLU may be a layer in one model and a call of a function in the other. If what the other's next layer received is
what the formula gives for what its last layer returned, it is there, only not as a layer.
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nnparity.adapters.capture.layer import FLATTEN, IDENTITY, RANDOM, RESULT, Layer
from nnparity.adapters.request import Array
from nnparity.porting.pairs.layouts import ELEMENTWISE, padded, reordered
from nnparity.porting.pairs.pair import own, said
from nnparity.porting.pairs.question import Expectation, judged, readings, unshown
from nnparity.porting.rows import UNMATCHED, Row, passes
from nnparity.reports.records import PASSING, Verdict
from nnparity.spec import DTYPES

#: Orders in which images are flattened, the layer's own first.
ORDERS = ("", "nchw", "nhwc")


@dataclass(frozen=True)
class Side:
    """A model's layers, their names, and the places of their counterparts in the other model."""

    layers: Sequence[Layer]
    names: Sequence[str]
    partners: Mapping[int, int]


def rows(side: Side, other: Side, letter: str) -> dict[int, Row]:
    """The rows of those without a counterpart, by their places."""
    return {place: _row(side, other, place, letter) for place in range(len(side.layers)) if place not in side.partners}


def _row(side: Side, other: Side, place: int, letter: str) -> Row:
    layer, name = side.layers[place], side.names[place]
    found = own(layer)
    verdict = found if isinstance(found, Verdict) else None
    notes = [f"{letter}: {layer.note}"] if layer.note and layer.kind != RANDOM else []
    if verdict and not passes(verdict):
        grade = verdict.grade
        says = f"only in {letter}, and not what its formula gives: {said(verdict)}"
    else:
        grade, says = _explained(side, other, place, letter)
    why, notes = ([says], notes) if grade not in (*PASSING, UNMATCHED) else ([], [says, *notes])
    end = _behind(side, place)[1] if grade == UNMATCHED else None
    behind = "" if end is None else side.names[end]
    if letter == "a":
        return Row(layer.label, a=name, grade=grade, own_a=verdict, behind=behind, why=why, notes=notes)
    return Row(layer.label, b=name, grade=grade, own_b=verdict, behind=behind, why=why, notes=notes)


def _explained(side: Side, other: Side, place: int, letter: str) -> tuple[str, str]:
    """Its grade, and in words what becomes of it in the other model."""
    layer = side.layers[place]
    told = _by_itself(layer)
    if told is not None:
        return told[0], f"only in {letter}: {told[1]}"
    chain = _chain(side, place)
    found = None if chain is None else _done_by_code(other, chain, side.partners)
    done = found is not None and found.grade == "conforms"
    if (found is None or done) and _idle(layer):
        return "inconclusive", f"only in {letter}: these inputs do not show it, it returns what it receives"
    if chain is None or found is None:
        return UNMATCHED, f"only in {letter}: the other model has no layer for it"
    ends = " and ".join(other.names[side.partners[end]] for end in (chain.start, chain.end))
    if done:
        says = f"only in {letter} as a layer: the other model's code does it between {ends}"
        hidden = unshown(layer, layer.x) if len(chain.steps) == 1 else ""
        return "conforms", "; ".join(filter(None, (says, hidden)))
    known = [one for one in readings(layer.kind) if one in found.names] if len(chain.steps) == 1 else []
    if known:
        return "diverges", f"only in {letter} as a layer: between {ends} the other model's code gives: {known[0]}"
    return "diverges", f"only in {letter}: the other model does not do it between {ends}"


def _by_itself(layer: Layer) -> tuple[str, str] | None:
    """The same of a layer of which that is known whatever the other model does."""
    if layer.kind == RESULT:
        return "diverges", "the other model does not return it"
    if layer.kind == RANDOM:
        return "diverges", layer.note
    if layer.y is None:
        return "conforms", "returns no array, and what it does is judged by what the next layer receives"
    if layer.kind == IDENTITY:
        return "conforms", "passes on what it receives"
    if layer.kind == FLATTEN or _moves(layer):
        return "conforms", "moves numbers, which is judged by what the next layer receives"
    return None


@dataclass(frozen=True)
class Chain:
    """Layers without a counterpart that pass their results on as they are, and the pairs before and behind them."""

    start: int
    steps: Sequence[Layer]
    end: int


def _done_by_code(other: Side, chain: Chain, partners: Mapping[int, int]) -> Verdict | None:
    """Whether the other model does what the chain does: a verdict, or None where that cannot be told.

    What the next layer received there may be flattened in another order of axes, or have its axes in another one, where
    the chain takes each number by itself.
    """
    z, seen = other.layers[partners[chain.start]].y, other.layers[partners[chain.end]].x
    if z is None or seen is None or seen.dtype.name not in DTYPES:
        return None
    orders = ORDERS if any(one.kind == FLATTEN for one in chain.steps) else ORDERS[:1]
    alone = all(one.kind in ELEMENTWISE for one in chain.steps)
    turned = list(reordered(z, seen.shape)) if alone else []
    found: list[Verdict] = []
    for start, order in itertools.product(turned or [z], orders):
        verdict = _verdict(chain, start, seen, order)
        if verdict is None or verdict.grade == "conforms":
            return verdict
        found.append(verdict)
    return found[0]


def _verdict(chain: Chain, z: Array, seen: Array, order: str) -> Verdict | None:
    """That on what was received, if the chain started from z and flattened in that order."""
    first = chain.steps[0]
    expected = Expectation.of(
        first.kind, first.settings, {**first.inputs, **first.weights, next(iter(first.inputs)): z}
    )
    if expected is None:
        return None
    steps = [(one.kind, _with_order(one, order), one.weights) for one in chain.steps]
    verdict = judged(Expectation(steps, expected.inputs), [seen], seen.dtype.name)[0]
    return None if isinstance(verdict, str) or verdict.hard is None else verdict


def _with_order(layer: Layer, order: str) -> dict[str, Any]:
    return dict(layer.settings) | ({"order": order} if layer.kind == FLATTEN and order else {})


def _moves(layer: Layer) -> bool:
    """Whether what comes out is what went in, in another order or shape."""
    x, y = layer.x, layer.y
    if x is None or y is None or x.size != y.size or x.dtype != y.dtype or _idle(layer):
        return False
    return np.array_equal(np.sort(x, axis=None), np.sort(y, axis=None))


def _idle(layer: Layer) -> bool:
    """Whether what comes out is what went in, as it was: nothing is seen of a ReLU of numbers above zero."""
    return layer.x is not None and layer.y is not None and np.array_equal(layer.x, layer.y)


def _chain(side: Side, place: int) -> Chain | None:
    """The unpaired layers around this one, from the pair before to the pair behind; None where there is no such."""
    behind, end = _behind(side, place)
    steps = [place, *behind]
    while (start := _source(side, steps[0])) is not None and start not in side.partners:
        steps.insert(0, start)
    if start is None or end is None or not all(side.layers[one].kind for one in steps):
        return None
    return Chain(start, [side.layers[one] for one in steps], end)


def _behind(side: Side, place: int) -> tuple[list[int], int | None]:
    """The unpaired layers that this layer's result passes as it is, and the pair that it reaches then."""
    steps: list[int] = []
    while (end := _sink(side, steps[-1] if steps else place)) is not None and end not in side.partners:
        steps.append(end)
    return steps, end


def _source(side: Side, place: int) -> int | None:
    """The layer whose result this one received as it is."""
    layer = side.layers[place]
    return next((one for one in range(place - 1, -1, -1) if _passed(side.layers[one].y, layer.x, layer)), None)


def _sink(side: Side, place: int) -> int | None:
    """The next layer that received this one's result as it is."""
    layer = side.layers[place]
    later = range(place + 1, len(side.layers))
    return next((one for one in later if _passed(layer.y, side.layers[one].x, layer)), None)


def _passed(returned: Array | None, received: Array | None, by: Layer) -> bool:
    """Whether one is the other, or that with zeros around it, as a layer that only pads gives it.

    Of a layer that takes each number by itself their axes may lie in another order.
    """
    if same(returned, received) or returned is None or received is None:
        return same(returned, received)
    turned = reordered(returned, received.shape) if by.kind in ELEMENTWISE else ()
    return any(same(one, received) for one in turned) or padded(returned, received)


def same(returned: Array | None, received: Array | None) -> bool:
    """Bit for bit, in whatever shape."""
    if returned is None or received is None or returned.size != received.size or returned.dtype != received.dtype:
        return False
    return returned.tobytes() == received.tobytes()

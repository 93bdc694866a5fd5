"""What the code between two layers computes, where it is one of the usual things: a sum, an activation, an attention.

Looked for only where something between layers departs: the candidates that give what a's layer received, and those
that give what b's did, say what was changed on the way. Each is an expectation with derived budgets.
"""

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar

from nnparity.adapters.capture.layer import Layer
from nnparity.adapters.capture.model import Inputs
from nnparity.adapters.request import Array
from nnparity.porting.pairs.formulas import KINDS
from nnparity.porting.pairs.layouts import difference
from nnparity.porting.pairs.question import Expectation, variants_of
from nnparity.reports.formatting import significant
from nnparity.spec import DTYPES

#: How many of the results before a layer are tried.
LOOKED_AT = 24
#: How many of them a sum has, at most.
TERMS = 3
#: How many of the last ones are put together.
JOINED = 8
#: Readings of attention by the reference's keywords; the first is the right one.
READINGS: tuple[tuple[str, dict[str, str | int]], ...] = (
    ("", {}),
    (" without 1/√d_k", {"scaling": "none"}),
    (" scaled by 1/d_k instead of 1/√d_k", {"scaling": "d"}),
    (" with a softmax over the queries", {"axis": 1}),
    (", causally masked", {"causal": "top left"}),
)
#: What may be made of one result alone, each by its formula or a known wrong reading of it.
FUNCTIONS = ("relu", "gelu", "silu", "tanh", "sigmoid", "softmax", "log_softmax")
#: How far a candidate may be off, relative, before it is held against its budget.
NEAR = 2.0**-4
#: How far another scale of attention is looked for, as powers of 2 beside 1/√d_k.
SCALES = (-8.0, 8.0)
MASKED: tuple[tuple[str, dict[str, bool]], ...] = (
    (", padding masked", {}),
    (", the mask inverted", {"inverted": True}),
)


@dataclass(frozen=True)
class Before:
    """What a model had when a layer was called: results, by the names of a's layers, and masks among its inputs."""

    results: Sequence[tuple[str, Array]]
    masks: Sequence[Array]

    @classmethod
    def of(cls, layers: Sequence[Layer], names: Sequence[str], masks: Sequence[Array]) -> "Before":
        """Of the pairs before, in order."""
        given = [(name, one.y) for name, one in zip(names, layers, strict=True) if one.y is not None]
        return cls(given[-LOOKED_AT:], masks)


def masks_of(inputs: Inputs) -> list[Array]:
    """Inputs that may be masks of padding: of two axes, zeros and ones, and both."""
    arrays = inputs.values() if isinstance(inputs, Mapping) else inputs
    return [x for x in arrays if x.ndim == 2 and x.dtype.kind in "iub" and set(np.unique(x)) == {0, 1}]


def computed(before: Before, received: Array) -> str | None:
    """What gives the numbers that a layer received, in words; None if nothing that is tried does."""
    if not received.ndim or not received.size or received.dtype.name not in DTYPES:
        return None
    return next((says for says, one in _candidates(before, received) if _meets(one, received)), None)


def _meets(expected: Expectation | None, received: Array) -> bool:
    return expected is not None and expected.conforms(received, received.dtype.name)


def _candidates(before: Before, received: Array) -> Iterator[tuple[str, Expectation | None]]:
    floats = [(name, y) for name, y in before.results if y.ndim and y.dtype.name in DTYPES]
    alike = [(name, y) for name, y in reversed(floats) if y.shape == received.shape]
    for count in range(1, TERMS + 1):
        for terms in itertools.combinations(alike, count):
            names, arrays = zip(*reversed(terms), strict=True)
            says = " + ".join(names) if count > 1 else f"{names[0]} alone"
            yield says, _sum(arrays, received)
    for (one, x), (other, y) in itertools.permutations(alike, 2):
        yield f"{one} − {other}", _sum((x, -y), received)
    yield from _joined(floats[-JOINED:], received)
    yield from _functions(alike[:3], received)
    masks = [mask.astype(np.int64) for mask in before.masks if mask.shape == received.shape[:2]]
    for last in (alike[:3], *_thirds(floats, received)):
        yield from _attentions(last, masks, received)


def _sum(arrays: Sequence[Array], received: Array) -> Expectation | None:
    """Ruled out by two numbers first: most sums are."""
    probe = sum(float(one.flat[0]) for one in arrays), sum(float(one.flat[-1]) for one in arrays)
    size = max(float(np.abs(one.astype(np.float64)).max(initial=0.0)) for one in (*arrays, received))
    seen = float(received.flat[0]), float(received.flat[-1])
    if max(abs(x - y) for x, y in zip(probe, seen, strict=True)) > NEAR * size:
        return None
    return Expectation.of("sum", {}, {f"x{place}": one for place, one in enumerate(arrays)})


def _near(kind: str, settings: Mapping[str, Any], arrays: Mapping[str, Array], received: Array) -> Expectation | None:
    """Ruled out by its plain numbers first, which cost far less than their budgets."""
    with np.errstate(all="ignore"):
        rough = KINDS[kind].function(**{name: _wide(x) for name, x in arrays.items()}, **settings)
    return Expectation.of(kind, settings, arrays) if difference(received, rough) <= NEAR else None


def _wide(x: Array) -> Array:
    return x if x.dtype.kind in "iub" else x.astype(np.float64)


def _joined(results: Sequence[tuple[str, Array]], received: Array) -> Iterator[tuple[str, Expectation | None]]:
    """Two of the last results or three, one behind the other: along the channels of images, else the last axis."""
    axis = 1 if received.ndim == 4 else received.ndim - 1
    beside = np.delete(received.shape, axis)
    ranked = [(name, y) for name, y in results if y.ndim == received.ndim]
    parts = [(name, y) for name, y in ranked if np.array_equal(np.delete(y.shape, axis), beside)]
    for several in itertools.chain(itertools.permutations(parts, 2), itertools.permutations(parts, 3)):
        names, arrays = zip(*several, strict=True)
        if sum(one.shape[axis] for one in arrays) != received.shape[axis]:
            continue
        whole = np.concatenate(arrays, axis=axis)
        yield f"{', '.join(names)} put together", _near("identity", {}, {"x": whole}, received)


def _functions(last: Sequence[tuple[str, Array]], received: Array) -> Iterator[tuple[str, Expectation | None]]:
    """Of one of the last results: what they are called first, then known wrong readings of them."""
    right: list[tuple[str, str, Mapping[str, Any]]] = [(kind, "", {}) for kind in FUNCTIONS]
    wrong = [(kind, f": {one.says}", one.set) for kind in FUNCTIONS for one in variants_of(KINDS[kind]).values()]
    for (kind, more, settings), (name, y) in itertools.product([*right, *wrong], last):
        yield f"{kind} of {name}{more}", _near(kind, settings, {"x": y}, received)


def _thirds(results: Sequence[tuple[str, Array]], received: Array) -> Iterator[list[tuple[str, Array]]]:
    """Queries, keys and values of one projection, the last of three times the width, in the order of `alike`."""
    wide = (*received.shape[:-1], 3 * received.shape[-1])
    found = [(name, y) for name, y in results if y.shape == wide][-1:]
    for name, y in found:
        parts = np.split(y, 3, axis=-1)
        yield [(f"{name} ({place}/3)", part) for place, part in zip((3, 2, 1), parts[::-1], strict=True)]


def _attentions(
    last: Sequence[tuple[str, Array]], masks: Sequence[Array], received: Array
) -> Iterator[tuple[str, Expectation | None]]:
    """Over the last three results, first in the order in which queries, keys and values are usually computed."""
    if len(last) < 3 or last[0][1].ndim != 3:
        return
    width = last[0][1].shape[-1]
    counts = [one for one in range(1, width + 1) if width % one == 0]
    for three, heads in itertools.product(itertools.permutations(last[::-1]), counts):
        says = f"attention of {', '.join(name for name, _ in three)} in {heads} heads"
        arrays = dict(zip(("query", "key", "value"), (y for _, y in three), strict=True))
        for more, settings in READINGS:
            yield says + more, _near("heads", {"heads": heads, **settings}, arrays, received)
        for mask in masks:
            for more, keys in MASKED:
                for scaled, settings in READINGS[:3]:
                    given = {**arrays, "mask": mask}
                    yield (
                        says + more + scaled,
                        _near("masked_heads", {"heads": heads, **settings, **keys}, given, received),
                    )
    yield from _scaled(last[::-1], counts, masks, received)


def _scaled(
    three: Sequence[tuple[str, Array]], counts: Sequence[int], masks: Sequence[Array], received: Array
) -> Iterator[tuple[str, Expectation | None]]:
    """The same, in the usual order alone, with another scale: that of the whole width, or the one that fits best."""
    arrays = dict(zip(("query", "key", "value"), (y for _, y in three), strict=True))
    asked: list[tuple[str, str, dict[str, Any], dict[str, Array]]] = [
        *((more, "heads", settings, arrays) for more, settings in READINGS if "scaling" not in settings),
        *((MASKED[0][0], "masked_heads", {}, {**arrays, "mask": mask}) for mask in masks),
    ]
    for heads, (more, kind, settings, given) in itertools.product(counts, asked):
        says = f"attention of {', '.join(name for name, _ in three)} in {heads} heads{more} scaled by "
        fixed = {"heads": heads, **settings}
        whole = _near(kind, {**fixed, "factor": heads**-0.5}, given, received)
        yield f"{says}1/√d of the model instead of the head", whole
        factor, usual = _fitted(kind, fixed, given, received), math.sqrt(heads / received.shape[-1])
        numbers = f"{significant(factor * usual, 4)} instead of 1/√d_k, which is {significant(usual, 4)}"
        yield says + numbers, _near(kind, {**fixed, "factor": factor}, given, received)


def _fitted(kind: str, settings: Mapping[str, Any], given: Mapping[str, Array], received: Array) -> float:
    """The factor beside 1/√d_k with which attention comes nearest to what was received, by its first sequence."""
    first = {name: _wide(x[:1]) for name, x in given.items()}
    y = _wide(received[:1])

    def off(power: float) -> float:
        return float(np.sum(np.square(KINDS[kind].function(**first, **settings, factor=2.0**power) - y)))

    with np.errstate(all="ignore"):
        return float(2.0 ** minimize_scalar(off, bounds=SCALES, method="bounded", options={"xatol": 2.0**-40}).x)

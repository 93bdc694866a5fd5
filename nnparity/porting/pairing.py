"""Which layer of one model is which of the other: by order and kind, by equal parameters, or as the user says."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from nnparity.adapters.capture.layer import FLATTEN, IDENTITY, RANDOM, RESULT, Layer
from nnparity.spec.usage import UsageError, require

#: What speaks for a pair of layers: the same numbers in their parameters, the same formula, parameters of the same
#: sizes, results of the same size. Every number is larger than all behind it together: each counts before the next.
SAME_NUMBERS, SAME_KIND, SAME_SIZES, SAME_RESULT = 16.0, 8.0, 4.0, 1.0
#: Layers of two kinds are a pair where nothing better is, and what they return is of the same size.
OTHER_KIND = 0.5
#: What computes nothing is no counterpart of what does.
IDLE = (IDENTITY, FLATTEN, RANDOM, RESULT)


@dataclass(frozen=True)
class Pairing:
    """Places of layers in a and b that are pairs, in the order of a, and those without a counterpart."""

    pairs: Sequence[tuple[int, int]]
    only_a: Sequence[int] = field(default=())
    only_b: Sequence[int] = field(default=())


def told_apart(layers: Sequence[Layer]) -> list[str]:
    """Names, of which those of layers that are called more than once end with the number of the call."""
    met: dict[str, int] = {}
    names = []
    for layer in layers:
        met[layer.name] = met.get(layer.name, 0) + 1
        names.append(layer.name if met[layer.name] == 1 else f"{layer.name}#{met[layer.name]}")
    return names


def paired(a: Sequence[Layer], b: Sequence[Layer], match: Mapping[str, str] | None = None) -> Pairing:
    """The pairs. `match` says some of them by names, of a and of b. Raises UsageError for a name that is not there."""
    said = _said(told_apart(a), told_apart(b), match or {})
    rest_a = [place for place in range(len(a)) if place not in said]
    rest_b = [place for place in range(len(b)) if place not in said.values()]
    found = said | _aligned(a, b, rest_a, rest_b)
    found |= _by_numbers(a, b, found)
    return Pairing(
        sorted(found.items()),
        [place for place in range(len(a)) if place not in found],
        [place for place in range(len(b)) if place not in found.values()],
    )


def _said(names_a: list[str], names_b: list[str], match: Mapping[str, str]) -> dict[int, int]:
    require("layer", tuple(match), names_a, " of a")
    require("layer", tuple(match.values()), names_b, " of b")
    if len(set(match.values())) < len(match):
        raise UsageError("two layers of a are matched with one of b")
    return {names_a.index(one): names_b.index(other) for one, other in match.items()}


def _aligned(a: Sequence[Layer], b: Sequence[Layer], rest_a: list[int], rest_b: list[int]) -> dict[int, int]:
    """The pairs in the order of both that have most in common: the longest common subsequence, weighed."""
    scores = np.array([[score(a[i], b[j]) for j in rest_b] for i in rest_a]).reshape(len(rest_a), len(rest_b))
    best = np.zeros((len(rest_a) + 1, len(rest_b) + 1))
    for i in range(len(rest_a) - 1, -1, -1):
        for j in range(len(rest_b) - 1, -1, -1):
            best[i, j] = max(best[i + 1, j], best[i, j + 1], scores[i, j] + best[i + 1, j + 1])
    return dict(_traced(best, scores, rest_a, rest_b))


def _traced(best: np.ndarray, scores: np.ndarray, rest_a: list[int], rest_b: list[int]) -> list[tuple[int, int]]:
    found, i, j = [], 0, 0
    while i < len(rest_a) and j < len(rest_b):
        if scores[i, j] and best[i, j] == scores[i, j] + best[i + 1, j + 1]:
            found.append((rest_a[i], rest_b[j]))
            i, j = i + 1, j + 1
        elif best[i, j] == best[i + 1, j]:
            i += 1
        else:
            j += 1
    return found


def _by_numbers(a: Sequence[Layer], b: Sequence[Layer], found: Mapping[int, int]) -> dict[int, int]:
    """Layers that are left over and are called in another order: those with the same parameters."""
    left = [place for place in range(len(b)) if place not in found.values() and b[place].weights]
    more: dict[int, int] = {}
    for place, layer in enumerate(a):
        if place in found or not layer.weights:
            continue
        same = [other for other in left if other not in more.values() and same_numbers(layer, b[other])]
        if same and layer.kind == b[same[0]].kind:
            more[place] = same[0]
    return more


def score(one: Layer, other: Layer) -> float:
    """What speaks for the pair; 0 where it is none."""
    alike = bool(one.y is not None and other.y is not None and sorted(one.y.shape) == sorted(other.y.shape))
    if not one.kind or one.kind != other.kind:
        if not one.kind and not other.kind and same_numbers(one, other):
            return SAME_NUMBERS + SAME_RESULT * alike
        idle = one.kind in IDLE or other.kind in IDLE
        return OTHER_KIND if alike and not idle else 0.0
    found = SAME_KIND + SAME_RESULT * alike
    if sizes(one) == sizes(other):
        found += SAME_SIZES + SAME_NUMBERS * (bool(one.weights) and same_numbers(one, other))
    return found


def sizes(layer: Layer) -> dict[str, list[int]]:
    """Of its parameters, whatever the order of their axes; a bias of zeros may be left out."""
    return {name: sorted(array.shape) for name, array in layer.weights.items() if array.any()}


def same_numbers(one: Layer, other: Layer) -> bool:
    """Whether the parameters hold the same numbers, in whatever order."""
    return bool(one.weights) and one.digests == other.digests

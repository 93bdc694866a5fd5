"""Which quantities of an observation are wrong, by finite differences of the formulas of `formulas`.

The tolerances are wide: they tell a right formula from a wrong one. The judge of the suite lives elsewhere.
"""

from collections.abc import Iterator

import numpy as np

from nnparity.adapters.request import Array, Failure, Observation, Request
from nnparity.spec.schema import plain
from nnparity.tests.adapters.formulas import Case

SLACK = {"float64": 1e-6, "float32": 1e-5, "float16": 2e-2, "bfloat16": 1e-1}
#: Derivatives are compared with differences, themselves inexact.
SLACK_OF_DIFFERENCES = {**SLACK, "float64": 1e-4, "float32": 1e-4}
FIRST, SECOND = 1e-6, 1e-4


def wrong(case: Case, request: Request, observation: Observation) -> set[str]:
    """The quantities whose dtype, shape or value is not the formula's."""
    return {key for key, ok in _verdicts(case, request, observation) if not ok}


def _verdicts(case: Case, request: Request, observation: Observation) -> Iterator[tuple[str, bool]]:
    inputs = {key: x if x.dtype.kind == "i" else x.astype(float) for key, x in request.inputs.items()}
    moves = {key: t.astype(float) for key, t in request.tangents.items()}
    loss = Loss(case, inputs, [g.astype(float) for g in request.cotangents.values()])
    values = case.value(inputs)
    pushed = [
        (a - b) / (2 * FIRST) for a, b in zip(loss.outputs(moves, FIRST), loss.outputs(moves, -FIRST), strict=True)
    ]
    for key, seen in observation.items():
        family, _, name = plain(key).partition(".")
        place = request.outputs.index(name or "output") if family in ("output", "jvp") else 0
        if isinstance(seen, Failure) or seen.dtype != np.dtype(request.dtype):
            yield key, False
        elif family == "output":
            yield key, _near(seen, values[place], SLACK[request.dtype])
        elif family == "jvp":
            yield key, _near(seen, pushed[place], SLACK_OF_DIFFERENCES[request.dtype])
        else:
            slope = loss.slope(name, moves) if family == "grad" else loss.bend(name, moves)
            same = seen.shape == inputs[name].shape
            yield key, same and _along(seen, moves[name], slope, SLACK_OF_DIFFERENCES[request.dtype])


class Loss:
    """The outputs times the cotangents, as a function of how far the inputs moved."""

    def __init__(self, case: Case, inputs: dict[str, Array], cotangents: list[Array]) -> None:
        self._case, self._inputs, self._cotangents = case, inputs, cotangents

    def outputs(self, *steps_and_moves: object) -> tuple[Array, ...]:
        """The outputs after moves: a dictionary of directions, then how far, any number of times."""
        moved = dict(self._inputs)
        for moves, step in zip(steps_and_moves[::2], steps_and_moves[1::2], strict=True):
            moved |= {key: moved[key] + step * direction for key, direction in moves.items()}  # type: ignore[attr-defined]
        return self._case.value(moved)

    def _at(self, *steps_and_moves: object) -> float:
        outputs = self.outputs(*steps_and_moves)
        return float(sum(np.sum(g * y) for g, y in zip(self._cotangents, outputs, strict=True)))

    def slope(self, name: str, moves: dict[str, Array]) -> float:
        """The derivative along the tangent of one input."""
        alone = {name: moves[name]}
        return (self._at(alone, FIRST) - self._at(alone, -FIRST)) / (2 * FIRST)

    def bend(self, name: str, moves: dict[str, Array]) -> float:
        """The second derivative: along the tangent of one input, then along all of them."""
        alone, h = {name: moves[name]}, SECOND
        ahead = self._at(alone, h, moves, h) - self._at(alone, h, moves, -h)
        behind = self._at(alone, -h, moves, h) - self._at(alone, -h, moves, -h)
        return (ahead - behind) / (4 * h * h)


def _near(seen: Array, expected: Array, slack: float) -> bool:
    if seen.shape != expected.shape:
        return False
    return bool(np.all(np.abs(seen.astype(float) - expected) <= slack * np.maximum(1, np.abs(expected))))


def _along(seen: Array, direction: Array, slope: float, slack: float) -> bool:
    """Whether a gradient has this slope along a direction; what it sums is the scale of its error."""
    terms = seen.astype(float) * direction
    return bool(abs(np.sum(terms) - slope) <= slack * max(1.0, float(np.sum(np.abs(terms)))))

"""How far a training run can be told beforehand: chaos makes a difference of a rounding in the end.

The errors of a step are carried into the next by norm 2, or by simulated machines where those come further apart: see
`monte_carlo`. Steps are judged while that tells the loss, and left alone afterwards.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from nnparity.expect.expected import LOSSES, Expected
from nnparity.expect.instead import AS_WRITTEN, Instead
from nnparity.expect.monte_carlo import RUNS, roundings, scatter, upper
from nnparity.reference.readings import Arithmetic
from nnparity.reference.readings.budget.core import COMPOSED, Array
from nnparity.spec import Case

#: A step of a training run is judged while its loss is foreseen to this part of it, and so are all steps before.
FORESEEN = 0.01


def widened(
    case: Case, expected: Mapping[str, Expected], numbers: Arithmetic, instead: Instead = AS_WRITTEN
) -> dict[str, Expected]:
    """Norm 2, or what simulated machines of that arithmetic show where that is more, at its upper limit.

    Of what contradicts norm 2 nothing else is known but so many machines; `instead` is what they compute.
    """
    shown = scatter(case, "output", numbers, instead)
    return {name: _at_least(one, numbers.unit * shown[name]) for name, one in expected.items()}


def _at_least(expected: Expected, shown: Array) -> Expected:
    sharp = np.where(shown > expected.sharp, upper(RUNS) * shown, expected.sharp)
    return replace(expected, hard=np.maximum(expected.hard, COMPOSED * sharp), sharp=sharp)


def limited(
    case: Case,
    expected: Mapping[str, Expected],
    simulated: Arithmetic | None,
    instead: Instead = AS_WRITTEN,
) -> dict[str, Expected]:
    """Only the steps that can be told. The budgets hold what machines of the arithmetic `simulated` show, or none do.

    Their roundings may be larger than its: once those bend the losses of the machines, smaller ones need not follow.
    """
    if LOSSES not in expected:
        return dict(expected)
    steps = foreseen(expected[LOSSES])
    if simulated is not None:
        shown = roundings(simulated.unit) * scatter(case, "output", simulated, instead)[LOSSES]
        steps = min(steps, foreseen(replace(expected[LOSSES], sharp=shown)))
    return {name: replace(one, steps=steps) for name, one in expected.items()}


def foreseen(losses: Expected) -> int:
    """The number of steps before the first whose loss is not finite, or not told to FORESEEN of it; at least 1."""
    axes = tuple(range(1, losses.value.ndim))
    told = np.isfinite(losses.value) & (losses.sharp <= FORESEEN * np.abs(losses.value))
    vague = np.flatnonzero(~told.all(axis=axes))
    return max(1, int(vague[0])) if len(vague) else len(losses.value)

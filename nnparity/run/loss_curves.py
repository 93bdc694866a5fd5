"""The losses of a training run as the report draws them: every series, step by step, beside what was expected."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from nnparity.execute.observer import Observed
from nnparity.expect.expected import LOSSES, Expected
from nnparity.expect.training_horizon import FORESEEN
from nnparity.judge.grades import form
from nnparity.reports.records import Curve, Number, number
from nnparity.spec import Case


def curves(target: str, case: Case, expected: dict[str, Expected], observed: Observed) -> Iterator[Curve]:
    """One curve a series; none where the target gave no losses of the right shape."""
    seen, truth = observed.observation.get(LOSSES), expected.get(LOSSES)
    if truth is None or not isinstance(seen, np.ndarray) or form(seen, truth, case.dtype):
        return
    columns = zip(*(_columns(array) for array in (seen, truth.value, truth.sharp)), strict=True)
    for place, (saw, value, sharp) in enumerate(columns):
        yield Curve(
            case=case.id,
            formula=case.formula.id,
            signature=case.signature.id,
            dtype=case.dtype.name,
            target=target,
            series=f"loss {place + 1}",
            observed=saw,
            expected=value,
            sharp=sharp,
            judged=truth.steps or 0,
            foreseen=FORESEEN,
        )


def _columns(array: Any) -> list[list[Number]]:
    """The steps of each series."""
    table = array.astype(np.float64).reshape(len(array), -1).T
    return [[number(float(x)) for x in column] for column in table]

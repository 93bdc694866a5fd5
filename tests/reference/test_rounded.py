"""The reading that rounds every operation: sums stop where the format ends, and every formula can be read."""

import numpy as np
import pytest

from nnparity.expect.evaluation import evaluate
from nnparity.reference.readings.base import plain
from nnparity.reference.readings.rounded import on
from nnparity.spec import DTYPES, Case, Formula, load
from nnparity.spec.cases.pool import pool
from nnparity.spec.schema import QUANTITIES
from nnparity.spec.selection import Selection

ALL = frozenset(QUANTITIES)


@pytest.mark.parametrize(("dtype", "stop"), [("bfloat16", 256), ("float16", 2048), ("float32", 4096)])
@pytest.mark.parametrize("lanes", [1, 4])
def test_a_sum_of_ones_stops_at_one_over_the_unit_in_every_lane(dtype: str, stop: int, lanes: int) -> None:
    ones = on(dtype, lanes=lanes)(np.ones(4096))
    assert float(plain(np.sum(ones))) == min(4096, lanes * stop)


def test_lanes_take_every_so_many_th_term_and_are_added_last() -> None:
    """256 + 1 is 256 in bfloat16, 1 + 1 is 2: in two lanes the second holds 2."""
    x = np.array([256.0, 1.0, 0.0, 1.0])
    assert float(plain(np.sum(on("bfloat16", lanes=1)(x)))) == 256
    assert float(plain(np.sum(on("bfloat16", lanes=2)(x)))) == 258
    assert float(plain(np.sum(on("bfloat16", lanes=32)(x)))) == 256


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_every_formula_can_be_read(dtype: str) -> None:
    """A diagnosis must not end a run."""
    for group in Selection(level="quick", dtypes=(dtype,)).groups():
        case, lift = group.cases[0], on(dtype, lanes=4)
        with np.errstate(all="ignore"):
            assert evaluate(case, ALL, lift, lift, {})


def empty(formula: Formula) -> list[Case]:
    """The rows of the pool in which a dimension is empty."""
    rows = [drawn for drawn in pool(formula) if "0" in drawn.signature.classes.values()]
    return [Case(formula, drawn.signature, drawn.dataset, DTYPES[drawn.dtype]) for drawn in rows]


@pytest.mark.parametrize("formula", [one for one in load().values() if one.pool], ids=lambda one: one.id)
def test_what_is_empty_can_be_read(formula: Formula) -> None:
    for case in empty(formula)[::3]:
        lift = on("bfloat16")
        with np.errstate(all="ignore"):
            found = evaluate(case, ALL, lift, lift, {})
            for name, shape in case.shapes.items():
                suffix = "" if name == "output" else f".{name}"
                assert plain(found[f"output{suffix}"]).shape == shape

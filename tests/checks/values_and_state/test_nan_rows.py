"""A product that reads past the end of its rows spoils those beside rows of NaN, and is caught."""

from typing import Any

import numpy as np
import pytest

from nnparity.adapters.numpy import NumpyAdapter
from nnparity.adapters.request import Array
from nnparity.spec import load
from nnparity.spec.cases.special_values import ROWS, special_case, specials_of
from nnparity.tests.checks.faulty import Spoilt
from nnparity.tests.checks.inside import ALL, lines, verdicts, wrong

FORMULAS = ("dense", "softmax", "attention")


class ReadsPastTheEnd(Spoilt):
    """Rows of an odd number of features past 32 are read in pairs: the last is read with the next row's first."""

    families = ("output",)

    def spoil(self, array: Array) -> Any:
        x = self.x
        if x.ndim != 2 or x.shape[-1] <= 32 or x.shape[-1] % 2 == 0:
            return array
        past = np.append(x.ravel(), 0.0)[x.shape[-1] :: x.shape[-1]][: len(x)]
        return array + 0 * past[:, None].astype(array.dtype)


@pytest.mark.parametrize("dtype", ALL)
def test_what_reads_past_the_end_of_a_row_is_caught(dtype: str) -> None:
    found = verdicts(lines(ReadsPastTheEnd, "specials", "dense", dtypes=(dtype,)))
    assert wrong(found) == {ROWS: {"output"}}


def test_the_reference_conforms() -> None:
    found = verdicts(lines(NumpyAdapter, "specials", *FORMULAS, dtypes=ALL))
    told = {(one.formula, one.grade) for one in found if one.dataset == ROWS}
    assert told == {(formula, "conforms") for formula in FORMULAS}


@pytest.mark.parametrize("formula", FORMULAS)
def test_every_second_row_is_of_nan_alone(formula: str) -> None:
    assert ROWS in specials_of(load()[formula])
    (x, *others) = special_case(load()[formula], ROWS, "float32").inputs.values()
    assert x.shape[-2:] == (35, 33)
    nan = np.isnan(x).all(axis=-1)
    assert nan[..., 1::2].all()
    assert not np.isnan(x[..., ::2, :]).any()
    assert not any(np.isnan(one).any() for one in others)

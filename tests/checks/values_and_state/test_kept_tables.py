"""A table that is kept in the dtype of its first caller is caught: another process is asked in the other order."""

from typing import Any

import numpy as np

from nnparity.adapters.request import Observation, Request
from nnparity.tests.checks.faulty import Spoilt
from nnparity.tests.checks.inside import ALL, lines, verdicts


class KeepsTheFirst(Spoilt):
    """Of each size what the first call gave, in its dtype, is what any later one is given."""

    def __init__(self, *named: Any) -> None:
        super().__init__(*named)
        self.kept: dict[tuple[int, ...], Any] = {}

    def observe(self, request: Request) -> Observation:
        seen = super().observe(request)
        return {name: self.kept.setdefault(x.shape, x).astype(x.dtype) for name, x in seen.items()}  # type: ignore[union-attr]

    def spoil(self, array: Any) -> Any:
        return np.asarray(array)


def test_a_table_in_the_dtype_of_its_first_caller() -> None:
    found = verdicts(lines(KeepsTheFirst, "determinism", "positional_encoding", dtypes=ALL))
    told = {(one.dataset, one.dtype) for one in found if one.grade == "diverges"}
    assert told >= {("in another process", "float32"), ("in another process", "float64")}
    assert {one.grade for one in found if one.dataset == "again"} == {"conforms"}

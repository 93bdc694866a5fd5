"""What lies past the first block of a row, or of sorted ids, is seen by the ordinary cases of the core plan."""

from typing import Any

import numpy as np
import pytest

from nnparity.adapters.base import Adapter
from nnparity.adapters.request import Array
from nnparity.execute.requests import request
from nnparity.execute.worker import observe
from nnparity.expect.budgets import expect
from nnparity.judge.sensitivity import graded
from nnparity.spec import cases_of, load
from nnparity.tests.checks.faulty import Spoilt

#: A block of columns, and one of sorted ids.
COLUMNS, IDS = 4096, 256


class MaximumOfTheFirstBlock(Spoilt):
    """A row's maximum is that of its first block alone: past it e^(z - m) overflows."""

    def spoil(self, array: Array) -> Any:
        z = self.x
        raised = (z.max(-1) - z[:, :COLUMNS].max(-1)).max() if z.shape[-1] > COLUMNS else 0.0
        return array if raised < np.log(np.finfo(np.float32).max) else array * np.inf


class LosesRunsAcrossBlocks(Spoilt):
    """Of ids that lie in several blocks of the sorted ones a table of many rows gets the last part."""

    families = ("grad",)

    def spoil(self, array: Array) -> Any:
        ids, order = np.sort(self.request.inputs["ids"].ravel()), np.argsort(self.request.inputs["ids"].ravel())
        g = self.request.cotangents["output"].astype(np.float64).reshape(-1, array.shape[1])[order]
        out = np.zeros(array.shape)
        for at in range(0, len(ids) if len(array) > IDS else 0, IDS):
            part = np.zeros(array.shape)
            np.add.at(part, ids[at : at + IDS], g[at : at + IDS])
            out[ids[at : at + IDS]] = part[ids[at : at + IDS]]
        return out if len(array) > IDS else array


def _failing(adapter: type[Adapter], formula: str) -> set[tuple[str, str, str]]:
    """Signature, dataset and quantity of what does not conform in float32."""
    found = set()
    for case in (one for group in cases_of(load()[formula], "float32") for one in group):
        quantities = frozenset({"output", "grad"}) & case.formula.families(("output", "grad"))
        seen = observe(adapter(), request(case, quantities))
        for quantity, truth in expect(case, quantities).items():
            array = seen[quantity]
            assert isinstance(array, np.ndarray)
            if graded(array, truth, case, quantity).grade != "conforms":
                found.add((case.signature.id, case.dataset, quantity))
    return found


@pytest.mark.parametrize(
    ("adapter", "formula", "found"),
    [
        (MaximumOfTheFirstBlock, "sparse_cross_entropy_logits", ("n3k65541", "spike", "output")),
        (LosesRunsAcrossBlocks, "embedding", ("n2t1000v1031d3", "ends", "grad.table")),
    ],
)
def test_what_lies_past_a_block(adapter: type[Adapter], formula: str, found: tuple[str, str, str]) -> None:
    assert _failing(adapter, formula) == {found}

"""More threads: what is cut up wrongly is found, and what is only added up in another order is told."""

import numpy as np
import pytest

from nnparity.adapters.numpy import NumpyAdapter
from nnparity.adapters.request import Observation, Request
from nnparity.checks.threads import ELEMENTS, TABLE, _elements, signature
from nnparity.execute.observer import THREADS, Observer
from nnparity.reports.records import Fact
from nnparity.spec import load
from nnparity.tests.checks.inside import cells, lines, verdicts, wrong


class LosesTheSeam(NumpyAdapter):
    """On several threads, the last row of the first half is not written."""

    threads: int | None = None

    def observe(self, request: Request) -> Observation:
        seen = super().observe(request)
        output = seen["output"]
        if self.threads and isinstance(output, np.ndarray):
            output[len(output) // 2 - 1] = 0
        return seen


class AddsUpInAnotherOrder(NumpyAdapter):
    """On several threads, an ulp beside."""

    threads: int | None = None

    def observe(self, request: Request) -> Observation:
        seen = super().observe(request)
        output = seen["output"]
        if self.threads and isinstance(output, np.ndarray):
            seen["output"] = np.nextafter(output, np.inf, dtype=output.dtype)
        return seen


def test_a_row_lost_at_the_seam_between_two_threads_is_caught() -> None:
    assert wrong(lines(LosesTheSeam, "threads", "dense")) == {"all cores": {"output"}}


def test_other_bits_within_the_budget_conform_and_are_told() -> None:
    found = lines(AddsUpInAnotherOrder, "threads", "dense")
    assert wrong(found) == {}
    assert {line.table for line in found if isinstance(line, Fact)} == {TABLE}
    assert cells(found)["dense"].startswith("all cores: other bits")
    assert any(v.note and "numbers differ" in v.note for v in verdicts(found))


@pytest.mark.parametrize("formula", ["dense", "conv2d", "lstm", "adam", "positional_encoding", "l1_penalty"])
def test_the_case_is_as_large_as_is_shared_out_and_odd(formula: str) -> None:
    large = signature(load()[formula])
    assert ELEMENTS <= _elements(load()[formula], large) < 3 * ELEMENTS
    assert any(size % 2 and size > 2**8 for size in large.dims.values())


def test_the_observer_hands_its_number_of_threads_to_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in THREADS:
        monkeypatch.delenv(name, raising=False)
    observer = Observer("numpy")
    try:
        assert {observer._environment()[name] for name in THREADS} == {"1"}
        twin = observer.twin(2)
        assert {twin._environment()[name] for name in THREADS} == {"2"}
        assert observer.twin() is not twin
        monkeypatch.setenv("OMP_NUM_THREADS", "7")
        assert observer._environment()["OMP_NUM_THREADS"] == "7"
    finally:
        observer.close()

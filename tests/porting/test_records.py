"""What is on record of a framework's kernel is no fault of a port; on another processor, or farther off, it is."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.special import ndtr

from nnparity.adapters.capture.layer import Layer
from nnparity.porting.pairs import records
from nnparity.reports.records import Verdict
from nnparity.tests.judge.verdicts import verdict
from nnparity.tests.porting.made import array, row

AVX2, AVX512 = ("avx", "avx2", "fma"), ("avx", "avx2", "avx512f", "fma")
TARGET = "torch:cpu:eager"
#: Of torch-gelu-float32, which takes errors of up to twice the budget.
KNOWN, OFF = "torch-gelu-float32", 1.5


def gelu(x: Any, off: float) -> Any:
    """With errors of 2^-24 of 1, as an erf that is right to that."""
    exact = x.astype(np.float64)
    return (exact * ndtr(exact) + off * 2.0**-24 * np.cos(1000 * exact) * exact).astype(np.float32)


def on(monkeypatch: pytest.MonkeyPatch, processor: tuple[str, ...], version: str = "2.13.0") -> None:
    monkeypatch.setattr(records, "instructions", lambda: processor)
    monkeypatch.setattr(records, "installed", lambda _: {"torch": version})


def asked(**fields: Any) -> Verdict:
    found = verdict(**{"grade": "diverges", "hard": OFF, "sharp": OFF} | fields)
    return records.on_record(found, "gelu", TARGET)


def test_a_kernel_on_record_is_no_fault_of_a_port(monkeypatch: pytest.MonkeyPatch) -> None:
    on(monkeypatch, AVX2)
    assert asked().known == KNOWN
    assert asked(hard=3.0).known is None
    assert asked(dtype="float64").known is None
    assert asked(grade="conforms").known is None
    assert records.on_record(verdict(hard=OFF, sharp=OFF), "gelu", "").known is None
    assert records.on_record(verdict(hard=OFF, sharp=OFF), "gelu", "keras-jax:cpu:eager").known is None


def test_of_another_processor_or_version_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    on(monkeypatch, AVX512)
    assert asked().known is None
    on(monkeypatch, AVX2, version="99.0")
    assert asked().known is None


@pytest.mark.parametrize(("processor", "passes"), [(AVX2, True), (AVX512, False)])
def test_a_pair_says_what_is_on_record(
    monkeypatch: pytest.MonkeyPatch, processor: tuple[str, ...], passes: bool
) -> None:
    on(monkeypatch, processor)
    x = array(64, 16).astype(np.float32) / 64
    a = Layer("a", "GELU", "gelu", inputs={"x": x}, outputs={"output": gelu(x, 2.0)}, target=TARGET)
    found = row(a, replace(a, name="b"), lambda x: gelu(x, 2.0))
    assert found.own_a
    assert found.own_a.grade != "conforms"
    assert (found.grade == "conforms") is passes
    assert (f"off by rounding, on record as {KNOWN}" in found.notes) is passes
    assert found.departs is not passes

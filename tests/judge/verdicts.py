"""Verdicts to test with."""

from typing import Any

from nnparity.reports.records import Verdict


def verdict(grade: str = "diverges", **fields: Any) -> Verdict:
    """A verdict on torch's float32 dense layer."""
    plain = {
        "case": "dense/n2i3/normal/float32",
        "formula": "dense",
        "signature": "n2i3",
        "dataset": "normal",
        "dtype": "float32",
        "target": "torch:cpu:eager",
        "quantity": "output",
        "grade": grade,
    }
    return Verdict(**plain | fields)

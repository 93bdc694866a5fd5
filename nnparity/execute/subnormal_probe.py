"""What is asked of a target once, before its cases: whether it flushes subnormal numbers to zero.

XLA and TensorFlow do, torch does not. It is a property of the target, shown in the report; the budgets then
count an underflow as one smallest normal number instead of one smallest subnormal.
"""

from collections.abc import Sequence

import numpy as np

from nnparity.adapters.request import Request
from nnparity.execute.observer import Observer
from nnparity.spec import DTYPES, Dtype


def flushes(observer: Observer, dtypes: Sequence[str]) -> dict[str, bool]:
    """dtype -> whether a product that ends below the smallest normal number comes out as zero."""
    observer.submit([_request(DTYPES[name]) for name in dtypes])
    seen = [observed.observation.get("output") for observed in observer.collect()]
    return {name: isinstance(y, np.ndarray) and bool(np.any(y == 0)) for name, y in zip(dtypes, seen, strict=True)}


def _request(dtype: Dtype) -> Request:
    """A dense layer whose every product is half the smallest normal number, in a body and a tail of rows."""
    x = np.full((5, 1), dtype.tiny).astype(dtype.numpy)
    w = np.full((9, 1), 0.5).astype(dtype.numpy)
    return Request("dense", {"x": x, "w": w, "b": np.zeros(9, dtype.numpy)}, dtype=dtype.name)


def described(flushed: dict[str, bool]) -> dict[str, str]:
    """The property as the report words it."""
    return {f"subnormals {name}": "flushed to zero" if flush else "kept" for name, flush in flushed.items()}

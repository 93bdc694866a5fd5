"""The number formats that targets compute in, with the constants of their arithmetic."""

from dataclasses import dataclass
from typing import Any

import ml_dtypes
import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Dtype:
    """A binary floating-point format.

    `unit` is the unit roundoff u = 2^-p (p significant bits), `step` the smallest subnormal,
    `tiny` the smallest normal number, `largest` the largest finite number.
    """

    name: str
    numpy: Any
    unit: float
    step: float
    tiny: float
    largest: float

    @property
    def digits(self) -> int:
        """Significant bits p, the hidden one included."""
        return int(-np.log2(self.unit))

    def round(self, values: Any) -> NDArray[Any]:
        """`values` rounded to this format (to nearest, overflow to infinity)."""
        with np.errstate(over="ignore"):
            return np.asarray(values).astype(self.numpy)


def _dtype(name: str, numpy: Any) -> Dtype:
    info: Any = ml_dtypes.finfo(numpy)  # type: ignore[no-untyped-call]
    return Dtype(
        name,
        np.dtype(numpy),
        unit=float(info.eps) / 2,
        step=float(info.smallest_subnormal),
        tiny=float(info.tiny),
        largest=float(info.max),
    )


#: name -> format: IEEE 754 binary64, binary32, binary16, and bfloat16 (binary32 cut to 8 bits).
DTYPES: dict[str, Dtype] = {
    name: _dtype(name, numpy)
    for name, numpy in {
        "float64": np.float64,
        "float32": np.float32,
        "float16": np.float16,
        "bfloat16": ml_dtypes.bfloat16,
    }.items()
}

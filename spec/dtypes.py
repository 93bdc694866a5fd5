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
        """`values` rounded to this format once (to nearest, ties to even, overflow to infinity)."""
        values = np.asarray(values)
        with np.errstate(over="ignore"):
            return (_not_half_way(values) if self.name == "bfloat16" else values).astype(self.numpy)


def _not_half_way(values: NDArray[Any]) -> NDArray[Any]:
    """In float32, where what is only rounded to half way between two of bfloat16 stays on its side.

    ml_dtypes rounded float64 by way of float32 before 0.7, which takes that for a tie: inputs would depend on it.
    """
    if values.dtype != np.float64:
        return values
    near = values.astype(np.float32)
    half = np.flatnonzero((near.view(np.uint32) & 0xFFFF) == 0x8000)
    if half.size:
        rounded, exact = near.flat[half], values.flat[half]
        beyond = np.where(exact > rounded, np.inf, -np.inf).astype(np.float32)
        near.flat[half] = np.where(exact == rounded, rounded, np.nextafter(rounded, beyond))
    return near


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

"""The formats that numbers are rounded to on the way in or out, or inside."""

from collections.abc import Callable

import numpy as np

from nnparity.judge.elements import Array
from nnparity.spec import DTYPES, Dtype


def tf32(x: Array) -> Array:
    """Rounded to the 11 significant bits of TF32 (10 stored), to nearest, ties to even."""
    mantissa, exponent = np.frexp(x.astype(np.float64))
    return np.asarray(np.ldexp(np.rint(mantissa * 2.0**11), exponent - 11))


def through(name: str) -> Callable[[Array], Array]:
    """Rounded to a format and back."""
    return lambda x: np.asarray(DTYPES[name].round(x).astype(np.float64))


ROUNDINGS: dict[str, Callable[[Array], Array]] = {
    "10-bit mantissas: TF32": tf32,
    **{name: through(name) for name in ("float16", "bfloat16", "float32")},
}


def narrower(dtype: Dtype) -> list[str]:
    """The roundings that lose something of a dtype."""
    digits = {"10-bit mantissas: TF32": 11} | {name: one.digits for name, one in DTYPES.items()}
    return [name for name in ROUNDINGS if digits[name] < dtype.digits]

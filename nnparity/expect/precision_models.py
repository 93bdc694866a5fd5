"""Three models of one computation in half precision, from the loosest to the strictest.

`NARROW`: every operation, each addition of a sum too, is rounded to the dtype. `ACCUMULATE`: products are added up in
float32, and each operation's result is rounded to the dtype: what tensor cores and the CPU libraries promise, and
what a target is held to unless it declares otherwise. `FUSED`: float32 inside of the whole formula, and one rounding
at its end. In float32 and float64 the first two are the same.
"""

import dataclasses
import math
from functools import cache
from typing import Any

import numpy as np

from nnparity.reference.readings import Arithmetic
from nnparity.spec import DTYPES, Dtype
from nnparity.spec.precision import ACCUMULATE, FUSED, NARROW

#: The format of the accumulators.
WIDE = "float32"


@cache
def arithmetic(dtype: str, flush: bool = False, model: str = ACCUMULATE) -> Arithmetic:
    """How a target of that dtype computes; `flush` if it has no subnormals."""
    wide = _plain(DTYPES[WIDE], flush)
    if not narrow(dtype) or model == NARROW:
        return _plain(DTYPES[dtype], flush)
    return wide if model == FUSED else dataclasses.replace(_plain(DTYPES[dtype], flush), accumulator=wide)


def narrow(dtype: str) -> bool:
    """Whether the three models differ: of the dtypes with fewer digits than float32."""
    return DTYPES[dtype].digits < DTYPES[WIDE].digits


def unlimited(numbers: Arithmetic) -> Arithmetic:
    """The same without a largest number: nothing overflows, in sums neither."""
    inner = numbers.accumulator
    return dataclasses.replace(
        numbers, largest=math.inf, accumulator=inner and dataclasses.replace(inner, largest=math.inf)
    )


def _plain(dtype: Dtype, flush: bool) -> Arithmetic:
    return Arithmetic(dtype.unit, dtype.tiny if flush else dtype.step, dtype.largest, _holder(dtype))


def _holder(dtype: Dtype) -> Any:
    def holds(value: float) -> bool:
        return not math.isfinite(value) or float(dtype.round(np.float64(value))) == value

    return holds

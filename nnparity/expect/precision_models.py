"""Three models of one computation in half precision, from the loosest to the strictest, and one of TF32.

`NARROW`: every operation, each addition of a sum too, is rounded to the dtype. `ACCUMULATE`: products are added up in
float32, and each operation's result is rounded to the dtype: what tensor cores and the CPU libraries promise, and
what a target is held to unless it declares otherwise. `FUSED`: float32 inside of the whole formula, and one rounding
at its end. In float32 and float64 the first two are the same.

`TF32`: what enters a sum of products is cut to 11 digits, the sum itself is float32's: products of matrices and
convolutions in float32 on NVIDIA's tensor cores, where a mode allows it. Other dtypes it leaves as `ACCUMULATE` does.
"""

import dataclasses
import math
from functools import cache, lru_cache
from typing import Any

import numpy as np

from nnparity.reference.readings import Arithmetic
from nnparity.spec import DTYPES, Dtype
from nnparity.spec.precision import ACCUMULATE, FUSED, NARROW, TF32

#: The format of the accumulators.
WIDE = "float32"
#: The digits of TF32, of which 10 are stored (NVIDIA, "A100 Tensor Core GPU Architecture", 2020). Its exponents are
#: float32's. Who feeds a tensor core may round to them or cut the others off: one unit in the last place bounds both.
TF32_DIGITS = 11


@cache
def arithmetic(dtype: str, flush: bool = False, model: str = ACCUMULATE) -> Arithmetic:
    """How a target of that dtype computes; `flush` if it has no subnormals."""
    wide = _plain(DTYPES[WIDE], flush)
    if model == TF32 and dtype == WIDE:
        return dataclasses.replace(wide, operand=_tf32(flush))
    if not narrow(dtype) or model == NARROW:
        return _plain(DTYPES[dtype], flush)
    return wide if model == FUSED else dataclasses.replace(_plain(DTYPES[dtype], flush), accumulator=wide)


def differs(dtype: str, model: str) -> bool:
    """Whether a target of that model is held to something else than `ACCUMULATE` there."""
    return dtype == WIDE if model == TF32 else narrow(dtype) and model != ACCUMULATE


def narrow(dtype: str) -> bool:
    """Whether the three models of half precision differ: of the dtypes with fewer digits than float32."""
    return DTYPES[dtype].digits < DTYPES[WIDE].digits


def unlimited(numbers: Arithmetic) -> Arithmetic:
    """The same without a largest number: nothing overflows, in sums neither."""
    inner = numbers.accumulator
    return dataclasses.replace(
        numbers, largest=math.inf, accumulator=inner and dataclasses.replace(inner, largest=math.inf)
    )


def _plain(dtype: Dtype, flush: bool) -> Arithmetic:
    return Arithmetic(dtype.unit, dtype.tiny if flush else dtype.step, dtype.largest, _holder(dtype))


def _tf32(flush: bool) -> Arithmetic:
    dtype, ulp = DTYPES[WIDE], 2.0 ** (1 - TF32_DIGITS)
    return Arithmetic(ulp, dtype.tiny if flush else dtype.tiny * ulp, dtype.largest, _holder(dtype))


def _holder(dtype: Dtype) -> Any:
    def holds(value: float) -> bool:
        return _held(dtype.name, value)

    return holds


@lru_cache(maxsize=4096)  # formulas have few constants, and training runs meet them thousands of times
def _held(dtype: str, value: float) -> bool:
    return not math.isfinite(value) or float(DTYPES[dtype].round(np.float64(value))) == value

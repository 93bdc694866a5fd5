"""The worst element of a verdict: what was observed and expected, how far that is in units in the last place."""

import math

from nnparity.reports.formatting import real
from nnparity.reports.records import Verdict

#: dtype -> significant bits, and the exponent of its smallest normal number.
_FORMATS = {"float64": (53, -1022), "float32": (24, -126), "float16": (11, -14), "bfloat16": (8, -126)}


def element_ulp(verdict: Verdict) -> float | None:
    """The error of the worst element in units in the last place of what is expected; None where there is no such."""
    if verdict.worst is None or verdict.dtype not in _FORMATS:
        return None
    seen, truth = real(verdict.worst.observed), real(verdict.worst.expected)
    if seen is None or truth is None or not (math.isfinite(seen) and math.isfinite(truth)):
        return None
    bits, least = _FORMATS[verdict.dtype]
    exponent = max(math.frexp(truth)[1] - 1, least) if truth else least
    try:
        return math.ldexp(abs(seen - truth), bits - 1 - exponent)
    except OverflowError:
        return math.inf

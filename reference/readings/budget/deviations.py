"""The error that elementary functions are off by, in the root mean square: what norm 2 counts, where norm 1 has OWN.

Measured on the CPU kernels of NumPy 2.4 (SciPy 1.17 for erf and expit), PyTorch 2.13, TensorFlow 2.21 and JAX 0.10
over all normal results, against enclosures (`tools/measure_elementary.py`). The entry is the largest root mean square
of any of them within one binade of arguments, in units of u|y|: over the whole range a tanh is mostly 1, and exact.
A function that rounds correctly has 0.58 there, 1/sqrt(3): errors even over -u|y| to u|y|. Every rounding counts as
u|y| in norm 2, 1.7 times that; so these are multiplied by the same sqrt(3), and are 1 at least.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

Array = NDArray[Any]

#: function -> the largest root mean square of its own error in float64, float32 and half precision, over u|y|.
MEASURED: dict[Any, tuple[float, float, float]] = {
    np.exp: (0.57, 1.04, 0.58),
    np.log: (0.89, 1.01, 0.64),
    np.tanh: (2.22, 1.84, 0.48),
    np.sin: (0.44, 0.62, 0.48),
    np.cos: (0.43, 0.64, 0.43),
    special.erf: (1.05, 1.65, 0.43),
    special.expit: (0.78, 1.85, 0.91),
}


#: In float32 two of them are much better in one part of their range: whether x lies in it, and the largest there.
BETTER: dict[Any, tuple[Callable[[Array], Any], float, float]] = {
    # libraries take x plus a correction below, and a rational function beyond
    np.tanh: (lambda x: np.abs(x) >= 0.25, 1.44, 1.85),
    # 1 / (1 + e^-x): the error of e^-x is that of the result below 0, and is damped above
    special.expit: (lambda x: x >= 0, 1.38, 2.61),
}


def deviation(ufunc: Any, unit: float, x: Any = None) -> Any:
    """The factor of u|y| in norm 2 of what an operation or a function loses itself, at the unit roundoff `unit`."""
    place = 0 if unit <= 2.0**-50 else 1 if unit <= 2.0**-20 else 2
    if place == 1 and ufunc in BETTER and x is not None:
        there, better, other = BETTER[ufunc]
        return math.sqrt(3) * np.where(there(x), better, other)
    return max(1.0, math.sqrt(3) * MEASURED[ufunc][place]) if ufunc in MEASURED else 1.0

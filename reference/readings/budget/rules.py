"""The tables of `Budget`: which rule answers which function of NumPy and SciPy."""

import math

import numpy as np
from scipy import special

from nnparity.reference.readings.budget import correlations, exactness, ranges
from nnparity.reference.readings.budget import functions as f
from nnparity.reference.readings.budget.conditions import compare, maximum, where
from nnparity.reference.readings.budget.core import Budget, sum_rule
from nnparity.reference.readings.budget.correlations import by_common_factor
from nnparity.reference.readings.budget.exactness import exact_argument, exactly, lossless, unchanged_by_zero
from nnparity.reference.readings.budget.sums import einsum, largest, total

Budget.UFUNCS = {
    np.add: exactly(unchanged_by_zero(sum_rule(np.add)), exactness.added),
    np.subtract: exactly(unchanged_by_zero(sum_rule(np.subtract)), exactness.added),
    np.multiply: exactly(by_common_factor(lossless(f.multiply, exactness.zero_product)), exactness.multiplied),
    np.divide: exactly(by_common_factor(lossless(correlations.divide, exactness.exact_quotient)), exactness.divided),
    np.maximum: maximum,
    np.negative: f.negative,
    np.absolute: f.absolute,
    np.square: exactly(f.square, exactness.squared),
    np.exp: f.elementary(np.exp, lambda x, y: y, f.exp_worst, image=ranges.monotone(np.exp, 0.0, math.inf)),
    np.log: f.elementary(np.log, lambda x, y: 1 / np.abs(x), f.log_worst),
    np.tanh: f.elementary(
        np.tanh, f.tanh_slope, f.monotone(np.tanh, f.tanh_slope, 0.385), 2.0, ranges.within(-1.0, 1.0)
    ),
    np.sqrt: exactly(f.square_root, exactness.rooted),
    special.expit: f.logistic,
    np.sin: f.elementary(np.sin, lambda x, y: np.abs(np.cos(x)), lambda x, y, e: e, 2.0, ranges.within(-1.0, 1.0)),
    np.cos: f.elementary(np.cos, lambda x, y: np.abs(np.sin(x)), lambda x, y, e: e, 2.0, ranges.within(-1.0, 1.0)),
    special.erf: f.elementary(
        special.erf, f.erf_slope, f.monotone(special.erf, f.erf_slope, 0.485), 2.0, ranges.within(-1.0, 1.0)
    ),
    **{ufunc: compare(ufunc) for ufunc in (np.greater, np.greater_equal, np.less, np.less_equal, np.equal)},
}
Budget.UFUNCS |= {ufunc: lossless(Budget.UFUNCS[ufunc], exact_argument(ufunc)) for ufunc in exactness.EXACT_AT}
Budget.FUNCTIONS = {
    np.sum: exactly(total, exactness.summed),
    np.max: largest,
    np.einsum: exactly(einsum, exactness.contracted),
    np.where: where,
}

"""Run as ``python -m nnparity.tests.api.judged FRAMEWORK [all]``: the kernels of `blocks` judged, a JSON object a line.

What compiles or dispatches slowly is asked less of, unless ``all``: the right ones in all dtypes at the quick level,
the wrong ones in float32 and bfloat16.
"""

import json
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np

import nnparity
from nnparity.tests.api.blocks import ALL, right, wrong
from nnparity.tests.api.frameworks import OPS

#: The dtypes of wrong functions, where not all are asked.
FEW = ("float32", "bfloat16")
#: Wrong functions of many blocks, for which another of few stands there.
HEAVY = ("tail dropped",)


def attention_vjp(g: Any, q: Any, k: Any, v: Any, *, missing: bool = False) -> tuple[Any, Any, Any]:
    """By hand, for NumPy, which has no derivatives: in float32 at least."""
    wide = [x.astype(np.float32) if x.dtype.itemsize < 4 else x for x in (g, q, k, v)]
    dy, q_, k_, v_ = wide
    root = np.sqrt(q.shape[-1]).astype(q_.dtype)
    scores = q_ @ k_.swapaxes(1, 2) / root
    p = np.exp(scores - scores.max(-1, keepdims=True))
    p /= p.sum(-1, keepdims=True)
    dp = dy @ v_.swapaxes(1, 2)
    ds = p * (dp - (dp * p).sum(-1, keepdims=True)) / root
    dk = ds.swapaxes(1, 2) @ q_
    found = ds @ k_, dk * 0 if missing else dk, p.swapaxes(1, 2) @ dy
    return tuple(x.astype(q.dtype) for x in found)  # type: ignore[return-value]  # three


def asked(framework: str, everything: bool) -> Iterator[tuple[str, str, str, str, Any, dict[str, Any]]]:
    """(name, formula, dtype, level, function, options) of every check; the right ones have no name."""
    ops = OPS[framework]()
    for formula, function in right(ops).items():
        level = "core" if everything else "quick"
        options = {"vjp": attention_vjp} if (framework, formula) == ("numpy", "attention") else {}
        yield from (("", formula, dtype, level, function, options) for dtype in ALL)
    for name, one in wrong(ops).items():
        if name in HEAVY and not everything:
            continue
        options = {}
        if framework == "numpy" and "gradient" in name:
            options = {"vjp": lambda *arrays: attention_vjp(*arrays, missing=True)}
        dtypes = [dtype for dtype in one.dtypes if everything or dtype in FEW]
        yield from ((name, one.formula, dtype, one.level, one.function, options) for dtype in dtypes)


def main(framework: str, everything: bool) -> None:
    """Prints what came of each."""
    for name, formula, dtype, level, function, options in asked(framework, everything):
        result = nnparity.check(function, formula, dtype=dtype, level=level, **options)
        verdicts = [{"quantity": v.quantity, "grade": v.grade, "diagnosis": v.diagnosis} for v in result.verdicts]
        told = {"name": name, "formula": formula, "dtype": dtype, "text": str(result), "verdicts": verdicts}
        sys.stdout.write(json.dumps(told | {"conforms": bool(result), "resolution": result.resolution}) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:] == ["all"])

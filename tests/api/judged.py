"""Run as a program: one framework, and what the tests of this folder ask of it, as JSON on the last line.

One process for all that is asked: most frameworks take longer to be imported than to answer. The kernels of `blocks`
are judged, of what compiles or dispatches slowly fewer, unless ``NNPARITY_EVERY_CASE`` is set: the right ones in all
dtypes at the quick level, the wrong ones in float32 and bfloat16.
"""

import importlib.util
import os
import sys
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nnparity
from nnparity.adapters.kernel import resolve
from nnparity.tests import once
from nnparity.tests.api.frameworks import OPS
from nnparity.tests.api.kernels.blocks import ALL, right, wrong
from nnparity.tests.api.kernels.other_codes import codes, widened

#: Asked at the core level and in all dtypes; the others take minutes for that.
WHOLE = ("numpy", "torch")
EVERYTHING = "NNPARITY_EVERY_CASE" in os.environ
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


def told(session: pytest.FixtureRequest, framework: str, question: str) -> Any:
    """What the process of that framework answers."""
    return once.told(session, __name__, framework, question, ASKING)


def of_arrays(framework: str) -> None:
    """Runs what is asserted of its arrays and settings, which nobody has touched so far."""
    from nnparity.tests.api.test_arrays import BODIES, HEAD

    if framework in BODIES:
        exec(f"FRAMEWORK = {framework!r}\n{HEAD}{BODIES[framework]}", {})


def of_check(framework: str) -> list[dict[str, Any]]:
    """What comes of each kernel of `blocks`."""
    found = []
    for name, formula, dtype, level, function, options in asked(framework, framework in WHOLE or EVERYTHING):
        result = nnparity.check(function, formula, dtype=dtype, level=level, **options)
        verdicts = [{"quantity": v.quantity, "grade": v.grade, "diagnosis": v.diagnosis} for v in result.verdicts]
        one = {"name": name, "formula": formula, "dtype": dtype, "text": str(result), "verdicts": verdicts}
        found.append(one | {"conforms": bool(result), "resolution": result.resolution})
    return found


def of_other_codes(framework: str) -> list[dict[str, Any]]:
    """The grades of each correct code of `other_codes`, in each dtype; it knows PyTorch alone."""
    found, ops = [], OPS[framework]()
    for one, dtype in product(codes(), ALL):
        options: dict[str, Any] = {"level": one.level, "quantities": one.quantities, "framework": framework}
        result = nnparity.check(widened(one.function, ops), one.formula, dtype=dtype, **options)
        seen = {"formula": one.formula, "name": one.name, "loses": one.loses, "dtype": dtype, "text": str(result)}
        found.append(seen | {"grades": [verdict.grade for verdict in result.verdicts]})
    return found


def of_packs(framework: str) -> list[tuple[str, str, bool, str]]:
    """(formula, dtype, whether it conforms, text) of the framework's methods of a pack."""
    from nnparity.tests.api.test_packs import FIRST, LEVELS, MODERN

    if framework not in LEVELS:
        return []
    pack = nnparity.load_pack(MODERN)
    spec = importlib.util.spec_from_file_location("methods", MODERN / f"on_{framework}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found = []
    for id in FIRST:
        method = getattr(module, id, None) or resolve(pack.formulas[id].kernels[framework])
        for dtype in ALL:
            result = nnparity.check(method, id, dtype=dtype, level=LEVELS[framework])
            found.append((id, dtype, bool(result), str(result)))
    return found


#: By the module that asks; settings are looked at before anybody computes, and what a pack brings comes last.
QUESTIONS: dict[str, Callable[[str], Any]] = {
    "arrays": of_arrays,
    "check": of_check,
    "other_codes": of_other_codes,
    "packs": of_packs,
}
#: The module that asks each.
ASKING = {one: Path(__file__).with_name(f"test_{one}.py") for one in QUESTIONS}


if __name__ == "__main__":
    once.answer(QUESTIONS, sys.argv[1], sys.argv[2:])

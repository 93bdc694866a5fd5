"""Measures how far exp, log, tanh, sqrt, sin, cos, erf and expit of each framework are from the truth, on the CPU.

    python tools/measure_elementary.py DIRECTORY [FRAMEWORK ...]

writes `elementary.json` (function -> dtype -> framework -> numbers) and `elementary.md`. Errors are |y - f(x)| in units
of u |f(x)|, u the unit roundoff, over normal x whose f(x) is normal too: in half precision all; in float32 and float64
evenly spaced ones, ones evenly spaced in the bit pattern over the whole range, and such around 1. `binade` is the
largest `rms` within one binade of x: for most numbers exp gives 1 and tanh gives x, which flatters the mean over all.
`wrong` counts infinities and NaN, which are in no mean. The truth is python-flint's, as the sum of two float64.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

import flint
import numpy as np

from nnparity.spec.dtypes import DTYPES, Dtype

FUNCTIONS = ("exp", "log", "tanh", "sqrt", "sin", "cos", "erf", "expit")
ROUNDED = "correctly rounded"
POINTS = {"float32": 120_000, "float64": 20_000}  # of each kind; in a format that is not listed, all numbers
ENOUGH = 50  # points of a binade for a mean
BITS = {"float64": 1300, "float32": 400, "float16": 256, "bfloat16": 400}  # sin of the largest number
BEYOND = {"exp": 800.0, "expit": 800.0, "tanh": 1e4, "erf": 1e4}  # from here on the result is constant or not finite
ALONE = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "JAX_ENABLE_X64"), "1")
XLA = {"JAX_PLATFORMS": "cpu", "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"}
np.seterr(all="ignore")  # signalling NaNs, and results beyond the format, which are left out


def points(dtype: Dtype) -> Any:
    """The normal numbers to ask for, as float64."""
    if dtype.name not in POINTS:
        x = np.arange(2**16, dtype=np.uint16).view(dtype.numpy).astype(np.float64)
    else:
        whole, count, reach = np.dtype(f"u{dtype.numpy.itemsize}"), POINTS[dtype.name], -np.log(dtype.step)
        ends = np.array([(dtype.tiny, dtype.largest), (2.0**-14, 2.0**11)], dtype.numpy).view(whole).tolist()
        logs = [(a + (b - a) // count * np.arange(count)).astype(whole).view(dtype.numpy) for a, b in ends]
        linear = np.linspace(-reach, reach, count).astype(dtype.numpy)
        x = np.concatenate([linear, *logs, *(-each for each in logs)]).astype(np.float64)
    return x[(np.abs(x) >= dtype.tiny) & (np.abs(x) <= dtype.largest)]


def truth(function: str, x: Any, dtype: Dtype) -> Any:
    """Rows (x, high, low) with f(x) = high + low, where f(x) is normal; in float64 where low is, too."""
    flint.ctx.prec = BITS[dtype.name]
    f = (lambda t: 1 / (1 + (-t).exp())) if function == "expit" else getattr(flint.arb, function)
    x = x[(np.abs(x) < BEYOND.get(function, np.inf)) & ((x > 0) | (function not in {"log", "sqrt"}))]
    found = [f(flint.arb(t)) for t in x.tolist()]
    assert all(not y.is_finite() or y.rel_accuracy_bits() > 110 for y in found)
    high = np.array([float(y) for y in found])
    low = np.array([float(y - flint.arb(h)) for y, h in zip(found, high.tolist(), strict=True)])
    rounded = np.abs(high + low).astype(dtype.numpy)
    return np.stack([x, high, low])[:, (rounded >= max(dtype.tiny, 2.0**-900)) & (rounded <= dtype.largest)]


def statistics(y: Any, rows: Any, dtype: Dtype) -> dict[str, float]:
    """The numbers of one function of one framework."""
    fine = np.isfinite(y)
    x, high, low = rows[:, fine]
    error = np.abs((y[fine] - high) - low) / np.abs(high) / dtype.unit
    binades = np.frexp(x)[1]
    many = [int(b) for b in np.unique(binades) if np.count_nonzero(binades == b) >= ENOUGH]
    means = {b: float(np.linalg.norm(error[binades == b]) / np.count_nonzero(binades == b) ** 0.5) for b in many}
    worst = max(means, key=means.__getitem__)
    found = {"rms": float(np.linalg.norm(error) / len(x) ** 0.5), "max": float(error.max())}
    found |= {"max_at": float(x[error.argmax()]), "binade": means[worst], "binade_from": 2.0 ** (worst - 1)}
    return found | {"points": len(y), "wrong": len(y) - len(x)}


def framework(name: str) -> Callable[[str, Any], Any]:
    """From a function's name and an array to the framework's own result as an array."""
    if name == "numpy":
        return lambda f, x: getattr(import_module("scipy.special") if f in {"erf", "expit"} else np, f)(x)
    module: Any = import_module({"tensorflow": "tensorflow.math", "jax": "jax.lax"}.get(name, name))
    own = {"expit": "logistic" if name == "jax" else "sigmoid"}
    if name != "torch":
        return lambda f, x: np.asarray(getattr(module, own.get(f, f))(x))
    given = lambda x: module.from_numpy(x.astype(np.float64)).to(getattr(module, str(x.dtype)))  # noqa: E731
    return lambda f, x: getattr(module, own.get(f, f))(given(x)).double().numpy().astype(x.dtype)


def measure(name: str, truths: Any) -> dict[str, Any]:
    """function/dtype -> numbers of one framework, None where it has no such function of that type."""
    call, found = (lambda _, y: y) if name == ROUNDED else framework(name), dict.fromkeys(truths)
    for key, rows in truths.items():
        dtype = DTYPES[key.split("/")[1]]
        with suppress(TypeError):  # SciPy refuses a type, or answers in another
            y = call(key.split("/")[0], (rows[1] + rows[2] if name == ROUNDED else rows[0]).astype(dtype.numpy))
            found[key] = statistics(y.astype(np.float64), rows, dtype) if y.dtype == dtype.numpy else None
    return found


def main(folder: Path, names: list[str]) -> None:
    """Measures each framework in a process of its own; the table's cells are rms / max / binade."""
    truths = {f"{f}/{d.name}": truth(f, points(d), d) for f in FUNCTIONS for d in DTYPES.values()}
    with tempfile.NamedTemporaryFile(suffix=".npz") as file:
        np.savez(file, **truths)
        command, env = [sys.executable, __file__, "--child", file.name], os.environ | ALONE | XLA
        measured = {name: json.loads(subprocess.check_output([*command, name], env=env)) for name in names}
    nested = {f: {d: {n: measured[n][f"{f}/{d}"] for n in names} for d in DTYPES} for f in FUNCTIONS}
    (folder / "elementary.json").write_text(json.dumps(nested, indent=1), encoding="utf-8")
    cell = "{rms:.2f} / {max:.3g} / {binade:.2f}".format_map
    lines = [["function", "dtype", *names], ["---"] * (len(names) + 2)]
    lines += [[f, d, *(cell(n) if n else "none" for n in nested[f][d].values())] for f in FUNCTIONS for d in DTYPES]
    (folder / "elementary.md").write_text("".join(f"| {' | '.join(line)} |\n" for line in lines), encoding="utf-8")


if __name__ == "__main__":
    if sys.argv[1] == "--child":
        sys.stdout.write(json.dumps(measure(sys.argv[3], np.load(sys.argv[2]))))
    else:
        main(Path(sys.argv[1]), [ROUNDED, *(sys.argv[2:] or ("numpy", "torch", "tensorflow", "jax"))])

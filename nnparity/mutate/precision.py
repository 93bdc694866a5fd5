"""Faults of precision: inputs, results or intermediate results in fewer digits, sums in fewer, a few ulp of noise."""

import zlib
from collections.abc import Callable
from typing import Any

import numpy as np

from nnparity.adapters.request import Array, Observation, Request
from nnparity.expect.evaluation import evaluate
from nnparity.expect.precision_models import narrow
from nnparity.mutate.fault import GRADIENTS, OUTPUTS, Call, Change, Fault, of_answers, of_inputs
from nnparity.reference.readings.base import plain as values
from nnparity.reference.readings.rounded import on
from nnparity.spec import DTYPES, Dtype, Formula
from nnparity.spec.schema import plain

KIND = "precision"
#: Digits of the significand: float32, TF32, bfloat16, float8 (E4M3).
FLOAT32, TF32, BFLOAT16, FLOAT8 = 24, 11, 8, 4
FEWER = {"float64": (FLOAT32,), "float32": (TF32, BFLOAT16), "float16": (BFLOAT16, FLOAT8), "bfloat16": (FLOAT8,)}
#: Formats that a whole computation, or its sums alone, may be made in by mistake.
NARROWER = {"float64": ("float32",), "float32": ("float16", "bfloat16"), "float16": (), "bfloat16": ()}
SUMS = {"float64": "float32", "float32": "bfloat16", "float16": "float16", "bfloat16": "bfloat16"}
#: That of sums which lose nothing beside those: what comes out alike has none.
WIDEST = "float64"
NOISE = (2, 4, 8, 16)
#: Results of two conventions differ by more than this part of themselves, roundings of few digits do not.
ALIKE = 8
MOVES_ONLY = "moves elements, and rounds nothing"


def precision_faults(formula: Formula, dtype: Dtype) -> list[Fault]:
    """Those that a dtype has room for."""
    faults = [
        *(Fault(f"inputs of {n} digits", KIND, of_inputs(_kept(n)), EXACT_INPUTS) for n in FEWER[dtype.name]),
        *(Fault(f"the output in {n} digits", KIND, of_answers(_kept(n), OUTPUTS), SHORT) for n in FEWER[dtype.name]),
        *(Fault(f"noise of {n} ulp in the output", KIND, of_answers(_noise(n), OUTPUTS)) for n in NOISE),
        *(Fault(f"computed in {name}", KIND, computed(name), MOVES_ONLY) for name in NARROWER[dtype.name]),
        Fault(f"sums in {SUMS[dtype.name]}", KIND, computed(dtype.name, SUMS[dtype.name]), "adds nothing up"),
    ]
    if narrow(dtype.name):
        cut = computed("float32", store=_leading)
        faults.append(Fault("results cut off, not rounded", KIND, cut, MOVES_ONLY, one_way=True))
    if formula.wrt:
        faults += [
            Fault(f"gradients in {n} digits", KIND, of_answers(_kept(n), GRADIENTS), SHORT) for n in FEWER[dtype.name]
        ]
        faults += [Fault(f"noise of {n} ulp in the gradients", KIND, of_answers(_noise(n), GRADIENTS)) for n in NOISE]
    return faults


EXACT_INPUTS = "no input of real numbers"
SHORT = "its results have so few digits anyway"


def _kept(digits: int) -> Change:
    """Rounded to so many digits, half to even; the exponent is left alone."""

    def change(x: Array, request: Request) -> Array:
        significand, exponent = np.frexp(x.astype(np.float64))
        return np.asarray(np.ldexp(np.rint(np.ldexp(significand, digits)), exponent - digits))

    return change


def _noise(ulps: int) -> Change:
    """Each element up to so many of its own last places off, evenly."""

    def change(x: Array, request: Request) -> Array:
        random = np.random.default_rng(zlib.crc32(request.formula.encode() + x.tobytes()))
        digits = DTYPES[x.dtype.name].digits
        _, exponent = np.frexp(x.astype(np.float64))
        return np.asarray(x.astype(np.float64) + np.ldexp(random.uniform(-ulps, ulps, x.shape), exponent - digits))

    return change


def computed(
    dtype: str, accumulator: str | None = None, *, store: Callable[[Any, Any], Any] | None = None
) -> Callable[[Call], Observation]:
    """By a machine that rounds each operation to `dtype`, and sums term by term in `accumulator`.

    `store` makes the answer of what it found and of the right one, in the target's dtype: to nearest if not said.
    """
    stored = store or _stored

    def answer(call: Call) -> Observation:
        lift = on(dtype, call.flush, lanes=1, accumulator=accumulator)
        asked = frozenset(call.request.quantities)
        found = evaluate(call.case, asked, lift, lift, {})
        right = call.right
        if accumulator is not None:  # what has no sum is as it is without the fault
            wide = on(dtype, call.flush, lanes=1, accumulator=WIDEST)
            found = _apart(found, evaluate(call.case, asked, wide, wide, {}))
        return {
            name: stored(found[plain(name)], seen) if plain(name) in found else seen for name, seen in right.items()
        }

    return answer


def _apart(found: dict[str, Any], wide: dict[str, Any]) -> dict[str, Any]:
    """The quantities that come out otherwise."""
    return {n: x for n, x in found.items() if not np.array_equal(values(x), values(wide[n]), equal_nan=True)}


def _stored(found: Any, seen: Any) -> Any:
    with np.errstate(all="ignore"):
        return np.asarray(values(found)).astype(seen.dtype) if isinstance(seen, np.ndarray) else seen


def _leading(found: Any, seen: Any) -> Any:
    """The leading bits, as by a shift of 16 where bfloat16 is meant, but where the target takes another convention."""
    near = _stored(found, seen)
    if not isinstance(near, np.ndarray):
        return near
    with np.errstate(all="ignore"):
        exact = np.asarray(values(found))
        beyond = np.abs(near.astype(np.float64)) > np.abs(exact)
        inward = np.where(beyond, np.nextafter(near, np.zeros_like(near)), near)
        same = np.abs(seen.astype(np.float64) - exact) <= np.abs(exact) / ALIKE
        return np.where(same, inward, seen)

"""Faults that show in some circumstances only: certain numbers, the call before, a batch, a layout, several threads."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from nnparity.adapters.request import Array, Observation, Request
from nnparity.checks.determinism import with_samples
from nnparity.mutate.fault import GRADIENTS, OUTPUTS, Call, Change, Fault, of_another, of_answers, of_inputs
from nnparity.spec import DTYPES, Case, Dtype, Formula
from nnparity.spec.cases.layouts import CONTIGUOUS, EXPANDED, LAYOUTS, OF_A_SUM, numbers
from nnparity.spec.cases.special_values import batch
from nnparity.spec.loader import signatures

DATA, CALLS, LAYOUT, THREADS = "data", "order of calls", "layout", "threads"
NAN, PERMITTED = "NaN is taken for 0", "the spec permits it of a NaN"
#: Elements that one thread of several leaves out.
BLOCK = 8
ALIKE = "one number stands for all of an expanded vector, in any order"
SAME_ANYWAY = "no such number makes a difference to the formula"
NO_REAL_NUMBERS = "all that goes in are whole numbers, which the next call has as well"
LINEAR = "its gradients are the same, whatever goes in"


def circumstance_faults(formula: Formula, dtype: Dtype) -> list[Fault]:
    """Those that the formula has inputs, samples or arrays for."""
    faults = [
        _sought("outputs above 2 are 1 % too large", DATA, of_answers(_where(lambda x: x > 2), OUTPUTS)),
        _sought("outputs below 1/64 are 2 % off", DATA, of_answers(_where(_small, 1.02), OUTPUTS)),
        Fault("the last number is the call's before", CALLS, _stale),
        Fault("every second call gives other bits", CALLS, _restless),
        Fault("the next call's output lies where this one's does", CALLS, _late, NO_REAL_NUMBERS, sought=True),
        Fault("what was overwritten in place is not read again", CALLS, _packed, NO_REAL_NUMBERS, True, needs="write"),
        Fault("two callers at once have one workspace", CALLS, _shared, NO_REAL_NUMBERS, sought=True),
    ]
    if any(not formula.integer(name) for name in formula.inputs):
        faults += _of_inputs(formula)
        faults.append(Fault("what a call with NaN left in a workspace is added, times 0", CALLS, _dirty, sought=True))
    if batch(formula) and any(formula.results.values()):
        faults.append(_sought("the first sample sees the others", CALLS, of_answers(_leaking, OUTPUTS)))
    if samples := with_samples(formula):
        faults.append(Fault("mapped over samples, the last is taken for the first", CALLS, _mapped, needs="vmap"))
        if set(formula.wrt) - set(samples):
            faults.append(Fault("of three sets of weights the first is taken for all", CALLS, _member, needs="vmap"))
    if formula.wrt:
        faults += _of_gradients()
    faults += [_in_layout(one) for one in LAYOUTS if _has(formula, one)]
    return [*faults, Fault(f"on several threads the last {BLOCK} elements are not written", THREADS, _seam)]


def _of_gradients() -> list[Fault]:
    return [
        Fault("a second backward pass is given the first one's cotangents", CALLS, _passed, needs="vjp_again"),
        Fault("gradients are those of the call that came last", CALLS, _overwritten, LINEAR, True, needs="vjp_late"),
        Fault("of three cotangents the first is taken for all", CALLS, _cotangent, needs="vmap"),
    ]


def _sought(name: str, kind: str, answer: Callable[[Call], Observation], permitted: str = "") -> Fault:
    """One of certain numbers, which only a plan that has such numbers can call none."""
    return Fault(name, kind, answer, SAME_ANYWAY, sought=True, permitted=permitted)


def _has(formula: Formula, layout: str) -> bool:
    """Whether arrays of the formula can lie like that."""
    return numbers(Case(formula, signatures(formula)[0], "normal", DTYPES["float32"]), layout) is not None


def _in_layout(layout: str) -> Fault:
    if layout == OF_A_SUM:
        return Fault("of cotangents of a sum the first alone is read", LAYOUT, _one_cotangent, layout=layout)
    return Fault(
        f"{layout} inputs are taken in another order",
        LAYOUT,
        _rolled(layout),
        ALIKE if layout == EXPANDED else "",
        layout=layout,
    )


def _of_inputs(formula: Formula) -> list[Fault]:
    changes: dict[str, Change] = {
        "inputs are clipped to 4": lambda x, request: np.clip(x.astype(np.float64), -4, 4),
        "negative inputs lose their last digits": _blurred,
        "inputs below 1/256 are 0": lambda x, request: np.where(np.abs(x.astype(np.float64)) < 2**-8, 0, x),
        NAN: lambda x, request: np.where(np.isnan(x), 0, x),
        "infinity is taken for a large number": _finite,
    }
    answered = (one for one in formula.permits.get("nan", ()) if one.covers("output") and not one.raises)
    permitted = PERMITTED if any(answered) else ""  # that a gradient may be another, or that it raises, excuses none
    return [
        _sought(name, DATA, of_inputs(change), permitted if name == NAN else "") for name, change in changes.items()
    ]


def _finite(x: Array, request: Request) -> Array:
    wide = x.astype(np.float64)
    return np.where(np.isinf(wide), np.sign(wide) * 1000, wide)


def _blurred(x: Array, request: Request) -> Array:
    """To 6 digits."""
    significand, exponent = np.frexp(x.astype(np.float64))
    return np.where(x < 0, np.ldexp(np.rint(np.ldexp(significand, 6)), exponent - 6), x)


def _small(x: Array) -> Array:
    return np.asarray(np.abs(x) < 2**-6)


def _where(condition: Callable[[Array], Array], factor: float = 1.01) -> Change:
    def change(x: Array, request: Request) -> Array:
        wide = x.astype(np.float64)
        return np.where(condition(wide), wide * factor, wide)

    return change


def _leaking(x: Array, request: Request) -> Array:
    if x.ndim and len(x) > 1:
        x[0] = (x[0].astype(np.float64) + 0.05 * x[1:].astype(np.float64).mean(axis=0)).astype(x.dtype)
    return x


def _stale(call: Call) -> Observation:
    return {name: _last_of(seen, call.before.get(name)) for name, seen in call.right.items()}


def _last_of(seen: object, before: object) -> Array:
    if not isinstance(seen, np.ndarray) or not isinstance(before, np.ndarray) or not (seen.size and before.size):
        return seen  # type: ignore[return-value]
    stale = seen.copy()
    stale.reshape(-1)[-1] = before.reshape(-1)[-1]
    return stale


def _restless(call: Call) -> Observation:
    return {name: _next(seen) if call.times % 2 else seen for name, seen in call.right.items()}


def _late(call: Call) -> Observation:
    """What is read only after another call is the answer to that."""
    return of_another(call.request.halved, call, OUTPUTS) if call.request.read_late else call.right


def _packed(call: Call) -> Observation:
    """What was made of an array, and is kept by where that lies, is of the numbers that were there first."""
    return of_another(call.request.inner_halved, call, OUTPUTS) if call.request.overwrites else call.right


def _shared(call: Call) -> Observation:
    return of_another(call.request.halved, call, OUTPUTS) if call.request.concurrent else call.right


def _mapped(call: Call) -> Observation:
    return of_answers(_last_as_first, OUTPUTS)(call) if call.request.mapped else call.right


def _dirty(call: Call) -> Observation:
    return of_answers(_nan_last, OUTPUTS)(call) if call.request.after_nan else call.right


def _nan_last(x: Array, request: Request) -> Array:
    x.flat[-1] = np.nan
    return x


def _passed(call: Call) -> Observation:
    return of_answers(lambda x, request: x * 0.5, GRADIENTS)(call) if call.request.second_pass else call.right


def _overwritten(call: Call) -> Observation:
    return of_another(call.request.inner_halved, call, GRADIENTS) if call.request.pulled_late else call.right


def _member(call: Call) -> Observation:
    request = call.request
    if not request.members:
        return call.right
    both = request.stacked.inputs
    inputs = {name: both[name][0] if name in request.members else x for name, x in request.inputs.items()}
    return of_another(replace(request, inputs=inputs), call, OUTPUTS)


def _cotangent(call: Call) -> Observation:
    if not call.request.jacobian:
        return call.right
    first = {name: both[0] for name, both in call.request.stacked.cotangents.items()}
    return of_another(replace(call.request, cotangents=first), call, GRADIENTS)


def _last_as_first(x: Array, request: Request) -> Array:
    x[-1] = x[0]
    return x


def _next(seen: object) -> Array:
    if not isinstance(seen, np.ndarray) or not seen.size:
        return seen  # type: ignore[return-value]
    other = seen.copy().reshape(-1)
    other[:1] = np.nextafter(other[:1], np.asarray(np.inf, other.dtype))
    return other.reshape(seen.shape)


def _rolled(layout: str) -> Callable[[Call], Observation]:
    """The first real input read one place further on, as strides that are not followed do."""
    wrong = of_inputs(lambda x, request: np.roll(x, 1))
    return lambda call: wrong(call) if call.request.layout == layout else call.right


def _one_cotangent(call: Call) -> Observation:
    """The others are taken for 0, as memory that is not there is."""
    if call.request.layout != OF_A_SUM:
        return call.right
    first = {name: _first(g) for name, g in call.request.cotangents.items()}
    return of_another(replace(call.request, cotangents=first), call, GRADIENTS)


def _first(x: Array) -> Array:
    one = np.zeros_like(x)
    one.flat[:1] = x.flat[:1]
    return one


def _seam(call: Call) -> Observation:
    if not call.threads or call.request.layout != CONTIGUOUS:
        return call.right

    def lost(x: Array, request: Request) -> Array:
        x.reshape(-1)[-BLOCK:] = 0
        return x

    return of_answers(lost, OUTPUTS)(call)

"""What the harness asks of a target, and what comes back: plain data, no framework.

A `Request` is one case with everything needed to observe it; an `Observation` maps each
quantity (``output``, ``grad.x``, ``jvp``, ``hvp.x`` ...) to an array, or to the `Failure`
that took its place.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Any, Literal, TypeVar

import ml_dtypes  # noqa: F401  (registers bfloat16 with NumPy)
import numpy as np
import numpy.typing as npt

from nnparity.spec.cases.layouts import CONTIGUOUS
from nnparity.spec.schema import WITH_GRAD, plain

Array = npt.NDArray[Any]

#: The ways to nest the two modes of differentiation: all of them give the HVP, but the last, which gives the second
#: derivative of each output along the tangents. Methods of an adapter are called so.
NESTED = ("forward_over_reverse", "reverse_over_reverse", "reverse_over_forward", "forward_over_forward")

#: The environment variable with the folder of compiled programs. The user may name one, or none by "off"; the process
#: of a target is always given one, if only to share it with other processes of the run.
PROGRAMS = "NNPARITY_CACHE"


@dataclass(frozen=True, eq=False)
class Request:
    """One case: `inputs` in the order of the spec, `wrt` the inputs differentiated.

    `cotangents` has one array per output, `tangents` one per name of `wrt`; both may be left
    out when no quantity needs them. `dtype` is only needed by a formula without a float input.
    """

    formula: str
    inputs: dict[str, Array]
    attributes: dict[str, Any] = field(default_factory=dict)
    wrt: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ("output",)
    cotangents: dict[str, Array] = field(default_factory=dict)
    tangents: dict[str, Array] = field(default_factory=dict)
    quantities: frozenset[str] = frozenset({"output"})
    dtype: str = ""
    #: How the arrays lie in the target's memory, see `spec.cases.layouts`.
    layout: str = CONTIGUOUS
    #: What other requests of the same shapes ask for: the program that is compiled for them serves this one too.
    together: frozenset[str] = frozenset()
    #: How many threads the kernels take, of a target that sets that itself; 0 is what its process was given.
    threads: int = 0
    #: Whether results are read only after the same program was called again, with the numbers of `halved`.
    read_late: bool = False
    #: Whether the results are those of a second call with the same tensors.
    repeats: bool = False
    #: Whether the inputs are written to where those of `inner_halved` lay in a call before, as an optimiser does.
    overwrites: bool = False
    #: Inputs whose first axis is that of samples, where the framework is to map code for one sample over them (vmap).
    mapped: tuple[str, ...] = ()
    #: Whether the forward derivative is to come of the VJP, differentiated by its cotangents.
    doubled: bool = False
    #: How the second derivative is to come about, one of `NESTED`; as the adapter's own `hvp` where nothing is said.
    nested: str = ""
    #: Whether the gradients are to come of a graph that was gone back through before, with other cotangents.
    second_pass: bool = False
    #: Whether the gradients are pulled back only after another forward call of the same sizes, of `inner_halved`.
    pulled_late: bool = False
    #: Inputs of which the framework is to map code (vmap) over three of each, as of an ensemble: these between others.
    #: All other inputs are shared.
    members: tuple[str, ...] = ()
    #: Places of `outputs` among those of the formula, where they are not all: the others have no cotangents.
    output_at: tuple[int, ...] = ()
    #: Whether what pulls back is mapped over three cotangents of each output, as for a Jacobian: these between others.
    jacobian: bool = False
    #: Whether the same program was called with nothing but NaN before: what that left in memory is nothing to this.
    after_nan: bool = False
    #: Whether another thread runs the same program at the same time, with the numbers of `halved`.
    concurrent: bool = False
    #: Whether the program is called several times, and the results are those least like the first call's.
    several_calls: bool = False

    @property
    def float_dtype(self) -> str:
        """The dtype that is asked about: the one that is named, else that of the first input that holds floats."""
        floats = (array.dtype.name for array in self.inputs.values() if array.dtype.kind not in "iub")
        return self.dtype or next(floats, "")

    @property
    def way(self) -> tuple[object, ...]:
        """How it is asked for, if otherwise than by a single call of the program for its numbers."""
        calls = self.read_late, self.repeats, self.overwrites, self.after_nan, self.concurrent, self.several_calls
        mapped = self.mapped, self.members, self.jacobian, self.output_at
        return (*calls, *mapped, self.doubled, self.nested, self.second_pass, self.pulled_late)

    @property
    def halved(self) -> "Request":
        """The same of half of each real number, cotangents too: no formula takes those for the same, nor refuses them.

        Of an input that is only scaled some have the same gradient, such as a normalisation by what it is halved by.
        """
        cotangents = {name: _half(array) for name, array in self.cotangents.items()}
        return replace(self, inputs={name: _half(array) for name, array in self.inputs.items()}, cotangents=cotangents)

    @property
    def inner_halved(self) -> "Request":
        """The same of half of each real number but the first and the last, by which who keeps arrays may know them.

        And in reverse order: half a number has its sign and its rank, and what is kept of those would be right.
        """
        return replace(self, inputs={name: _inner_half(array) for name, array in self.inputs.items()})

    @property
    def stacked(self) -> "Request":
        """The same with three of each array that it is mapped over; of another request the same."""
        if not (self.members or self.jacobian):
            return self
        inputs = {name: _between_others(x) if name in self.members else x for name, x in self.inputs.items()}
        cotangents = {name: _between_others(g) if self.jacobian else g for name, g in self.cotangents.items()}
        return replace(self, inputs=inputs, cotangents=cotangents)

    @property
    def of_nan(self) -> "Request":
        """The same of nothing but NaN; integers stay as they are."""
        return replace(self, inputs={name: _all_nan(array) for name, array in self.inputs.items()})

    @property
    def of_int32(self) -> "Request":
        """The same with integers of 32 bits for those of 64."""
        return replace(self, inputs={name: _narrowed(array) for name, array in self.inputs.items()})


def _between_others(array: Array) -> Array:
    """Three, of which it is the one between: who takes the first or the last for all is wrong of it."""
    other = _inner_half(array)
    return np.stack([other, array, _inner_half(other)])


def _narrowed(array: Array) -> Array:
    return array.astype(np.int32) if array.dtype == np.int64 else array


def _all_nan(array: Array) -> Array:
    return array if array.dtype.kind in "iub" else np.full_like(array, np.nan)


def _inner_half(array: Array) -> Array:
    if array.dtype.kind in "iub":
        return array
    halved = _half(array).reshape(-1)[::-1].reshape(array.shape).copy()
    if array.size > 2:
        halved.flat[0], halved.flat[-1] = array.flat[0], array.flat[-1]
    return halved


def _half(array: Array) -> Array:
    return array if array.dtype.kind in "iub" else (array * 0.5).astype(array.dtype)


@dataclass(frozen=True)
class Failure:
    """Why a quantity could not be observed.

    `kind` is "unsupported" when the adapter or the framework says that it does not do this,
    "error" for anything else that was raised. What its process died of, "crashed" or "timed out", the harness says.
    """

    kind: Literal["error", "unsupported", "crashed", "timed out"]
    message: str
    #: The module that raised it, when an exception came from what the adapter calls, and not from the adapter.
    raised_in: str = field(default="", compare=False)


Observation = dict[str, Array | Failure]


class MaskedElements(ValueError):
    """Elements of an array are masked: its owner says of them that they are no numbers."""


def unmasked(array: Any) -> Any:
    """The same array, or whatever it is. Raises MaskedElements: as a plain array it would show what it hides."""
    if isinstance(array, np.ma.MaskedArray) and np.ma.is_masked(array):
        hidden = f"{np.count_nonzero(np.ma.getmaskarray(array))} of {array.size} elements are masked"
        raise MaskedElements(f"{hidden}, and what is masked is no number: fill them, or give the array's data")
    return array


def native(array: Array) -> Array:
    """The same numbers in the byte order of this machine: which one they came in says nothing of them."""
    return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))


def directions(request: Request) -> dict[str, Array]:
    """Cotangents and tangents, by what they are called, in the order of a `Point`."""
    g, v = request.cotangents, request.tangents
    cotangents = {f"the cotangent of {name}": g[name] for name in request.outputs if g}
    return cotangents | {f"the tangent of {name}": v[name] for name in request.wrt if v}


def altered(
    given: Mapping[str, Array], tensors: Mapping[str, Any], get: Callable[[Any], Array], put: Callable[[Array], Any]
) -> str | None:
    """An input that holds other numbers than were given, and the first of these; None where there is none.

    Whoever has that array reads them, however right the result is. What was given is put on the device once more for
    comparison, since that may keep other bits of an array than it was given.
    """
    for name, tensor in tensors.items():
        if other := _other(given[name], tensor, get, put):
            return f"{name}: {other}"
    return None


def _other(given: Array, tensor: Any, get: Callable[[Any], Array], put: Callable[[Array], Any]) -> str | None:
    try:
        now = np.asarray(get(tensor))
        return None if now.tobytes() == given.tobytes() else _departure(np.asarray(get(put(given))), now)
    except Exception:  # noqa: BLE001  (one that cannot be had back tells so of its results)
        return None


def _departure(before: Array, after: Array) -> str | None:
    for place in np.ndindex(before.shape):
        if before[place].tobytes() != after[place].tobytes():
            return (
                f"[{', '.join(map(str, place))}] is {float(after[place]):.4g} now, and was {float(before[place]):.4g}"
            )
    return None


Place = TypeVar("Place", bound=tuple[str, ...])


def declared(table: Mapping[Place, str], place: Place) -> str | None:
    """What an adapter declares of a place (formula, dtype, quantity ...): by the first of its patterns that fits."""
    return next((told for patterns, told in table.items() if all(map(fnmatchcase, place, patterns))), None)


def output_keys(family: str, outputs: tuple[str, ...]) -> tuple[str, ...]:
    """Names of a quantity shaped like the output: ``jvp``, or ``jvp.h_next`` when there are several."""
    return (family,) if len(outputs) == 1 else tuple(f"{family}.{name}" for name in outputs)


def keys(family: str, request: Request) -> tuple[str, ...]:
    """Every quantity of `family` that an observation of `request` holds."""
    if family in ("output", "jvp", WITH_GRAD):
        return output_keys(family, request.outputs)
    return tuple(f"{family}.{name}" for name in request.wrt)


def once(put: Callable[[Array], Any]) -> Callable[[Array], Any]:
    """The same tensor for arrays of the same numbers."""
    made: dict[tuple[str, tuple[int, ...], bytes], Any] = {}
    return lambda array: made.setdefault((array.dtype.name, array.shape, array.tobytes()), put(array))


def added_up(seen: Observation, request: Request) -> Observation:
    """Of code that was mapped over samples the gradients of what all samples share, added up; rounded once.

    Of what was mapped over three those of the request itself, which lie between the others.
    """
    if request.members or request.jacobian:
        return {name: x[1] if isinstance(x, np.ndarray) and x.ndim else x for name, x in seen.items()}
    if not request.mapped:
        return seen
    shared = {f"grad.{name}" for name in set(request.wrt) - set(request.mapped)}
    return {
        name: x.astype(np.float64).sum(axis=0).astype(x.dtype) if name in shared and isinstance(x, np.ndarray) else x
        for name, x in seen.items()
    }


def asked(family: str, request: Request) -> bool:
    """Whether a request wants a family; the output that comes with the gradients it wants beside both."""
    return {*(("output", "grad") if family == WITH_GRAD else (family,))} <= request.quantities


def observed(seen: Observation, family: str, request: Request) -> bool:
    """Whether every quantity of a family has numbers."""
    return all(not isinstance(seen.get(key), Failure | None) for key in keys(family, request))


def repeated(key: str, seen: Observation) -> bool:
    """Whether a quantity is the output with gradients, and the plain one bit for bit; any NaN is as good as another."""
    if plain(key) == key:
        return False
    # A loss of NumPy's is no array of its own, but a number that has all that is asked of one here.
    pair: tuple[Any, Any] = seen.get(key), seen.get(plain(key))
    with_grad, output = (np.asarray(x) if isinstance(x, np.generic) else x for x in pair)
    if not isinstance(with_grad, np.ndarray) or not isinstance(output, np.ndarray):
        return isinstance(with_grad, Failure | None) or not isinstance(output, Failure | None | np.ndarray)
    if (with_grad.shape, with_grad.dtype) != (output.shape, output.dtype):
        return False
    if with_grad.tobytes() == output.tobytes():
        return True
    alike = (with_grad == output) & (np.signbit(with_grad) == np.signbit(output))
    return bool((alike | ((with_grad != with_grad) & (output != output))).all())  # noqa: PLR0124  (NaN)


def listed(families: tuple[str, ...]) -> str:
    """In words; of the output that comes with the gradients nothing is said."""
    *first, last = (family for family in families if family != WITH_GRAD)
    return f"{', '.join(first)} and {last}" if first else last

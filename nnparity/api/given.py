"""The caller's own arrays as a case, and what is wrong with them, in words that say what was expected."""

import hashlib
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from nnparity.adapters.function import framework_of, to_numpy
from nnparity.adapters.request import Array, Failure, MaskedElements
from nnparity.checks.common import first_line
from nnparity.reference import FORMULAS
from nnparity.spec import DTYPES, Case, Dtype, Formula, Signature, load, shapes
from nnparity.spec.cases.case import Arrays
from nnparity.spec.cases.invalid_inputs import unfit
from nnparity.spec.given import Given
from nnparity.spec.schema import Scalar
from nnparity.spec.usage import UsageError, require

#: The dataset's name in the ids of such cases.
GIVEN = "given"
#: Of an attribute, by the type of its default: the types that it may have, and what they are called.
KINDS: dict[type, tuple[tuple[type, ...], str]] = {
    bool: ((bool,), "True or False"),
    int: ((int,), "a whole number"),
    float: ((float, int), "a number"),
    str: ((str,), "a text"),
}


def formula_of(name: Any) -> Formula:
    """The formula of the spec of that name. Raises UsageError with the nearest ones."""
    if not isinstance(name, str):
        raise UsageError(f"a formula is named by a text such as 'softmax', not by a {type(name).__name__}")
    require("formula", (name,), tuple(load()))
    return load()[name]


def dtype_of(name: Any) -> Dtype:
    """A number format by its name, or by a dtype of NumPy or a framework (``torch.float32``)."""
    text = getattr(name, "name", None) or getattr(name, "__name__", None) or str(name).rpartition(".")[2]
    require("dtype", (text,), tuple(DTYPES))
    return DTYPES[text]


def callable_of(name: str, given: Any) -> None:
    """Raises UsageError for what is no function."""
    if not callable(given):
        raise UsageError(f"{name} is a {type(given).__name__}, expected a function")


def array_of(name: str, given: Any) -> Any:
    """One of the caller's arrays as NumPy's. Raises UsageError for what is none, for NaN and masked elements."""
    try:
        array = _numpy(name, given)
    except MaskedElements as error:
        raise UsageError(f"{name}: {error}") from error
    if array is None:
        hint = "; numpy.asarray(it, dtype) makes one" if isinstance(given, list | tuple | float | int) else ""
        raise UsageError(f"{name} is a {type(given).__name__}, expected an array{hint}")
    if array.dtype.name not in DTYPES and array.dtype.kind not in "iub":
        raise UsageError(f"{name} holds {array.dtype.name}, expected numbers")
    if array.dtype.name in DTYPES and (lost := np.argwhere(np.isnan(array))).size:
        raise UsageError(f"{name} holds NaN at {lost[0].tolist()}, from which no tolerance can be derived")
    return array


def _numpy(name: str, given: Any) -> Array | None:
    """An array as NumPy's; None for what is none. Raises UsageError where its framework gives no numbers of it."""
    try:
        return to_numpy(given)
    except MaskedElements:
        raise
    except Exception as error:
        traced = ": it is traced, and has no numbers: ask outside of jax.jit, jax.grad and the like"
        why = traced if "Tracer" in type(given).__name__ else f": {type(error).__name__}: {first_line(str(error))}"
        raise UsageError(f"{name} cannot be read as an array of NumPy{why}") from error


def named(inputs: Any) -> dict[str, Any]:
    """The inputs by name, as a dict. Raises UsageError for what is none."""
    if inputs is not None and not isinstance(inputs, Mapping):
        raise UsageError(f"inputs= is a {type(inputs).__name__}, expected a dict, from names to arrays")
    return dict(inputs or {})


def arrays_of(formula: Formula, given: Mapping[str, Any]) -> tuple[Arrays, dict[str, Any]]:
    """Inputs in the formula's order, and attributes. Raises UsageError for a missing or an unknown name."""
    words = ", ".join(f"{name} ({text or 'a scalar'})" for name, text in formula.inputs.items())
    for name in given:
        if name not in formula.inputs and name not in formula.attributes:
            known = ", ".join(f"{one}={value!r}" for one, value in formula.attributes.items())
            raise UsageError(f"{formula.id} has no input {name!r}; it takes {words}{'; ' if known else ''}{known}")
    for name in formula.inputs:
        if name not in given:
            raise UsageError(f"{formula.id} needs the input {name!r}; it takes {words}")
    attributes = {
        name: attribute(formula, name, given.get(name, default)) for name, default in formula.attributes.items()
    }
    return {name: _input(formula, name, given[name]) for name in formula.inputs}, attributes


def _input(formula: Formula, name: str, given: Any) -> Any:
    array = array_of(name, given)
    return array.astype(np.int64) if formula.integer(name) and array.dtype == bool else array


def case_of(
    formula: Formula, given: Mapping[str, Any], dtype: Dtype | None, cotangents: Mapping[str, Any] | None = None
) -> Given:
    """The case of these arrays; without `dtype` in that of the first input that holds floats."""
    inputs, attributes = arrays_of(formula, given)
    if wrong := unfit(formula, inputs, attributes):
        raise UsageError(f"{formula.id}: {wrong}")
    dtype = dtype or _common(inputs)
    for name, array in inputs.items():
        _representable(name, array, formula, dtype)
    signature = signature_of(formula, {name: array.shape for name, array in inputs.items()}, attributes)
    against = {name: array_of(f"the cotangent of {name}", g) for name, g in (cotangents or {}).items()}
    case = Given(formula, signature, GIVEN, dtype, _digest(inputs | against), inputs, against)
    for name, g in against.items():
        if g.shape != case.shapes[name]:
            raise UsageError(f"the cotangent of {name} has shape {g.shape}, that of {name} is {case.shapes[name]}")
        _representable(f"the cotangent of {name}", g, formula, dtype)
    if attributes != formula.attributes:
        computable(case)
    return case


def _digest(arrays: Arrays) -> str:
    """The salt: cases are told apart by their ids and salts, and these two may differ in their numbers alone."""
    told = hashlib.blake2b(digest_size=12)
    for array in arrays.values():
        told.update(f"{array.dtype} {array.shape}".encode() + array.tobytes())
    return told.hexdigest()


def _common(inputs: Arrays) -> Dtype:
    names = [array.dtype.name for array in inputs.values() if array.dtype.name in DTYPES]
    if not names:
        raise UsageError(f"no input holds {', '.join(DTYPES)}: say dtype=")
    return DTYPES[names[0]]


def _representable(name: str, array: Any, formula: Formula, dtype: Dtype) -> None:
    """Who computes in a dtype has rounded its inputs to it: the truth is that of the rounded ones."""
    if formula.integer(name) or array.dtype.name not in DTYPES:
        return
    with np.errstate(all="ignore"):
        kept = dtype.round(array).astype(np.float64) == array.astype(np.float64)
    if not kept.all():
        raise UsageError(
            f"{name} is {array.dtype.name} and holds numbers that {dtype.name}, the dtype of the result, does not: "
            f"cast it to {dtype.name} first, so that both speak of the same numbers"
        )


def signature_of(formula: Formula, found: Mapping[str, tuple[int, ...]], attributes: dict[str, Any]) -> Signature:
    """The dimensions that these shapes give, with the attributes."""
    dims = {name: size for name, size in shapes.bound(formula.inputs, found).items() if name not in attributes}
    return signature(dims, dict(attributes), formula)


def signature(dims: dict[str, int], attributes: dict[str, Any], formula: Formula) -> Signature:
    """A signature with the id that the spec would give it."""
    shown = [f"{name}{value}" for name, value in attributes.items() if value != formula.attributes[name]]
    text = "-".join(["".join(f"{name}{size}" for name, size in dims.items()), *shown]).strip("-")
    return Signature(text or GIVEN, dims, attributes, "quick", (GIVEN,))


def scalars(formula: Formula) -> bool:
    """Whether all that comes out are single numbers, whose cotangent is 1."""
    return not any(map(shapes.parse, formula.results.values()))


def result_of(name: str, given: Any) -> Array | Failure:
    """An array of any framework as NumPy's, or what is wrong with it as an answer; NaN is one, if a wrong one.

    Raises UsageError for what is none.
    """
    try:
        array = _numpy(name, given)
    except MaskedElements as error:
        return Failure("error", str(error))
    if array is None:
        raise UsageError(f"{name} is {_described(given)}, expected an array")
    return array


def results_named(
    given: Any, names: tuple[str, ...], what: str, taken: Callable[[str, Any], Any] = result_of
) -> dict[str, Any]:
    """What the caller computed, by name: one array, a tuple in the order of `names`, or a dict. Raises UsageError.

    `taken` makes an array of each, by its name for messages.
    """
    if isinstance(given, Mapping):
        given = tuple(given[short] for name in names if (short := _key(given, name, what)))
    parts = given if isinstance(given, tuple | list) and framework_of(given) is None else (given,)
    if len(parts) != len(names) or any(framework_of(part) is None for part in parts):
        told = f"{len(names)} arrays: {', '.join(names)}" if len(names) > 1 else "an array"
        raise UsageError(f"{what} is {_described(given)}, expected {told}")
    return {name: taken(f"{what}, {name},", part) for name, part in zip(names, parts, strict=True)}


def _key(given: Mapping[str, Any], name: str, what: str) -> str:
    """The name in full, or without its family: ``x`` for ``grad.x``."""
    for key in (name, name.partition(".")[2]):
        if key in given:
            return key
    raise UsageError(f"{what} has no {name!r}, only {', '.join(map(repr, given))}")


def _described(given: Any) -> str:
    if isinstance(given, tuple | list):
        return f"a {type(given).__name__} of {len(given)}"
    return f"a {type(given).__name__}"


def attribute(formula: Formula, name: str, value: Any) -> Scalar:
    """The value as a plain number or text, also of NumPy's. Raises UsageError for one of another kind."""
    default = formula.attributes[name]
    if value is formula.attributes[name]:  # as all of a formula of one's own are
        return default
    plain = value.item() if isinstance(value, np.generic | np.ndarray) and value.ndim == 0 else value
    types, called = KINDS[type(default)]
    lost = isinstance(plain, float) and not math.isfinite(plain)
    if type(plain) not in types or lost:
        raise UsageError(f"{formula.id}: {name} is {value!r}, expected {called}, such as {default!r}")
    found: Scalar = plain
    return found


def size(formula: Formula, name: str, given: Any) -> Any:
    """A size, or the sizes of a shape, as plain whole numbers. Raises UsageError for what is none."""
    sizes = given if isinstance(given, tuple) else (given,)
    if any(isinstance(one, bool) or not isinstance(one, int | np.integer) or one < 0 for one in sizes):
        raise UsageError(f"{formula.id}: {name}={given!r}, but a size is a whole number, and not below 0")
    return tuple(map(int, given)) if isinstance(given, tuple) else int(given)


def computable(case: Case) -> None:
    """Raises UsageError where the formula itself cannot be computed with these sizes and attributes.

    What binds them, such as a width that the heads share, is nowhere said but in the reference.
    """
    attributes = case.signature.attributes
    inputs = [x if case.formula.integer(name) else x.astype(np.float64) for name, x in case.inputs.items()]
    try:
        with np.errstate(all="ignore"):
            FORMULAS[case.formula.id](*inputs, **attributes)
    except Exception as error:
        told = ", ".join(f"{name}={value!r}" for name, value in (case.signature.dims | attributes).items())
        raise UsageError(f"{case.formula.id} cannot be computed with {told}: {error}") from error

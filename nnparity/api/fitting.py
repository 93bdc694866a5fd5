"""Attributes and sizes that are the caller's: each is of its kind, and the formula can be computed with them."""

import math
from typing import Any

import numpy as np

from nnparity.reference import FORMULAS
from nnparity.spec import Case, Formula
from nnparity.spec.schema import Scalar
from nnparity.spec.usage import UsageError

#: Of an attribute, by the type of its default: the types that it may have, and what they are called.
KINDS: dict[type, tuple[tuple[type, ...], str]] = {
    bool: ((bool,), "True or False"),
    int: ((int,), "a whole number"),
    float: ((float, int), "a number"),
    str: ((str,), "a text"),
}


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

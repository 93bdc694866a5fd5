"""The reference of one case, run on any kind of array: this is where formula and reading meet."""

from collections.abc import Callable, Collection, Iterator, Mapping
from functools import cache
from typing import Any

import numpy as np

from nnparity.reference import FORMULAS
from nnparity.reference.readings import Dual, tangent_of
from nnparity.reference.readings.sharing import shared
from nnparity.spec import Case
from nnparity.spec.given import Curved
from nnparity.spec.schema import OWN
from nnparity.spec.usage import UsageError

#: From an input's numbers to the array that the reference is run on.
Lift = Callable[[Any], Any]
#: The inputs in the formula's order, moving along their tangents or not.
Inputs = Callable[[bool], list[Any]]


def evaluate(
    case: Case, quantities: frozenset[str], lift: Lift, direct: Lift, variant: Mapping[str, Any]
) -> dict[str, Any]:
    """Every quantity of the case (``output``, ``grad.x``, ``jvp``, ``hvp.x`` ...) as a reading.

    `lift` makes the arrays of inputs and cotangents, `direct` those of tangents; `variant` gives further keywords to
    the reference. The formula is run once for output and JVP, its VJP once for gradients and HVPs.
    """
    keywords = {**case.signature.attributes, **variant}
    inputs = cache(lambda moved: _inputs(case, lift, direct if moved else None))
    with shared():  # of what both compute, the second has it from the first
        forward = _forward(case, quantities, inputs, keywords)
        backward = _backward(case, quantities, inputs, lift, keywords)
    if not variant:  # a wrong reading may have another shape
        _fit(case, forward | backward)
    return forward | backward


def _forward(case: Case, quantities: frozenset[str], inputs: Inputs, keywords: Any) -> dict[str, Any]:
    if not quantities & {"output", "jvp"}:
        return {}
    results = FORMULAS[case.formula.id](*inputs("jvp" in quantities), **keywords)
    results = results if isinstance(results, tuple) else (results,)
    return _named(case, quantities, _paired(case, "the results", case.formula.results, results), ("output", "jvp"))


def _backward(case: Case, quantities: frozenset[str], inputs: Inputs, lift: Lift, keywords: Any) -> dict[str, Any]:
    if not case.formula.wrt or not quantities & {"grad", "hvp"}:
        return {}
    cotangents = tuple(lift(g) for g in case.cotangents.values())
    g = cotangents if len(cotangents) > 1 else cotangents[0]
    gradients = FORMULAS[case.formula.id].gradients(g, *inputs("hvp" in quantities), **keywords)
    return _named(case, quantities, _paired(case, "the gradients", case.formula.wrt, gradients), ("grad", "hvp"))


def _inputs(case: Case, lift: Lift, direct: Lift | None) -> list[Any]:
    """The inputs in the formula's order; those differentiated move along their tangents when there is a `direct`."""
    inputs: list[Any] = []
    for name, array in case.inputs.items():
        if case.formula.integer(name):
            inputs.append(array)
        elif direct is not None and name in case.formula.wrt:
            inputs.append(_moving(lift(array), direct(case.tangents[name]), isinstance(case, Curved)))
        else:
            inputs.append(lift(array))
    return inputs


def _moving(value: Any, tangent: Any, twice: bool) -> Dual:
    """What moves along a tangent; and twice, for the second derivative along it."""
    return Dual(Dual(value, tangent), Dual(tangent)) if twice else Dual(value, tangent)


def _named(case: Case, quantities: frozenset[str], results: Any, families: tuple[str, str]) -> dict[str, Any]:
    value, tangent = families
    named: dict[str, Any] = {}
    for name, result in results:
        suffix = "" if name == "output" else f".{name}"
        if value in quantities:
            named[f"{value}{suffix}"] = result.value if isinstance(result, Dual) else result
        if tangent in quantities and case.formula.wrt:
            moved = tangent_of(result)
            named[f"{tangent}{suffix}"] = tangent_of(moved) if isinstance(case, Curved) else moved
    return named


def _fit(case: Case, found: Mapping[str, Any]) -> None:
    """Raises UsageError where code from outside gives another shape than its formula has: no target is to be blamed."""
    if not (case.formula.pack or case.formula.chapter == OWN):
        return
    for name, result in found.items():
        family, _, of = name.partition(".")
        shape = case.shapes[of or "output"] if family in ("output", "jvp") else case.inputs[of].shape
        if np.shape(result) != shape:
            told = f"the VJP of {case.formula.id}" if family in ("grad", "hvp") else case.formula.id
            raise UsageError(f"{told} returns {of or family} in shape {np.shape(result)}, expected {shape}")


def _paired(case: Case, what: str, names: Collection[str], results: tuple[Any, ...]) -> Iterator[tuple[str, Any]]:
    """The results by name. Raises UsageError where they are more or fewer."""
    if len(names) != len(results):
        raise UsageError(f"{what} of {case.formula.id} are {len(results)} arrays, expected {', '.join(names)}")
    return zip(names, results, strict=True)

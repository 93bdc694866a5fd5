"""A formula as somebody needs it who writes a method for it: what comes in, in which layout, and what must come out."""

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from nnparity.reference import FORMULAS
from nnparity.spec import Case, Formula, cases_of
from nnparity.spec.schema import Scalar

#: Numbers of an array that are shown whole, and of a larger one.
SHOWN, FIRST = 24, 4
INDENT = "    "
#: What the numbers of an input are, where not any.
DOMAINS = {
    "positive": "positive",
    "probability": "between 0 and 1",
    "distribution": "probabilities that sum to 1 along the last axis",
    "target": "probabilities that sum to 1 along the last axis",
    "position": "positions 0, 1, 2 ...",
    "mask": "1 where it counts, 0 where not",
}


def described(formula: Formula) -> Iterator[str]:
    """Line by line: the formula, its inputs and attributes, the method that an adapter needs, and an example."""
    case = next(cases_of(formula, formula.dtypes[0]))[0]
    whose = f"the pack {formula.pack}" if formula.pack else "the primer"
    yield f"{formula.id}: {formula.title.en}, section {formula.section} of {whose}"
    yield f"{INDENT}{' '.join(formula.latex.split())}"
    yield from _told(formula)
    yield "inputs, by their names, in this order"
    yield from (f"{INDENT}{_input(formula, name, case)}" for name in formula.inputs)
    if formula.pool:
        yield f"{INDENT}sizes: {', '.join(f'{name} {kind}' for name, kind in formula.pool.sizes.items())}"
    yield "attributes" if formula.attributes else "attributes: none"
    yield from (f"{INDENT}{name} = {value!r}" for name, value in formula.attributes.items())
    yield "returns" if len(formula.results) == 1 else "returns a tuple, in this order"
    yield from (f"{INDENT}{name} {_shape(text)}" for name, text in formula.results.items())
    yield "the method of an adapter"
    yield from (f"{INDENT}{line}" for line in method(formula))
    yield f"an example, {case.id}"
    yield from (f"{INDENT}{line}" for line in _example(case))


def method(formula: Formula) -> tuple[str, str, str]:
    """What has to stand in an adapter."""
    attributes = [f"{name}: {type(value).__name__}" for name, value in formula.attributes.items()]
    names = ["self", *formula.inputs, *attributes, *(() if formula.inputs else ("dtype: str",))]
    return f'@kernel("the.dotted.path.of.your.{formula.id}")', f"def {formula.id}({', '.join(names)}):", "    ..."


def _told(formula: Formula) -> Iterator[str]:
    """What shapes and names do not say: orders, conventions, and what the primer must mean."""
    for text in (*formula.conventions.values(), *(one.means for one in formula.errata)):
        yield f"{INDENT}{' '.join(text.split())}"


def _input(formula: Formula, name: str, case: Case) -> str:
    word, _, bound = formula.domains.get(name, "").partition(" ")
    numbers = f"whole numbers from 0 to {bound} - 1" if word in ("label", "class") else DOMAINS.get(word, "")
    dtype = "" if name in formula.wrt or case.inputs[name].dtype == case.dtype.numpy else str(case.inputs[name].dtype)
    parts = (f"{name} {_shape(formula.inputs[name])}", numbers, dtype, "" if name in formula.wrt else "no gradient")
    return ", ".join(filter(None, parts))


def _shape(text: str) -> str:
    symbols = text.split()
    return f"({', '.join(symbols)}{',' if len(symbols) == 1 else ''})"


def _example(case: Case) -> Iterator[str]:
    attributes: dict[str, Scalar] = dict(case.signature.attributes)
    for name, array in case.inputs.items():
        yield from _array(name, array)
    yield from (f"{name} = {value!r}" for name, value in attributes.items())
    if not case.formula.inputs:
        attributes["dtype"] = case.dtype.name
    for name, array in zip(case.formula.results, _values(case, attributes), strict=True):
        yield from _array(f"-> {name}", array)


def _values(case: Case, attributes: Mapping[str, Scalar]) -> tuple[NDArray[np.float64], ...]:
    found = FORMULAS[case.formula.id](*case.inputs.values(), **attributes)
    return tuple(np.asarray(one) for one in (found if isinstance(found, tuple) else (found,)))


def _array(name: str, array: NDArray[np.float64]) -> Iterator[str]:
    """Its numbers, or of many the first."""
    if array.size > SHOWN:
        numbers = ", ".join(f"{one:.4g}" for one in array.flat[:FIRST])
        yield f"{name} = {numbers} ... {' x '.join(map(str, array.shape))} numbers, the last axis fastest"
        return
    first, *rest = np.array2string(array, precision=4, suppress_small=True, max_line_width=100).splitlines()
    yield f"{name} = {first}"
    yield from (f"{' ' * (len(name) + 3)}{line}" for line in rest if line)

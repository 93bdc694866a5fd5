"""What a formula must reject: inputs of the wrong shape, rank or kind. One that answers all the same is wrong.

An entry of a formula's `rejects` has a name and says for each input it spoils either a symbolic shape, evaluated with
the dimensions of the first signature, or one of WORDS. `unfit` says what is wrong with inputs, for a target that has
no checks of its own.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnparity.spec import shapes
from nnparity.spec.cases.case import Arrays, Case
from nnparity.spec.cases.datasets import Stream
from nnparity.spec.dtypes import DTYPES
from nnparity.spec.loader import signatures
from nnparity.spec.schema import Formula

Array = NDArray[Any]


def _integers(case: Case, name: str) -> Array:
    """Whole numbers where a float is required."""
    return np.rint(case.inputs[name].astype(np.float64)).astype(np.int64)


def _too_large(case: Case, name: str) -> Array:
    """A label one past the last."""
    array = np.array(case.inputs[name])
    array.flat[0] = case.signature.dims[case.formula.domains[name].split()[-1]]
    return array


def _negative(case: Case, name: str) -> Array:
    """A label below 0."""
    array = np.array(case.inputs[name])
    array.flat[0] = -1
    return array


WORDS: dict[str, Callable[[Case, str], Array]] = {
    "int64": _integers,
    "too large": _too_large,
    "negative": _negative,
}


def rejected(formula: Formula, dtype: str, salt: str = "") -> Iterator[tuple[str, Case, Arrays]]:
    """Each entry of `rejects`: its name, the ordinary case, and the spoilt inputs."""
    case = Case(formula, signatures(formula)[0], "normal", DTYPES[dtype], salt)
    for name, spoilt in formula.rejects.items():
        yield name, case, {one: _spoilt(case, one, spoilt.get(one)) for one in formula.inputs}


def _spoilt(case: Case, name: str, how: str | None) -> Array:
    if how is None:
        return case.inputs[name]
    if how in WORDS:
        return WORDS[how](case, name)
    shape = shapes.evaluate(how, case.signature.dims)
    numbers = Stream(f"{case.salt}/{case.id}/rejects/{name}/{how}").normal(shape)
    if case.formula.integer(name):
        return (numbers > 0).astype(np.int64)
    return case.dtype.round(np.abs(numbers) / 8)  # fits into every domain


def unfit(formula: Formula, inputs: Mapping[str, Array], attributes: Mapping[str, Any]) -> str | None:
    """What is wrong with the shapes, the kinds or the labels of `inputs`, or None."""
    dims = {name: value for name, value in attributes.items() if type(value) is int}
    try:
        for name, array in inputs.items():
            _bind(name, array.shape, formula.inputs[name], dims)
        results = [shapes.evaluate(text, dims) for text in formula.results.values()]
    except shapes.ShapeError as error:
        return str(error)
    if any(0 in shape for shape in results) and all(array.size for array in inputs.values()):
        return "nothing comes out: a window is larger than what it moves over"
    for symbol, least in formula.least.items():
        if symbol in dims and dims[symbol] < least:
            return f"{symbol} is {dims[symbol]}, the formula needs at least {least}"
    return next(filter(None, (_kind(formula, name, array, dims) for name, array in inputs.items())), None)


def _bind(name: str, shape: tuple[int, ...], text: str, dims: dict[str, int]) -> None:
    """Takes the sizes of symbols from the first input that has them, and holds the shape against the others."""
    if len(text.split()) != len(shape):
        raise shapes.ShapeError(f"{name} has rank {len(shape)}, the spec says {text!r}")
    dims.update(shapes.bound({name: text}, {name: shape}) | dims)
    shapes.check(name, shape, text, dims)


def _kind(formula: Formula, name: str, array: Array, dims: Mapping[str, int]) -> str | None:
    whole = array.dtype.kind in "iu"
    if whole is not formula.integer(name):
        return f"{name} holds {array.dtype.name}"
    domain, *bound = formula.domains.get(name, "real").split()
    if domain in ("label", "class") and array.size:
        most = shapes.evaluate(bound[0], dims)[0]
        if array.min() < 0 or array.max() >= most:
            return f"{name} holds labels outside of 0 to {most - 1}"
    return None

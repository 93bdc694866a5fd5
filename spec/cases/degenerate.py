"""Degenerate sizes and attributes: of which one dimension alone is 1, or all, or all are equal, or an attribute is 0.

They follow from the formula's first signature, and from what its pool says of the sizes that go together.
"""

from collections.abc import Mapping
from typing import Any

from nnparity.spec import shapes
from nnparity.spec.loader import ordinary, signature, signatures
from nnparity.spec.schema import Formula, Signature

#: How the datasets are called of which one dimension alone is 1, by its symbol, and one real attribute 0, by its name.
ONE, ZERO = "size one of {}", "{} of zero"
PATTERNS = (ONE.format("*"), ZERO.format("*"))


def degenerate(formula: Formula) -> dict[str, Signature]:
    """By dataset, the first signature with one dimension or number of heads at its least, or one real attribute at 0.

    A kernel takes another way there: a matrix is a vector, a sequence is read step by step, a channel stands alone; and
    an attribute of 0 is taken for one that is not given. What cannot be larger then is as small. None for what some
    usual signature is already, for one dimension alone, and for those of a formula without a pool, of which nothing
    says what binds them.
    """
    if formula.trajectory:
        return {}
    sizes = formula.pool.sizes if formula.pool else {}
    names = [*dimensions(formula), *(name for name in sizes if name in formula.attributes)] if sizes else []
    ones = {ONE.format(name): _alone(formula, names, name) for name in names if len(names) > 1}
    zeros = {
        ZERO.format(name): _changed(formula, {name: 0.0})
        for name, value in formula.attributes.items()
        if type(value) is float and name not in formula.least
    }
    return {name: found for name, found in (ones | zeros).items() if found}


def _alone(formula: Formula, names: list[str], name: str) -> Signature | None:
    least = {one: formula.least.get(one, 1) for one in names}
    others = [one for one in names if one != name]
    tables = [values for _, values in _usual(formula)]
    if any(values[name] == least[name] and all(values[one] > least[one] for one in others) for values in tables):
        return None
    sizes = {name: least[name]}
    for relation in map(shapes.relation, formula.pool.where if formula.pool else ()):
        known = tables[0] | sizes
        if relation.symbols <= known.keys() and not relation.holds(known):
            sizes |= {one: least[one] for one in relation.symbols if one in least}
    return _changed(formula, sizes)


def _changed(formula: Formula, changes: dict[str, Any]) -> Signature | None:
    """The first usual signature with other sizes and attributes; None if there is one of these already."""
    (written, values), *_ = usual = _usual(formula)
    values = values | changes
    if any(values == known for _, known in usual):
        return None
    said = {name: value for name, value in values.items() if name in written or name in changes}
    return signature(formula, said, ("normal",), {})


def _usual(formula: Formula) -> list[tuple[Mapping[str, Any], dict[str, Any]]]:
    """What the spec writes of each ordinary signature, and all its values."""
    written = {one.id: table for one, table in zip(signatures(formula), formula.signatures, strict=True)}
    return [(written[one.id], one.dims | one.attributes) for one in ordinary(formula)]


def dimensions(formula: Formula) -> list[str]:
    """The symbols of the shapes of its inputs."""
    return sorted({symbol for text in formula.inputs.values() for symbol in shapes.symbols(text)})


def size_one(formula: Formula) -> dict[str, int] | None:
    """Every dimension 1, or the least that the formula is defined for."""
    return {symbol: formula.least.get(symbol, 1) for symbol in dimensions(formula)}


def equal_sizes(formula: Formula) -> dict[str, int] | None:
    """Every dimension 4, a kernel's 2: which axis is which must not follow from how long it is.

    None for one dimension alone, and for training runs, which take long and are models that are asked themselves.
    """
    kinds = formula.pool.sizes if formula.pool else {}
    symbols = dimensions(formula)
    if len(symbols) < 2 or formula.trajectory:
        return None
    return {symbol: 2 if kinds.get(symbol) == "kernel" else 4 for symbol in symbols}

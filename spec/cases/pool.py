"""The pool: signatures drawn from what a formula says of its dimensions, so that any two size classes meet.

A row of the covering array is a signature with one dataset and one dtype, which are factors like the sizes. What
binds the sizes is the formula's own `where`; what keeps a case from costing more than it tells are two budgets, the
same for all formulas. First come two whose sizes leave nothing over of any block, which no pair needs: many samples,
and few samples where all else is larger then. Then the first rows meet the most pairs: who cannot afford all takes the
first. Last come those of whole blocks in the other dtypes, and long rows in each: a single dimension past a block,
which the array has for sums alone; and in one dtype a single dimension past what 16 bits count.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from nnparity.spec import shapes
from nnparity.spec.cases.covering import Array, Factor, Level, Value
from nnparity.spec.cases.sizes import CLASSES, COUNTED, EMPTY, FEW_SAMPLES, KINDS, LONG, SAMPLES, WHOLE
from nnparity.spec.loader import signature
from nnparity.spec.schema import Formula, Pool, Signature

#: Numbers that go into a case, and products that its output adds up, at most. A proof of float64 takes up to
#: 25 microseconds for a number and 3 for a product, so that none takes a second.
ELEMENTS, WORK = 1 << 15, 1 << 16
#: The same where one dimension is past 16 bits: an index knows no dtype, and float32, in which it is tried, no proof.
MANY_ELEMENTS, MANY_WORK = 9 << 16, 9 << 16  # eight numbers of each of 65,551, and some
MANY_DTYPE = "float32"
#: The same of rows of whole blocks.
WHOLE_ELEMENTS, WHOLE_WORK = 1 << 15, 1 << 18
#: What varies beside sizes and attributes.
DATASET, DTYPE = "dataset", "dtype"
#: Sizes beside a long one, the first that the budgets hold.
BESIDE = (3, 2, 1)


@dataclass(frozen=True)
class Drawn:
    """One row: a signature, and the dataset and the dtype in which it is tried."""

    signature: Signature
    dataset: str
    dtype: str


_kept: dict[str, tuple[Formula, tuple[Drawn, ...]]] = {}


def pool(formula: Formula) -> tuple[Drawn, ...]:
    """The formula's rows, those that meet most pairs first; none for a formula that declares no pool."""
    known, rows = _kept.get(formula.id, (None, ()))
    if known != formula:
        rows = tuple(_all(formula, formula.pool)) if formula.pool else ()
        _kept[formula.id] = formula, rows
    return rows


def _all(formula: Formula, declared: Pool) -> Iterator[Drawn]:
    bounds = Bounds(formula, declared)
    rows = list(_rows(formula, declared, bounds))
    have = {(row.signature.id, row.dataset, row.dtype) for row in rows}
    blocks = _whole(formula, declared, Bounds(formula, declared, WHOLE_ELEMENTS, WHOLE_WORK))
    whole = [row for row in blocks if (row.signature.id, row.dataset, row.dtype) not in have]
    yield from (row for row in whole if row.dtype == whole[0].dtype)
    yield from rows
    yield from (row for row in whole if row.dtype != whole[0].dtype)
    yield from _long(formula, declared, bounds, LONG, formula.dtypes)
    yield from _long(formula, declared, Bounds(formula, declared, MANY_ELEMENTS, MANY_WORK), COUNTED, (MANY_DTYPE,))


def _rows(formula: Formula, declared: Pool, bounds: "Bounds") -> Iterator[Drawn]:
    for row in Array(factors(formula, declared), bounds.fit, formula.id).rows():
        values = dict(row.values)
        dataset, dtype = str(values.pop(DATASET)), str(values.pop(DTYPE))
        classes = {name: level for name, level in row.levels.items() if name in declared.sizes}
        yield Drawn(signature_of(formula, bounds, values, dataset, classes), dataset, dtype)


def _whole(formula: Formula, declared: Pool, bounds: "Bounds") -> Iterator[Drawn]:
    """All dimensions in whole blocks, the largest that the bounds hold, and those of few samples, where one is larger.

    Float32 comes first, if there is one.
    """
    dataset = (declared.datasets or formula.datasets)[0]
    dtypes = sorted(formula.dtypes, key=lambda dtype: dtype != MANY_DTYPE)
    steps = zip(*(WHOLE[kind] for kind in declared.sizes.values()), strict=True)
    many = [dict(zip(declared.sizes, step, strict=True)) for step in steps]
    samples = [name for name, kind in declared.sizes.items() if kind in SAMPLES]
    few = [one | dict.fromkeys(samples, count) for one in many for count in FEW_SAMPLES]
    fitting = (next((one for one in tried if bounds.fit(_first(declared) | one, {})), {}) for tried in (many, few))
    usual, other = fitting
    larger = any(other.get(name, 0) > size for name, size in usual.items())
    for own in filter(None, (usual, other if larger else None)):
        sizes: dict[str, Value] = _first(declared) | own
        signature = signature_of(formula, bounds, sizes, dataset, {})
        yield from (Drawn(signature, dataset, dtype) for dtype in dtypes)


def _long(
    formula: Formula,
    declared: Pool,
    bounds: "Bounds",
    classes: Mapping[str, tuple[str, ...]],
    dtypes: tuple[str, ...],
) -> Iterator[Drawn]:
    """Each dimension whose kind has such classes, in the first that the bounds hold, in these dtypes."""
    dataset = (declared.datasets or formula.datasets)[0]
    for name, kind in declared.sizes.items():
        sizes = next(_stretched(bounds, declared, name, classes.get(kind, ())), None)
        if sizes is not None:
            signature = signature_of(formula, bounds, sizes, dataset, {})
            yield from (Drawn(signature, dataset, dtype) for dtype in dtypes if dtype in formula.dtypes)


def _stretched(bounds: "Bounds", declared: Pool, name: str, classes: tuple[str, ...]) -> Iterator[dict[str, Value]]:
    for label in classes:
        for beside in BESIDE:
            sizes = _first(declared) | dict.fromkeys(declared.sizes, beside) | {name: CLASSES[label][0]}
            if bounds.fit(sizes, {}):
                yield sizes


def _first(declared: Pool) -> dict[str, Value]:
    """The first value of each attribute."""
    return {attribute: values[0] for attribute, values in declared.values.items()}


def signature_of(
    formula: Formula, bounds: "Bounds", values: Mapping[str, Value], dataset: str, classes: Mapping[str, str]
) -> Signature:
    """The signature of these sizes and attributes, and of the sizes that follow from them."""
    return signature(formula, _table(formula, {**values, **bounds.sizes(values)}), (dataset,), classes)


def factors(formula: Formula, declared: Pool) -> list[Factor]:
    """What varies: sizes by their classes, attributes, the datasets and the dtypes."""
    sizes = [
        Factor(name, tuple(Level(one, CLASSES[one], lone=one == EMPTY) for one in KINDS[kind]))
        for name, kind in declared.sizes.items()
    ]
    named = [*declared.values.items(), (DATASET, declared.datasets or formula.datasets), (DTYPE, formula.dtypes)]
    return sizes + [Factor(name, tuple(Level(str(one), (one,)) for one in values)) for name, values in named]


class Bounds:
    """What binds the sizes of one formula's pool."""

    def __init__(self, formula: Formula, declared: Pool, elements: int = ELEMENTS, work: int = WORK) -> None:
        """Relations that say what a symbol is are kept apart from those that must hold."""
        self._inputs = tuple(formula.inputs.values())
        self._work = declared.work
        self._elements, self._products = elements, work
        relations = [shapes.relation(text) for text in declared.where]
        relations += [shapes.relation(f"{symbol} >= {least}") for symbol, least in formula.least.items()]
        self._given = {name: one for one in relations if (name := defined(one, declared))}
        self._relations = [one for one in relations if not defined(one, declared)]

    def fit(self, values: Mapping[str, Value], least: Mapping[str, Value]) -> bool:
        """Whether such sizes may be had, or be part of such that may, when none is smaller than the `least`."""
        known = self.sizes(values)
        if not all(one.holds(known) for one in self._relations if one.symbols <= known.keys()):
            return False
        whole = self.sizes({**least, **values})
        inputs = shapes.elements(self._inputs, whole)
        return inputs <= self._elements and shapes.elements((self._work,), whole) <= self._products

    def sizes(self, values: Mapping[str, Value]) -> dict[str, int]:
        """The sizes among the values, and those that follow from them."""
        known = {name: value for name, value in values.items() if type(value) is int}
        return known | {
            name: one.given(known) for name, one in self._given.items() if one.symbols - {name} <= known.keys()
        }


def defined(relation: shapes.Relation, declared: Pool) -> str | None:
    """The symbol that a relation gives a size to: one that is no factor."""
    name = relation.subject
    return None if name in declared.sizes or name in declared.values else name


def _table(formula: Formula, values: Mapping[str, Value]) -> dict[str, Value]:
    """Dimensions in the order of the shapes, then attributes, as a signature of the spec would say them."""
    symbols = [symbol for text in formula.inputs.values() for symbol in shapes.ordered(text)]
    return {name: values[name] for name in (*dict.fromkeys(symbols), *formula.attributes) if name in values}

"""A cell that fails made small: first the sizes of its case, then its numbers, fewest and simplest that still show it.

What counts as the same is the same kind of failure of the same quantity, see `shrink.kind_of`. Numbers are made simpler
one step at a time: zeros in whole arrays, in halves, one by one; then ones, whole numbers, few digits.
"""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnparity.hunt.draw import Prey, bounds
from nnparity.hunt.shrink import kind_of, shrink
from nnparity.reports.records import PASSING
from nnparity.reproduce.cell import Cell
from nnparity.reproduce.narrowing import narrowed
from nnparity.spec import Case
from nnparity.spec.cases.case import Arrays
from nnparity.spec.cases.covering import Value
from nnparity.spec.given import Moving
from nnparity.spec.usage import UsageError

Array = NDArray[Any]
#: What an input of a domain may be at its plainest; of other domains the numbers stay.
PLAINEST: dict[str, tuple[float, ...]] = {
    **dict.fromkeys(("real", "feature", "response", "weight", "position"), (0.0, 1.0)),
    "positive": (1.0,),
    "probability": (0.5,),
    "label": (0.0,),
    "class": (0.0,),
    "mask": (1.0,),
}
#: Significant bits to which numbers are rounded, the fewest first.
BITS = (1, 4)
#: So many numbers are told one by one.
FEW = 8


@dataclass
class Search:
    """What fails, and how much has been tried."""

    cell: Cell
    seconds: float
    tried: int = 0
    begun: float = field(default_factory=time.monotonic)

    @property
    def over(self) -> bool:
        """Whether the time is."""
        return time.monotonic() - self.begun > self.seconds

    def fails(self, case: Case) -> bool:
        """Whether the quantity of another case is graded alike."""
        if self.over:
            return False
        self.tried += 1
        other = replace(self.cell, case=case)
        try:
            alike = kind_of(other.judged) == kind_of(self.cell.judged)
            bounded = other.judged.hard is None or bool(np.isfinite(other.truth.judged.hard).all())
        except UsageError:  # there is no such quantity, or no expectation
            return False
        return bounded and alike


def smallest(cell: Cell, seconds: float) -> tuple[Cell, Search]:
    """The smallest cell that fails alike. Raises UsageError where it does not fail."""
    if cell.judged.grade in PASSING:
        raise UsageError(
            f"{cell.case.id} {cell.quantity} is graded {cell.judged.grade} here: there is nothing to shrink"
        )
    search = Search(cell, seconds)
    if (few := narrowed(cell)) is not cell:
        return few, search
    case = cell.case
    if not (cell.special or cell.spoilt):
        case = _fewest(_least(case, search), search)
    return replace(cell, case=case), search


def _least(case: Case, search: Search) -> Case:
    """The smallest signature, of a formula that says how its sizes may vary."""
    prey = prey_of(case)
    if prey is None or not search.fails(prey.case):
        return case
    return shrink(prey, lambda one: search.fails(one.case)).case


def prey_of(case: Case) -> Prey | None:
    """The case as a hunt would have drawn it; None where its formula declares no pool, or has no such sizes."""
    pool = case.formula.pool
    if pool is None:
        return None
    values: dict[str, Value] = {name: size for name, size in case.signature.dims.items() if name in pool.sizes}
    values |= {name: value for name, value in case.signature.attributes.items() if name in (*pool.values, *pool.sizes)}
    for name in (one for one in pool.sizes if one not in values):
        found = _solved(case, name, values)
        if found is None:
            return None
        values[name] = found
    return Prey(case.formula, values, case.dataset, case.dtype.name, case.salt)


def _solved(case: Case, name: str, values: Mapping[str, Value]) -> int | None:
    """The size of a factor that stands in no shape, from those that follow from it."""
    sizes = case.signature.sizes
    for size in range(max(sizes.values(), default=0) + 1):
        made = bounds(case.formula).sizes({**values, name: size})
        if all(made[one] == sizes[one] for one in made.keys() & sizes.keys()):
            return size
    return None


def _fewest(case: Case, search: Search) -> Case:
    """The fewest and simplest numbers."""
    found = _given(case, 0, case.inputs, case.cotangents, case.tangents)
    if not search.fails(found):
        return case
    number = 0
    progress = True
    while progress and not search.over:
        progress = False
        for change in simpler(found):
            number += 1
            other = _given(case, number, *change)
            if _size(other) < _size(found) and search.fails(other):
                found, progress = other, True
                break
    return found


def _given(case: Case, number: int, inputs: Arrays, cotangents: Arrays, tangents: Arrays) -> Moving:
    return Moving(
        case.formula, case.signature, case.dataset, case.dtype, f"shrunk-{number}", inputs, cotangents, tangents
    )


def _all(case: Case) -> list[Array]:
    return [array for arrays in (case.inputs, case.cotangents, case.tangents) for array in arrays.values()]


def _size(case: Case) -> tuple[int, int, int]:
    """How much there is to read: numbers other than 0, numbers other than 0 and 1, and significant bits."""
    numbers = np.concatenate([np.zeros(0), *(array.astype(np.float64).ravel() for array in _all(case))])
    told = numbers[numbers != 0]
    return len(told), int((told != 1).sum()), sum(map(_digits, told.tolist()))


def _digits(value: float) -> int:
    """Significant bits, and one for a sign."""
    numerator = abs(value).as_integer_ratio()[0]
    return numerator.bit_length() - (numerator & -numerator).bit_length() + 1 + (value < 0)


def simpler(case: Case) -> Iterator[tuple[Arrays, Arrays, Arrays]]:
    """The same with one array simpler, the largest steps first."""
    kinds = [case.inputs, case.cotangents, case.tangents]
    for place, arrays in enumerate(kinds):
        for name, array in arrays.items():
            domain = case.formula.domains.get(name, "real").split()[0] if place == 0 else "real"
            for other in _plainer(array, PLAINEST.get(domain, ()), rounding=domain in ("real", "weight", "feature")):
                changed = [dict(one) for one in kinds]
                changed[place][name] = case.dtype.round(other) if array.dtype.kind not in "iub" else other
                yield changed[0], changed[1], changed[2]


def _plainer(array: Array, plainest: tuple[float, ...], rounding: bool) -> Iterator[Array]:
    wide = array.astype(np.float64) if array.dtype.kind not in "iub" else array
    for value in plainest:
        for block in _blocks(array.size):
            if (wide.flat[block] != value).any():
                other = np.array(wide)
                other.flat[block] = value
                yield other
    for bits in BITS if rounding else ():
        yield _rounded(wide, bits)
        for one in range(array.size):
            other = np.array(wide)
            other.flat[one] = _rounded(other.flat[one], bits)
            yield other


def _blocks(size: int) -> Iterator[slice]:
    """All, halves, quarters ... single elements."""
    width = size
    while width:
        yield from (slice(start, start + width) for start in range(0, size, width))
        width //= 2


def _rounded(x: Any, bits: int) -> Any:
    mantissa, exponent = np.frexp(x)
    return np.ldexp(np.rint(np.ldexp(mantissa, bits)), exponent - bits)


def shown(cell: Cell, search: Search) -> Iterator[str]:
    """What was found, in words."""
    spent = time.monotonic() - search.begun
    yield f"{search.cell.case.id}: {search.tried} cases tried in {spent:.1f} s{', no time left' if search.over else ''}"
    yield f"smallest: {cell.case.formula.id} {cell.case.signature.id} in {cell.case.dtype.name}"
    kinds = {"": cell.case.inputs, "cotangent of ": cell.case.cotangents, "tangent of ": cell.case.tangents}
    asked = ("", *(("cotangent of ",) if cell.quantity.startswith(("grad", "hvp", "output.")) else ()))
    asked += ("tangent of ",) if cell.quantity.startswith(("jvp", "hvp")) else ()
    for kind in asked:
        for name, array in kinds[kind].items():
            yield f"  {kind}{name} = {_written(array)}"
    yield f"{cell.quantity} is graded {cell.judged.grade}: {_judged(cell)}"


def _written(array: Array) -> str:
    """All numbers, or of many that are 0 the others with their places."""
    numbers = array if array.dtype.kind in "iub" else array.astype(np.float64)
    places = np.argwhere(numbers)
    if array.size <= FEW or 2 * len(places) > array.size:
        return str(numbers.tolist())
    told = [f"{tuple(map(int, place))}: {numbers[tuple(place)].item()}" for place in places]
    return f"zeros {array.shape}{', but ' if told else ''}{', '.join(told)}"


def _judged(cell: Cell) -> str:
    judged = cell.judged
    if judged.worst is None:
        return judged.message or f"sharp {judged.sharp:.4g}"
    margins = f"hard {judged.hard:.4g}, sharp {judged.sharp:.4g}"
    return f"at {judged.worst.index} observed {judged.worst.observed}, expected {judged.worst.expected}; {margins}"

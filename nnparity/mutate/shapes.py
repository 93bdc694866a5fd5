"""Faults that depend on a size: the tail of a vector, what lies past a block, a residue class, a single row."""

from collections.abc import Callable, Iterator

import numpy as np

from nnparity.adapters.request import Array, Observation, Request
from nnparity.mutate.fault import GRADIENTS, OUTPUTS, Call, Change, Fault, of_answers, of_inputs
from nnparity.spec import Dtype, Formula
from nnparity.spec.cases.degenerate import ONE, degenerate, dimensions
from nnparity.spec.cases.special_values import EQUAL, batch, special_case, specials_of

KIND = "shape"
#: Elements of a vector register, or of an unrolled loop.
VECTORS = (4, 8, 16, 32)
#: Where a block ends.
BLOCKS = (16, 64, 256)
ROWS = (2, 8, 32)
SEAM = 64
#: A part of the largest number.
OFF = 1 / 32
UNREAD = "the formula reads no such element"


def shape_faults(formula: Formula, dtype: Dtype) -> list[Fault]:
    """Those that the formula has axes for."""
    faults = _of_input(formula) + _of_matrices(formula)
    if any(formula.results.values()):
        faults += _of(OUTPUTS, "the output")
    if _may_be_square(formula, dtype):
        faults.append(Fault("the output: a square matrix is its transpose", KIND, of_answers(_transposed, OUTPUTS)))
    if formula.wrt:
        faults += _of(GRADIENTS, "the gradients") + list(_of_one(formula, GRADIENTS, "the gradients"))
    return [*faults, *_of_one(formula, OUTPUTS, "the output")]


def _may_be_square(formula: Formula, dtype: Dtype) -> bool:
    """Whether a result is a matrix with as many rows as columns where all dimensions are equal."""
    if EQUAL not in specials_of(formula):
        return False
    shapes = special_case(formula, EQUAL, dtype.name).shapes.values()
    return any(len(shape) > 1 and shape[-1] == shape[-2] for shape in shapes)


def _of(family: str, what: str) -> list[Fault]:
    changes: dict[str, Change] = {
        **{f"{what}: the tail past a multiple of {n} is not written": _tail(n) for n in VECTORS},
        **{f"{what}: nothing is written past {n} elements of a row": _past(n) for n in BLOCKS},
        **{f"{what}: nothing is written past {n} rows": _rows_past(n) for n in ROWS},
        f"{what}: of 4k + 3 rows the last is the one before": _residue,
        f"{what}: at each multiple of {SEAM} the neighbour's number": _seam,
    }
    return [Fault(name, KIND, of_answers(change, family)) for name, change in changes.items()]


def _of_one(formula: Formula, family: str, what: str) -> Iterator[Fault]:
    """Other code for one row, one channel or one step, or an axis that is squeezed away: wrong where only it is 1."""
    counts = formula.pool.sizes if formula.pool else {}
    names = [*dimensions(formula), *(name for name in formula.attributes if name in counts)]
    for name in names:
        if formula.least.get(name, 1) == 1:
            others = [one for one in names if one not in (name, *_bound(formula, name))]
            yield Fault(f"{what}: off where {name} alone is 1", KIND, _where_one(name, others, family))


def _bound(formula: Formula, name: str) -> list[str]:
    """What cannot be larger than 1 where `name` is 1: a kernel of an image that has one row."""
    single = degenerate(formula).get(ONE.format(name))
    return [one for one, size in single.sizes.items() if size == 1] if single else []


def _where_one(name: str, others: list[str], family: str) -> Callable[[Call], Observation]:
    wrong = of_answers(_off, family)

    def answer(call: Call) -> Observation:
        sizes = call.case.signature.sizes
        return wrong(call) if sizes[name] == 1 and all(sizes[one] > 1 for one in others) else call.right

    return answer


def _off(x: Array, request: Request) -> Array:
    """By a part of the largest number; where there is none but 0, of 1: it may be 0 because a dimension is 1."""
    wide = x.astype(np.float64)
    return wide + OFF * (np.abs(wide[np.isfinite(wide)]).max(initial=0) or 1.0)


def _of_input(formula: Formula) -> list[Fault]:
    """What a loop over the elements of a row leaves out, or takes twice."""
    first = next((name for name in formula.inputs if not formula.integer(name)), None)
    if first is None or not formula.inputs[first]:
        return []
    changes: dict[str, Change] = {
        **{f"{first}: the tail past a multiple of {n} is not read": _tail(n) for n in VECTORS},
        f"{first}: the last of an odd number of elements is not read": _odd,
        f"{first}: the last element is read as the one before": _doubled,
    }
    return [Fault(name, KIND, of_inputs(change), UNREAD) for name, change in changes.items()]


def _of_matrices(formula: Formula) -> list[Fault]:
    """Weights whose rows and columns only their shape tells apart; those of whole models have the sizes they have."""
    shapes = {} if formula.composition else {name: shape.split() for name, shape in formula.inputs.items()}
    names = [name for name, axes in shapes.items() if batch(formula) not in axes and _matrix(axes[-2:])]
    return [
        Fault(f"{name}: a square matrix is taken for its transpose", KIND, of_inputs(_transposed, name))
        for name in names
    ]


def _matrix(axes: list[str]) -> bool:
    return len(set(axes)) == len(axes) == 2 and all(map(str.isidentifier, axes))


def _transposed(x: Array, request: Request) -> Array:
    return x.swapaxes(-1, -2) if x.ndim > 1 and x.shape[-1] == x.shape[-2] else x


def _tail(n: int) -> Change:
    def change(x: Array, request: Request) -> Array:
        rest = x.shape[-1] % n if x.ndim else 0
        if rest:
            x[..., -rest:] = 0
        return x

    return change


def _past(n: int) -> Change:
    def change(x: Array, request: Request) -> Array:
        if x.ndim:
            x[..., n:] = 0
        return x

    return change


def _rows_past(n: int) -> Change:
    def change(x: Array, request: Request) -> Array:
        if x.ndim:
            x[n:] = 0
        return x

    return change


def _residue(x: Array, request: Request) -> Array:
    if x.ndim and len(x) % 4 == 3:
        x[-1] = x[-2]
    return x


def _seam(x: Array, request: Request) -> Array:
    flat = x.reshape(-1)
    flat[SEAM::SEAM] = flat[SEAM - 1 : -1 : SEAM][: len(flat[SEAM::SEAM])]
    return flat.reshape(x.shape)


def _odd(x: Array, request: Request) -> Array:
    if x.ndim and x.shape[-1] % 2:
        x[..., -1] = 0
    return x


def _doubled(x: Array, request: Request) -> Array:
    if x.ndim and x.shape[-1] > 1:
        x[..., -1] = x[..., -2]
    return x

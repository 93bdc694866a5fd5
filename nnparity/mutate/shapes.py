"""Faults that depend on a size: the tail of a vector, what lies past a block, a residue class, the last sample."""

from nnparity.adapters.request import Array, Request
from nnparity.mutate.fault import GRADIENTS, OUTPUTS, Change, Fault, of_answers, of_inputs
from nnparity.spec import Dtype, Formula
from nnparity.spec.cases.special_values import EQUAL, batch, special_case, specials_of

KIND = "shape"
#: Elements of a vector register, or of an unrolled loop.
VECTORS = (4, 8, 16, 32)
#: Where a block ends.
BLOCKS = (16, 64, 256)
ROWS = (2, 8, 32)
SEAM = 64
UNREAD = "the formula reads no such element"


def shape_faults(formula: Formula, dtype: Dtype) -> list[Fault]:
    """Those that the formula has axes for."""
    faults = _of_input(formula) + _of_matrices(formula)
    if any(formula.results.values()):
        faults += _of(OUTPUTS, "the output")
    if _may_be_square(formula, dtype):
        faults.append(Fault("the output: a square matrix is its transpose", KIND, of_answers(_transposed, OUTPUTS)))
    if formula.wrt:
        faults += _of(GRADIENTS, "the gradients")
    return faults


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

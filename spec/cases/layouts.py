"""How the arrays of a case lie in memory: a kernel must give the same result for each layout of the same numbers.

Views with other strides, or off the alignment that an allocator gives, take other paths through a kernel; so does one
array that is two inputs.
"""

from dataclasses import dataclass

import numpy as np

from nnparity.spec import shapes
from nnparity.spec.cases.case import Arrays, Case
from nnparity.spec.schema import Formula, Signature

CONTIGUOUS = "contiguous"
#: The last two axes change places in memory; every second element of a wider array; one element past an aligned
#: start; the first row for all, by a stride of 0; images with their channels innermost; one array for several inputs;
#: every second input, from the first on, channels last or transposed, the others and all gradients contiguous.
TRANSPOSED, STRIDED, UNALIGNED, EXPANDED = "transposed", "strided", "unaligned", "expanded"
CHANNELS_LAST, ALIASED, MIXED = "channels last", "aliased", "mixed"
LAYOUTS = (TRANSPOSED, STRIDED, UNALIGNED, EXPANDED, CHANNELS_LAST, ALIASED, MIXED)
#: Those of any numbers; the others need numbers of their own.
FREE = tuple(layout for layout in LAYOUTS if layout not in (EXPANDED, ALIASED))
#: Those that a copy has too: parameters are copied before an optimiser changes them in place.
KEPT = (TRANSPOSED, CHANNELS_LAST)
#: The rank of a batch of images.
IMAGES = 4


@dataclass(frozen=True)
class Numbers:
    """Inputs and cotangents for one layout."""

    inputs: Arrays
    cotangents: Arrays


def numbers(case: Case, layout: str) -> Numbers | None:
    """Those of the case, made equal where the layout needs it; None where the layout says nothing of its arrays."""
    inputs = list(case.inputs.values())
    arrays = inputs[::2] if layout == MIXED else [*inputs, *case.cotangents.values()]
    if layout == EXPANDED:
        return Numbers(_rows_alike(case), _repeated(case.cotangents))
    if layout == ALIASED:
        alike = _alike(case)
        return Numbers(alike, dict(case.cotangents)) if alike is not None else None
    least = {TRANSPOSED: 2, MIXED: 2, CHANNELS_LAST: IMAGES}.get(layout, 1)
    return Numbers(dict(case.inputs), dict(case.cotangents)) if any(x.ndim >= least for x in arrays) else None


def _rows_alike(case: Case) -> Arrays:
    """The rows of the first real input; were those of weights alike too, so would be all elements of the result."""
    first = next((name for name in case.inputs if not case.formula.integer(name)), "")
    return {name: _repeated({name: x})[name] if name == first else x for name, x in case.inputs.items()}


def _repeated(arrays: Arrays) -> Arrays:
    return {name: np.repeat(x[:1], len(x), axis=0) if x.ndim else x for name, x in arrays.items()}


def _alike(case: Case) -> Arrays | None:
    """The inputs, of those that have one shape and domain the first for all; None where no two have."""
    firsts = _firsts(case.formula, case.signature)
    if len(set(firsts.values())) == len(firsts):
        return None
    return {name: case.inputs[first] for name, first in firsts.items()}


def aliased(formula: Formula, signature: Signature) -> tuple[int, int]:
    """How many inputs of more than one number can be another's array, and how many numbers these have.

    Those of the same shape and domain, whatever its letters: queries, keys and values of self-attention.
    """
    firsts = _firsts(formula, signature)
    shared = [shapes.elements([formula.inputs[name]], signature.dims) for name, one in firsts.items() if name != one]
    return sum(size > 1 for size in shared), sum(shared)


def _firsts(formula: Formula, signature: Signature) -> dict[str, str]:
    """Input -> the first of the same shape and domain."""
    of: dict[tuple[tuple[int, ...], str], str] = {}
    kinds = {
        name: (shapes.evaluate(text, signature.dims), formula.domains.get(name, "real"))
        for name, text in formula.inputs.items()
    }
    return {name: of.setdefault(kind, name) for name, kind in kinds.items()}

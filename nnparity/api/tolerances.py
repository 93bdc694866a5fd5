"""`tolerance`: how far from the exact result a correct implementation may end, number by number."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from nnparity.api import given
from nnparity.api.comparison import Asked
from nnparity.api.judging import model_of
from nnparity.api.own_formulas import Own
from nnparity.expect.budgets import expect
from nnparity.expect.expected import Expected
from nnparity.spec import Case, Dtype, Formula, shapes
from nnparity.spec.cases.invalid_inputs import unfit
from nnparity.spec.loader import LARGEST, signatures
from nnparity.spec.usage import UsageError, require

#: The dataset that stands for inputs of which only the shapes are given.
NORMAL = "normal"


@dataclass(frozen=True, eq=False)
class Tolerance:
    """Of one quantity: the exact value, what the worst case may be off by (`hard`), and what to expect (`sharp`).

    A root mean square of errors over `sharp` far above 1 says that bits are missing, also where no error is beyond
    `hard`. So does in half precision a single error beyond five times `sharp`, of millions.
    """

    value: NDArray[np.float64]
    hard: NDArray[np.float64]
    sharp: NDArray[np.float64]
    #: In words, the data that it holds for, and no other.
    holds_for: str

    def rtol_atol(self) -> tuple[float, float]:
        """Two numbers for tests that must have such: ``abs(actual - value) <= atol + rtol * abs(value)``.

        Of all pairs that cover `hard` everywhere, the one that is smallest at the mean size of the numbers. They hold
        for the data of `holds_for`; on other data they may be too small, or see nothing.
        """
        told = np.isfinite(self.hard)
        if not told.all():
            raise UsageError("an intermediate result may overflow: no finite tolerance covers that")
        return covering(np.abs(self.value).ravel(), self.hard.ravel())

    def __str__(self) -> str:
        size = np.abs(self.value)
        with np.errstate(all="ignore"):
            relative = np.nanmedian(np.where(size > 0, self.hard / size, np.nan)) if size.any() else np.nan
        hard, sharp = self.hard.max(initial=0.0), self.sharp.max(initial=0.0)
        return (
            f"at worst {hard:.2g}, to be expected {sharp:.2g}; relative to the number at worst "
            f"{relative:.2g} in the median; holds for {self.holds_for}"
        )

    __repr__ = __str__


def covering(sizes: NDArray[np.float64], budgets: NDArray[np.float64]) -> tuple[float, float]:
    """(slope, offset) of the line above all points that is lowest at the mean size: an edge of their convex hull."""
    if not sizes.size:
        return 0.0, 0.0
    slope = 0.0
    hull = _upper_hull(sizes, budgets)
    middle = float(sizes.mean())
    for (x0, y0), (x1, y1) in itertools.pairwise(hull):
        if x0 <= middle <= x1:
            slope = max(0.0, (y1 - y0) / (x1 - x0))
            break
    offset = max(0.0, float(np.max(budgets - slope * sizes)))
    # In allclose's own arithmetic the sum is rounded twice.
    up = 1 + 4 * float(np.finfo(np.float64).eps)
    return slope * up, offset * up


def _upper_hull(xs: NDArray[np.float64], ys: NDArray[np.float64]) -> list[tuple[float, float]]:
    """The corners of the upper convex hull, from left to right (Andrew's monotone chain)."""
    hull: list[tuple[float, float]] = []
    order = np.lexsort((-ys, xs))
    for x, y in zip(xs[order].tolist(), ys[order].tolist(), strict=True):
        if hull and hull[-1][0] == x:
            continue
        while len(hull) > 1 and _below(hull[-2], hull[-1], (x, y)):
            hull.pop()
        hull.append((x, y))
    return hull


def _below(a: tuple[float, float], b: tuple[float, float], c: tuple[float, float]) -> bool:
    """Whether b lies on or below the line from a to c."""
    return (b[0] - a[0]) * (c[1] - a[1]) >= (b[1] - a[1]) * (c[0] - a[0])


def tolerance(
    formula: str | Own,
    *,
    dtype: Any = None,
    accumulate: Any = "float32",
    inputs: Mapping[str, Any] | None = None,
    wrt: str | None = None,
    cotangent: Any = None,
    **arrays: Any,
) -> Tolerance:
    """The tolerance of a formula on these inputs, or on standard normal ones of these shapes.

    Args:
        formula: A formula's id, such as ``"dense"``, or what `formula` made.
        dtype: What the implementation computes in; by default that of the inputs, and float32 for shapes.
        accumulate: What sums in half precision are held to: float32, or the dtype itself.
        inputs: The inputs and attributes by the spec's names; they may also be given as keywords. In the place of
            arrays sizes may be given by the symbols of the spec's shapes (``k=4096``), or shapes (``x=(32, 4096)``);
            what is left out is as in the formula's first signature.
        wrt: The input by whose gradient is asked for; by default the output.
        cotangent: What the gradient is propagated back from; for sizes it is drawn.
        **arrays: Inputs, attributes and sizes.

    Raises:
        UsageError: For inputs that do not fit the formula.
    """
    named = given.named(inputs) | arrays
    if isinstance(formula, Own) or not _sizes(given.formula_of(formula), named):
        with Asked(formula, named, wrt, cotangent, accumulate).question(dtype) as question:
            (name, *others), truth = question.truth, question.truth
            if others:
                raise UsageError(f"there are several outputs, {', '.join(truth)}: say wrt=, or ask for one")
            return _told(truth[name], f"these inputs in {question.case.dtype.name}")
    if cotangent is not None:
        raise UsageError("sizes have a cotangent of their own, drawn as the inputs are: leave cotangent out")
    case = _drawn(given.formula_of(formula), named, given.dtype_of(dtype or "float32"))
    family = frozenset({"grad" if wrt else "output"})
    truth = expect(case, family, model=model_of(accumulate, case.dtype.name))
    name = f"grad.{wrt}" if wrt else next(iter(truth))
    require("quantity", (name,), tuple(truth))
    return _told(truth[name], f"standard normal inputs, {case.signature.id} in {case.dtype.name}, and no others")


def _told(one: Expected, holds_for: str) -> Tolerance:
    return Tolerance(one.value, one.hard, one.sharp, holds_for)


def _sizes(formula: Formula, named: Mapping[str, Any]) -> bool:
    """Whether sizes or shapes are given, in the place of arrays."""
    symbols = {symbol for text in formula.inputs.values() for symbol in shapes.symbols(text)}
    own = symbols - formula.inputs.keys() - formula.attributes.keys()
    return any(
        isinstance(x, tuple) or (name in symbols and type(x) is int) or (name in own and np.ndim(x) == 0)
        for name, x in named.items()
    )


def _drawn(formula: Formula, named: Mapping[str, Any], dtype: Dtype) -> Case:
    """The case of these sizes, with normal numbers."""
    first = signatures(formula)[0]
    dims, attributes = dict(first.dims), dict(first.attributes)
    for name, size in named.items():
        if isinstance(size, tuple) and name in formula.inputs:
            dims |= _dims(formula, name, given.size(formula, name, size))
        elif name in attributes:
            attributes[name] = given.attribute(formula, name, size)
        elif name in dims and name not in formula.inputs:
            dims[name] = given.size(formula, name, size)
        else:
            known = f"sizes {', '.join(dims)}; shapes of {', '.join(formula.inputs)}"
            shown = "..." if np.ndim(size) else repr(size)
            raise UsageError(f"{formula.id}: {name}={shown} is none of its {known}; arrays and sizes do not mix")
    one = msgspec.structs.replace(given.signature(dims, attributes, formula), datasets=(NORMAL,))
    case = Case(formula, one, NORMAL, dtype)
    try:
        if (count := shapes.elements([*formula.inputs.values(), *formula.results.values()], one.sizes)) > LARGEST:
            raise UsageError(f"{formula.id}: {one.id} has {count:,} numbers, and more than {LARGEST:,} are not drawn")
        wrong = unfit(formula, case.inputs, attributes)
    except shapes.ShapeError as error:
        wrong = str(error)
    if wrong:
        raise UsageError(f"{formula.id}: {wrong}")
    given.computable(case)
    for name, size in named.items():
        if isinstance(size, tuple) and case.inputs[name].shape != size:
            raise UsageError(f"{formula.id}: {name} has shape {size}, the others make it {case.inputs[name].shape}")
    return case


def _dims(formula: Formula, name: str, shape: tuple[int, ...]) -> dict[str, int]:
    words = formula.inputs[name].split()
    if len(words) != len(shape):
        raise UsageError(f"{formula.id}: {name} has the shape {shape}, expected {formula.inputs[name]!r}")
    return {word: size for word, size in zip(words, shape, strict=True) if word.isidentifier()}

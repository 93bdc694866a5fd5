"""A case in words: formula, inputs, what is expected, and which roundings make up its tolerances. Or a record."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from nnparity.expect.budgets import expect
from nnparity.expect.contributions import contributions
from nnparity.expect.expected import Expected
from nnparity.expect.precision_models import arithmetic
from nnparity.judge.known_divergences import Known
from nnparity.reproduce.cell import FIRST_ORDER, MANY, REJECTS, find
from nnparity.reproduce.writing.sources import Unreproducible
from nnparity.reproduce.writing.words import derivation
from nnparity.run.examiner import on_record
from nnparity.spec import Case
from nnparity.spec.precision import ACCUMULATE
from nnparity.spec.schema import QUANTITIES, plain
from nnparity.spec.usage import UsageError, require

#: So many lines of the reference are told, those with the largest shares.
LINES = 12
DIRECTIONS = {"grad": ("cotangent",), "jvp": ("tangent",), "hvp": ("cotangent", "tangent")}
#: A share below this in both tolerances is told with the others.
LEAST = 0.001


def explained(id: str, quantity: str, model: str = ACCUMULATE, salt: str = "") -> Iterator[str]:
    """A case. Raises UsageError for what is not there, and for one of which nothing is expected by itself."""
    try:
        case = find(id, salt)
    except Unreproducible as error:  # it is there, and means nothing without the other call
        raise UsageError(f"{error}: nothing is expected of one alone; nnparity run --case asks for both") from error
    if case.formula.trajectory:
        raise UsageError(f"{case.formula.id} is a training run: what is expected of it comes from simulated machines")
    if case.dataset.startswith(REJECTS):
        require("quantity", (quantity,), ("output",), f" of {id}")
        yield from _head(case, quantity)
        yield "expected  that the target raises: these inputs do not fit"
        return
    truth = expect(case, FIRST_ORDER if case.dataset in MANY else frozenset(QUANTITIES), model=model)
    # What came with the gradients is held to the same as the plain output.
    require("quantity", (plain(quantity),), tuple(truth), f" of {id}")
    yield from _head(case, quantity)
    quantity = plain(quantity)
    yield f"expected  {_range(truth[quantity].value)}"
    yield from _tolerances(truth[quantity].judged, case)
    yield from derivation(case, quantity).splitlines()
    yield from _shares(case, quantity, model)


def _head(case: Case, quantity: str) -> Iterator[str]:
    yield f"{case.id} {quantity}"
    yield f"formula   {case.formula.title.en}, section {case.formula.section}: {' '.join(case.formula.latex.split())}"
    for kind, arrays in (("input", case.inputs), ("cotangent", case.cotangents), ("tangent", case.tangents)):
        if kind == "input" or kind in _asked(quantity):
            yield from (f"{kind:9} {name} {_range(array)}" for name, array in arrays.items())


def _asked(quantity: str) -> tuple[str, ...]:
    return {"grad": ("cotangent",), "jvp": ("tangent",), "hvp": ("cotangent", "tangent")}.get(
        quantity.partition(".")[0], ()
    )


def _range(array: NDArray[np.generic]) -> str:
    with np.errstate(invalid="ignore"):  # a NaN that signals does so when it is cast
        numbers = array.astype(np.float64)
    if not numbers.size:
        return f"{array.shape}, without an element"
    finite = numbers[np.isfinite(numbers)]
    wide = f"from {finite.min():.4g} to {finite.max():.4g}" if finite.size else "without a finite number"
    lost = numbers.size - finite.size
    return f"{array.shape} {wide}{f', {lost} infinite or NaN' if lost else ''}"


def _tolerances(truth: Expected, case: Case) -> Iterator[str]:
    size = np.abs(truth.value)
    told = np.isfinite(size) & (size > 0)
    if not told.any():
        yield "tolerance of a result that is 0 throughout, or infinite"
        return
    for name, budget in (("hard", truth.hard), ("sharp", truth.sharp)):
        ratio = np.median(budget[told] / size[told])
        yield f"{name:9} {ratio:.3g} of the median element, {ratio / case.dtype.unit:.3g} units roundoff"


def _shares(case: Case, quantity: str, model: str) -> Iterator[str]:
    """The lines of the reference by what their roundings contribute."""
    numbers = arithmetic(case.dtype.name, model=model)
    found = contributions(case, quantity, numbers)
    if not found:
        yield "nothing is rounded on the way: only what the dtype itself cannot hold is tolerated"
        return
    yield "of the hard and of the sharp tolerance (of its square) come from"
    shown = [one for one in found if max(one.hard, one.sharp) >= LEAST][:LINES]
    for one in shown:
        place = f"{one.file}:{one.line}" if one.line else ""
        yield f"  {one.hard:6.1%} {one.sharp:6.1%}  {one.text}  {place}".rstrip()
    rest = [one for one in found if one not in shown]
    if rest:
        hard, sharp = sum(one.hard for one in rest), sum(one.sharp for one in rest)
        yield f"  {hard:6.1%} {sharp:6.1%}  {len(rest)} more lines"
    hard, sharp = (1 - sum(getattr(one, norm) for one in found) for norm in ("hard", "sharp"))
    if max(hard, sharp) >= LEAST:
        yield f"  {max(hard, 0):6.1%} {max(sharp, 0):6.1%}  errors that meet, and underflow"


def recorded(id: str) -> Iterator[str]:
    """A known divergence. Raises UsageError for an id that is none."""
    known = {one.id: one for one in on_record()}
    require("case or known divergence", (id,), tuple(known))
    yield from _record(known[id])


def _record(known: Known) -> Iterator[str]:
    yield f"{known.id}: {known.kind}"
    for name in ("formula", "target", "dtype", "quantity", "dataset", "signature", "case"):
        patterns = getattr(known, name)
        yield f"{name:9} {patterns if isinstance(patterns, str) else ', '.join(patterns)}"
    yield f"versions  {', '.join(f'{name} {text}' for name, text in known.versions.items())}"
    expects = {name: value for name in known.expects.__struct_fields__ if (value := getattr(known.expects, name))}
    yield f"expects   {', '.join(f'{name} {value}' for name, value in expects.items())}"
    yield f"reason    {known.reason}"
    yield f"upstream  {known.upstream}"

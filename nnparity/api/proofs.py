"""What is proven of a formula from outside, in enclosures of 200 bits, so that no tolerance is needed.

The VJP is the adjoint of the forward derivative: ``<g, J v>`` and ``<J^T g, v>`` enclose the same number. The Hessian
is symmetric: ``<w, H v>`` and ``<v, H w>`` do. And the reference in float64 meets the enclosure of its own code.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from nnparity.expect.budgets import expect
from nnparity.expect.evaluation import evaluate
from nnparity.judge.grades import judge
from nnparity.reference.readings import Ball
from nnparity.reference.readings.ball import rounded
from nnparity.spec import DTYPES, Case, Formula
from nnparity.spec.cases.special_values import special_case, specials_of
from nnparity.spec.loader import signatures
from nnparity.spec.schema import QUANTITIES
from nnparity.spec.usage import UsageError

#: Of the sum of sizes, what two enclosures may be wide and still prove something: half of 200 bits.
NARROW = 2.0**-100


def proofs(formula: Formula) -> Iterator[str]:
    """What is not so, for all signatures and their datasets."""
    for case in cases(formula):
        yield from _tried(case.id, _value, case)
        if formula.wrt:
            yield from _tried(case.id, _adjoint, case, {})
            yield from _tried(case.id, _symmetric, case)
    yield from _variants(formula)
    for dataset in specials_of(formula):
        special = special_case(formula, dataset, "float32")
        yield from _tried(special.id, _expected, special)


def _tried(about: str, proof: Callable[..., Iterator[str]], *arguments: Any) -> list[str]:
    """What a proof says, or what the code from outside raises."""
    try:
        with np.errstate(all="ignore"):
            return list(proof(*arguments))
    except UsageError as error:  # its first line says where
        cause, (where, *_) = error.__cause__, str(error).splitlines()
        return [f"{about}: " + (f"{type(cause).__name__}: {cause}; {where}" if cause else where)]
    except Exception as error:  # noqa: BLE001  (whatever it is, it is the formula's)
        return [f"{about}: {type(error).__name__}: {error}"]


def _expected(case: Case) -> Iterator[str]:
    """The reference takes NaN, infinities, no sample at all and sizes of 1, as a run will ask of it."""
    expect(case, case.formula.families(("output", "grad")))
    yield from ()


def cases(formula: Formula) -> list[Case]:
    """Those that a formula is proven on."""
    return [
        Case(formula, signature, dataset, DTYPES["float64"])
        for signature in signatures(formula)
        for dataset in signature.datasets
    ]


def _variants(formula: Formula) -> Iterator[str]:
    """A wrong reading of the output is the same wrong reading of its gradient, or it explains but one of them."""
    signature = signatures(formula)[0]
    case = Case(formula, signature, signature.datasets[0], DTYPES["float64"])
    for name, variant in formula.variants.items():
        wrong = _tried(case.id, _adjoint, case, variant.set) if formula.wrt else []
        wrong += _tried(formula.id, _another, formula, variant.set)
        yield from (f"variant {name}: {one}" for one in wrong)


def _another(formula: Formula, variant: Mapping[str, Any]) -> Iterator[str]:
    """A wrong reading gives other numbers than the formula somewhere, or it explains nothing."""
    for case in cases(formula):
        one, other = (evaluate(case, _families(formula), _float64, _float64, read) for read in ({}, variant))
        if any(not np.array_equal(one[name], other[name], equal_nan=True) for name in one):
            return
    yield f"{formula.id}: gives what the formula gives, in all cases"


def _value(case: Case) -> Iterator[str]:
    """The reference in float64, judged as a target of float64 is."""
    family = _families(case.formula)
    plain = evaluate(case, family, _float64, _float64, {})
    for name, truth in expect(case, family).items():
        judged = judge(np.asarray(plain[name], np.float64), truth, case.dtype)
        if judged.grade != "conforms":
            yield f"{case.id} {name}: the reference in float64 is {judged.grade}: hard {judged.hard}"


def _families(formula: Formula) -> frozenset[str]:
    return frozenset(QUANTITIES if formula.wrt else ("output",))


def _float64(array: Any) -> Any:
    return np.asarray(array, np.float64)


def _adjoint(case: Case, variant: Mapping[str, Any]) -> Iterator[str]:
    seen = evaluate(case, frozenset({"jvp", "grad"}), Ball, Ball, variant)
    pushed = _product(seen, "jvp", case.cotangents)
    pulled = _product(seen, "grad", case.tangents)
    if not _equal(pushed, pulled):
        yield f"{case.id}: <g, J v> is {float(pushed.mid()):.9g}, <J^T g, v> is {float(pulled.mid()):.9g}"


def _symmetric(case: Case) -> Iterator[str]:
    other = replace(case, salt="another direction")
    turned = replace(case)
    turned.__dict__["tangents"] = other.tangents
    one = _product(evaluate(case, frozenset({"hvp"}), Ball, Ball, {}), "hvp", other.tangents)
    two = _product(evaluate(turned, frozenset({"hvp"}), Ball, Ball, {}), "hvp", case.tangents)
    if not _equal(one, two):
        yield f"{case.id}: <w, H v> is {float(one.mid()):.9g}, <v, H w> is {float(two.mid()):.9g}"


def _product(seen: dict[str, Any], family: str, directions: dict[str, Any]) -> Any:
    """The sum of products, an enclosure."""
    parts = []
    for name, direction in directions.items():
        quantity = family if name == "output" else f"{family}.{name}"
        parts.append(np.sum(_ball(seen[quantity]) * Ball(_float64(direction))))
    return np.asarray(sum(parts[1:], start=parts[0]).value, dtype=object).item()


def _ball(x: Any) -> Ball:
    return x if isinstance(x, Ball) else Ball(np.asarray(x))


def _equal(a: Any, b: Any) -> bool:
    """Whether two enclosures meet, and are narrow enough for that to say something."""
    _, _, radius = rounded(Ball(np.asarray([a, b], dtype=object)))
    size = max(abs(float(a.mid())), abs(float(b.mid())), 1.0)
    return bool(a.overlaps(b)) and float(radius.max()) <= NARROW * size

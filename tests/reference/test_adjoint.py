"""Every VJP is proven by the forward derivative, <g, J v> = <J^T g, v>, and every HVP by its symmetry."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from nnparity.expect.evaluation import evaluate
from nnparity.reference import FORMULAS
from nnparity.spec import DTYPES, Case, load
from nnparity.spec.loader import signatures

#: Of the sum of the absolute products: float64 leaves thousands of its units for the sums on the way.
CLOSE = 1e-12
#: The same for second derivatives, which cancel more: 1 - 2y of the logistic function near 0.
SYMMETRIC = 1e-10
#: Variants whose gradient is not that of their output, which is what is wrong with them.
UNFAITHFUL = {("embedding", "padding")}
DIFFERENTIABLE = [formula for formula in load().values() if formula.wrt]
CASES = [
    pytest.param(Case(formula, signature, dataset, DTYPES["float64"]), id=f"{formula.id}-{signature.id}-{dataset}")
    for formula in DIFFERENTIABLE
    for signature in signatures(formula)
    for dataset in ("normal", "small")
]
VARIANTS = [
    pytest.param(formula.id, variant.set, id=f"{formula.id}-{name}")
    for formula in DIFFERENTIABLE
    for name, variant in formula.variants.items()
    if (formula.id, name) not in UNFAITHFUL
]
GRADIENTS = [(formula.id, place) for formula in DIFFERENTIABLE for place in range(len(formula.wrt))]


def first(id: str, dataset: str = "normal") -> Case:
    formula = load()[id]
    return Case(formula, signatures(formula)[0], dataset, DTYPES["float64"])


def products(case: Case, family: str, seen: dict[str, Any], directions: dict[str, Any]) -> Any:
    names = {name: family if name == "output" else f"{family}.{name}" for name in directions}
    return np.concatenate([np.ravel(seen[names[name]] * direction) for name, direction in directions.items()])


def plainly(array: Any) -> Any:
    return np.asarray(array, dtype=np.float64)


def prove(case: Case, variant: dict[str, Any] | None = None) -> None:
    """Raises AssertionError, naming the case, unless both derivatives are each other's adjoint."""
    seen = evaluate(case, frozenset({"jvp", "grad"}), plainly, plainly, variant or {})
    pushed, pulled = products(case, "jvp", seen, case.cotangents), products(case, "grad", seen, case.tangents)
    gap, size = abs(pushed.sum() - pulled.sum()), np.abs(pushed).sum() + np.abs(pulled).sum()
    assert gap <= CLOSE * size, f"{case.id} {variant or ''}: <g, J v> and <J^T g, v> differ by {gap:.3g} of {size:.3g}"


def test_maxima_that_are_shared_are_shared_in_both_derivatives() -> None:
    prove(first("max_pool2d", "tied"), {"scan": "shared"})


def test_the_reference_holds_every_formula_of_the_spec_and_no_other() -> None:
    assert set(FORMULAS) == set(load())
    assert {id for id, reference in FORMULAS.items() if reference.backward} >= {f.id for f in DIFFERENTIABLE}


@pytest.mark.parametrize("case", CASES)
def test_the_vjp_is_the_adjoint_of_the_forward_derivative(case: Case) -> None:
    prove(case)


@pytest.mark.parametrize(("id", "variant"), VARIANTS)
def test_so_it_is_for_every_variant(id: str, variant: dict[str, Any]) -> None:
    prove(first(id), variant)


@pytest.mark.parametrize(("id", "name"), sorted(UNFAITHFUL))
def test_a_gradient_that_is_not_that_of_the_output_is_seen(id: str, name: str) -> None:
    with pytest.raises(AssertionError, match=f"{id}/"):
        prove(first(id), load()[id].variants[name].set)


@pytest.mark.parametrize(("id", "place"), GRADIENTS, ids=[f"{id}-{load()[id].wrt[p]}" for id, p in GRADIENTS])
def test_a_constant_broken_in_one_vjp_is_found_by_name(id: str, place: int, monkeypatch: pytest.MonkeyPatch) -> None:
    sound = FORMULAS[id].gradients

    def broken(*arguments: Any, **keywords: Any) -> Any:
        gradients = list(sound(*arguments, **keywords))
        gradients[place] = gradients[place] * (1 + 2.0**-20) + 2.0**-20  # some gradients are zero
        return tuple(gradients)

    prove(first(id))
    monkeypatch.setattr(FORMULAS[id], "gradients", broken)
    with pytest.raises(AssertionError, match=f"{id}/"):
        prove(first(id))


@pytest.mark.parametrize("case", CASES)
def test_the_hessian_is_symmetric(case: Case) -> None:
    """<w, H v> = <v, H w>: a VJP that is right in its value may still hide a dependence from its own derivative."""
    other = replace(case, salt="another direction")
    turned = replace(case)
    turned.__dict__["tangents"] = other.tangents
    one = products(case, "hvp", evaluate(case, frozenset({"hvp"}), plainly, plainly, {}), other.tangents)
    two = products(case, "hvp", evaluate(turned, frozenset({"hvp"}), plainly, plainly, {}), case.tangents)
    gap, size = abs(one.sum() - two.sum()), np.abs(one).sum() + np.abs(two).sum()
    assert gap <= SYMMETRIC * size, f"{case.id}: <w, H v> and <v, H w> differ by {gap:.3g} of {size:.3g}"

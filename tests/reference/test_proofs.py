"""The float64 reference is proven, every formula and VJP in every signature, by enclosures of 200 bits.

Models of millions of numbers are shrunk, not left out: an enclosure takes thousands of times as long as a float64.
"""

from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
import pytest

from nnparity.expect.budgets import expect
from nnparity.expect.evaluation import evaluate
from nnparity.expect.proof import PROVABLE
from nnparity.reference import FORMULAS
from nnparity.reference.readings import Ball
from nnparity.reference.readings.ball import rounded
from nnparity.spec import DTYPES, Case, load, shapes
from nnparity.spec.loader import signatures
from nnparity.spec.schema import QUANTITIES, Formula, Signature

ALL = frozenset(QUANTITIES)
#: Sizes of the symbols in models too large to be proven whole; those not named keep theirs.
SMALL = {"s": 2, "n": 2, "i": 12, "d": 8, "t": 3, "k": 4, "m": 3}
#: The convolutional network's sizes are the listing's numbers: 2, 3 and 2 filters on images of 22 by 22.
NETWORK = {
    "w1": "2 3 3 3",
    "b1": "2",
    "w2": "3 2 3 3",
    "b2": "3",
    "w3": "2 3 3 3",
    "b3": "2",
    "w4": "3 8",
    "b4": "3",
    "w5": "10 3",
}


def size(case: Case) -> int:
    return sum(x.size for x in case.inputs.values())


def whole(formula: Formula, signature: Signature) -> Case:
    return Case(formula, signature, signature.datasets[0], DTYPES["float64"])


def shrunk(case: Case) -> Case:
    """The first rows and columns of the same numbers."""
    dims = {name: min(size, SMALL.get(name, size)) for name, size in case.signature.dims.items()}
    small = msgspec.structs.replace(case.signature, id=f"{case.signature.id}-shrunk", dims=dims)
    texts = {name: text.replace("32 32", "22 22") for name, text in case.formula.inputs.items()}
    if case.formula.id.endswith("cnn"):
        texts |= NETWORK
    cut = {name: x[tuple(map(slice, shapes.evaluate(texts[name], dims)))] for name, x in case.inputs.items()}
    if classes := dims.get("k"):  # labels of those that are left; ids and masks stay what they are
        cut |= {name: x % classes for name, x in cut.items() if case.formula.integer(name)}
    made = Case(case.formula, small, case.dataset, case.dtype)
    made.__dict__["inputs"] = cut
    return made


def provable(formula: Formula, signature: Signature) -> Case:
    case = whole(formula, signature)
    return case if size(case) <= PROVABLE else shrunk(case)


def prove(case: Case) -> None:
    """Raises AssertionError, naming case and quantity, unless the reference lies in its own budget of the enclosure."""
    balls = evaluate(case, ALL, Ball, Ball, {})
    plain = evaluate(case, ALL, lambda x: x.astype(np.float64), lambda x: x, {})
    for name, truth in expect(case, ALL).items():
        high, low, radius = rounded(balls[name])
        assert np.all(radius <= 2.0**-40 * truth.hard), f"{case.id} {name}: the enclosure is wide"
        assert np.all(np.abs(plain[name] - high - low) <= truth.hard), (
            f"{case.id} {name}: the reference is not that good"
        )
        assert np.array_equal(truth.value, high), f"{case.id} {name}: the expectation is not what was proven"


EVERY = [(formula, signature) for formula in load().values() for signature in signatures(formula)]


@pytest.mark.parametrize(("formula", "signature"), EVERY, ids=[f"{f.id}-{s.id}" for f, s in EVERY])
def test_the_float64_reference_is_proven(formula: Formula, signature: Signature) -> None:
    prove(provable(formula, signature))


SIMPLE = [(f.id, name) for f in load().values() if f.wrt and not f.composition for name in f.wrt]


@pytest.mark.parametrize(("id", "name"), SIMPLE, ids=[f"{id}-{name}" for id, name in SIMPLE])
def test_a_constant_broken_in_one_vjp_is_found_by_name(id: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of what the reference computes, against the enclosure of what the formula's derivative is.

    The enclosure is read off the forward derivative, in which no VJP has a part: <J e, g> for each unit vector e.
    """
    formula = load()[id]
    case = min((whole(formula, s) for s in signatures(formula)), key=size)
    prove_gradient(case, name)
    sound = FORMULAS[id].gradients
    place = formula.wrt.index(name)

    def broken(*arguments: Any, **keywords: Any) -> Any:
        gradients = list(sound(*arguments, **keywords))
        gradients[place] = gradients[place] * (1 + 2.0**-20) + 2.0**-20  # some gradients are zero
        return tuple(gradients)

    monkeypatch.setattr(FORMULAS[id], "gradients", broken)
    with pytest.raises(AssertionError, match=rf"{id}/.* grad\.{name}"):
        prove_gradient(case, name)


def prove_gradient(case: Case, name: str, most: int = 3) -> None:
    """Raises AssertionError unless the first elements of a gradient are those of the proven derivative."""
    truth = expect(case, frozenset({"grad"}))[f"grad.{name}"]
    for place in list(np.ndindex(truth.value.shape))[:most]:
        proven = rounded(pushed(case, name, place))[0]
        assert abs(truth.value[place] - proven) <= truth.hard[place], f"{case.id} grad.{name}{place}"


def pushed(case: Case, name: str, place: tuple[int, ...]) -> Any:
    """<J e, g>, as a ball."""
    unit = np.zeros(case.inputs[name].shape)
    unit[place] = 1.0
    turned = Case(case.formula, case.signature, case.dataset, case.dtype)
    turned.__dict__["inputs"] = case.inputs
    turned.__dict__["tangents"] = {
        other: unit if other == name else np.zeros(case.inputs[other].shape) for other in case.formula.wrt
    }
    exact: Callable[[Any], Ball] = Ball
    seen = evaluate(turned, frozenset({"jvp"}), exact, exact, {})
    total: Any = Ball(np.zeros(()))
    for output, g in case.cotangents.items():
        total = total + np.sum(seen["jvp" if output == "output" else f"jvp.{output}"] * Ball(g))
    return total

"""The listings against their own text, and the gradients that training uses against the forward derivative."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import special

from nnparity.reference import FORMULAS
from nnparity.reference.models import cnn, gan, lstm, trained
from nnparity.reference.readings import Dual, tangent_of
from nnparity.spec import DTYPES, Case, load
from nnparity.spec.loader import signatures

#: Of the sum of the absolute products: float64 leaves thousands of its units for the sums on the way.
CLOSE = 1e-12
LISTING = """
X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
weights = np.array([[0.1, 0.2], [0.3, 0.4]])
bias = np.array([0.5, 0.6])
hidden = np.array([f(np.dot(X, weights) + bias) for f in [np.tanh, np.sigmoid]])
output = np.array([f(np.dot(hidden, weights) + bias) for f in [np.tanh, np.sigmoid]])
"""


def first(id: str, dataset: str = "") -> Case:
    formula = load()[id]
    signature = signatures(formula)[0]
    return Case(formula, signature, dataset or signature.datasets[0], DTYPES["float64"])


class Numpy:
    """NumPy with the function that the listing wants."""

    sigmoid = staticmethod(special.expit)

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)


def test_listing_41_cannot_run_for_the_reason_given() -> None:
    with pytest.raises(AttributeError, match="sigmoid"):
        exec(LISTING, {"np": np})
    (erratum,) = load()["listing_mlp_literal"].errata
    assert "AttributeError" in erratum.why


def test_listing_41_with_a_sigmoid_prints_the_literal_reading() -> None:
    names: dict[str, Any] = {"np": Numpy()}
    exec(LISTING, names)
    found = FORMULAS["listing_mlp_literal"](*first("listing_mlp_literal", "as_printed").inputs.values())
    assert found.shape == names["output"].shape == (2, 2, 4, 2)
    assert np.abs(found - names["output"]).max() < CLOSE


def test_the_perceptron_is_one_of_the_four_networks_that_the_listing_prints() -> None:
    literal = FORMULAS["listing_mlp_literal"](*first("listing_mlp_literal", "as_printed").inputs.values())
    meant = FORMULAS["listing_mlp"](*first("listing_mlp", "as_printed").inputs.values())
    assert np.abs(literal[1, 0] - meant).max() < CLOSE


def test_listing_42_has_as_many_parameters_as_keras_says() -> None:
    """896, 18,496, 36,928, 65,600 and 650 of its summary; listing 4.3 has 12,200, 20,200 and 51."""
    sizes = {id: sum(first(id).inputs[name].size for name in load()[id].wrt) for id in ("listing_cnn", "listing_lstm")}
    assert sizes == {"listing_cnn": 122_570, "listing_lstm": 32_451}


Slope = Callable[[list[Any]], tuple[Any, list[Any]]]


def slopes(id: str) -> list[tuple[Slope, list[Any]]]:
    """The loss and gradients of a first step as functions of the parameters, and those."""
    inputs = list(first(id).inputs.values())
    x, t, p = inputs[0][0], inputs[1][0], inputs[2:]
    return {
        "train_mlp": [(lambda w: trained._perceptron(x, t, w, 0.01, 2.0, 0.0), p)],
        "train_cnn": [(lambda w: cnn.loss_and_gradients(x, t, w), p)],
        "train_lstm": [(lambda w: lstm.loss_and_gradients(x, t, w), p)],
        "train_gan": [
            (lambda w: gan.discriminate(x, t, [*p[:4], *w]), p[4:]),
            (lambda w: gan.generate(t, [*w, *p[4:]]), p[:4]),
        ],
    }[id]


@pytest.mark.parametrize("id", ["train_mlp", "train_cnn", "train_lstm", "train_gan"])
def test_the_gradient_of_a_step_is_that_of_its_loss(id: str) -> None:
    random = np.random.default_rng(7)
    for slope, p in slopes(id):
        along = [random.standard_normal(w.shape) for w in p]
        loss, _ = slope([Dual(w, v) for w, v in zip(p, along, strict=True)])
        products = np.concatenate([np.ravel(g * v) for g, v in zip(slope(p)[1], along, strict=True)])
        assert abs(tangent_of(loss) - products.sum()) <= CLOSE * np.abs(products).sum()


@pytest.mark.parametrize("id", [id for id, formula in load().items() if formula.trajectory])
def test_a_run_holds_every_step_and_learns_by_its_own_gradients(id: str) -> None:
    case = first(id)
    assert case.signature.attributes["optimizer"] == "sgd"
    results = FORMULAS[id](*case.inputs.values(), **case.signature.attributes)
    named = dict(zip(case.formula.outputs, results, strict=True))
    assert {name: array.shape for name, array in named.items()} == case.shapes
    for name, start in list(case.inputs.items())[2:]:
        before = np.concatenate([start[None], named[f"{name}_next"][:-1]])
        moved = before - case.signature.attributes["lr"] * named[f"d_{name}"]
        assert np.array_equal(moved, named[f"{name}_next"])

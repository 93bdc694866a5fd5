"""Two observations of one case are held against each other as each is against what is expected."""

import math
from collections.abc import Callable

import numpy as np
import pytest

from nnparity.checks.comparison import CellText, again, compared
from nnparity.execute.observer import Observed
from nnparity.expect.budgets import expect
from nnparity.expect.expected import Expected
from nnparity.judge.elements import Array
from nnparity.judge.grades import root_mean_square
from nnparity.judge.sensitivity import graded
from nnparity.spec import DTYPES, Case, load
from nnparity.spec.loader import signatures

#: How far each is off, in opposite directions: the difference is a little more than the sharp budget of two.
OFF = 0.75


@pytest.mark.parametrize(
    ("formula", "signature", "grade"),
    [
        ("layer_norm", "n3d1029", "conforms"),  # the deviation of a row is shared, and so is its error
        ("tanh", "n4d257", "imprecise"),  # every number by itself
    ],
)
def test_errors_that_go_together_are_no_difference_and_others_are(formula: str, signature: str, grade: str) -> None:
    found = next(one for one in signatures(load()[formula]) if one.id == signature)
    case = Case(load()[formula], found, "normal", DTYPES["float32"])
    truth = expect(case, frozenset({"output"}))["output"]
    part = OFF / root_mean_square(np.abs(truth.value) / truth.sharp)
    one, other = ((truth.value * factor).astype(np.float32) for factor in (1 + part, 1 - part))
    assert {graded(seen, truth, case, "output").grade for seen in (one, other)} == {"conforms"}
    judged, differs = compared(Observed({"output": one}), Observed({"output": other}), "output", truth, case)
    assert judged.grade == grade
    assert judged.rms == pytest.approx(2 * OFF / math.sqrt(2), rel=0.05)
    assert differs


@pytest.mark.parametrize(
    ("one", "other", "told"),
    [
        ([0.0, -0.0, 1.0], [-0.0, -0.0, 1.0], "1 zero has the other sign"),
        ([0.0, 0.0, 1.0], [-0.0, -0.0, 1.0], "2 zeros have the other sign"),
        (
            [0.0, 2.0, np.nan],
            [-0.0, 1.0, np.nan],
            "1 of 3 numbers differ, by up to 4.19e+06 ulp; 1 zero has the other sign",
        ),
        ([1.0, 2.0, np.nan], [1.0, 2.0, -np.nan], "a NaN has other bits"),
        ([0.0, 2.0, np.nan], [0.0, 2.0, np.nan], None),
    ],
)
def test_other_bits_of_the_same_numbers_are_told_for_what_they_are(
    one: list[float], other: list[float], told: str | None
) -> None:
    """A zero of the other sign is the same number: "0 of 3 numbers differ" would say that nothing does."""
    case = Case(load()["tanh"], signatures(load()["tanh"])[0], "normal", DTYPES["float32"])
    a, b = (np.array(numbers, np.float32) for numbers in (one, other))
    truth = Expected(a.astype(np.float64), np.ones(3), np.ones(3))
    assert compared(Observed({"output": a}), Observed({"output": b}), "output", truth, case)[1] == told


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda g: 0 * g, "the gradient of w is missing: all of it is zeros"),
        (lambda g: g.T.copy(), "axes 0 and 1 are swapped"),
        (lambda g: 3 * g, None),
    ],
    ids=["lost", "not turned back", "times 3"],
)
def test_a_gradient_that_is_lost_or_turned_in_another_way_of_asking_is_called_so(
    change: Callable[[Array], Array], told: str | None, dtype: str
) -> None:
    formula = load()["dense"]
    square = next(one for one in signatures(formula) if one.dims["i"] == one.dims["j"] > 3)
    case = Case(formula, square, "normal", DTYPES[dtype])
    truth = {"grad.w": expect(case, frozenset({"grad"}))["grad.w"]}
    right = truth["grad.w"].value.astype(case.dtype.numpy)
    usual, other = (Observed({"grad.w": y}) for y in (right, change(right)))
    (found,) = again(case, truth, usual, other, CellText((dtype,)), ())
    assert found.judgement.grade == "diverges"
    assert found.diagnosis == told

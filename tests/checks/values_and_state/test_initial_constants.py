"""Other code for a state of zeros, a scale of one or a mask of ones is asked too, and what it does wrong is caught."""

from typing import Any

import pytest

from nnparity.adapters.numpy import NumpyAdapter
from nnparity.adapters.request import Array
from nnparity.spec import load
from nnparity.spec.cases.special_values import BEGINNING, special_case, specials_of
from nnparity.tests.checks.faulty import Spoilt
from nnparity.tests.checks.inside import ALL, lines, verdicts, wrong

BEGIN = {one.id: one.begins for one in load().values() if one.begins}


class SkipsTheGates(Spoilt):
    """A state of zeros has code of its own, which takes half of what it should."""

    def spoil(self, array: Array) -> Any:
        state = [self.request.inputs[name] for name in ("h", "c")]
        return array * (1.0 if any(one.any() for one in state) else 0.5)


@pytest.mark.parametrize("formula", ["lstm_step", "lstm", "lstm_last"])
def test_code_of_its_own_for_a_state_of_zeros_is_caught(formula: str) -> None:
    found = wrong(verdicts(lines(SkipsTheGates, "specials", formula, dtypes=("float32",))))
    assert set(found) == {BEGINNING}
    assert all(name.startswith("output") for name in found[BEGINNING])


@pytest.mark.parametrize("dtype", ALL)
@pytest.mark.parametrize("formula", BEGIN)
def test_an_input_is_the_constant_that_it_begins_as_and_no_other_is(formula: str, dtype: str) -> None:
    assert BEGINNING in specials_of(load()[formula])
    inputs = special_case(load()[formula], BEGINNING, dtype).inputs
    for name, value in BEGIN[formula].items():
        assert (inputs[name] == value).all()
    assert all(one.std() > 0 for name, one in inputs.items() if name not in BEGIN[formula])


def test_formulas_without_any_are_not_asked() -> None:
    asked = {formula for formula in load() if BEGINNING in specials_of(load()[formula])}
    assert asked == set(BEGIN) >= {"layer_norm", "lstm", "lstm_step", "masked_attention", "dense"}


def test_the_reference_conforms() -> None:
    found = verdicts(lines(NumpyAdapter, "specials", *BEGIN, dtypes=ALL))
    told = {(one.formula, one.grade) for one in found if one.dataset == BEGINNING}
    assert told == {(formula, "conforms") for formula in BEGIN}

"""A case whose numbers are given is none of another's, whatever its name."""

import numpy as np

from nnparity.expect.budgets import expect
from nnparity.expect.expected import LOSSES
from nnparity.spec import cases_of, load
from nnparity.spec.given import Given

OUTPUT = frozenset({"output"})


def test_of_two_of_one_name_each_has_what_is_expected_of_its_own_numbers() -> None:
    case = next(cases_of(load()["train_gan"], "float32"))[0]
    halved = {name: x / 2 if name == "x" else x for name, x in case.inputs.items()}
    names = (case.formula, case.signature, case.dataset, case.dtype, case.salt)
    first, second = (Given(*names, numbers, case.cotangents) for numbers in (dict(case.inputs), halved))
    assert first.id == second.id == case.id
    assert len({first, second, case}) == 3
    (usual, same, other) = (expect(one, OUTPUT)[LOSSES].value for one in (case, first, second))
    assert np.array_equal(usual, same)
    assert not np.array_equal(same, other)

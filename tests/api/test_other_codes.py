"""A correct code of a formula is no divergence, whichever it is, in any dtype: no tolerance is given.

What it loses and the formula keeps is `imprecise`. One process for PyTorch, see `judged`.
"""

import pytest

from nnparity.tests.api.judged import told


def test_no_correct_code_diverges_and_only_what_loses_digits_is_imprecise(request: pytest.FixtureRequest) -> None:
    found = told(request, "torch", "other_codes")
    assert len(found) >= 40
    for one in found:
        grades = set(one["grades"])
        wrong = grades - {"conforms", "inconclusive"} - ({"imprecise"} if one["loses"] else set())
        assert not wrong, f"{one['name']} in {one['dtype']}: {one['text']}"
        assert "conforms" in grades
    loses = {(one["formula"], one["dtype"]) for one in found if one["loses"] and "imprecise" in one["grades"]}
    assert ("softmax", "float32") in loses

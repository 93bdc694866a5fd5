"""How far the verdicts of a run could see, summed up for the report."""

from nnparity.run.facts.sensitivities import sensitivities
from nnparity.tests.judge.verdicts import verdict


def test_the_median_and_the_number_of_those_that_say_nothing() -> None:
    found = [verdict("conforms", resolution=float(r)) for r in (0.25, 0.5, 8.0)]
    found += [verdict("inconclusive", resolution="inf"), verdict("diverges", resolution=1e-9)]
    (fact,) = sensitivities(found)
    assert (fact.row, fact.column) == ("dense", "float32")
    assert fact.text == "relative error 4.2 in the median; 1 of 4 inconclusive"


def test_results_of_zero_have_no_relative_error() -> None:
    assert [fact.text for fact in sensitivities([verdict("conforms")])] == ["results of 0 only"]


def test_what_was_not_judged_tells_nothing() -> None:
    assert list(sensitivities([verdict("unsupported"), verdict("error")])) == []

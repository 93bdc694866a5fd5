"""Wrong inputs must be refused: whoever answers diverges."""

import pytest

from nnparity.adapters.numpy import NumpyAdapter
from nnparity.spec import cases_of, load
from nnparity.spec.cases.invalid_inputs import WORDS, rejected, unfit
from nnparity.spec.schema import Formula
from nnparity.tests.checks import faulty
from nnparity.tests.checks.inside import cells, lines, verdicts, wrong

REJECTING = [formula for formula in load().values() if formula.rejects]


@pytest.mark.parametrize("formula", REJECTING, ids=lambda formula: formula.id)
def test_the_reference_with_its_checks_refuses_all(formula: Formula) -> None:
    found = lines(NumpyAdapter, "rejects", formula.id)
    assert len(verdicts(found)) == len(formula.rejects)
    assert wrong(found) == {}


def test_silent_broadcasting_diverges_and_what_came_is_told() -> None:
    found = lines(faulty.Broadcasts, "rejects", "dense")
    by = {verdict.dataset: verdict for verdict in verdicts(found)}
    assert by["rejects: bias of size 1"].grade == "diverges"
    assert str(by["rejects: bias of size 1"].message).startswith("answers float32 (3, 4): ")
    assert by["rejects: inner dimension"].grade == "conforms"
    text = cells(found)["dense: inputs to reject"]
    assert text.startswith("raises: inner dimension")
    assert "bias of size 1: answers float32 (3, 4); bias of rank 2: answers" in text


def test_a_misspelt_argument_refuses_nothing() -> None:
    found = verdicts(lines(faulty.Misspelt, "rejects", "dense"))
    assert {verdict.grade for verdict in found} == {"error"}
    assert all("fails with valid inputs too: TypeError: " in (verdict.message or "") for verdict in found)


OWN = ["SlipsOnAName", "SlipsOnAnArgument", "SlipsOnAnAttribute", "SlipsOnUnpacking", "SlipsOnAnIndex", "RaisesItself"]


@pytest.mark.parametrize("adapter", OWN)
def test_what_the_adapter_itself_raises_refuses_nothing(adapter: str) -> None:
    found = verdicts(lines(getattr(faulty, adapter), "rejects", "dense"))
    assert {verdict.grade for verdict in found} == {"error"}
    told = "raised by the adapter itself, not by what it calls: "
    assert all((verdict.message or "").startswith(told) for verdict in found), found[0].message


@pytest.mark.parametrize("adapter", [faulty.LeavesItToCompiledCode, faulty.LeavesItToTheLibrary])
def test_what_the_framework_raises_refuses(adapter: type[NumpyAdapter]) -> None:
    assert {verdict.grade for verdict in verdicts(lines(adapter, "rejects", "dense"))} == {"conforms"}


def test_every_ordinary_case_is_fit() -> None:
    for formula in load().values():
        for cases in cases_of(formula, formula.dtypes[0], "full"):
            case = cases[0]
            assert unfit(formula, case.inputs, case.signature.attributes) is None, case.id


@pytest.mark.parametrize("formula", REJECTING, ids=lambda formula: formula.id)
def test_every_spoilt_input_is_unfit(formula: Formula) -> None:
    for name, case, inputs in rejected(formula, "float32"):
        assert unfit(formula, inputs, case.signature.attributes), name


def test_every_way_to_spoil_is_a_shape_or_a_word() -> None:
    words = {how for formula in REJECTING for spoilt in formula.rejects.values() for how in spoilt.values()}
    assert set(WORDS) <= words

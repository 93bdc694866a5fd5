"""Wrong inputs must be refused: whoever answers diverges."""

import numpy as np
import pytest

from nnparity.adapters.numpy import NumpyAdapter
from nnparity.adapters.request import Array, Failure, Observation, Request
from nnparity.checks.invalid_inputs import AFTER_REFUSED, LEFT_BEHIND
from nnparity.spec import cases_of, load
from nnparity.spec.cases.invalid_inputs import WORDS, rejected, unfit
from nnparity.spec.schema import Formula
from nnparity.tests.checks import faulty
from nnparity.tests.checks.inside import cells, examined, lines, verdicts, wrong

REJECTING = [formula for formula in load().values() if formula.rejects]


@pytest.mark.parametrize("formula", REJECTING, ids=lambda formula: formula.id)
def test_the_reference_with_its_checks_refuses_all(formula: Formula) -> None:
    found = lines(NumpyAdapter, "rejects", formula.id)
    asked = [verdict.dataset for verdict in verdicts(found)]
    assert asked == [f"rejects: {name}" for name in formula.rejects] + [AFTER_REFUSED] * (
        len(asked) - len(formula.rejects)
    )
    assert AFTER_REFUSED in asked
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
    assert AFTER_REFUSED not in {verdict.dataset for verdict in found}
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


class KeepsState(NumpyAdapter):
    """The reference; where it refuses its inputs it leaves something behind, that is forgotten after the next call."""

    families: tuple[str, ...] = ("output",)
    left = False

    def observe(self, request: Request) -> Observation:
        left, self.left = self.left, False
        seen = super().observe(request)
        self.left = self.keeps(request, any(isinstance(one, Failure) for one in seen.values()), left)
        return {name: self._spoilt(name, one) if left else one for name, one in seen.items()}

    def keeps(self, request: Request, refused: bool, left: bool) -> bool:  # noqa: ARG002
        """Whether something is left for the next call."""
        return refused

    def _spoilt(self, name: str, array: Array | Failure) -> Array | Failure:
        if isinstance(array, Failure) or name.partition(".")[0] not in self.families:
            return array
        return (array * 1.25).astype(array.dtype)


class LeavesAWorkspace(KeepsState):
    """What is half written when it raises spoils the next result."""


class LeavesAWorkspaceOfOneKind(KeepsState):
    """The same, where the product is through and the bias does not fit: `dense` refuses other sizes first."""

    def keeps(self, request: Request, refused: bool, left: bool) -> bool:  # noqa: ARG002
        """Whether the bias was wrong."""
        return refused and request.inputs["b"].ndim == 2


class LeavesWhatItAnswered(KeepsState, faulty.Broadcasts):
    """It takes a bias for each sample, and the next result is spoilt by it."""

    def keeps(self, request: Request, refused: bool, left: bool) -> bool:  # noqa: ARG002
        """Whether there was one."""
        return not refused and request.inputs["b"].ndim == 2


class LeavesAFlag(KeepsState):
    """A flag that is set while it computes and not taken back: from then on gradients are others."""

    families = ("grad",)

    def keeps(self, request: Request, refused: bool, left: bool) -> bool:  # noqa: ARG002
        """Whether it was ever refused anything."""
        return refused or left


class WrongAtASecondCall(KeepsState):
    """Whatever was asked for before, and refused nothing."""

    def keeps(self, request: Request, refused: bool, left: bool) -> bool:  # noqa: ARG002
        """Always."""
        return True


class RaisesFromThenOn(LeavesAFlag):
    """A lock that is not given back."""

    def _spoilt(self, name: str, array: Array | Failure) -> Array | Failure:  # noqa: ARG002
        return Failure("error", "RuntimeError: the workspace is in use", raised_in="framework")


class RoundsOtherwiseAfterwards(KeepsState):
    """The last bit is another one: that is right."""

    def _spoilt(self, name: str, array: Array | Failure) -> Array | Failure:  # noqa: ARG002
        if isinstance(array, Failure):
            return array
        return np.nextafter(array, np.float32(np.inf))


GRADIENTS = {"grad.x", "grad.w", "grad.b"}


@pytest.mark.parametrize(
    ("adapter", "quantities"),
    [
        (LeavesAWorkspace, {"output"}),
        (LeavesAWorkspaceOfOneKind, {"output"}),
        (LeavesAFlag, GRADIENTS),
    ],
)
def test_what_a_refused_call_leaves_behind_shows_in_the_next(adapter: type[NumpyAdapter], quantities: set[str]) -> None:
    found = lines(adapter, "rejects", "dense")
    assert wrong(found) == {AFTER_REFUSED: quantities}  # all that is to be refused is
    assert {verdict.grade for verdict in verdicts(found) if verdict.dataset == AFTER_REFUSED} == {
        "conforms",
        "diverges",
    }


def test_it_is_told_after_which_inputs() -> None:
    found = examined(LeavesAWorkspaceOfOneKind, "rejects", "dense")
    (told,) = (verdict for verdict in found if verdict.grade != "conforms")
    assert (told.case, told.quantity) == ("dense/n3i5j4/after a refused call/float32", "output")
    assert (told.note or "").startswith("after bias of rank 2: 12 of 12 numbers differ, by up to "), told.note
    assert told.diagnosis == LEFT_BEHIND


def test_what_is_wrong_at_any_second_call_is_not_laid_to_what_was_refused() -> None:
    assert wrong(lines(WrongAtASecondCall, "rejects", "dense")) == {}
    assert wrong(lines(WrongAtASecondCall, "determinism", "dense"))["again"] == {"output"}


def test_who_raises_after_a_refused_call_is_in_error() -> None:
    found = wrong(lines(RaisesFromThenOn, "rejects", "dense"))
    assert found[AFTER_REFUSED] == {"output", *GRADIENTS}


def test_other_roundings_after_a_refused_call_are_right_and_told() -> None:
    found = lines(RoundsOtherwiseAfterwards, "rejects", "dense")
    assert wrong(found) == {}
    assert cells(found)["dense: inputs to reject"].endswith("integers; after a refused call: other bits")


def test_gradients_after_a_refused_call_are_asked_where_they_are_wanted() -> None:
    found = verdicts(lines(LeavesAFlag, "rejects", "dense", quantities=("output",)))
    assert [verdict.quantity for verdict in found if verdict.dataset == AFTER_REFUSED] == ["output"]


def test_what_was_answered_was_not_refused() -> None:
    found = wrong(lines(LeavesWhatItAnswered, "rejects", "dense"))
    assert "rejects: bias of rank 2" in found
    assert AFTER_REFUSED not in found


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

"""Listing 4.4 on the real `BertModel`: it conforms, and what is usually got wrong is caught and named."""

from collections.abc import Iterator
from importlib.util import find_spec

import numpy as np
import pytest

from nnparity.adapters.request import Observation
from nnparity.execute.requests import request
from nnparity.execute.target import Target, TargetName, start
from nnparity.expect.budgets import expect
from nnparity.reports.records import Verdict
from nnparity.run.examiner import Examiner
from nnparity.run.plan import Plan
from nnparity.spec import DTYPES, Case, Signature, cases_of, load
from nnparity.spec.loader import signatures
from nnparity.spec.selection import CaseGroup
from nnparity.tests.mutation.test_faulty_torch import Planting

pytestmark = pytest.mark.skipif(find_spec("transformers") is None, reason="transformers is not installed")

BERT = load()["listing_bert"]
FIRST = frozenset({"output", "grad"})
#: How near the forward pass must come to the reference in float64.
NEAR = 1e-13


class Targets(dict[str, Target]):
    """One process a mode, started when it is first asked for."""

    def __missing__(self, mode: str) -> Target:
        name = TargetName("nnparity.tests.mutation.faulty_bert:FaultyBert", mode=mode)
        return self.setdefault(mode, start(name, ("float32",)))


@pytest.fixture(scope="module")
def targets() -> Iterator[Targets]:
    targets = Targets()
    yield targets
    for target in targets.values():
        target.observer.close()


@pytest.fixture(params=["eager", "sdpa"])
def bert(request: pytest.FixtureRequest, targets: Targets) -> Target:
    return targets[request.param]


@pytest.fixture
def eager(targets: Targets) -> Target:
    return targets["eager"]


def groups(dtype: str) -> list[CaseGroup]:
    return [CaseGroup(tuple(cases)) for cases in cases_of(BERT, dtype)]


def verdicts(target: Target, fault: str, groups: list[CaseGroup], quantities: frozenset[str] = FIRST) -> list[Verdict]:
    examiner = Examiner(Plan((TargetName("numpy"),), quantities=tuple(quantities)))
    planted = Target(Planting(target.observer, fault), dict.fromkeys(DTYPES, False))
    return [verdict for group in groups for verdict in examiner.examine(group, [planted])]


def observed(target: Target, case: Case, fault: str = "NoFault") -> Observation:
    observer = Planting(target.observer, fault)
    observer.submit([request(case, FIRST)])
    (seen,) = observer.collect()
    return seen.observation


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_every_parameter_has_its_gradient_and_second_derivative(bert: Target, dtype: str) -> None:
    found = verdicts(bert, "NoFault", groups(dtype), frozenset({"output", "grad", "hvp"}))
    assert [v for v in found if v.grade != "conforms"] == []
    assert {v.quantity for v in found} == {
        "output",
        *(f"{kind}.{name}" for kind in ("grad", "hvp") for name in BERT.wrt),
    }
    assert len(BERT.wrt) == 21


def test_the_float64_output_is_the_reference_to_thirteen_digits(bert: Target) -> None:
    for case in (case for group in groups("float64") for case in group.cases):
        seen, truth = observed(bert, case)["output"], expect(case, FIRST)["output"]
        assert np.abs(seen - truth.value - truth.low).max() < NEAR, case.id


@pytest.mark.parametrize(
    ("fault", "variant"),
    [
        ("TanhGelu", "tanh_gelu"),
        ("Epsilon", "eps_1e_5"),
        ("Unscaled", "unscaled"),
        ("Shifted", "shifted"),
        ("Unmasked", "unmasked"),
        ("NoPaddingIdx", "pad_trained"),
    ],
)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_wrong_reading_is_caught_and_named(eager: Target, dtype: str, fault: str, variant: str) -> None:
    quantities = FIRST if fault == "NoPaddingIdx" else frozenset({"output"})
    wrong = [v for v in verdicts(eager, fault, groups(dtype), quantities) if v.grade != "conforms"]
    assert {v.diagnosis for v in wrong} == {BERT.variants[variant].says}
    cases = {v.case for v in wrong if v.grade == "diverges"}
    padded = {case.id for case in groups(dtype)[0].cases}
    everywhere = {case.id for group in groups(dtype) for case in group.cases}
    assert cases == (padded if fault in ("Unmasked", "NoPaddingIdx") else everywhere)


def test_only_the_row_of_padding_tells_that_there_is_no_padding_idx(eager: Target) -> None:
    wrong = [v for v in verdicts(eager, "NoPaddingIdx", groups("float64")) if v.grade != "conforms"]
    assert {v.quantity for v in wrong} == {"grad.words"}
    assert {v.worst.index[0] for v in wrong if v.worst} == {0}


@pytest.mark.parametrize("fault", ["DropoutLeftOn", "TransposedWeight"])
def test_a_fault_without_a_name_is_caught(eager: Target, fault: str) -> None:
    found = verdicts(eager, fault, groups("float32")[:1], frozenset({"output"}))
    assert {v.grade for v in found} == {"diverges"}


def test_parameters_that_a_file_did_not_keep_are_an_error(eager: Target) -> None:
    """Not of the model but of the way it went: from_pretrained must bring back the bits that were saved."""
    found = verdicts(eager, "LossyFile", groups("float32")[:1], frozenset({"output"}))
    assert {v.grade for v in found} == {"error"}
    assert all("from_pretrained gives other numbers" in (v.message or "") for v in found)


def test_sentences_become_ids_by_the_real_tokenizer(bert: Target) -> None:
    """The ids are written here by hand; the target is told the sentences only."""
    signature = Signature(
        "sentences",
        {"n": 2, "t": 11, "v": 12, "p": 16, "s": 2, "l": 2, "d": 16, "f": 32},
        signatures(BERT)[0].attributes,
        "core",
        ("normal",),
    )
    case = Case(BERT, signature, "normal", DTYPES["float64"])
    first, second = [2, 5, 6, 7, 8, 9, 10, 3, 7, 8, 3], [2, 5, 3, 10, 11, 3, 0, 0, 0, 0, 0]
    said = {
        "ids": np.array([first, second]),
        "mask": np.array([[1] * 11, [1] * 6 + [0] * 5]),
        "types": np.array([[0] * 8 + [1] * 3, [0] * 3 + [1] * 3 + [0] * 5]),
    }
    case.__dict__["inputs"] = case.inputs | said
    found = verdicts(bert, "Spoken", [CaseGroup((case,))])
    assert {v.grade for v in found} == {"conforms"}
    seen, truth = observed(bert, case, "Spoken")["output"], expect(case, FIRST)["output"]
    assert np.abs(seen - truth.value - truth.low).max() < NEAR


def test_a_sequence_of_padding_alone_is_where_the_attentions_part(targets: Targets) -> None:
    """To the formula it is 0/0. eager attends to all keys evenly, sdpa to none; neither disturbs other sequences."""
    case = groups("float64")[0].cases[0]
    mask = case.inputs["mask"].copy()
    mask[0] = 0
    empty = Case(BERT, case.signature, case.dataset, case.dtype)
    empty.__dict__["inputs"] = case.inputs | {"mask": mask}
    eager, sdpa = (observed(targets[mode], empty)["output"] for mode in ("eager", "sdpa"))
    assert isinstance(eager, np.ndarray)
    assert isinstance(sdpa, np.ndarray)
    assert np.isfinite(eager).all()
    assert np.isfinite(sdpa).all()
    assert np.abs(eager[1:] - sdpa[1:]).max() < NEAR
    assert np.abs(eager[0] - sdpa[0]).max() > 0.1
    with np.errstate(invalid="ignore"):
        assert np.isnan(expect(empty, FIRST)["output"].value[0]).all()

"""A plan narrowed down to cases, signatures or datasets: no more than that is run, and nothing is called stale."""

from pathlib import Path

import pytest

from nnparity import checks
from nnparity.adapters.registry import FOLDER
from nnparity.execute.target import TargetName
from nnparity.judge.known_divergences import load as records
from nnparity.run.plan import Plan
from nnparity.run.session import Session
from nnparity.spec import load
from nnparity.spec.cases import naming
from nnparity.spec.cases.pool import pool
from nnparity.spec.cases.special_values import special_case, specials_of
from nnparity.spec.selection import ALL, Selection
from nnparity.spec.usage import UsageError

NUMPY = (TargetName("numpy"),)
ORDINARY = "dense/n3i5j4/wide/float32"


def ids(**fields: object) -> list[str]:
    return [case.id for group in Selection(**fields).groups() for case in group.cases]  # type: ignore[arg-type]


def verdicts(path: Path, *cases: str) -> set[str]:
    plan = Plan(NUMPY, cases=cases)
    with Session(plan, path / "run.jsonl") as session:
        parts = [session.examine(group) for group in plan.groups()] + [session.check(i) for i in checks.items(plan)]
        return {verdict.case for part in parts for verdict in part}


@pytest.mark.parametrize("formula", load().values(), ids=lambda one: str(one.id))
def test_the_id_of_each_case_leads_back_to_it(formula: object) -> None:
    formula = load()[formula.id]  # type: ignore[attr-defined]
    cases = [case for group in Selection(formulas=(formula.id,), level="full").groups() for case in group.cases]
    cases += [special_case(formula, name, formula.dtypes[0]) for name in specials_of(formula)]
    for case in cases:
        found = naming.find(case.id)
        assert (found, found.signature.dims, found.signature.attributes, type(found)) == (
            *(case, case.signature.dims, case.signature.attributes, type(case)),
        )


@pytest.mark.parametrize("formula", ["dense", "conv2d", "multi_head_attention", "adam", "positional_encoding"])
def test_sizes_that_nobody_wrote_out_are_read_from_the_id(formula: str) -> None:
    for drawn in pool(load()[formula])[:20]:
        read = naming._read(load()[formula], drawn.signature.id)
        assert read is not None
        assert (read.dims, read.attributes) == (drawn.signature.dims, drawn.signature.attributes)


def test_many_named_cases_are_each_read_a_few_times(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = ids(formulas=("dense", "softmax", "lstm"))
    read: list[str] = []
    parts = naming.parts
    monkeypatch.setattr(naming, "parts", lambda id: read.append(id) or parts(id))
    assert sorted(ids(cases=tuple(asked))) == sorted(asked)
    assert len(read) <= 5 * len(asked), "not once for each formula and dtype"


@pytest.mark.parametrize("pooled", ["none", ALL])
def test_a_named_case_is_run_alone_whatever_the_pool(pooled: str) -> None:
    drawn = pool(load()["dense"])[7]
    there = f"dense/{drawn.signature.id}/{drawn.dataset}/{drawn.dtype}"
    asked = (ids(formulas=("dense",))[0], there)
    assert sorted(ids(cases=asked, pool=pooled)) == sorted(asked)


def test_signatures_and_datasets_narrow_down_what_there_is() -> None:
    one = load()["dense"].datasets[0]
    everything = ids(formulas=("dense",), level="full")
    signed = everything[0].split("/")[1]
    assert ids(formulas=("dense",), level="quick", signatures=(signed,), datasets=(one,)) == [
        id for id in everything if id.split("/")[1:3] == [signed, one]
    ]
    assert set(ids(formulas=("dense",), level="full", datasets=(one,))) == {
        id for id in everything if id.split("/")[2] == one
    }


def test_checks_are_run_where_their_cases_are_named_and_nothing_else_is_kept(tmp_path: Path) -> None:
    special = special_case(load()["relu"], "nan", "float16").id
    spoilt = next(name for name in load()["dense"].rejects)
    refused = f"dense/{naming.signatures(load()['dense'])[0].id}/rejects: {spoilt}/float32"
    assert verdicts(tmp_path, special, refused) == {special, refused}
    assert [item.check for item in checks.items(Plan(NUMPY, formulas=("relu",), datasets=("nan",)))] == ["specials"]
    assert checks.items(Plan(NUMPY, formulas=("relu",), datasets=("normal",))) == []


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"cases": ("relu",)}, "'relu' is no case: one is called formula/signature/dataset/dtype"),
        ({"cases": ("rely/n1/normal/float32",)}, "no formula is called 'rely' (did you mean 'relu'?)"),
        ({"cases": ("dense/n9/normal/float32",)}, "no signature of dense is called 'n9'"),
        ({"cases": ("dense/n3i5j4/norml/float32",)}, "no dataset of dense is called 'norml' (did you mean 'normal'?)"),
        ({"cases": ("dense/n3i5j4/normal/float8",)}, "no dtype of dense is called 'float8'"),
        ({"cases": ("relu/n7/nan/float32",)}, "no signature of relu with nan is called 'n7'"),
        ({"signatures": ("n1",), "formulas": ("conv2d",)}, "no signature is called 'n1'"),
        ({"datasets": ("norml",)}, "no dataset is called 'norml' (did you mean 'normal'?)"),
    ],
)
def test_what_is_not_there_is_a_usage_error_that_says_what_is(fields: dict[str, tuple[str, ...]], told: str) -> None:
    with pytest.raises(UsageError) as error:
        Plan(NUMPY, **fields)  # type: ignore[arg-type]
    assert told in str(error.value)


@pytest.mark.parametrize("fields", [{"cases": (ORDINARY,)}, {"signatures": ("n3i5j4",)}, {"datasets": ("normal",)}])
def test_no_record_is_stale_after_a_narrowed_run(fields: dict[str, tuple[str, ...]]) -> None:
    known = records(FOLDER)
    assert any(one.whole(Selection()) for one in known)
    assert not any(one.whole(Selection(**fields)) for one in known)  # type: ignore[arg-type]


def test_what_was_observed_has_a_digest_in_its_verdict(tmp_path: Path) -> None:
    """The same bits have the same one: of ordinary cases and special values, run twice."""
    plan = Plan(NUMPY, cases=(ORDINARY, special_case(load()["relu"], "nan", "float16").id))
    told = []
    for number in range(2):
        with Session(plan, tmp_path / f"{number}.jsonl") as session:
            parts = [session.examine(group) for group in plan.groups()] + [session.check(i) for i in checks.items(plan)]
            told.append([verdict.digest for part in parts for verdict in part])
    assert told[0] == told[1]
    assert len(set(told[0])) > 5
    assert None not in told[0]

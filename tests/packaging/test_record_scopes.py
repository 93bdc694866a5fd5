"""The tool that says of a run which records are too wide for it."""

from collections.abc import Iterator

import msgspec

from nnparity.adapters.registry import FOLDER
from nnparity.judge.known_divergences import load
from nnparity.reports.records import Environment, Grade, Line, TargetLine, Verdict
from nnparity.tests.packaging.tools import tool

SCOPES = tool("record_scopes")


def run(**grades: Grade) -> Iterator[Line]:
    """A run of torch: layer norm's scale in bfloat16, the grade of each size."""
    target, formula, quantity = "torch:cpu:eager", "layer_norm", "grad.gamma"
    yield TargetLine(target, available=True, versions={"torch": "2.13.0"})
    for size, grade in grades.items():
        case = f"{formula}/{size}-eps0.001/spike/bfloat16"
        yield Verdict(case, formula, f"{size}-eps0.001", "spike", "bfloat16", target, quantity, grade)


def environment(pool: str) -> Environment:
    """That of a run with so much of the pool."""
    plan = {"pool": [pool]}
    return Environment("", "", "", "", "", 1, packages={}, spec_digest="", seeds="", salt="", plan=plan)


def test_a_record_of_which_more_than_a_quarter_is_right_is_told() -> None:
    """One that covers all of 100 rows and more covers sizes that are right."""
    narrow = next(one for one in load(FOLDER) if one.id == "torch-layer-norm-scale-half")
    wider = msgspec.structs.replace(narrow, case="layer_norm/n[1-9][0-9][0-9]*d*")
    lines = list(run(n128d16="conforms", n255d33="imprecise", n4097d7="imprecise"))
    assert list(SCOPES.wide([wider], lines)) == ["torch-layer-norm-scale-half: 1 of 3 in its scope are right"]
    assert list(SCOPES.wide([narrow], lines)) == []


def test_a_quarter_may_be_right() -> None:
    narrow = next(one for one in load(FOLDER) if one.id == "torch-layer-norm-scale-half")
    lines = run(n128d64="conforms", n255d33="imprecise", n256d33="imprecise", n4097d7="imprecise")
    assert list(SCOPES.wide([narrow], lines)) == []


def test_what_other_versions_do_does_not_count() -> None:
    narrow = next(one for one in load(FOLDER) if one.id == "torch-layer-norm-scale-half")
    older = msgspec.structs.replace(narrow, versions={"torch": "<2.13"})
    assert list(SCOPES.wide([older], run(n255d33="conforms"))) == []


def test_a_record_of_the_pool_is_asked_of_a_run_of_the_pool() -> None:
    """Of the sizes of every run it may cover some that are right: the pool has the others."""
    narrow = next(one for one in load(FOLDER) if one.id == "torch-layer-norm-scale-half")
    pooled = msgspec.structs.replace(narrow, pool="all")
    lines = list(run(n255d33="conforms"))
    assert list(SCOPES.wide([pooled], lines)) == []
    assert len(list(SCOPES.wide([pooled], [environment("torch:cpu: 9 of 9 signatures"), *lines]))) == 1
    assert list(SCOPES.wide([pooled], [environment("torch:cpu: 9 of 19 signatures"), *lines])) == []

"""What a plan asks for beside its groups, and the spec's words about it."""

import ast
from fnmatch import fnmatchcase
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec
import numpy as np
import pytest

from nnparity import checks
from nnparity.adapters.base import Adapter
from nnparity.adapters.numpy import NumpyAdapter
from nnparity.execute.target import TargetName
from nnparity.reference import FORMULAS
from nnparity.reports.records import Fact, Line, Ulps, Verdict
from nnparity.run.plan import Plan
from nnparity.run.session import Session
from nnparity.spec import Formula, load
from nnparity.spec.cases.special_values import SPECIALS, special_case, specials_of
from nnparity.spec.schema import Permit
from nnparity.spec.shapes import symbols
from nnparity.tests.checks.inside import plan, target, told

PERMITTED = [
    (f, dataset, permit) for f in load().values() for dataset, permits in f.permits.items() for permit in permits
]


#: What is called like a check elsewhere: a table, a dataset, a kind of planted fault.
OTHERS = [
    ("checks/determinism.py", checks.DETERMINISM),
    ("checks/sweep.py", checks.SWEEP),
    ("mutate/circumstances.py", checks.THREADS),
]


def ids(asked: Plan) -> list[str]:
    return [item.id for item in checks.items(asked)]


def everything(adapter: type[Adapter]) -> list[Line]:
    found = target(adapter)
    return [line for item in checks.items(plan("tanh")) for line in told(item, found)]


def test_items_are_named_and_belong_to_formulas_or_dtypes() -> None:
    found = ids(plan("relu", "dense", dtypes=("float32", "float16")))
    assert found == [
        *(
            "specials/relu",
            "determinism/relu",
            "derivatives/relu",
            "layouts/relu",
            "threads/relu",
            "sweep/relu/float32",
            "sweep/relu/float16",
        ),
        *("specials/dense", "rejects/dense", "determinism/dense", "derivatives/dense"),
        *("layouts/dense", "threads/dense"),
        *("subnormals/float32", "subnormals/float16"),
    ]


def test_a_formula_is_asked_in_the_dtypes_that_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    wide = msgspec.structs.replace(load()["tanh"], dtypes=("float64",))
    monkeypatch.setattr(Plan, "chosen", lambda _: [wide])
    flushing = target(NumpyAdapter, flushes=True)  # any other is asked for all formulas, see `checks.subnormals`
    asked = [item.inquire(flushing).cases for item in checks.items(plan(dtypes=("float32", "float64")))]
    assert {case.dtype.name for cases in asked for case in cases} == {"float64"}
    assert ids(plan()) == ["subnormals/float32"]


@pytest.mark.parametrize(("quantities", "there"), [(("grad",), False), (("output",), True), (("output", "grad"), True)])
def test_inputs_to_reject_are_given_for_outputs_alone(quantities: tuple[str, ...], there: bool) -> None:
    found = ids(Plan((TargetName("numpy"),), formulas=("dense",), quantities=quantities))
    assert ("rejects/dense" in found) == there
    assert "specials/dense" in found


@pytest.mark.parametrize("change", [{"level": "quick"}, {"salt": "other"}])
def test_some_plans_have_none(change: dict[str, Any]) -> None:
    assert ids(Plan((TargetName("numpy"),), formulas=("relu",), **change)) == []


def test_run_is_all_of_them() -> None:
    found = everything(NumpyAdapter)
    assert {type(line) for line in found} == {Verdict, Fact, Ulps}
    tables = {line.table for line in found if isinstance(line, Fact)}
    assert tables == {
        *("special values", "determinism", "elementary functions", "properties"),
        "threads, all cores against one",
    }


def test_a_formula_that_the_target_lacks_is_unsupported_in_all_of_them() -> None:
    class Without(NumpyAdapter):
        unsupported = MappingProxyType({"tanh": "not yet"})

    grades = {line.grade for line in everything(Without) if isinstance(line, Verdict)}
    assert grades == {"unsupported"}


def test_a_session_records_counts_and_times_them(tmp_path: Path) -> None:
    name = TargetName("numpy")
    with Session(Plan((name,), formulas=("tanh",), dtypes=("float32",)), tmp_path / "run.jsonl") as session:
        found = [verdict for item in checks.items(session.plan) for verdict in session.check(item)]
        summary = session.total().summary()
    assert sum(summary.counts.values()) == len(found) > 10
    assert summary.seconds["frameworks"] > 0
    assert (tmp_path / "run.jsonl").read_text().count('"kind":"fact"') == 6


@pytest.mark.parametrize(("formula", "dataset", "permit"), PERMITTED)
def test_a_permit_speaks_of_what_there_is(formula: Formula, dataset: str, permit: Permit) -> None:
    assert dataset in specials_of(formula)
    quantities = [f"output.{name}" if formula.outputs else name for name in formula.results]
    quantities += [f"grad.{name}" for name in formula.wrt]
    assert any(fnmatchcase(quantity, permit.quantity) for quantity in quantities)
    case = special_case(formula, dataset, "float32")
    with np.errstate(all="ignore"):
        FORMULAS[formula.id](*case.inputs.values(), **case.signature.attributes, **permit.set)


def test_special_datasets_of_the_spec_exist() -> None:
    for formula in load().values():
        assert set(formula.specials) <= set(SPECIALS)
        assert all(not SPECIALS[name].usual for name in formula.specials)


def test_of_equal_sizes_no_axis_is_told_by_its_length() -> None:
    """But for kernels, which are no larger than an image; one axis alone and training runs do without."""
    asked = {
        formula.id: special_case(formula, "equal sizes", "float32")
        for formula in load().values()
        if "equal sizes" in specials_of(formula)
    }
    assert not {"gradient_descent", "listing_cnn", "train_mlp", "positional_encoding"} & asked.keys()
    assert asked["conv2d"].signature.dims == {**dict.fromkeys("chnow", 4), "p": 2, "q": 2}
    del asked["conv2d"]
    for case in asked.values():
        assert {case.signature.dims[one] for text in case.formula.inputs.values() for one in symbols(text)} == {4}


def test_special_numbers_are_put_into_the_ordinary_ones() -> None:
    formula = load()["dense"]
    ordinary, special = (special_case(formula, name, "float32").inputs for name in ("size one", "nan"))
    assert ordinary["x"].shape == (1, 1)
    assert [int(np.isnan(array).sum()) for array in special.values()] == [1, 0, 0]


def test_the_name_of_a_check_stands_in_one_place() -> None:
    rooms = Path(checks.__file__).parents[1]
    written = [
        (path.relative_to(rooms).as_posix(), node.value)
        for room in ("checks", "run", "mutate", "reproduce", "hunt", "api", "command_line")
        for path in sorted((rooms / room).rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and node.value in checks.DATASETS
    ]
    there = [("checks/__init__.py", name) for name in checks.DATASETS]
    assert sorted(written) == sorted([*there, *OTHERS])

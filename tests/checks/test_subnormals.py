"""Flush to zero: all or nothing, and who does what is said."""

import dataclasses
import itertools
import sys
from typing import Any

import msgspec
import pytest

from nnparity.adapters.base import Adapter
from nnparity.adapters.numpy import NumpyAdapter
from nnparity.adapters.request import Array
from nnparity.checks import items
from nnparity.checks.subnormals import _parts
from nnparity.execute.subnormal_probe import PROBES, described, flushes
from nnparity.execute.target import Target
from nnparity.run.plan import Plan
from nnparity.spec import load
from nnparity.tests.checks import faulty, inside
from nnparity.tests.checks.inside import cells, lines, told, verdicts, wrong

FORMULAS = ("relu", "tanh", "dense")


def test_a_target_that_keeps_them_everywhere_conforms() -> None:
    found = lines(NumpyAdapter, "subnormals", *FORMULAS)
    assert wrong(found) == {}
    assert cells(found) == {"subnormals float32": "kept: all formulas"}


def test_keeping_where_the_probe_saw_a_flush_is_said() -> None:
    found = lines(NumpyAdapter, "subnormals", *FORMULAS, flushes=True)
    assert wrong(found) == {}
    assert {v.note for v in verdicts(found) if v.note} == {"subnormals kept, unlike in the dense layer"}


def test_an_operation_that_flushes_among_others_is_named_and_judged_by_the_weaker_rule() -> None:
    found = lines(faulty.FlushesRelu, "subnormals", *FORMULAS)
    assert wrong(found) == {}
    assert cells(found)["subnormals float32"].endswith("; flushed to zero: relu")
    notes = {v.formula: v.note for v in verdicts(found) if v.quantity == "output"}
    assert notes == {"relu": "subnormals flushed to zero, unlike in the dense layer", "tanh": None, "dense": None}


def test_a_body_that_flushes_beside_a_tail_that_does_not_diverges() -> None:
    found = lines(faulty.FlushesTheBody, "subnormals", "relu")
    assert wrong(found) == {"subnormal": {"output"}}
    assert any(v.message == "subnormals: both in one array" for v in verdicts(found))


def test_what_is_kept_must_be_right_where_another_operation_flushes() -> None:
    """By the weaker rule zeros are right, and so would be anything as small."""
    found = lines(faulty.NegatesSubnormals, "subnormals", *FORMULAS, dtypes=inside.ALL)
    assert wrong(found) == {"subnormal": {"output"}}
    diverging = {(one.formula, one.dtype) for one in verdicts(found) if one.grade == "diverges"}
    assert diverging == {("tanh", dtype) for dtype in inside.ALL}


def test_the_formulas_of_a_pack_do_not_change_what_is_said_of_the_primers(monkeypatch: pytest.MonkeyPatch) -> None:
    relu = load()["relu"]
    strange = msgspec.structs.replace(relu, id="relu_of_a_pack", pack="strange")
    everything = {**load(), strange.id: strange}
    monkeypatch.setattr(sys.modules[_parts.__module__], "load", lambda: everything)
    asked = _parts([relu])
    assert strange not in asked
    assert relu in asked
    assert strange in _parts([strange])


def test_a_verdict_does_not_depend_on_what_else_the_plan_asks_for() -> None:
    target = inside.target(faulty.FlushesAnotherGradient)
    plans = itertools.product([("relu",), FORMULAS], [("output",), ("output", "grad")])
    found = [relu(target, *plan) for plan in plans]
    assert [one["output"] for one in found] == [found[0]["output"]] * 4
    assert [list(one) for one in found] == [["output"], ["output", "grad.x"]] * 2
    assert found[0]["output"][0] == "conforms"


def alone(formula: str, kind: type[Adapter]) -> Any:
    """An observer of an adapter that has that formula and no other."""
    observer = inside.Inside(kind)
    observer.info = dataclasses.replace(observer.info, kernels={formula: observer.info.kernels[formula]})
    return observer


class FlushesAll(faulty.Spoilt):
    families = ("output", "grad")

    def spoil(self, array: Array) -> Any:
        return faulty.flushed(array)


@pytest.mark.parametrize("formula", PROBES)
def test_who_has_no_dense_layer_is_asked_for_another_formula(formula: str) -> None:
    """A kernel is an adapter of its own, and most have no dense layer."""
    for adapter, does in ((NumpyAdapter, False), (FlushesAll, True)):
        assert flushes(alone(formula, adapter), inside.ALL) == dict.fromkeys(inside.ALL, does)


def test_who_has_nothing_that_can_be_asked_is_not_said_to_keep_them() -> None:
    observer = alone("flatten", FlushesAll)
    found = flushes(observer, ["float32"])
    assert described(found, observer.info) == {"subnormals float32": "not known"}
    assert not any(found.values())


def relu(target: Target, formulas: tuple[str, ...], quantities: tuple[str, ...]) -> dict[str, Any]:
    """What is said of relu, by quantity."""
    plan = Plan(formulas=formulas, dtypes=("float32",), quantities=quantities)
    (item,) = (item for item in items(plan) if item.check == "subnormals")
    found = [verdict for verdict in verdicts(told(item, target)) if verdict.formula == "relu"]
    return {verdict.quantity: (verdict.grade, verdict.hard, verdict.sharp, verdict.note) for verdict in found}

"""Flush to zero: all or nothing, and who does what is said."""

from nnparity.adapters.numpy import NumpyAdapter
from nnparity.tests.checks import faulty
from nnparity.tests.checks.inside import cells, lines, verdicts, wrong

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
    assert cells(found)["subnormals float32"] == "kept: tanh, dense; flushed to zero: relu"
    notes = {v.formula: v.note for v in verdicts(found) if v.quantity == "output"}
    assert notes == {"relu": "subnormals flushed to zero, unlike in the dense layer", "tanh": None, "dense": None}


def test_a_body_that_flushes_beside_a_tail_that_does_not_diverges() -> None:
    found = lines(faulty.FlushesTheBody, "subnormals", "relu")
    assert wrong(found) == {"subnormal": {"output"}}
    assert any(v.message == "subnormals: both in one array" for v in verdicts(found))

"""The order of a report: formulas as in the primer, targets as in the plan, however the lines fell."""

from typing import Any

from nnparity.reports.aggregation import Aggregate
from nnparity.reports.merge import MergedRun
from nnparity.reports.records import Fact
from nnparity.reports.render.tables import fact_tables

ASKED = ["torch:cpu:eager", "jax:cpu:eager", "huggingface:cpu:sdpa"]


def test_targets_stand_as_they_were_asked_for(environment: Any, verdict: Any) -> None:
    run = MergedRun(environments=[environment(plan={"targets": ASKED})])
    run.verdicts = [verdict(target=name) for name in ("zeta:cpu:eager", *reversed(ASKED), "alpha:cpu:eager")]
    assert Aggregate(run).targets == [*ASKED, "alpha:cpu:eager", "zeta:cpu:eager"]


def test_a_target_asked_for_without_a_mode_stands_where_it_was_asked_for(environment: Any, verdict: Any) -> None:
    run = MergedRun(
        environments=[environment(plan={"targets": ["torch:cpu", "jax:cpu", "jax:cpu:eager", "numpy:cpu"]})]
    )
    order = ["torch:cpu:eager", "jax:cpu:compiled", "jax:cpu:eager", "numpy:cpu:eager"]
    run.verdicts = [verdict(target=name) for name in sorted(order)]
    assert Aggregate(run).targets == order


def test_a_table_of_facts_has_formulas_and_targets_in_order(environment: Any, formula: Any, verdict: Any) -> None:
    run = MergedRun(environments=[environment(plan={"targets": ASKED})])
    run.formulas = {id: formula(id, section=section) for id, section in (("lstm", "3.3"), ("dense", "3.1"))}
    run.verdicts = [verdict(target=name) for name in ASKED]
    run.facts = [
        Fact("t", row, column, f"{row} {column}")
        for row in ("lstm", "dense: inputs to reject", "dense")
        for column in ("jax:cpu:eager f16", "torch:cpu:eager", "formulas")
    ]
    (table,) = fact_tables(Aggregate(run))
    assert table.columns == ["", "formulas", "torch:cpu:eager", "jax:cpu:eager f16"]
    assert [row[0] for row in table.rows] == ["dense: inputs to reject", "dense", "lstm"]
    assert all(row[1:] == [f"{row[0]} {column}" for column in table.columns[1:]] for row in table.rows)

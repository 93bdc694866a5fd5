"""The order of a report: formulas as in the primer, targets as in the plan, however the lines fell."""

import random
from pathlib import Path
from typing import Any

from nnparity.reports import merge, render
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


def test_a_report_is_the_same_whatever_fell_first(
    write: Any, environment: Any, formula: Any, target: Any, verdict: Any, tmp_path: Path
) -> None:
    """Units of a plan fall in any order, each with its own verdicts and facts in its own."""
    formulas = [formula(id, section="4.4") for id in ("layer_norm", "gelu", "embedding")]
    units = []
    for dtype in ("float64", "float32", "bfloat16"):
        for one in formulas:
            told = {"formula": one.id, "dtype": dtype}
            for name in ASKED[:2]:
                grade = "diverges" if one.id != "gelu" else "conforms"
                several = [verdict(grade, target=name, quantity=quantity, hard=2.0, **told) for quantity in ("b", "a")]
                cells = [
                    Fact("layouts", one.id, f"{name} {dtype}", "right"),
                    Fact("a table", f"{one.id}: x", name, "y"),
                ]
                units.append([*several, *cells])
            units.append([verdict("error", dataset="nan", target=ASKED[0], **told)])
    chance, pages = random.Random(0), set()
    for number in range(6):
        chance.shuffle(units)
        lines = [
            environment(plan={"targets": ASKED}),
            *formulas,
            *map(target, ASKED),
            *(x for unit in units for x in unit),
        ]
        files = render(merge([write(*lines)]), tmp_path / str(number))
        pages.add(tuple(path.read_bytes() for path in files if path.suffix != ".parquet"))
    assert len(pages) == 1


def test_verdicts_are_in_one_order_whichever_target_was_judged_first(
    write: Any, environment: Any, formula: Any, verdict: Any
) -> None:
    """Of several verdicts that are as bad as each other the first stands for all, and processes have targets each."""
    head = [environment(plan={"targets": ASKED}), formula("gelu", section="4.4")]
    fell = [verdict("diverges", target=name, formula="gelu", quantity=one, hard=2.0) for name in ASKED for one in "ba"]
    for lines in (fell, [*fell[4:], *fell[:4]], [*fell[2:], *fell[:2]]):
        assert merge([write(*head, *lines)]).verdicts == fell

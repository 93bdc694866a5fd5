"""Profiles: each verdict is in one, checks are told from ordinary cases, and scores are what plain counting gives."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from nnparity.checks import DATASETS
from nnparity.reports import merge
from nnparity.reports.aggregation import Aggregate
from nnparity.reports.order import checked
from nnparity.reports.statistics import group_of
from nnparity.reports.targets.portrait import portraits
from nnparity.reports.targets.profiles import COMPOSED, PROFILES, composed, profile, scores
from nnparity.spec import load
from nnparity.spec.cases.naming import ordinary
from nnparity.tests.reports.causes.conftest import lines, path

__all__ = ["lines", "path"]


def test_the_datasets_of_all_checks_are_told_from_ordinary_ones() -> None:
    for check, patterns in DATASETS.items():
        for pattern in patterns:
            assert checked(pattern.replace("*", "integers")), (check, pattern)
    assert {name for formula in load().values() for name in ordinary(formula) if checked(name)} == set()


def test_formulas_of_the_composed_chapters_are_the_compositions_of_the_spec() -> None:
    formulas = load().values()
    assert {one.id for one in formulas if one.chapter in COMPOSED} == {one.id for one in formulas if one.composition}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "core float32"),
        ({"quantity": "grad.x"}, "core float32"),
        ({"dtype": "float64"}, "float64"),
        ({"dtype": "bfloat16"}, "narrow formats"),
        ({"dtype": "float16", "quantity": "grad.w"}, "narrow formats"),
        ({"quantity": "jvp"}, "second order"),
        ({"quantity": "hvp.x", "dtype": "float16"}, "second order"),
        ({"dataset": "nan in others", "quantity": "grad.x"}, "robustness"),
        ({"dataset": "rejects: integers"}, "robustness"),
        ({"formula": "train_mlp", "quantity": "hvp.x"}, "models and training"),
        ({"formula": "train_mlp", "dataset": "again"}, "models and training"),
    ],
)
def test_a_verdict_is_in_its_profile(verdict: Any, changes: dict[str, str], expected: str) -> None:
    assert profile(group_of(verdict(**changes)), frozenset({"train_mlp"})) == expected


def test_scores_are_what_plain_counting_gives(path: Path) -> None:
    told = map(json.loads, path.read_text("utf-8").splitlines())
    verdicts = {(v["case"], v["target"], v["quantity"]): v for v in told if v["kind"] == "verdict"}.values()
    found = scores(Aggregate(merge([path])))
    for target in {v["target"] for v in verdicts}:
        own = [v for v in verdicts if v["target"] == target]
        assert sum(found[target, name].grades.total() for name in PROFILES if (target, name) in found) == len(own)
        second = [v for v in own if v["quantity"] == "hvp.x" and v["dataset"] == "normal"]
        conforming = sum(v["grade"] == "conforms" for v in second)
        judged = sum(v["grade"] not in ("unsupported", "inconclusive") for v in second)
        statistics = found[target, "second order"]
        assert (statistics.grades["conforms"], statistics.judged) == (conforming, judged)
        assert 0 < conforming < judged


def test_a_portrait_counts_classes_grades_and_margins_of_what_conforms(path: Path, verdict: Any) -> None:
    run = merge([path])
    for one in portraits(Aggregate(run)):
        own = [v for v in run.verdicts if v.target == one.line.target]
        assert one.grades == Counter(v.grade for v in own)
        assert sum(one.classes.values()) == sum(v.grade not in ("conforms", "inconclusive", "unsupported") for v in own)
        assert one.new == sum(v.known is None for v in own) - sum(
            v.known is None and v.grade in ("conforms", "inconclusive", "unsupported") for v in own
        )
        for score in one.scores:
            assert score.held.grades.total() == score.all.grades["conforms"]
    assert composed(run) == frozenset()

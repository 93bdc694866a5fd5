"""Modes compared: bits and grades of the same cell in two modes, counted, and the farthest pair named."""

from collections import Counter
from typing import Any

import pytest

from nnparity.command_line.running.attribution import farthest
from nnparity.reports import merge
from nnparity.reports.aggregation import Aggregate
from nnparity.reports.targets.modes import (
    ALONE,
    FIRST,
    NEITHER,
    ROUNDED,
    SAME,
    SECOND,
    Modes,
    explained,
    furthest,
    modes,
    told,
)

EAGER, COMPILED = "torch:cpu:eager", "torch:cpu:compiled"
RIGHT, WRONG = {"digest": "a", "hard": 0.5}, {"digest": "b", "hard": 3.0, "grade": "diverges"}


@pytest.fixture
def found(verdict: Any, write: Any) -> Any:
    """The modes of a run of some verdicts, compared."""

    def found(*changes: dict[str, Any]) -> list[Modes]:
        return modes(Aggregate(merge([write(*(verdict(**one) for one in changes))])))

    return found


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (RIGHT, RIGHT, SAME),
        (RIGHT, RIGHT | {"digest": "c"}, ROUNDED),
        (RIGHT, RIGHT | {"digest": "c", "grade": "inconclusive"}, ROUNDED),
        (RIGHT, WRONG, FIRST),
        (WRONG, RIGHT, SECOND),
        (WRONG, WRONG | {"digest": "c"}, NEITHER),
        ({"grade": "error"}, {"grade": "error"}, SAME),
        ({"grade": "error"}, RIGHT, SECOND),
        ({"grade": "error"}, {}, SECOND),  # what refuses an input as it must has no bits either
        ({"grade": "unsupported"}, RIGHT, ALONE),
        (RIGHT, None, ALONE),
    ],
)
def test_two_results_are_told_apart(one: Any, other: Any, expected: str, verdict: Any) -> None:
    assert told(verdict(**one), None if other is None else verdict(**other)) == expected


def test_modes_are_counted_by_formula_and_the_farthest_pair_is_named(found: Any) -> None:
    far = {"formula": "gelu", "dataset": "large", "digest": "c", "hard": 2.5, "grade": "imprecise"}
    (pair,) = found(
        {"target": COMPILED, **RIGHT},
        {"target": EAGER, **RIGHT},
        {"target": EAGER, "formula": "gelu", **RIGHT},
        {"target": COMPILED, "formula": "gelu", **WRONG, "known": "a-record"},
        {"target": EAGER, "formula": "gelu", "quantity": "grad.x", **RIGHT},
        {"target": COMPILED, "formula": "gelu", "quantity": "grad.x", **RIGHT, "digest": "c"},
        {"target": EAGER, **far, "hard": 0.5, "grade": "conforms"},
        {"target": COMPILED, **far, "digest": "d"},
        {"target": COMPILED, "formula": "gelu", "dataset": "only here", **RIGHT},
    )
    assert (pair.place, pair.one, pair.other) == ("torch:cpu", "eager", "compiled")
    assert pair.total.counts == Counter({SAME: 1, ROUNDED: 1, FIRST: 2, ALONE: 1})
    (gelu,) = pair.formulas
    assert (gelu.formula, gelu.counts) == ("gelu", Counter({FIRST: 2, ROUNDED: 1, ALONE: 1}))
    assert furthest(gelu) == "gelu/n2c3/normal/float32 output: conforms 0.500 and diverges 3.00"
    assert explained(gelu) == "a-record (×1); not recorded (×1)"


def test_each_drawing_of_a_case_is_compared(found: Any) -> None:
    """As of a hunt, which draws a case by one name many times."""
    one, other = {"salt": "hunt-1-7"}, {"salt": "hunt-1-9", "layout": "strided"}
    (pair,) = found(
        {"target": EAGER, **RIGHT, **one},
        {"target": COMPILED, **WRONG, **one},
        {"target": EAGER, **RIGHT, **other},
        {"target": COMPILED, **RIGHT, **other},
    )
    assert pair.total.counts == Counter({SAME: 1, FIRST: 1})


@pytest.mark.parametrize("wrong_one", [EAGER, COMPILED])
def test_an_output_with_gradients_that_one_mode_alone_tells_is_held_against_the_plain_one(
    found: Any, wrong_one: str
) -> None:
    plain = [{"target": target, **RIGHT} for target in (EAGER, COMPILED)]
    (pair,) = found(*plain, {"target": wrong_one, "quantity": "output.with_grad", **WRONG})
    assert pair.total.counts == Counter({SAME: 1, SECOND if wrong_one == EAGER else FIRST: 1})
    said = ["conforms 0.500", "diverges 3.00"][:: -1 if wrong_one == EAGER else 1]
    assert furthest(pair.formulas[0]) == f"conv2d/n2c3/normal/float32 output.with_grad: {' and '.join(said)}"
    assert farthest(pair) == [], "which no switch of a compiler is asked for: it is asked for outputs alone"


def test_what_is_in_one_mode_only_is_counted_as_that(found: Any) -> None:
    lacking = {"target": EAGER, "grade": "unsupported"}
    more = {"target": COMPILED, "quantity": "grad.x", **RIGHT}
    nowhere = {"target": COMPILED, "grade": "unsupported", "formula": "gelu"}
    (pair,) = found(lacking, {"target": COMPILED, **RIGHT}, more, nowhere)
    assert (pair.total.counts, pair.formulas) == (Counter({ALONE: 2}), [])


def test_without_an_eager_mode_the_first_is_what_others_are_held_against(found: Any) -> None:
    names = ["onnxruntime:cpu:optimized", "onnxruntime:cpu:unoptimized", "numpy:cpu:eager"]
    pairs = found(*({"target": name, **RIGHT} for name in names))
    assert [(pair.place, pair.one, pair.other) for pair in pairs] == [("onnxruntime:cpu", "optimized", "unoptimized")]


def test_runs_that_tell_no_bits_are_not_compared(found: Any) -> None:
    (pair,) = found({"target": EAGER, "hard": 0.1}, {"target": COMPILED, **WRONG})
    assert (pair.total.counts, pair.formulas) == (Counter(), [])


def test_the_report_has_the_section_where_there_are_two_modes(verdict: Any, formula: Any, report: Any) -> None:
    one, other = verdict(target=EAGER, **RIGHT), verdict(target=COMPILED, **WRONG)
    both, alone = report(formula(), one, other), report(formula(), one)
    row = "| `conv2d` | 0 | 0 | 1 | 0 | 0 | 0 | conv2d/n2c3/normal/float32 output: conforms 0.500 and diverges 3.00 |"
    assert row in both.markdown
    assert all(words in both.html for words in ('id="modes"', "各模式比较", "only compiled right"))
    assert "Modes compared" not in alone.markdown + alone.html

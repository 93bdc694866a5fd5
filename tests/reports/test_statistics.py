"""Groups that are joined come to what all their verdicts come to, counted one by one."""

from collections.abc import Callable
from operator import attrgetter
from typing import Any

import pytest

from nnparity.reports.records import Verdict
from nnparity.reports.statistics import Group, Statistics, counted, fails, joined

#: Grade, margins, bits, and what is said; in each grade the worst comes neither first nor last.
TOLD: list[dict[str, Any]] = [
    {"grade": "conforms", "hard": 0.25, "sharp": 0.5, "bits": 20.0, "dtype": "float64"},
    {"grade": "conforms", "hard": 0.75, "sharp": 0.125, "ulp": 3.0, "note": "subnormals kept"},
    {"grade": "diverges", "hard": 2.0, "sharp": 8.0, "diagnosis": "zeros", "known": "a-record"},
    {"grade": "diverges", "hard": "nan", "sharp": 2.0, "diagnosis": "zeros", "dataset": "again"},
    {"grade": "unsupported", "message": "no kernel", "note": "subnormals kept"},
    {"grade": "imprecise", "hard": 0.5, "sharp": 3.0, "bits": 4.0, "dataset": "nan in others"},
    {"grade": "conforms", "hard": 0.5, "sharp": 0.25, "bits": 7.0, "quantity": "grad.x"},
]


def one_by_one(verdicts: list[Verdict]) -> Statistics:
    """All of them, in order."""
    total = Statistics()
    for one in verdicts:
        total.add(one)
    return total


@pytest.mark.parametrize("key", [lambda _: None, attrgetter("dtype"), attrgetter("quantity", "dtype")])
@pytest.mark.parametrize("turn", range(len(TOLD)))
def test_joined_groups_are_what_counting_one_by_one_gives(
    verdict: Callable[..., Verdict], key: Callable[[Any], Any], turn: int
) -> None:
    verdicts = [verdict(case=f"case {place}", **told) for place, told in enumerate(TOLD[turn:] + TOLD[:turn])]
    found = joined(counted(verdicts), key)
    assert found.keys() == {key(one) for one in verdicts}
    for name, statistics in found.items():
        assert statistics == one_by_one([one for one in verdicts if key(one) == name])


def test_a_group_is_of_one_grade_and_tells_checks_from_cases(verdict: Callable[..., Verdict]) -> None:
    groups = counted([verdict(**told) for told in TOLD])
    assert [group.checked for group in groups] == [False, False, False, True, False, True, False]
    assert {group.grade for group in groups if fails(group)} == {"diverges", "imprecise"}
    assert all(isinstance(group, Group) and set(one.grades) == {group.grade} for group, one in groups.items())

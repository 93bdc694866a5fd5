"""The covering array: every pair that can meet does, in few rows, the same every time."""

from collections.abc import Mapping
from itertools import combinations, product
from typing import Any

import pytest

from nnparity.spec.cases.covering import Array, Factor, Level, Meeting


def factor(name: str, *values: Any, lone: tuple[Any, ...] = ()) -> Factor:
    """A level for each value, or for each tuple of values."""
    levels = [value if isinstance(value, tuple) else (value,) for value in values]
    return Factor(name, tuple(Level(str(one[0]), one, lone=one[0] in lone) for one in levels))


def anything(_: Mapping[str, Any], __: Mapping[str, Any]) -> bool:
    return True


def met(rows: list[Meeting], one: tuple[str, str], other: tuple[str, str]) -> bool:
    return any(row.levels[one[0]] == one[1] and row.levels[other[0]] == other[1] for row in rows)


FOUR = [factor(name, *range(1, size + 1)) for name, size in (("a", 5), ("b", 4), ("c", 4), ("d", 3))]


def test_every_pair_meets_in_few_rows() -> None:
    rows = list(Array(FOUR, anything).rows())
    for one, other in combinations(FOUR, 2):
        for i, j in product(one.levels, other.levels):
            assert met(rows, (one.name, i.name), (other.name, j.name))
    assert 5 * 4 <= len(rows) < 5 * 4 * 1.5, "the two longest alone need 20"


def test_the_first_rows_have_the_most_new_pairs() -> None:
    rows, seen, new = list(Array(FOUR, anything).rows()), set[Any](), []
    for row in rows:
        pairs = set(combinations(sorted(row.levels.items()), 2)) - seen
        seen |= pairs
        new.append(len(pairs))
    assert new[:3] == [6, 6, 6]
    assert sum(new[: len(new) // 2]) > 0.6 * sum(new)
    assert min(new) > 0, "no row is in vain"


def test_one_factor_alone_takes_each_of_its_levels_once() -> None:
    rows = list(Array([factor("a", 3, 1, 2)], anything).rows())
    assert [row.values["a"] for row in rows] == [3, 1, 2]


def test_the_values_of_a_level_take_turns_and_the_key_says_which_is_first() -> None:
    factors = [factor("a", (7, 8, 9)), factor("b", 1, 2, 3)]
    runs = {key: [row.values["a"] for row in Array(factors, anything, key).rows()] for key in ("x", "y", "z", "u")}
    assert all(set(found) == {7, 8, 9} for found in runs.values())
    assert len({found[0] for found in runs.values()}) > 1


def no_larger(values: Mapping[str, Any], _: Mapping[str, Any]) -> bool:
    return "p" not in values or "h" not in values or values["p"] <= values["h"]


def test_what_does_not_fit_is_no_pair_and_what_fits_with_another_value_of_its_level_is_one() -> None:
    factors = [factor("h", 1, (4, 5)), factor("p", 1, 5), factor("c", 1, 2)]
    rows = list(Array(factors, no_larger).rows())
    assert all(row.values["p"] <= row.values["h"] for row in rows)  # type: ignore[operator]
    assert not met(rows, ("h", "1"), ("p", "5"))
    assert met(rows, ("h", "4"), ("p", "5"))


def test_a_pair_that_a_third_factor_forbids_is_none() -> None:
    def never_both(values: Mapping[str, Any], _: Mapping[str, Any]) -> bool:
        return len(values) < 3 or not (values["a"] == 1 and values["b"] == 1)

    rows = list(Array([factor(name, 1, 2) for name in "abc"], never_both).rows())
    assert not met(rows, ("a", "1"), ("b", "1"))
    assert met(rows, ("a", "1"), ("c", "1"))


def test_a_lone_level_hides_no_other_pair() -> None:
    factors = [factor("n", 0, 1, 2, lone=(0,)), factor("k", 0, 1, 2, lone=(0,)), factor("c", 1, 2)]
    rows = list(Array(factors, anything).rows())
    full = [row for row in rows if "0" not in row.levels.values()]
    for one, other in combinations(factors, 2):
        for i, j in product(one.levels, other.levels):
            zeros = (i.lone and one.name, j.lone and other.name)
            having = [row for row in rows if {k for k, v in row.levels.items() if v == "0"} == {z for z in zeros if z}]
            assert met(having if any(zeros) else full, (one.name, i.name), (other.name, j.name))


@pytest.mark.parametrize("size", [2, 6])
def test_the_rows_are_the_same_every_time(size: int) -> None:
    factors = [factor(name, *range(1, size + 1)) for name in "abcde"]
    assert list(Array(factors, anything, "k").rows()) == list(Array(factors, anything, "k").rows())

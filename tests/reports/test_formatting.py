"""How numbers read: they never lie about which side of 1 a margin is on, and never raise."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnparity.reports.formatting import bits, duration, margin, pair, percent, significant

NUMBERS = st.one_of(st.floats(), st.sampled_from(["nan", "inf", "-inf"]))


def value(text: str) -> float:
    return float(text.replace("−", "-"))


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (None, "–"),
        ("nan", "NaN"),
        ("inf", "∞"),
        ("-inf", "−∞"),
        (0.0, "0"),
        (-0.0, "−0"),
        (0.31234, "0.312"),
        (217.4, "217"),
        (9.999, "10.0"),
        (123456.0, "1.23e5"),
        (-0.00001234, "−1.23e−5"),
    ],
)
def test_three_significant_digits(number: float | str | None, text: str) -> None:
    assert significant(number) == text


@given(st.floats(1, 1e30, exclude_min=True))
def test_a_margin_beyond_1_never_reads_as_1(number: float) -> None:
    assert value(margin(number)) > 1


@given(st.floats(0, 1))
def test_a_margin_that_holds_never_reads_as_more(number: float) -> None:
    assert value(margin(number)) <= 1


@given(NUMBERS, NUMBERS)
def test_observed_and_expected_can_be_told_apart(observed: float | str, expected: float | str) -> None:
    texts = pair(observed, expected)
    if float(observed) != float(expected) and not float(observed) != float(observed) != float(expected):
        assert texts[0] != texts[1]


def test_values_that_differ_late_show_just_enough_digits() -> None:
    assert pair(0.5001234, 0.5) == ("0.50012", "0.50000")
    assert pair(3.0, 4.0) == ("3", "4")


@given(st.one_of(st.none(), NUMBERS))
def test_no_number_is_too_odd(number: float | str | None) -> None:
    assert all((significant(number), margin(number), bits(number)))


def test_bits_have_one_place() -> None:
    assert [bits(23.456), bits(-3.21), bits("inf"), bits(None)] == ["23.5", "−3.2", "∞", "–"]


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.0123, "0.0123 s"), (12.34, "12.3 s"), (125.4, "2 min 5 s"), (7380, "2 h 3 min")]
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_a_share_is_whole_only_when_nothing_is_missing() -> None:
    assert [percent(5, 5), percent(0, 5), percent(1, 2), percent(19_999, 20_000)] == [
        "100 %",
        "0 %",
        "50.0 %",
        "99.995 %",
    ]
    assert percent(0, 0) == "0 %"

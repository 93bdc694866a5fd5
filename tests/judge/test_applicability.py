"""Where a record applies: a version before a release counts as one, whatever `packaging` is installed."""

import pytest

from nnparity.judge.applicability import beyond, within

RANGES = {"torch": ">=2.1,<2.15"}


@pytest.mark.parametrize("version", ["2.14.0rc1", "2.14.0.dev20260101+cpu", "2.14.0a0", "2.14.0"])
def test_a_version_before_a_release_lies_within(version: str) -> None:
    assert within({"torch": version}, RANGES)
    assert beyond({"torch": version}, RANGES) is None


@pytest.mark.parametrize("version", ["2.15.0rc1", "2.15.0.dev20260101+cpu", "2.15.0"])
def test_one_of_the_release_that_ends_the_range_lies_past_it(version: str) -> None:
    assert not within({"torch": version}, RANGES)
    assert beyond({"torch": version}, RANGES) == "seen up to 2.14; confirm for 2.15"


@pytest.mark.parametrize("version", ["2.0.0rc1", "2.1.0rc1"])
def test_one_before_the_range_is_neither(version: str) -> None:
    assert not within({"torch": version}, RANGES)
    assert beyond({"torch": version}, RANGES) is None

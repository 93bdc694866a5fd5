"""Strips of margins: what exceeds its budget is right of the line, and every margin is counted."""

import math
from pathlib import Path
from typing import Any

import pytest

from nnparity.reports import merge
from nnparity.reports.aggregation import Aggregate
from nnparity.reports.targets.strips import BARS, ONE, Strip, precision, rows


@pytest.mark.parametrize(
    ("margin", "beyond"),
    [
        (0.0, 0),
        (1e-300, 0),
        (0.5, 0),
        (1.0, 0),
        (math.nextafter(1, 2), 1),
        (2.0, 1),
        (1e300, 1),
        ("inf", 1),
        ("nan", 1),
    ],
)
def test_a_margin_is_on_its_side_of_the_line(margin: Any, beyond: int) -> None:
    strip = Strip()
    strip.add(margin)
    assert strip.beyond == beyond
    ((bar, number),) = strip.bars.items()
    assert (0 <= bar < BARS, number) == (True, 1)
    assert bool(strip.path(beyond=True)) == bool(beyond)
    assert bool(strip.path(beyond=False)) != bool(beyond)


def test_bars_are_as_far_from_the_line_as_their_margins() -> None:
    strip = Strip()
    for margin in (0.09, 0.11, 9.0, 11.0):
        strip.add(margin)
    assert sorted(strip.bars) == [ONE - 5, ONE - 4, ONE + 3, ONE + 4]


def test_rows_have_all_margins_and_precision_the_fewest_bits(verdict: Any, write: Any, tmp_path: Path) -> None:
    run = merge(
        [
            write(
                verdict(hard=0.5, sharp=2.0, bits=20.0),
                verdict(quantity="grad.x", hard=3.0, sharp=0.1, bits=12.5),
                verdict(quantity="hvp.x", bits=3.0),
                verdict(dataset="nan", bits=0.0),
                verdict(dtype="float64", bits=50.0),
                verdict(dtype="float64", hard=0.1, quantity="grad.x", bits="nan"),
            )
        ]
    )
    found = {
        row.dtype: {kind: (s.bars.total(), s.beyond) for kind, s in row.strips.items()} for row in rows(Aggregate(run))
    }
    assert found == {"float64": {"hard": (1, 0), "sharp": (0, 0)}, "float32": {"hard": (2, 1), "sharp": (2, 1)}}
    assert precision(Aggregate(run)) == {("conv2d", "torch:cpu:eager"): {"float64": "nan", "float32": 12.5}}

"""Errors over the range of an input: octave by octave, kept by the run file, a figure for each function."""

from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np

from nnparity.checks.sweep import by_octave
from nnparity.reports import merge
from nnparity.reports.merge import MergedRun
from nnparity.reports.records import OCTAVES, Ulps, encode
from nnparity.reports.render.figures.ulp_curves import OVER, ROUNDED, figures

LEAST, MOST = OCTAVES
MIDDLE = MOST - LEAST


def ulps(formula: str = "tanh", dtype: str = "float32", target: str = "torch:cpu:eager", worst: float = 3.0) -> Ulps:
    return Ulps(formula, dtype, target, [None, *(0.5 for _ in range(2 * MIDDLE - 1)), worst])


def test_each_octave_has_its_largest_error_of_either_sign() -> None:
    inputs = np.array([0.0, 2.0**LEAST / 2, 2.0**LEAST, 1.0, 1.5, -1.9, 2.0, 1e30, -np.inf])
    errors = np.array([0.25, 0.5, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, np.nan])
    found = by_octave(inputs, errors)
    assert len(found) == 2 * MIDDLE + 1
    told = {place - MIDDLE: value for place, value in enumerate(found) if value is not None}
    assert told == {0: 0.5, 1: 1.0, 1 - LEAST: 3.0, -(1 - LEAST): 4.0, 2 - LEAST: 5.0, MIDDLE: 6.0}


def test_a_later_line_of_the_same_function_dtype_and_target_counts(tmp_path: Path) -> None:
    lines = [ulps(), ulps(target="jax:cpu:compiled"), ulps(worst=9.0)]
    (tmp_path / "run.jsonl").write_bytes(b"".join(map(encode, lines)))
    run = merge([tmp_path / "run.jsonl"])
    assert run.ulps == [ulps(target="jax:cpu:compiled"), ulps(worst=9.0)]
    assert [line for line in run.lines() if isinstance(line, Ulps)] == run.ulps


def test_a_figure_for_each_function_with_a_panel_for_each_dtype() -> None:
    lines = [ulps(name, dtype) for name in ("tanh", "gelu") for dtype in ("bfloat16", "float64")]
    drawn = figures(MergedRun(ulps=lines))
    assert [caption.partition(":")[0] for caption in drawn] == ["gelu", "tanh"]
    for svg in drawn.values():
        texts = [node.text for node in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]
        assert [one for one in texts if one in ("float64", "bfloat16")] == ["float64", "bfloat16"]
        assert texts.count("torch:cpu:eager") == 1


def test_the_caption_says_what_is_drawn() -> None:
    assert f"2^{LEAST} " in OVER
    assert f"{ROUNDED} ULP" in OVER


def test_the_drawing_follows_from_the_numbers() -> None:
    assert figures(MergedRun(ulps=[ulps()])) == figures(MergedRun(ulps=[ulps()]))
    assert figures(MergedRun(ulps=[ulps()])) != figures(MergedRun(ulps=[ulps(worst=300.0)]))


def test_where_nothing_is_told_nothing_is_drawn() -> None:
    empty = Ulps("tanh", "float32", "torch:cpu:eager", [None] * (2 * MIDDLE + 1))
    assert len(figures(MergedRun(ulps=[empty]))) == 1
    assert figures(MergedRun()) == {}

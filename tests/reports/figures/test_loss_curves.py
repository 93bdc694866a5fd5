"""Training runs in the report: their numbers survive the run file, and each formula and dtype has its figure."""

import math
import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from nnparity.reports import merge, render
from nnparity.reports.formatting import visible
from nnparity.reports.merge import MergedRun
from nnparity.reports.records import OCTAVES, Curve, Ulps, encode
from nnparity.reports.render.figures import drawing, ulp_curves
from nnparity.reports.render.figures.loss_curves import figures
from nnparity.tests.reports.conftest import unpacked

STEPS = 5


def curve(target: str = "torch:cpu:eager", dtype: str = "float32", optimizer: str = "sgd", judged: int = 3) -> Curve:
    signature = f"s5n2-optimizer{optimizer}-lr0.5"
    expected = [1 / (1 + step) for step in range(STEPS)]
    return Curve(
        case=f"train_mlp/{signature}/digits/{dtype}",
        formula="train_mlp",
        signature=signature,
        dtype=dtype,
        target=target,
        series="loss 1",
        observed=[y * (1 + 1e-7) for y in expected[:-1]] + ["nan"],
        expected=list(expected),
        sharp=[1e-7 * 10**step for step in range(STEPS)],
        judged=judged,
        foreseen=0.01,
    )


def test_a_later_curve_of_the_same_case_and_target_replaces_the_earlier(tmp_path: Path) -> None:
    lines = [curve(), curve("jax:cpu:eager"), curve(judged=5)]
    (tmp_path / "run.jsonl").write_bytes(b"".join(map(encode, lines)))
    run = merge([tmp_path / "run.jsonl"])
    assert run.curves == [curve(judged=5), curve("jax:cpu:eager")]
    assert [line for line in run.lines() if isinstance(line, Curve)] == run.curves


def test_a_figure_for_each_formula_and_dtype_with_all_targets_and_optimisers() -> None:
    lines = [
        curve(target, optimizer=name) for target in ("torch:cpu:eager", "jax:cpu:eager") for name in ("sgd", "adam")
    ]
    drawn = figures(MergedRun(curves=[*lines, curve(dtype="float64")]))
    assert [caption.split(".")[0] for caption in drawn] == ["train_mlp, float32", "train_mlp, float64"]
    for svg in drawn.values():
        assert ET.fromstring(svg).tag == "{http://www.w3.org/2000/svg}svg"


@pytest.mark.filterwarnings("ignore:Glyph")
@pytest.mark.parametrize("name", ["$mine$:cpu:eager", "a$x_$:cpu:eager", r"$\none$:cpu:eager", "bell\x07:cpu:eager"])
def test_a_name_is_drawn_as_it_is_whatever_it_is(name: str) -> None:
    octaves = [0.5] * (2 * (OCTAVES[1] - OCTAVES[0]) + 1)
    run = MergedRun(curves=[curve(name, optimizer=name)], ulps=[Ulps("tanh", "float32", name, octaves)])
    for (svg,) in (figures(run).values(), ulp_curves.figures(run).values()):
        texts = [node.text for node in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]
        assert visible(name) in texts


def test_the_drawing_follows_from_the_numbers_alone() -> None:
    assert figures(MergedRun(curves=[curve()])) == figures(MergedRun(curves=[curve()]))
    assert figures(MergedRun(curves=[curve()])) != figures(MergedRun(curves=[curve(judged=STEPS)]))


def test_what_is_black_has_the_colour_of_the_page_and_nothing_is_white() -> None:
    (svg,) = figures(MergedRun(curves=[curve()])).values()
    assert "currentColor" in svg
    assert not re.search("#000000|#ffffff", svg)


def test_a_path_of_steps_ends_where_the_path_did() -> None:
    points = [(43.2, 171.41), (43.26, 46.8), (50.04, 46.83), (50.0, 12.0)]
    path = "M 1 1 \nL 2 2 \n" + "\n".join(f"{'ML'[n > 0]} {x} {y} " for n, (x, y) in enumerate(points))
    start, *steps = drawing._stepped(path).rpartition("M")[2].replace("l", " ").split(" ")[:-1]
    numbers = [float(one) for one in (start, *steps)]
    found = [(sum(numbers[0 : 2 * n + 1 : 2]), sum(numbers[1 : 2 * n + 2 : 2])) for n in range(len(points))]
    assert all(math.dist(one, other) < 0.08 for one, other in zip(found, points, strict=True))


@pytest.mark.parametrize("present", [True, False])
def test_the_page_shows_them(tmp_path: Path, present: bool) -> None:
    _, page, *_ = render(MergedRun(curves=[curve()] if present else []), tmp_path)
    assert ("train_mlp, float32. Above" in unpacked(page.read_text(encoding="utf-8"))) == present

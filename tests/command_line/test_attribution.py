"""``nnparity report --passes``: which cells are asked for, and what is said of them in the report."""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from nnparity.command_line import main as cli
from nnparity.command_line.running import attribution
from nnparity.reports import merge, write_merged
from nnparity.reports.records import Verdict
from nnparity.reproduce.passes.distance import Distance
from nnparity.reproduce.passes.found import REMOVES, Search, Tried

EAGER, COMPILED = "torch:cpu:eager", "torch:cpu:compiled"
#: hard margins of two modes, by case; with other margins there are other bits
CELLS = {
    ("gelu", "normal", "float32"): (0.1, 0.3),
    ("gelu", "large", "float32"): (0.1, 0.9),
    ("gelu", "normal", "float64"): (0.2, 0.2),
    ("softmax", "normal", "bfloat16"): (0.5, 0.1),
    ("softmax", "sweep", "float32"): (0.1, 0.9),
}


def verdict(target: str, place: int, cell: tuple[str, str, str]) -> Verdict:
    formula, dataset, dtype = cell
    hard, case = CELLS[cell][place], f"{formula}/n3/{dataset}/{dtype}"
    digest = f"{hard:016}"
    return Verdict(case, formula, "n3", dataset, dtype, target, "output", "conforms", hard=hard, digest=digest)


def run_file(path: Path) -> Path:
    cli.guarded(lambda: cli.application([*RUN, "--backend", "numpy", "--out", str(path.parent / "plain")]))
    run = merge([path.parent / "plain" / "parity.jsonl"])
    run.verdicts[:] = [verdict(name, place, cell) for place, name in enumerate((EAGER, COMPILED)) for cell in CELLS]
    write_merged(run, path)
    return path


RUN = ["run", "--formula", "flatten", "--dtype", "float64", "--quantity", "output", "--level", "quick", "--jobs", "1"]


def test_the_farthest_ordinary_cell_of_each_formula_and_dtype_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: list[Any] = []

    def search_all(cells: Sequence[Any], target: str, *_: Any, **keywords: Any) -> list[Search]:
        keywords.pop("watch")("a switch")
        asked.append((list(cells), target, keywords))
        blank = Search("", "output", EAGER, target, "torch.compile", Distance(1, 3, 5))
        tried = Search(*list(vars(blank).values())[:6], [Tried("a switch", REMOVES, Distance(0, 3, 0))])
        return [tried, blank]

    monkeypatch.setattr(attribution, "search_all", search_all)
    line = ["report", str(run_file(tmp_path / "run.jsonl")), "--passes", "--out", str(tmp_path / "out")]
    cli.guarded(lambda: cli.application(line))
    cells = [("gelu/n3/large/float32", "output"), ("softmax/n3/normal/bfloat16", "output")]
    assert asked == [(cells, COMPILED, {"first": True})]
    markdown = (tmp_path / "out" / "parity.md").read_text()
    assert "a switch removes it (float32)" in markdown
    assert "| `gelu`" in markdown
    again = merge([tmp_path / "out" / "parity.jsonl"])
    assert [(fact.row, fact.column) for fact in again.facts if fact.table == attribution.PASSES] == [
        ("gelu", f"{COMPILED} float32"),
        ("softmax", f"{COMPILED} bfloat16"),
    ]


@pytest.mark.skipif(find_spec("jax") is None, reason="jax is not installed")
def test_a_real_compiler_is_asked(tmp_path: Path) -> None:
    plan = ["--backend", "jax", "--backend", "jax:cpu:eager", "--signature", "n3k5", "--dtype", "bfloat16"]
    line = ["run", *plan, "--formula", "softmax", "--quantity", "output", "--quantity", "grad", "--level", "quick"]
    assert cli.guarded(lambda: cli.application([*line, "--jobs", "1", "--out", str(tmp_path)])) == 0
    report = ["report", str(tmp_path / "parity.jsonl"), "--passes", "--out", str(tmp_path / "out")]
    assert cli.guarded(lambda: cli.application(report)) == 0
    (fact,) = (one for one in merge([tmp_path / "out" / "parity.jsonl"]).facts if one.table == attribution.PASSES)
    assert fact.row == "softmax"
    assert "removes it; " in fact.text

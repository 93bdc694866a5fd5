"""A report with a baseline: what changed since stands in the page, in the summary and in the Markdown."""

import json
from pathlib import Path
from typing import Any

import pytest

from nnparity.command_line import main as cli
from nnparity.reports import merge, render
from nnparity.reports.records import Summary
from nnparity.reports.render.summary import CHANGES, MOST
from nnparity.tests.reports.conftest import unpacked

END = Summary({}, 0, [], {})
FORMULAS = [f"formula_{number}" for number in range(3 * CHANGES)]


@pytest.fixture
def files(verdict: Any, target: Any, environment: Any, write: Any, tmp_path: Path) -> tuple[Path, Path]:
    old = [verdict("conforms", formula=name, hard=0.5) for name in FORMULAS]
    new = [verdict("diverges" if place % 2 else "conforms", formula=name, hard=3.5 if place % 2 else 0.5)
           for place, name in enumerate(FORMULAS)]  # fmt: skip
    before = write(environment(), target(versions={"torch": "2.8"}), *old, END, name="old.jsonl")
    return before, write(environment(), target(), *new, verdict("conforms", formula="another"), END, name="new.jsonl")


def shown(files: tuple[Path, Path], folder: Path) -> dict[str, str]:
    paths = render(merge([files[1]]), folder, baseline=merge([files[0]]))
    return {path.name: path.read_text("utf-8") for path in paths if path.suffix in (".html", ".md")}


def test_all_forms_tell_it_and_the_summary_stays_small(files: tuple[Path, Path], tmp_path: Path) -> None:
    told = shown(files, tmp_path / "out")
    worse = len(FORMULAS) // 2
    for name in ("parity.md", "summary.md"):
        assert f"{worse} got worse, 1 asked for the first time, {len(FORMULAS) - worse} the same" in told[name], name
        assert "torch 2.8 → 2.9" in told[name]
        assert "conforms → diverges" in told[name]
    rows = [told[name].count("| got worse |") for name in ("parity.md", "summary.md")]
    assert rows == [worse, CHANGES]
    assert f"and {worse + 1 - CHANGES} more" in told["summary.md"]
    assert len(told["summary.md"].encode()) <= MOST


def test_the_page_shows_the_first_and_has_all(files: tuple[Path, Path], tmp_path: Path) -> None:
    html = shown(files, tmp_path / "out")["parity.html"]
    assert html.index('id="answer"') < html.index('id="changed"') < html.index('id="causes"')
    section = html[html.index('id="changed"') : html.index('id="causes"')]
    assert [section.count("conforms → diverges"), unpacked(html).count("conforms → diverges")] == [
        10,
        10 + len(FORMULAS) // 2,
    ]


def test_without_a_baseline_nothing_is_said_of_one(files: tuple[Path, Path], tmp_path: Path) -> None:
    for path in render(merge([files[1]]), tmp_path / "out")[:3]:
        assert "Changed since" not in path.read_text("utf-8"), path


def test_the_command_takes_a_baseline(files: tuple[Path, Path], tmp_path: Path) -> None:
    arguments = ["report", str(files[1]), "--baseline", str(files[0]), "--out", str(tmp_path / "made")]
    assert cli.guarded(lambda: cli.application(arguments)) == 0
    assert "Changed since the baseline" in (tmp_path / "made/summary.md").read_text("utf-8")
    missing = [*arguments[:3], str(tmp_path / "none.jsonl"), *arguments[4:]]
    assert cli.guarded(lambda: cli.application(missing)) == 2
    (tmp_path / "bad.jsonl").write_text(json.dumps({"kind": "nothing"}) + "\n")
    assert cli.guarded(lambda: cli.application([*missing[:3], str(tmp_path / "bad.jsonl"), *missing[4:]])) == 2

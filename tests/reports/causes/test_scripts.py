"""The scripts that a page carries: that of the worst verdict, the most wanted first, no more than there is room for."""

import random
from pathlib import Path
from typing import Any

from nnparity.reports import merge, render
from nnparity.reports.causes.causes import causes_of
from nnparity.reports.causes.scripts import Carried, fitting, most_wanted, script_of
from nnparity.reports.merge import MergedRun, write_merged
from nnparity.reports.records import KnownLine, ScriptLine
from nnparity.reports.render import html
from nnparity.tests.reports.conftest import data_of


def line(verdict: Any, text: str = "", why: str = "") -> ScriptLine:
    return ScriptLine(verdict.case, verdict.target, verdict.quantity, text, why)


def test_scripts_survive_the_run_file_and_later_ones_count(verdict: Any, write: Any, tmp_path: Path) -> None:
    bad = verdict("diverges")
    run = merge([write(bad, line(bad, "old")), write(line(bad, "new"), name="later")])
    assert [one.text for one in run.scripts.values()] == ["new"]
    write_merged(run, tmp_path / "whole.jsonl")
    assert merge([tmp_path / "whole.jsonl"]) == run


def test_the_script_of_a_cause_is_that_of_its_worst_verdict_else_of_another(verdict: Any) -> None:
    bad, worse = (verdict("diverges", dataset=name, hard=hard) for name, hard in (("normal", 2.0), ("small", 9.0)))
    run = MergedRun(verdicts=[bad, worse])
    (cause,) = causes_of(run)
    assert script_of(run, cause) is None
    run.add_script(line(bad, "of the lesser"))
    assert script_of(run, cause) == line(bad, "of the lesser")
    run.add_script(line(worse, why="too long"))
    assert script_of(run, cause) == line(bad, "of the lesser"), "a script of another tells more than none"
    run.add_script(line(worse, "of the worst"))
    assert script_of(run, cause) == line(worse, "of the worst")


def test_what_is_new_and_wrong_results_come_first_then_the_shortest(verdict: Any) -> None:
    grades = {"a": "imprecise", "b": "diverges", "c": "imprecise", "d": "imprecise"}
    run = MergedRun(known={"d": KnownLine("d", "wrong result", "why"), "c": KnownLine("c", "special value", "why")})
    for place, (name, grade) in enumerate(grades.items()):
        one = verdict(grade, formula=name, known=name if name in run.known else None)
        run.verdicts.append(one)
        run.add_script(line(one, name * (4 - place)))
    found = {cause: script_of(run, cause) for cause in causes_of(run)}
    assert [one.text for one in most_wanted(found)] == ["d", "bbb", "aaaa", "cc"]


def test_as_many_as_there_is_room_for() -> None:
    lines = [ScriptLine("case", "target", str(place), "x" * 10) for place in range(8)]

    def size(several: list[ScriptLine]) -> int:
        return sum(len(one.text) for one in several)

    for room, number in ((-5, 0), (0, 0), (9, 0), (10, 1), (35, 3), (79, 7), (80, 8), (10_000, 8)):
        assert fitting(lines, size, room) == Carried(lines[:number])


def test_a_page_stays_small_whatever_scripts_there_are(verdict: Any, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(html, "FULL", 200_000)
    run, draw = MergedRun(verdicts=[verdict("diverges", formula=f"f{n}") for n in range(60)]), random.Random(1)
    for place, one in enumerate(run.verdicts):
        run.add_script(line(one, draw.randbytes(4_000 + place).hex()))
    page = render(run, tmp_path / "out")[1].read_text("utf-8")
    data, scripts = data_of(page), data_of(page, "scripts")
    assert 0 < len(scripts) < len(run.verdicts)
    assert len(page.encode()) <= 200_000
    assert len(data["scripts"]) + len(data["unscripted"]) == len(run.verdicts)
    for place, name, length in data["scripts"].values():
        case, quantity, target = name.split(" ")
        assert scripts[place] == run.scripts[case, target, quantity].text
        assert length == scripts[place].count("\n")
